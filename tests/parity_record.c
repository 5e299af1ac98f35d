/* Reading a golden record, and comparing with it. */
#include "tests/parity_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/network/networks.h"
#include "tests/tap.h"

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
golden read_values(const record *r, const char *path, bool image) {
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

bool has_shape(const golden *array, int rank, const uint64_t *shape) {
  bool same = array->rank == rank;
  for (int i = 0; same && i < rank; i++) same = array->shape[i] == shape[i];
  return same;
}

/* false: not a record of a generator. */
bool open_record(record *r, const char *path) {
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
  r->bargainnet = r->input_channels == 4 + NN_CODE_CHANNELS;
  bool good = (strcmp(norm, "batch") == 0 || strcmp(norm, "instance") == 0) &&
              r->batch > 0 && r->size >= 4 &&
              (r->bargainnet || r->input_channels == 4) &&
              r->ngf == (int)golden_attribute(r->file, "/", "ngf", r->ngf);
  tap_ok(good, "%s: norm %s, batch %d, %d pixels, ngf %d, %d channels", path,
         norm, r->batch, r->size, r->ngf, r->input_channels);
  return good;
}

golden read_input(const record *r, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "input/%s", name);
  bool is_mask = strcmp(name, "mask") == 0;
  golden array = read_values(r, path, !is_mask);
  uint64_t shape[4] = {(uint64_t)r->batch, is_mask ? 1 : 3, (uint64_t)r->size,
                       (uint64_t)r->size};
  if (!has_shape(&array, 4, shape))
    test_failed("%s: shape of %s", r->path, path);
  return array;
}

/* ---- state ---- */

/* Loads every entry from /weights and checks that names and shapes agree both
 * ways; networks: the groups below /weights that the graph has. */
bool load_state(const record *r, const nn_layout *layout, nn_real *state,
                const char *const *networks) {
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
      nn_entry_import(entry, values, state);
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
double difference_from(const record *r, const char *path, const double *got,
                       size_t count, double *largest) {
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
void compare_tensor(const record *r, const char *what, const char *float32,
                    const char *float64, const double *got, size_t count,
                    double spread) {
  bool strict = sizeof(nn_real) == sizeof(double) && float64 != NULL;
  const char *path = strict ? float64 : float32;
  if (!golden_has(r->file, "%s", path)) return;
  double largest, worst = difference_from(r, path, got, count, &largest);
  double limit = strict ? 1e-9 * largest : fmax(3 * spread, 2e-6 * largest);
  tap_ok(worst <= limit, "%s: %s differs by %.2e (limit %.2e)", r->path, what,
         worst, limit);
}

void compare_loss(const record *r, const char *group, int step,
                  const char *name, double got) {
  char inside[160], path[200], spread_path[200];
  if (step == 0)
    snprintf(inside, sizeof inside, "losses/%s", name);
  else
    snprintf(inside, sizeof inside, "steps/%d/losses/%s", step, name);
  snprintf(path, sizeof path, "%sfloat64/%s", group, inside);
  snprintf(spread_path, sizeof spread_path, "%sspread/losses/step%d/%s", group,
           step, name);
  if (!golden_has_all(r->file, path)) {
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
  tap_near(got, want.values[0], limit, "%s: step %d: loss %s%s", r->path, step,
           group, name);
  golden_free(&want);
}

/* [N,H,W,C] to [N,C,H,W] */
double *to_public_image(const double *from, nn_shape s) {
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
