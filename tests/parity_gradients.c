/* Gradients and state of a record, tensor by tensor; what is reported is the
 * one that is nearest to its limit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/parity_record.h"
#include "tests/tap.h"

enum { IS_DOUBLE = sizeof(nn_real) == sizeof(double) };

double *public_values(const nn_entry *entry, const nn_real *from) {
  nn_real *values = calloc(entry->count, sizeof *values);
  if (values == NULL) test_failed("no memory");
  nn_entry moved = *entry;
  moved.offset = 0;
  nn_entry_export(&moved, from, values);
  double *wide = calloc(entry->count, sizeof *wide);
  if (wide == NULL) test_failed("no memory");
  for (size_t i = 0; i < entry->count; i++) wide[i] = (double)values[i];
  free(values);
  return wide;
}

/* ||got - want|| / ||want|| against a dataset, whole or a sample; in double
 * relative to the norm of the whole tensor, which is compared as well. */
static double gradient_error(const record *r, const char *path,
                             const double *got, size_t count, bool strict) {
  golden want = golden_read(r->file, "%s", path);
  size_t stride = (size_t)golden_attribute(r->file, path, "stride", 1);
  double whole = golden_attribute(r->file, path, "numel", (double)want.count);
  double error = 0, norm = 0, own = 0;
  if ((size_t)whole != count) error = NAN;
  for (size_t i = 0; i < want.count && !isnan(error); i++) {
    double difference = got[i * stride] - want.values[i];
    error += difference * difference;
    norm += want.values[i] * want.values[i];
  }
  for (size_t i = 0; i < count; i++) own += got[i] * got[i];
  golden_free(&want);
  double l2 = golden_attribute(r->file, path, "l2", -1);
  if (!strict || l2 < 0) return sqrt(error) / fmax(sqrt(norm), 1e-30);
  return fmax(sqrt(error), fabs(sqrt(own) - l2)) / fmax(l2, 1e-30);
}

static double largest_of(const double *values, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++)
    if (!(fabs(values[i]) <= largest)) largest = fabs(values[i]);
  return largest;
}

void keep_nearest(nearest *w, double part, const char *name) {
  w->count++;
  if (part <= w->part) return;
  w->part = isnan(part) ? INFINITY : part;
  snprintf(w->name, sizeof w->name, "%s", name);
}

static void compare_gradient(const record *r, gradient_paths paths,
                             const nn_entry *entry, const nn_real *values,
                             double largest, nearest *w) {
  char path[320], exact[320];
  snprintf(path, sizeof path, "%s%s%s", paths.group, paths.below, entry->name);
  snprintf(exact, sizeof exact, "%sfloat64/%s%s", paths.group, paths.below,
           entry->name);
  bool strict = IS_DOUBLE && golden_has_all(r->file, exact);
  if (!golden_has_all(r->file, strict ? exact : path)) return;
  /* a group without a float64 run spreads as the main record does */
  if (!golden_has_all(r->file, exact))
    snprintf(exact, sizeof exact, "float64/%s%s", paths.below, entry->name);
  double *got = public_values(entry, values);
  if (golden_attribute(r->file, exact, "null_gradient", 0) == 1) {
    keep_nearest(w, largest_of(got, entry->count) / (1e-5 * largest),
                 entry->name);
  } else {
    double spread = golden_attribute(r->file, exact, "spread_rel_l2", 0);
    double limit = strict ? 1e-7 : fmax(3 * spread, 1e-4);
    double error =
        gradient_error(r, strict ? exact : path, got, entry->count, strict);
    keep_nearest(w, error / limit, entry->name);
  }
  free(got);
}

void compare_gradients(const record *r, gradient_paths paths,
                       const nn_layout *layout, const nn_real *results,
                       const char *network) {
  double largest = 0;
  nearest w = {0};
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < layout->entry_count; i++) {
      const nn_entry *e = &layout->entries[i];
      if (strncmp(e->name, network, strlen(network)) != 0 || !e->trainable)
        continue;
      const nn_real *values = results + nn_layout_result(layout, e->offset);
      for (size_t k = 0; pass == 0 && k < e->count; k++)
        largest = fmax(largest, fabs((double)values[k]));
      if (pass == 1) compare_gradient(r, paths, e, values, largest, &w);
    }
  if (w.count == 0) return;
  tap_ok(w.part <= 1, "%s: %s%s: %d gradients of %s at %.3g of the limit (%s)",
         r->path, paths.group, paths.below, w.count, network, w.part, w.name);
}
