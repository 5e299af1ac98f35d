/* What an author of operations needs: nodes, rows of the operation table, loops
 * over chunks, matrix products. */
#ifndef HARMONIA_NN_OPERATION_H
#define HARMONIA_NN_OPERATION_H

#include "nn/graph.h"

/* Compiled for several instruction sets, chosen at load time. Only functions
 * without OpenMP regions; their loops over contiguous values vectorise. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&         \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NN_CLONES                                                              \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NN_CLONES
#endif

enum { NN_MAX_INPUTS = 4 };

typedef struct nn_node nn_node;

/* One execution of a node. */
typedef struct nn_call {
  const nn_node *node;
  const nn_real *in[NN_MAX_INPUTS];
  nn_shape in_shape[NN_MAX_INPUTS];
  nn_real *out;
  nn_shape shape;
  void *scratch;
  int threads;
  uint64_t seed, first_sample; /* of random operations */
} nn_call;

/* Where a value comes from: of a parameter or buffer the state. */
typedef enum nn_binding {
  NN_COMPUTED,
  NN_BOUND_INPUT,
  NN_BOUND_STATE
} nn_binding;

/* A row of the operation table. */
typedef struct nn_op {
  const char *name;
  int arity;
  /* Sets node->shape from the inputs' shapes and the attributes; NULL where
   * the builder sets it. */
  void (*shape)(const nn_graph *graph, nn_node *node);
  void (*kernel)(const nn_call *call);
  /* Instead of a kernel where every pixel of the result is made of the same
   * pixel of the inputs and of what all pixels share: `count` pixels of it from
   * `first` on. An input with the result's pixels begins at pixel `first`, as
   * the result does; another one at its beginning (see sweep.c). */
  void (*pixels)(const nn_call *call, size_t first, size_t count);
  /* What all pixels share, into scratch memory, before the first of them: it
   * reads no input but those behind the first. May be NULL. */
  void (*prepare)(const nn_call *call);
  /* The plain twin of a tuned kernel; NULL where the kernel is plain. */
  void (*reference)(const nn_call *call);
  /* Emits the gradients gx[] of sum(y * gy) for the inputs; an entry left
   * NN_NONE is a zero. NULL: no gradient goes through. */
  void (*gradient)(nn_graph *graph, nn_id y, nn_id gy, nn_id gx[]);
  /* Bytes of scratch memory of a call. */
  size_t (*scratch)(const nn_node *node, const nn_shape *in_shape, int threads);
  /* Multiply-adds, for the profile. */
  double (*multiply_adds)(const nn_node *node, const nn_shape *in_shape);
  unsigned inplace; /* bit i: the result may take the place of input i */
  bool view;        /* the result is input 0 itself */
  nn_binding binding;
} nn_op;

/* All operations, ended by NULL. */
extern const nn_op *const nn_ops[];

struct nn_node {
  const nn_op *op;
  nn_id in[NN_MAX_INPUTS];
  nn_shape shape;
  /* attributes, by operation */
  int index;           /* of an input, state entry or dropout layer */
  int stride, pad;     /* convolutions */
  int begin;           /* slice, pad */
  int factor;          /* matrix products: which is transposed */
  bool flag;           /* per sample; align corners; with a shift */
  bool masked;         /* convolutions: see nn_conv_masked */
  bool recomputed;     /* for gradients: nn_recompute */
  nn_id original;      /* what this node recomputes, or itself */
  double alpha, beta;  /* scalars */
  const double *table; /* values of a constant */
};

typedef struct nn_named {
  char name[160];
  nn_id id;
} nn_named;

typedef struct nn_list { /* of nn_named */
  nn_named *items;
  int count, capacity;
} nn_list;

typedef struct nn_state_entry {
  nn_entry entry;
  nn_id id;
  nn_id result; /* gradient or new value; NN_NONE: none */
} nn_state_entry;

