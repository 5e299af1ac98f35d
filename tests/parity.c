/* Parity with the public PyTorch implementations: runs the networks on golden
 * records (their README describes the layout) and compares.
 *
 *   parity RECORD.h5...
 *
 * A record gives weights, inputs, every hyper-parameter and results. In double
 * the comparison is with the record's float64 run, strictly; in float with its
 * float32 run, within the spread of correct float arithmetic (section 7). What
 * a record lacks is not compared. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

enum { STYLE_CHANNELS = 16 };

typedef struct record {
  const char *path;
  hid_t file;
  bool bargainnet; /* the generator has a style map */
  nn_norm norm;
  int batch, size, ngf, input_channels;
} record;

/* ---- reading ---- */

static void read_text_attribute(hid_t file, const char *name, char *text,
                                size_t size) {
  memset(text, 0, size);
  if (H5Aexists(file, name) <= 0) return;
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  hid_t type = H5Aget_type(attribute);
  if (H5Tget_class(type) == H5T_STRING && !H5Tis_variable_str(type) &&
      H5Tget_size(type) < size)
    H5Aread(attribute, type, text);
  H5Tclose(type);
  H5Aclose(attribute);
}

/* A dataset; integers are what make_slices.py stored: multiples of `scale`, or
 * the bytes of an image. */
static golden read_values(const record *r, const char *path, bool image) {
  golden array = golden_read(r->file, "%s", path);
  hid_t set = H5Dopen2(r->file, path, H5P_DEFAULT);
  hid_t type = H5Dget_type(set);
  bool bytes = H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 1;
  H5Tclose(type);
  H5Dclose(set);
  double scale = golden_attribute(r->file, path, "scale", 1);
  for (size_t i = 0; i < array.count; i++) {
    if (bytes && image)
      array.values[i] =
          (double)(((float)array.values[i] / 255.0f - 0.5f) / 0.5f);
    array.values[i] *= scale;
  }
  return array;
}

static bool has_shape(const golden *array, int rank, const uint64_t *shape) {
  bool same = array->rank == rank;
  for (int i = 0; same && i < rank; i++) same = array->shape[i] == shape[i];
  return same;
}

/* false: not a record of a generator. */
static bool open_record(record *r, const char *path) {
  *r = (record){.path = path};
  r->file = golden_open_path(path);
  const char *first = "weights/G/model.model.0.weight";
  if (!golden_has(r->file, "weights") || !golden_has(r->file, "weights/G") ||
      !golden_has(r->file, "%s", first)) {
    tap_ok(false, "%s holds %s", path, first);
    return false;
  }
  golden weight = golden_read(r->file, "%s", first);
  r->ngf = (int)weight.shape[0];
  r->input_channels = (int)weight.shape[1];
  golden_free(&weight);
  char norm[32];
  read_text_attribute(r->file, "norm", norm, sizeof norm);
  r->norm = strcmp(norm, "batch") == 0 ? NN_BATCH_NORM : NN_INSTANCE_NORM;
  r->batch = (int)golden_attribute(r->file, "/", "batch", 0);
  r->size = (int)golden_attribute(r->file, "/", "image_size", 0);
  r->bargainnet = r->input_channels == 4 + STYLE_CHANNELS;
  bool good = (strcmp(norm, "batch") == 0 || strcmp(norm, "instance") == 0) &&
              r->batch > 0 && r->size >= 4 &&
              (r->bargainnet || r->input_channels == 4) &&
              r->ngf == (int)golden_attribute(r->file, "/", "ngf", r->ngf);
  tap_ok(good, "%s: norm %s, batch %d, %d pixels, ngf %d, %d channels", path,
         norm, r->batch, r->size, r->ngf, r->input_channels);
  return good;
}

/* ---- state ---- */

/* Loads every entry from /weights and checks that names and shapes agree both
 * ways; networks: the groups below /weights that the graph has. */
static bool load_state(const record *r, trial *t, const char *const *networks) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  int wrong = 0;
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *entry = &layout->entries[i];
    char path[256];
    snprintf(path, sizeof path, "weights/%s", entry->name);
    uint64_t shape[4];
    int rank = nn_entry_public_shape(entry, shape);
    if (!golden_has(r->file, "%s", path)) {
      tap_note("%s is not in the record", path);
      wrong++;
      continue;
    }
    golden array = read_values(r, path, false);
    if (has_shape(&array, rank, shape)) {
      nn_real *values = calloc(array.count, sizeof *values);
      if (values == NULL) test_failed("no memory");
      for (size_t k = 0; k < array.count; k++)
        values[k] = (nn_real)array.values[k];
      nn_entry_import(entry, values, t->state);
      free(values);
    } else {
      tap_note("%s has another shape", path);
      wrong++;
    }
    golden_free(&array);
  }
  for (; *networks != NULL; networks++) {
    char group[64];
    snprintf(group, sizeof group, "weights/%s", *networks);
    size_t count;
    char **names = golden_members(r->file, group, &count);
    for (size_t i = 0; i < count; i++) {
      char name[256];
      snprintf(name, sizeof name, "%s/%s", *networks, names[i]);
      if (nn_layout_find(layout, name) != NULL) continue;
      tap_note("the network lacks %s", name);
      wrong++;
    }
    golden_free_names(names, count);
  }
  tap_ok(wrong == 0, "%s: names and shapes of %d tensors", r->path,
         layout->entry_count);
  return wrong == 0;
}

