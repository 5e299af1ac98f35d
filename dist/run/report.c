/* sheet.png and curves.png of a run. */
#include "dist/run/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dist/feed/augment.h"
#include "dist/use/apply.h"
#include "dist/draw/curves.h"
#include "dist/draw/sheet.h"

enum { COLUMNS = 5, PATH = 1100 };

status report_curves(const char *folder) {
  char log[PATH], validation[PATH], picture[PATH];
  snprintf(log, sizeof log, "%.1000s/log.csv", folder);
  snprintf(validation, sizeof validation, "%.1000s/validation.csv", folder);
  snprintf(picture, sizeof picture, "%.1000s/curves.png", folder);
  return curves_write(log, validation, picture);
}

/* |output - real|, brightened four times. */
static void draw_error(const data_image *output, const data_image *real,
                       data_image *error) {
  size_t count = (size_t)output->width * (size_t)output->height * 3;
  for (size_t i = 0; i < count; i++) {
    int difference = 4 * abs(output->pixels[i] - real->pixels[i]);
    error->pixels[i] = (uint8_t)(difference > 255 ? 255 : difference);
  }
}

/* Of a composite and its mask, the first two cells, into the third. */
static status draw_output(harmonizer *h, size_t sample, float *inputs,
                          data_image *cells) {
  int size = cells->width;
  size_t pixels = (size_t)size * (size_t)size;
  uint8_t *out = cells[2].pixels;
  if (harmonizer_full_res(h)) {
    TRY(apply_to_levels(h, 1, &cells[0], &cells[1], NULL, sample, inputs));
    for (size_t i = 0; i < 3 * pixels; i++)
      out[i] = inputs[i] > 0 ? (uint8_t)lroundf(inputs[i]) : 0;
    return STATUS_OK;
  }
  float *composite = inputs, *mask = inputs + 3 * pixels;
  augment_none(cells[0].pixels, cells[1].pixels, NULL, size, composite, mask,
               NULL);
  const nn_real *output = harmonizer_run(h, composite, mask, NULL, sample);
  for (size_t i = 0; i < 3 * pixels; i++)
    out[i] = data_net_to_byte_rounded((float)output[i]);
  return STATUS_OK;
}

static status make_row(harmonizer *h, data_set *set, size_t sample,
                       float *inputs, data_image *cells) {
  int size = data_set_describe(set)->size;
  for (int k = 0; k < COLUMNS; k++)
    TRY(data_image_create(size, size, k == 1 ? 1 : 3, &cells[k]));
  TRY(data_set_read(set, sample, cells[0].pixels, cells[1].pixels,
                    cells[3].pixels));
  TRY(draw_output(h, sample, inputs, cells));
  draw_error(&cells[2], &cells[3], &cells[4]);
  return STATUS_OK;
}

static status draw_sheet(const char *path, harmonizer *h, uint64_t step,
                         data_set *set, int rows, report_pace pace,
                         data_image *cells, char (*labels)[128],
                         const char **label_pointers, float *inputs) {
  const data_set_info *info = data_set_describe(set);
  data_split split = info->split_count[DATA_TEST] > 0 ? DATA_TEST : DATA_TRAIN;
  for (int row = 0; row < rows; row++) {
    size_t sample = info->split_begin[split] +
                    (size_t)row * info->split_count[split] / (size_t)rows;
    if (pace.go_on != NULL && !pace.go_on(pace.context))
      return status_error(STATUS_STOPPED, "the sheet is given up");
    TRY(make_row(h, set, sample, inputs, cells + row * COLUMNS));
    snprintf(labels[row], sizeof labels[row], "%.127s",
             data_set_name(set, sample));
    label_pointers[row] = labels[row];
  }
  static const char *const headings[] = {"composite", "mask", "output", "real",
                                         "error x4"};
  char title[256];
  snprintf(title, sizeof title, "%s after %llu steps, %s samples",
           harmonizer_model(h), (unsigned long long)step,
           data_split_name(split));
  return sheet_write(path, title, COLUMNS, headings, rows, label_pointers,
                     cells);
}

status report_sheet(const char *folder, harmonizer *h, uint64_t step,
                    data_set *set, int rows, report_pace pace) {
  const data_set_info *info = data_set_describe(set);
  if (info->size != harmonizer_size(h) && !harmonizer_full_res(h))
    return status_error(STATUS_MISFIT,
                        "the data set has %d pixels a side, the network %d",
                        info->size, harmonizer_size(h));
  size_t samples = info->split_count[DATA_TEST] > 0
                       ? info->split_count[DATA_TEST]
                       : info->split_count[DATA_TRAIN];
  if ((size_t)rows > samples) rows = (int)samples;
  char path[PATH];
  snprintf(path, sizeof path, "%.1000s/sheet.png", folder);
  size_t pixels = (size_t)info->size * (size_t)info->size;
  data_image *cells = NULL;
  char(*labels)[128] = NULL;
  const char **pointers = NULL;
  float *inputs = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW((size_t)rows * COLUMNS, "sheet", &cells));
  TRY_OR(done, MEMORY_NEW((size_t)rows, "sheet", &labels));
  TRY_OR(done, MEMORY_NEW((size_t)rows, "sheet", &pointers));
  TRY_OR(done, MEMORY_NEW(4 * pixels, "sheet", &inputs));
  result = draw_sheet(path, h, step, set, rows, pace, cells, labels, pointers,
                      inputs);
done:
  for (int i = 0; cells != NULL && i < rows * COLUMNS; i++)
    data_image_free(&cells[i]);
  memory_free(cells);
  memory_free(labels);
  memory_free(pointers);
  memory_free(inputs);
  return result;
}