struct nn_graph {
  nn_node *nodes;
  int count, capacity;
  nn_state_entry *states;
  int state_count, state_capacity;
  nn_list inputs, reports, kept;
  int forked; /* nodes [0, forked) are those of the graph it was forked from */
};

/* A graph that begins with the nodes, inputs and state of another; it reports,
 * keeps, minimises and sets nothing yet. */
status nn_graph_fork(const nn_graph *from, nn_graph **out);

/* Whether x has a value or more for each pixel of a shape. */
static inline bool nn_same_pixels(nn_shape x, nn_shape shape) {
  return x.n == shape.n && x.h == shape.h && x.w == shape.w;
}

static inline size_t nn_pixels(nn_shape s) {
  return (size_t)s.n * (size_t)s.h * (size_t)s.w;
}

/* Appends a node after its shape rule has run. */
nn_id nn_emit(nn_graph *graph, nn_node node);

/* A copy: the array moves when the graph grows. */
static inline nn_node nn_get(const nn_graph *graph, nn_id id) {
  return graph->nodes[id];
}

/* Values and state entries begin on cache lines: a multiple of 16 nn_reals. */
static inline size_t nn_aligned(size_t count) { return (count + 15) / 16 * 16; }

#define NN_SHAPE(n_, h_, w_, c_) ((nn_shape){(n_), (h_), (w_), (c_)})
#define NN_SCALAR NN_SHAPE(1, 1, 1, 1)

/* A parameter or buffer by name, or NN_NONE. */
nn_id nn_find_state(const nn_graph *graph, const char *name);
/* The value that was last set for a buffer, or the buffer itself. */
nn_id nn_buffer_value(const nn_graph *graph, nn_id buffer);

/* Emits sum_to only where the shapes differ. */
nn_id nn_reduce_like(nn_graph *graph, nn_id x, nn_shape shape);
/* x [B N,H,W,C] as [B,N H,W,C]: a batch in place of a sample. */
nn_id nn_batches_of(nn_graph *g, nn_id x, int batches);
/* b, or a + b, for accumulating gradients. */
nn_id nn_accumulate(nn_graph *graph, nn_id a, nn_id b);
/* a + b in one pass where b is an outer product (operations/spectral.c), else
 * NN_NONE. */
nn_id nn_outer_onto(nn_graph *graph, nn_id a, nn_id b);

/* The convolution of an x that is zero outside a mask, whose gradient is zero
 * where it meets nothing of it: the pixels that are zero, seen in the values,
 * are left out of the products, here and in all derivatives. */
nn_id nn_conv_masked(nn_graph *g, nn_id x, nn_id w, int stride, int pad);

nn_id nn_conv_data_grad(nn_graph *g, nn_id gy, nn_id w, int stride, int pad,
                        int height, int width);
nn_id nn_conv_weight_grad(nn_graph *g, nn_id x, nn_id gy, int kernel_h,
                          int kernel_w, int stride, int pad);

/* ---- loops (compute/parallel.c) ---- */

/* Calls body(context, begin, end) over [0, count) in chunks of `grain` that do
 * not depend on the number of threads. */
void nn_parallel(int threads, size_t count, size_t grain,
                 void (*body)(void *context, size_t begin, size_t end),
                 void *context);
/* The same, telling the body which thread it is (for scratch memory). */
void nn_parallel_ranked(int threads, size_t count, size_t grain,
                        void (*body)(void *context, size_t begin, size_t end,
                                     int thread),
                        void *context);

/* ---- matrix products (compute/gemm.c) ---- */

/* C[m,n] = op(A) op(B) + beta C, row-major. */
void nn_gemm(bool transpose_a, bool transpose_b, int m, int n, int k,
             const nn_real *a, int lda, const nn_real *b, int ldb, nn_real beta,
             nn_real *c, int ldc);

/* ---- rows of the table ---- */

#define OPERATION(name) extern const nn_op nn_op_##name;
#include "nn/operations.def"

#endif
