/* The table of an evaluation, printed and as CSV. */
#include "dist/score/evaluate_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/publish.h"

/* ---- what means leave out ---- */

bool evaluate_lack(const data_set *set, const protocol *how,
                   const averages *scores, lack why, char text[LACK_TEXT]) {
  static const struct {
    const char *means, *reason;
  } texts[LACKS] = {
      [LACK_ERROR] = {"PSNR", "equal to the real one"},
      [LACK_PEAK] = {"PSNR", "whose range by --psnr-range is 0"},
      [LACK_FOREGROUND] = {"fMSE and fSSIM", "without foreground"},
      [LACK_NUMBERS] = {"all means", "of which the method makes no numbers"},
  };
  size_t lacking = scores->lacking[why];
  if (lacking == 0) return false;
  size_t begin = data_set_describe(set)->split_begin[how->split];
  int used =
      snprintf(text, LACK_TEXT, "%s without %zu of %zu images, %s",
               texts[why].means, lacking, scores->count, texts[why].reason);
  for (size_t i = 0; i < lacking && i < LACK_EXAMPLES; i++)
    used += snprintf(text + used, LACK_TEXT - (size_t)used, "%s %s",
                     i == 0 ? ":" : ",",
                     data_set_name(set, begin + scores->examples[why][i]));
  if (lacking > LACK_EXAMPLES)
    snprintf(text + used, LACK_TEXT - (size_t)used, ", ...");
  return true;
}

static void print_lacks(FILE *file, const data_set *set, const protocol *how,
                        const method *methods, int count,
                        const averages *scores) {
  char text[LACK_TEXT];
  bool first = true;
  for (int m = 0; m < count; m++)
    for (int why = 0; why < LACKS; why++) {
      if (!evaluate_lack(set, how, &scores[m * SHARES], (lack)why, text))
        continue;
      fprintf(file, "%s%s: %s\n", first ? "\n" : "", methods[m].name, text);
      first = false;
    }
}

double evaluate_worse(const averages *a) {
  return a->count > 0 ? (double)a->worse / (double)a->count : 0;
}

/* ---- for people ---- */

/* "-" where no image has a value. */
static void print_number(FILE *file, const averages *a, metric which) {
  bool similarity = which == METRIC_SSIM || which == METRIC_FSSIM;
  if (a->images[which] > 0)
    fprintf(file, " %9.*f", similarity ? 4 : 2, a->mean[which]);
  else
    fprintf(file, " %9s", "-");
}

static int name_width(const method *methods, int count) {
  int width = 9;
  for (int m = 0; m < count; m++)
    if ((int)strlen(methods[m].name) > width)
      width = (int)strlen(methods[m].name);
  return width;
}

/* Of networks; of other methods the seconds alone. */
static void print_costs(FILE *file, const method *methods, int count,
                        int width) {
  fprintf(file, "\nCost of an image\n%-*s %12s %14s %9s\n", width, "Method",
          "Parameters", "Multiply-adds", "Seconds");
  for (int m = 0; m < count; m++) {
    const harmonizer *network = methods[m].network;
    fprintf(file, "%-*s", width, methods[m].name);
    if (network != NULL)
      fprintf(file, " %10.2f M %12.3f G",
              (double)harmonizer_parameters(network) * 1e-6,
              harmonizer_multiply_adds(network) * 1e-9);
    else
      fprintf(file, " %12s %14s", "-", "-");
    fprintf(file, " %9.4f\n", methods[m].seconds);
  }
}

void evaluate_table_print(FILE *file, const data_set *set, const protocol *how,
                          const method *methods, int count,
                          const averages *scores, bool cost) {
  int width = name_width(methods, count);
  fprintf(file, "%-*s %9s %9s %9s %9s %9s %7s\n", width, "Method", "MSE",
          "PSNR", "fMSE", "SSIM", "PSNR255", "Worse%");
  for (int m = 0; m < count; m++) {
    fprintf(file, "%-*s", width, methods[m].name);
    for (int k = METRIC_MSE; k <= METRIC_PSNR_255; k++)
      print_number(file, &scores[m * SHARES], (metric)k);
    fprintf(file, " %7.1f\n", 100 * evaluate_worse(&scores[m * SHARES]));
  }
  fprintf(file, "\nBy foreground share (%%)\n%-*s %8s %7s %9s %9s %9s %9s\n",
          width, "Method", "Share", "Images", "MSE", "PSNR", "fMSE", "SSIM");
  for (int m = 0; m < count; m++)
    for (int s = 0; s < SHARES; s++) {
      const averages *a = &scores[m * SHARES + s];
      fprintf(file, "%-*s %8s %7zu", width, methods[m].name, share_names[s],
              a->count);
      for (int k = METRIC_MSE; k <= METRIC_SSIM; k++)
        print_number(file, a, (metric)k);
      fputc('\n', file);
    }
  if (cost) print_costs(file, methods, count, width);
  print_lacks(file, set, how, methods, count, scores);
}

