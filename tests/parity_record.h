/* Golden records of whole networks and training steps: reading and comparing.
 */
#ifndef HARMONIA_PARITY_RECORD_H
#define HARMONIA_PARITY_RECORD_H

#include "tests/golden.h"
#include "tests/graph_util.h"

typedef struct record {
  const char *path;
  hid_t file;
  bool bargainnet; /* the generator has a style map */
  nn_norm norm;
  int batch, size, ngf, input_channels;
} record;

/* false: not a record of a generator. */
bool open_record(record *r, const char *path);

/* A dataset; integers are what make_slices.py stored: multiples of `scale`, or
 * the bytes of an image. */
golden read_values(const record *r, const char *path, bool image);
bool has_shape(const golden *array, int rank, const uint64_t *shape);

/* An image or mask of the record's inputs: "comp", "mask", "real". */
golden read_input(const record *r, const char *name);

/* Loads every entry from /weights and checks that names and shapes agree both
 * ways; networks: the groups below /weights that the layout has. */
bool load_state(const record *r, const nn_layout *layout, nn_real *state,
                const char *const *networks);

/* A tensor in public order against a dataset that may be a strided sample:
 * returns max |got - want|, *largest = max |want|; NaN if sizes differ. */
double difference_from(const record *r, const char *path, const double *got,
                       size_t count, double *largest);

/* Compares with the float64 run in double; in float (or where float64 is NULL)
 * with the float32 one, within 3 times `spread` or 2e-6 of the largest entry.
 */
void compare_tensor(const record *r, const char *what, const char *float32,
                    const char *float64, const double *got, size_t count,
                    double spread);

/* A loss of step `step` (0 to 3) of the group "" or "NAME/", by its name in the
 * record. */
void compare_loss(const record *r, const char *group, int step,
                  const char *name, double got);

/* [N,H,W,C] to [N,C,H,W], a new array. */
double *to_public_image(const double *from, nn_shape s);

/* An entry at `from` in public order, a new array. */
double *public_values(const nn_entry *entry, const nn_real *from);

/* The comparison that is nearest to its limit, or farthest above. */
typedef struct nearest {
  double part; /* of the limit */
  char name[200];
  int count;
} nearest;
void keep_nearest(nearest *w, double part, const char *name);

/* Where gradients are recorded: "grads/" or "gp/grads_" below a group. */
typedef struct gradient_paths {
  const char *group, *below;
} gradient_paths;

/* Gradients of the parameters of `layout` that begin with `network`. */
void compare_gradients(const record *r, gradient_paths paths,
                       const nn_layout *layout, const nn_real *results,
                       const char *network);

/* Whole training steps, the penalty and scores, as far as the record has them
 * (parity_step.c). */
void check_steps(const record *r);

/* Records of iDIH, iSSAM and PCT-Net (parity_colours.c). */
bool is_colour_record(hid_t file);
void check_colours(const char *path, hid_t file);
/* Records of their operations (parity_operations.c). */
bool is_operation_record(hid_t file);
void check_operations(const char *path, hid_t file);

#endif