/* ---- comparing ---- */

/* A tensor in public order against a dataset that may be a strided sample:
 * returns max |got - want|, *largest = max |want|; NaN if sizes differ. */
static double difference_from(const record *r, const char *path,
                              const double *got, size_t count,
                              double *largest) {
  golden want = golden_read(r->file, "%s", path);
  size_t stride = (size_t)golden_attribute(r->file, path, "stride", 1);
  double whole = golden_attribute(r->file, path, "numel", (double)want.count);
  double worst = (size_t)whole == count ? 0 : NAN;
  *largest = 0;
  for (size_t i = 0; i < want.count && !isnan(worst); i++) {
    double difference = fabs(got[i * stride] - want.values[i]);
    if (!(difference <= worst)) worst = difference;
    if (fabs(want.values[i]) > *largest) *largest = fabs(want.values[i]);
  }
  golden_free(&want);
  return worst;
}

/* Compares with the float64 run in double; in float (or where float64 is NULL)
 * with the float32 one, within 3 times `spread` or 2e-6 of the largest entry.
 */
static void compare_tensor(const record *r, const char *what,
                           const char *float32, const char *float64,
                           const double *got, size_t count, double spread) {
  bool strict = sizeof(nn_real) == sizeof(double) && float64 != NULL;
  const char *path = strict ? float64 : float32;
  if (!golden_has(r->file, "%s", path)) return;
  double largest, worst = difference_from(r, path, got, count, &largest);
  double limit = strict ? 1e-9 * largest : fmax(3 * spread, 2e-6 * largest);
  tap_ok(worst <= limit, "%s: %s differs by %.2e (limit %.2e)", r->path, what,
         worst, limit);
}

static void compare_loss(const record *r, const char *name, double got) {
  char path[128], spread_path[128];
  snprintf(path, sizeof path, "float64/losses/%s", name);
  snprintf(spread_path, sizeof spread_path, "spread/losses/step0/%s", name);
  if (!golden_has(r->file, "float64/losses") ||
      !golden_has(r->file, "%s", path)) {
    tap_note("no %s in this record", path);
    return;
  }
  golden want = golden_read(r->file, "%s", path);
  double limit;
  if (sizeof(nn_real) == sizeof(double)) {
    limit = 1e-9 * fabs(want.values[0]);
  } else {
    golden spread = golden_read(r->file, "%s", spread_path);
    limit = fmax(3 * spread.values[0], 1e-5 * fabs(want.values[0]));
    limit = fmax(limit, 1e-6);
    golden_free(&spread);
  }
  tap_near(got, want.values[0], limit, "%s: loss %s", r->path, name);
  golden_free(&want);
}

/* [N,H,W,C] to [N,C,H,W] */
static double *to_public_image(const double *from, nn_shape s) {
  double *to = calloc(nn_shape_count(s), sizeof *to);
  if (to == NULL) test_failed("no memory");
  size_t pixels = (size_t)s.h * (size_t)s.w, channels = (size_t)s.c;
  for (size_t n = 0; n < (size_t)s.n; n++)
    for (size_t p = 0; p < pixels; p++)
      for (size_t c = 0; c < channels; c++)
        to[(n * channels + c) * pixels + p] =
            from[(n * pixels + p) * channels + c];
  return to;
}

static void compare_image(const record *r, const trial *t, const char *kept,
                          const char *what, const char *float32,
                          const char *float64) {
  size_t count;
  double *values = trial_value(t, kept, &count);
  double *image =
      to_public_image(values, NN_SHAPE(r->batch, r->size, r->size, 3));
  compare_tensor(r, what, float32, float64, image, count,
                 golden_attribute(r->file, "spread", "output_linf", 0));
  free(image);
  free(values);
}

/* Buffers of one network after a step. */
static void compare_buffers(const record *r, const trial *t) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  double worst = 0; /* as a part of the limit */
  int compared = 0;
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *entry = &layout->entries[i];
    char path[256];
    snprintf(path, sizeof path, "after/%s", entry->name);
    if (entry->trainable || !golden_has(r->file, "after") ||
        !golden_has(r->file, "%s", path))
      continue;
    double *got = calloc(entry->count, sizeof *got);
    if (got == NULL) test_failed("no memory");
    for (size_t k = 0; k < entry->count; k++)
      got[k] = (double)t->results[entry->offset + k];
    double largest;
    double difference = difference_from(r, path, got, entry->count, &largest);
    double spread = golden_attribute(r->file, path, "spread_linf", 0);
    double part = difference / fmax(3 * spread, 1e-5 * largest);
    if (!(part <= worst || isnan(worst))) worst = part;
    compared++;
    free(got);
  }
  if (compared > 0)
    tap_ok(worst <= 1, "%s: %d buffers after the step, at %.2f of the limit",
           r->path, compared, worst);
}

