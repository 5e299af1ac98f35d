/* Operations of iDIH, iSSAM and PCT-Net against PyTorch's: results, and
 * gradients for given upstream ones. What a record lacks is not compared. */
#include <stdlib.h>

#include "tests/parity_record.h"
#include "tests/tap.h"

/* The record's numbers are rounded to float32. */
#define LIMIT BY_PRECISION(1e-6, 1e-7)

/* `y`: the shape of the recorded result. */
typedef nn_id operation(nn_graph *g, nn_id x, nn_shape y);

static nn_id elu(nn_graph *g, nn_id x, nn_shape y) {
  (void)y;
  return nn_elu(g, x);
}
static nn_id global_max(nn_graph *g, nn_id x, nn_shape y) {
  (void)y;
  return nn_global_max(g, x);
}
static nn_id global_average(nn_graph *g, nn_id x, nn_shape y) {
  (void)y;
  return nn_global_average(g, x);
}
static nn_id bilinear(nn_graph *g, nn_id x, nn_shape y) {
  (void)y;
  return nn_upsample_bilinear(g, x, 2, true);
}
static nn_id bicubic(nn_graph *g, nn_id x, nn_shape y) {
  return nn_upsample_bicubic(g, x, y.h, y.w);
}

static const struct named {
  const char *name;
  operation *build;
} operations[] = {{"elu", elu},
                  {"global_max_pool", global_max},
                  {"global_average_pool", global_average},
                  {"bilinear2_align", bilinear},
                  {"bicubic_up", bicubic},
                  {"bicubic_down_odd", bicubic}};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static nn_id read_input_of(trial *t, hid_t file, const char *group,
                           const char *name) {
  golden array = golden_read(file, "%s/%s", group, name);
  nn_id id = trial_golden(t, &array, AXES_IMAGE);
  golden_free(&array);
  return id;
}

static void compare(const trial *t, const char *path, hid_t file,
                    const char *group, const char *name) {
  golden want = golden_read(file, "%s/%s", group, name);
  double residual = trial_residual(t, name, &want, AXES_IMAGE);
  tap_ok(residual <= LIMIT, "%s: %s/%s: %.1e", path, group, name, residual);
  golden_free(&want);
}

static void check_operation(const char *path, hid_t file, struct named o) {
  trial t = trial_make();
  nn_id x = read_input_of(&t, file, o.name, "x");
  nn_id gy = read_input_of(&t, file, o.name, "gy");
  nn_id y = o.build(t.g, x, nn_shape_of(t.g, gy)), gx;
  nn_grad_of(t.g, y, gy, &x, 1, &gx);
  trial_keep(&t, "y", y);
  trial_keep(&t, "gx", gx);
  trial_plan(&t, 2, false);
  trial_run(&t);
  compare(&t, path, file, o.name, "y");
  compare(&t, path, file, o.name, "gx");
  trial_free(&t);
}

static void check_loss(trial *t, const char *path, hid_t file,
                       const char *group, nn_id loss, nn_id x,
                       const char *gradient) {
  nn_id gx;
  nn_grad(t->g, loss, &x, 1, &gx);
  trial_keep(t, gradient, gx);
  nn_report(t->g, "loss", nn_affine(t->g, loss, 1, 0));
  trial_plan(t, 2, false);
  trial_run(t);
  golden want = golden_read(file, "%s/loss", group);
  double limit = BY_PRECISION(1e-6, 1e-12) * want.values[0];
  tap_near(trial_report(t, "loss"), want.values[0], limit, "%s: %s/loss", path,
           group);
  golden_free(&want);
  compare(t, path, file, group, gradient);
}

static void check_fnmse(const char *path, hid_t file) {
  static const double same[3] = {1, 1, 1};
  trial t = trial_make();
  nn_id pred = read_input_of(&t, file, "fnmse", "pred");
  nn_id target = read_input_of(&t, file, "fnmse", "target");
  nn_id mask = read_input_of(&t, file, "fnmse", "mask");
  double area = golden_attribute(file, "fnmse", "min_area", 0);
  nn_id loss = nn_loss_fnmse(t.g, pred, target, mask, area, same);
  check_loss(&t, path, file, "fnmse", loss, pred, "grad");
  trial_free(&t);
}

static void check_sobel(const char *path, hid_t file) {
  trial t = trial_make();
  nn_id x = read_input_of(&t, file, "sobel", "x");
  check_loss(&t, path, file, "sobel", nn_loss_sobel(t.g, x), x, "gx");
  trial_free(&t);
}

bool is_operation_record(hid_t file) { return golden_has(file, "fnmse"); }

void check_operations(const char *path, hid_t file) {
  for (int i = 0; i < OPERATIONS; i++)
    if (golden_has(file, "%s", operations[i].name))
      check_operation(path, file, operations[i]);
  check_fnmse(path, file);
  check_sobel(path, file);
}