/* ---- CSV ---- */

static const char *const csv_names[METRICS] = {"mse",  "psnr",    "fmse",
                                               "ssim", "psnr255", "fssim"};

void evaluate_print_cell(FILE *file, const averages *scores, metric which) {
  fputc(',', file);
  if (scores->images[which] > 0) fprintf(file, "%.9g", scores->mean[which]);
}

/* A method's name may hold a comma or a quote: it is a path. */
static void print_name(FILE *file, const char *name) {
  if (strpbrk(name, ",\"\n") == NULL) {
    fputs(name, file);
    return;
  }
  fputc('"', file);
  for (; *name != '\0'; name++) {
    if (*name == '"') fputc('"', file);
    fputc(*name, file);
  }
  fputc('"', file);
}

static void print_header(FILE *file, bool cost) {
  fprintf(file, "method");
  for (int k = 0; k < METRICS; k++) fprintf(file, ",%s", csv_names[k]);
  fprintf(file, ",images");
  for (int s = 1; s < SHARES; s++) {
    for (int k = METRIC_MSE; k <= METRIC_SSIM; k++)
      fprintf(file, ",%s_%s", csv_names[k], share_names[s]);
    fprintf(file, ",images_%s", share_names[s]);
  }
  for (int k = 0; k < METRICS; k++) fprintf(file, ",%s_images", csv_names[k]);
  for (int s = 1; s < SHARES; s++)
    fprintf(file, ",psnr_images_%s", share_names[s]);
  fprintf(file, ",worse%s\n", cost ? ",parameters,multiply_adds,seconds" : "");
}

static void print_row(FILE *file, const averages *bins) {
  for (int k = 0; k < METRICS; k++)
    evaluate_print_cell(file, &bins[0], (metric)k);
  fprintf(file, ",%zu", bins[0].count);
  for (int s = 1; s < SHARES; s++) {
    for (int k = METRIC_MSE; k <= METRIC_SSIM; k++)
      evaluate_print_cell(file, &bins[s], (metric)k);
    fprintf(file, ",%zu", bins[s].count);
  }
  for (int k = 0; k < METRICS; k++) fprintf(file, ",%zu", bins[0].images[k]);
  for (int s = 1; s < SHARES; s++)
    fprintf(file, ",%zu", bins[s].images[METRIC_PSNR]);
  fprintf(file, ",%.9g", evaluate_worse(&bins[0]));
}

static void print_cost_cells(FILE *file, const method *m) {
  if (m->network != NULL)
    fprintf(file, ",%zu,%.9g", harmonizer_parameters(m->network),
            harmonizer_multiply_adds(m->network));
  else
    fputs(",,", file);
  fprintf(file, ",%.4g", m->seconds);
}

status evaluate_table_write(const char *path, const method *methods, int count,
                            const averages *scores, bool cost) {
  char *text = NULL;
  size_t length = 0;
  FILE *file = open_memstream(&text, &length);
  if (file != NULL) {
    print_header(file, cost);
    for (int m = 0; m < count; m++) {
      print_name(file, methods[m].name);
      print_row(file, &scores[m * SHARES]);
      if (cost) print_cost_cells(file, &methods[m]);
      fputc('\n', file);
    }
  }
  status result = STATUS_OK;
  if (file == NULL || fclose(file) != 0)
    result = status_error(STATUS_MEMORY, "%s: no memory for the table", path);
  if (result == STATUS_OK) result = publish_bytes(path, text, length);
  free(text);
  return result;
}