/* ---- the networks ---- */

static nn_id image_input(const record *r, trial *t, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "input/%s", name);
  bool is_mask = strcmp(name, "mask") == 0;
  golden array = read_values(r, path, !is_mask);
  uint64_t shape[4] = {(uint64_t)r->batch, is_mask ? 1 : 3, (uint64_t)r->size,
                       (uint64_t)r->size};
  if (!has_shape(&array, 4, shape))
    test_failed("%s: shape of %s", r->path, path);
  nn_id id = trial_golden(t, &array, AXES_IMAGE);
  golden_free(&array);
  return id;
}

/* The style code of `path` spread over the image, times max(weight, 0.001). */
static nn_id style_map(const record *r, trial *t, const char *path) {
  golden code = golden_read(r->file, "%s", path);
  nn_id style = trial_golden(t, &code, AXES_IMAGE);
  golden_free(&code);
  nn_id weight =
      nn_parameter(t->g, "G/weight", NN_SCALAR, 1, NN_INIT_CONSTANT, 0.1, 0);
  double low = golden_attribute(r->file, "/", "style_weight_min", 0.001);
  nn_id scaled = nn_mul(t->g, style, nn_clamp_min(t->g, weight, low));
  return nn_broadcast_to(t->g, scaled,
                         NN_SHAPE(r->batch, r->size, r->size, STYLE_CHANNELS));
}

static nn_id generator(const record *r, trial *t, bool training,
                       nn_id composite, nn_id mask, const char *style) {
  nn_id x = nn_concat(t->g, composite, mask);
  if (r->bargainnet) x = nn_concat(t->g, x, style_map(r, t, style));
  nn_unet_options options = {.ngf = r->ngf,
                             .norm = r->norm,
                             .training = training,
                             .prefix = "G/",
                             .init_deviation = 0.02};
  return nn_unet(t->g, x, &options);
}

static const char *const generator_alone[] = {"G", NULL};

/* The generator in training mode, its L1 loss and running statistics. */
static void check_forward(const record *r) {
  if (!golden_has(r->file, "forward") || !golden_has(r->file, "forward/output"))
    return;
  trial t = trial_make();
  nn_id composite = image_input(r, &t, "comp"),
        mask = image_input(r, &t, "mask");
  const char *style = BY_PRECISION("forward/style/bg", "float64/style/bg");
  nn_id output = generator(r, &t, true, composite, mask, style);
  trial_keep(&t, "output", output);
  bool with_loss = golden_has(r->file, "input/real");
  if (with_loss) {
    nn_id l1 = nn_loss_l1(t.g, output, image_input(r, &t, "real"));
    double lambda = golden_attribute(r->file, "/", "lambda_L1", 1);
    nn_report(t.g, "L1", nn_affine(t.g, l1, lambda, 0));
  }
  trial_plan(&t, 2, false);
  if (load_state(r, &t, generator_alone)) {
    trial_run(&t);
    compare_image(r, &t, "output", "output in training mode", "forward/output",
                  "float64/output");
    if (with_loss)
      compare_loss(r, r->bargainnet ? "L1" : "G_L1", trial_report(&t, "L1"));
    compare_buffers(r, &t);
  }
  trial_free(&t);
}

static void check_evaluation(const record *r) {
  if (!golden_has(r->file, "eval") || !golden_has(r->file, "eval/output"))
    return;
  trial t = trial_make();
  nn_id composite = image_input(r, &t, "comp"),
        mask = image_input(r, &t, "mask");
  /* codes of evaluation mode are recorded in float32 only */
  nn_id output = generator(r, &t, false, composite, mask, "eval/style/bg");
  trial_keep(&t, "output", output);
  trial_plan(&t, 1, false);
  if (load_state(r, &t, generator_alone)) {
    trial_run(&t);
    compare_image(r, &t, "output", "output in evaluation mode", "eval/output",
                  r->bargainnet ? NULL : "float64/eval_output");
  }
  trial_free(&t);
}

static void check_record(const char *path) {
  record r;
  if (open_record(&r, path)) {
    bool any = golden_has(r.file, "forward") || golden_has(r.file, "eval");
    if (!any) tap_skip("%s: no output of the generator is recorded", path);
    check_forward(&r);
    check_evaluation(&r);
  }
  H5Fclose(r.file);
}

int main(int argc, char **argv) {
  if (argc < 2 || argv[1][0] == '-') {
    fprintf(stderr, "usage: parity RECORD.h5...\n");
    return 2;
  }
  for (int i = 1; i < argc; i++) check_record(argv[i]);
  return tap_done();
}
