/* The three convolution operations: their sizes, and the solvers that compute
 * them. */
#ifndef HARMONIA_NN_CONV_H
#define HARMONIA_NN_CONV_H

#include "nn/operation.h"

/* Which of the three is computed from the other two. */
typedef enum nn_conv_partial {
  NN_PARTIAL_Y,
  NN_PARTIAL_X,
  NN_PARTIAL_W
} nn_conv_partial;
enum { NN_PARTIALS = 3 };

/* The sizes of one convolution: x [batch,in_h,in_w,in_c], w
 * [kernel_h,kernel_w,in_c,out_c], y [batch,out_h,out_w,out_c]; and which of
 * them is wanted. */
typedef struct nn_conv_case {
  int batch, in_h, in_w, in_c, out_h, out_w, out_c;
  int kernel_h, kernel_w, stride, pad;
  nn_conv_partial partial;
  bool masked; /* zeros may be left out: nn_conv_masked */
} nn_conv_case;

nn_conv_case nn_conv_case_of(const nn_node *node, const nn_shape *in);
/* The same partial of the same sizes, masked or not. */
bool nn_conv_case_equal(const nn_conv_case *a, const nn_conv_case *b);
bool nn_is_conv(const nn_node *node); /* or one of its two other partials */

/* ---- rows that a masked convolution computes (conv_rows.c) ----
 *
 * Pixels outside the mask of a partial convolution are zero, and so is what
 * meets only them: they are left out of the matrix products. Which pixels these
 * are is seen in the values, x of the forward pass and gy of the other two. */
typedef struct nn_conv_map {
  const unsigned char *active; /* by pixel: not zero; NULL: all may be */
  int height, width;
  uint32_t *list, *places; /* memory for numbers of pixels */
} nn_conv_map;

/* Rows to be computed, of all that there are. */
typedef struct nn_conv_rows {
  const uint32_t *list; /* ascending; NULL: all */
  size_t count;
} nn_conv_rows;

static inline size_t nn_conv_row(const nn_conv_rows *rows, size_t i) {
  return rows->list != NULL ? rows->list[i] : i;
}

/* The map lies at the beginning of the call's scratch memory. */
size_t nn_conv_map_scratch(const nn_conv_case *c);
nn_conv_map nn_conv_map_of(const nn_call *call, const nn_conv_case *c);
/* Whether a pixel of a window of an image of the batch is not zero. */
bool nn_conv_map_meets(const nn_conv_map *map, size_t image, int y, int x,
                       int height, int width);
/* For nn_conv_rows_of: rows that are the map's pixels. */
bool nn_conv_map_has(const void *unused, const nn_conv_map *map, size_t pixel);
/* Those of `count` rows that meet the map's pixels, in map->list. */
nn_conv_rows nn_conv_rows_of(const nn_conv_map *map, size_t count,
                             bool (*meets)(const void *context,
                                           const nn_conv_map *map, size_t row),
                             const void *context);
/* Rows [begin, end) of the list, `width` values each, from or to their places.
 */
void nn_conv_rows_gather(const nn_conv_rows *rows, size_t begin, size_t end,
                         const nn_real *from, size_t stride, size_t width,
                         nn_real *to);
void nn_conv_rows_scatter(const nn_conv_rows *rows, size_t begin, size_t end,
                          const nn_real *from, size_t width, nn_real *to);

/* ---- solvers ----
 *
 * A solver is one way to compute one partial. A new one is a row of
 * this type in the file of its kernel, and a line in solvers.def. */
typedef struct nn_conv_solver nn_conv_solver;
struct nn_conv_solver {
  const char *name; /* for people: "im2col, GEMM" */
  /* Why it is taken, for people, where it is. */
  void (*why)(const nn_conv_solver *self, const nn_conv_case *c, char *text,
              size_t size);
  /* Whether it can compute the case, as exactly as is wanted. */
  bool (*applies)(const nn_conv_solver *self, const nn_conv_case *c);
  /* In multiply-adds of a large matrix product. */
  double (*cost)(const nn_conv_solver *self, const nn_conv_case *c);
  /* Bytes of scratch memory, beside the map's. */
  size_t (*scratch)(const nn_conv_solver *self, const nn_conv_case *c,
                    int threads);
  void (*run)(const nn_conv_solver *self, const nn_conv_case *c,
              const nn_call *call, const nn_conv_map *map);
  const struct nn_minimal_filter *filter; /* of minimal filtering, or NULL */
};

/* By partial, each list ended by NULL (conv_solvers.c). */
extern const nn_conv_solver *const *const nn_conv_solvers[NN_PARTIALS];

/* The solver that applies and costs least, the first one of equals: by shape
 * alone, so that every machine chooses the same. */
const nn_conv_solver *nn_conv_choose(const nn_conv_case *c);

/* For several rows: what matrix products over all taps cost, and why those of
 * a 1x1 kernel are taken. */
double nn_conv_direct_cost(const nn_conv_solver *self, const nn_conv_case *c);
void nn_conv_why_pointwise(const nn_conv_solver *self, const nn_conv_case *c,
                           char *text, size_t size);

#define FORWARD(name) extern const nn_conv_solver name;
#define DATA_GRAD FORWARD
#define WEIGHT_GRAD FORWARD
#include "nn/conv/solvers.def"

/* plain loops (conv_reference.c) */
void nn_conv_reference(const nn_call *call);
void nn_conv_data_grad_reference(const nn_call *call);
void nn_conv_weight_grad_reference(const nn_call *call);

/* Copies the patches of output pixels [begin, end) of a list under kernel rows
 * [ky0, ky1) into rows of (ky1-ky0)*kernel_w*in_c values (im2col.c). */
void nn_im2col(const nn_conv_case *c, const nn_real *x,
               const nn_conv_rows *pixels, size_t begin, size_t end, int ky0,
               int ky1, nn_real *rows);
/* The output pixels whose patches meet the map's; for nn_conv_rows_of, with the
 * nn_conv_case. */
bool nn_im2col_meets(const void *c, const nn_conv_map *map, size_t pixel);

/* Pixels of y in the batch. */
enum { NN_IMAGE_CHANNELS = 4 };

static inline size_t nn_conv_pixels(const nn_conv_case *c) {
  return (size_t)c->batch * (size_t)c->out_h * (size_t)c->out_w;
}

/* Whether the data gradient adds up products with one tap's weights each: there
 * are few pixels and the weights' traffic dominates, or so few channels (of an
 * image) that a product a residue would be too narrow. */
static inline bool nn_conv_gathers(const nn_conv_case *c) {
  return nn_conv_pixels(c) <= 256 || c->in_c <= NN_IMAGE_CHANNELS;
}

/* A 1x1 stride-1 convolution: x is its own im2col. */
static inline bool nn_conv_is_pointwise(const nn_conv_case *c) {
  return c->kernel_h == 1 && c->kernel_w == 1 && c->stride == 1 && c->pad == 0;
}

#endif
