/* libnn: static computation graphs that differentiate themselves, a planner
 * that gives every value its place in one arena, kernels, networks, losses and
 * optimizers. Knows neither files nor MPI.
 *
 * Values are [N,H,W,C] in C order (channels last). Convolution weights are
 * [kh,kw,a,b]; the public PyTorch form of the same weight is [b,a,kh,kw], for
 * convolutions (a = in, b = out) and for transposed ones (a = out, b = in)
 * alike. Everything is `nn_real`: float, or double when built with NN_DOUBLE
 * (the tests' gate against finite differences).
 *
 * Shapes that do not fit an operation are bugs of the caller (INVARIANT);
 * what a user can choose is checked where a network is built. */
#ifndef HARMONIA_NN_H
#define HARMONIA_NN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

#ifdef NN_DOUBLE
typedef double nn_real;
#else
typedef float nn_real;
#endif

typedef struct nn_shape {
  int n, h, w, c;
} nn_shape;

size_t nn_shape_count(nn_shape shape);
bool nn_shape_equal(nn_shape a, nn_shape b);

/* ---- building a graph (graph.c) -------------------------------------------
 */

typedef struct nn_graph nn_graph;
typedef int32_t nn_id; /* a node of a graph */
enum { NN_NONE = -1 };

status nn_graph_create(nn_graph **out);
void nn_graph_destroy(nn_graph **graph);
nn_shape nn_shape_of(const nn_graph *graph, nn_id id);
int nn_node_count(const nn_graph *graph);

/* An input, bound at each run by its index (0, 1, ... in order of creation). */
nn_id nn_input(nn_graph *graph, const char *name, nn_shape shape);
int nn_input_index(const nn_graph *graph, const char *name);

/* How a state entry starts. */
typedef enum nn_init {
  NN_INIT_NORMAL,
  NN_INIT_CONSTANT,
  NN_INIT_UNIT /* a random vector of length 1 */
} nn_init;

/* A parameter: learned. `name` is its PyTorch state_dict key with the network
 * in front ("G/model.model.0.weight"). NORMAL: mean a, deviation b; CONSTANT:
 * a. `rank` is that of its public form: 4 (weights), 1 (vectors), 0 (scalars).
 */
nn_id nn_parameter(nn_graph *graph, const char *name, nn_shape shape, int rank,
                   nn_init init, double a, double b);
/* A buffer: state that a forward pass may replace (running statistics). */
nn_id nn_buffer(nn_graph *graph, const char *name, nn_shape shape, int rank,
                nn_init init, double a, double b);
/* In each run the buffer's new value is that of `value`. */
void nn_set_buffer(nn_graph *graph, nn_id buffer, nn_id value);
/* A scalar reported by each run, for example a loss. */
void nn_report(nn_graph *graph, const char *name, nn_id scalar);
/* A value that can be read after a run (nn_plan_value). */
void nn_keep(nn_graph *graph, const char *name, nn_id value);
/* Makes each run compute the gradient of `loss` for all parameters whose name
 * begins with `prefix`. */
void nn_minimise(nn_graph *graph, nn_id loss, const char *prefix);
/* The same for several prefixes at once. */
void nn_minimise_all(nn_graph *graph, nn_id loss, const char *const *prefixes,
                     int prefix_count);

/* ---- differentiation (grad.c) -----------------------------------------------
 */

/* Emits nodes for the gradients of `loss` (a scalar) with respect to wrt[i],
 * in out[i] (zeros where it does not depend on it). May be applied to what it
 * emitted. */
void nn_grad(nn_graph *graph, nn_id loss, const nn_id *wrt, int count,
             nn_id *out);
/* The same for sum(y * gy). */
void nn_grad_of(nn_graph *graph, nn_id y, nn_id gy, const nn_id *wrt, int count,
                nn_id *out);

/* ---- operations: each is a row of the table
 * ---------------------------------- */

/* Elementwise with broadcasting (each extent equal, or 1 in one of them). */
nn_id nn_axpby(nn_graph *g, double alpha, nn_id a, double beta, nn_id b);
nn_id nn_add(nn_graph *g, nn_id a, nn_id b);
nn_id nn_sub(nn_graph *g, nn_id a, nn_id b);
nn_id nn_mul(nn_graph *g, nn_id a, nn_id b);
nn_id nn_div(nn_graph *g, nn_id a, nn_id b);
nn_id nn_affine(nn_graph *g, nn_id x, double scale, double shift);
nn_id nn_leaky_relu(nn_graph *g, nn_id x, double slope); /* slope 0: relu */
nn_id nn_tanh(nn_graph *g, nn_id x);
nn_id nn_sigmoid(nn_graph *g, nn_id x);
nn_id nn_softplus(nn_graph *g, nn_id x); /* log(1 + exp(x)) */
nn_id nn_sqrt(nn_graph *g, nn_id x);
nn_id nn_abs(nn_graph *g, nn_id x);
nn_id nn_clamp_min(nn_graph *g, nn_id x, double low); /* gradient at equality */
nn_id nn_stop_gradient(nn_graph *g, nn_id x);
nn_id nn_fill(nn_graph *g, nn_shape shape, double value);

/* Sums over the extents that are 1 in `shape`; and its adjoint. */
nn_id nn_sum_to(nn_graph *g, nn_id x, nn_shape shape);
nn_id nn_broadcast_to(nn_graph *g, nn_id x, nn_shape shape);
nn_id nn_reshape(nn_graph *g, nn_id x, nn_shape shape);
nn_id nn_concat(nn_graph *g, nn_id a, nn_id b);             /* channels */
nn_id nn_slice(nn_graph *g, nn_id x, int begin, int count); /* channels */

/* Convolution (cross-correlation), zero padding. x [N,H,W,Ci],
 * w [kh,kw,Ci,Co], y [N,(H+2p-kh)/s+1,...,Co]. */
nn_id nn_conv(nn_graph *g, nn_id x, nn_id w, int stride, int pad);
/* Its data gradient: gy [N,OH,OW,Co] to [N,height,width,Ci]; also the
 * transposed convolution of weights [kh,kw,out,in]. */
nn_id nn_conv_transpose(nn_graph *g, nn_id gy, nn_id w, int stride, int pad,
                        int height, int width);

/* Normalisation over H,W (instance) or N,H,W (batch), biased variance, no
 * affine part. *moments: [N or 1,1,1,2C], means then variances. */
nn_id nn_normalise(nn_graph *g, nn_id x, bool per_sample, double eps,
                   nn_id *moments);

nn_id nn_max_pool2(nn_graph *g, nn_id x); /* 2x2, stride 2, floor */
nn_id nn_upsample_bilinear(nn_graph *g, nn_id x, int factor,
                           bool align_corners);

/* 0 with probability p, else 1/(1-p); drawn anew at each run from (seed,
 * sample, layer), see nn_run_options. */
nn_id nn_dropout_mask(nn_graph *g, nn_shape shape, double p, int layer);

/* One number a sample, [samples,1,1,1], uniform in [0,1), drawn anew at each
 * run from (seed, sample): the gradient penalty's alpha. */
nn_id nn_uniform(nn_graph *g, int samples);

/* ---- compositions (compose.c, loss.c)
 * ------------------------------------------ */

nn_id nn_sum(nn_graph *g, nn_id x);  /* to a scalar */
nn_id nn_mean(nn_graph *g, nn_id x); /* to a scalar */
nn_id nn_square(nn_graph *g, nn_id x);
nn_id nn_global_average(nn_graph *g, nn_id x); /* [N,1,1,C] */

/* Partial convolution (Liu et al. 2018, as in DoveNet): counts
 * c = conv(mask, 1), u = min(c,1), q = kh*kw/(c+1e-8) u; y = (conv(x mask, w) q
 * + b) u. mask [N,H,W,1], no gradient goes through it; NN_NONE: all ones.
 * bias may be NN_NONE. *new_mask (may be NULL) is u. */
nn_id nn_partial_conv(nn_graph *g, nn_id x, nn_id mask, nn_id w, nn_id bias,
                      int stride, int pad, nn_id *new_mask);

/* Spectral norm (Miyato et al. 2018), one power iteration: with W as a matrix
 * [Co, Ci kh kw], v = W'u/|W'u|, u = Wv/|Wv|, sigma = u.Wv; the result is
 * W/sigma. u [1,1,1,Co]. u and v are constants for the gradient. iterate =
 * false (evaluation) keeps u and v as they are given. */
typedef struct nn_spectral {
  nn_id weight, u, v, sigma;
} nn_spectral;
nn_spectral nn_spectral_norm(nn_graph *g, nn_id w, nn_id u, nn_id v,
                             bool iterate);

/* Batch norm with affine part and running statistics (momentum 0.1, unbiased
 * variance). */
typedef struct nn_batch_norm {
  nn_id y, running_mean, running_var; /* new values; unchanged in evaluation */
} nn_batch_norm;
nn_batch_norm nn_batch_norm_apply(nn_graph *g, nn_id x, nn_id weight,
                                  nn_id bias, nn_id running_mean,
                                  nn_id running_var, bool training, double eps);

nn_id nn_loss_l1(nn_graph *g, nn_id a, nn_id b);  /* mean |a-b| */
nn_id nn_loss_mse(nn_graph *g, nn_id a, nn_id b); /* mean (a-b)^2 */
/* GAN losses on scores z; real or fake as target. */
nn_id nn_loss_lsgan(nn_graph *g, nn_id z, bool real);
nn_id nn_loss_bce(nn_graph *g, nn_id z, bool real); /* with logits */
nn_id nn_loss_hinge(nn_graph *g, nn_id z, bool real);
/* mean over samples of max(0, margin + d(a,p) - d(a,n)),
 * d = sqrt(sum over channels (x-y+1e-6)^2); values [N,1,1,C]. */
nn_id nn_loss_triplet(nn_graph *g, nn_id anchor, nn_id positive, nn_id negative,
                      double margin);
/* The same with every entry a triplet of its own: what releases of PyTorch from
 * about 2021 on make of codes [N,16,1,1]. */
nn_id nn_loss_triplet_entries(nn_graph *g, nn_id anchor, nn_id positive,
                              nn_id negative, double margin);

/* ---- layout of state (layout.c)
 * ------------------------------------------------- */

/* Parameters, then buffers, then reported scalars in one vector. Parameters are
 * ordered by the moment their gradient is complete, so that a prefix of results
 * closes early.
 *
 * The results of a run are gradients of `parameters`, then new values of
 * `rest`. Where one graph is all, that is a vector of the same offsets. Where a
 * system is trained by several graphs in turn they share the state vector, and
 * the results of each are the parts of it that the graph computes (`rest` of a
 * graph may begin before the reports of an earlier one: those stay zero). */
typedef struct nn_entry {
  char name[160];
  nn_shape shape;
  int rank; /* of the public form */
  bool trainable;
  size_t offset, count; /* in nn_reals */
  nn_init init;
  double init_a, init_b;
} nn_entry;

typedef struct nn_span {
  size_t begin, end;
} nn_span;

typedef struct nn_layout {
  nn_entry *entries; /* in order of offset */
  int entry_count;
  size_t parameter_size; /* nn_reals, padding included */
  size_t state_size;     /* parameters and buffers */
  size_t vector_size;    /* state and reports */
  nn_span parameters, rest;
  size_t result_size;
  char (*reports)[32];
  int report_count;
  size_t report_offset; /* of report 0 in the vector */
} nn_layout;

/* The place in the results of the vector's value `offset`, and back. */
size_t nn_layout_result(const nn_layout *layout, size_t offset);
size_t nn_layout_target(const nn_layout *layout, size_t result);

const nn_entry *nn_layout_find(const nn_layout *layout, const char *name);
/* Public shape of an entry: returns the rank, fills shape[]. */
int nn_entry_public_shape(const nn_entry *entry, uint64_t shape[4]);
/* Between the state vector and the public (PyTorch) order of one entry. */
void nn_entry_export(const nn_entry *entry, const nn_real *state, nn_real *out);
void nn_entry_import(const nn_entry *entry, const nn_real *in, nn_real *state);
/* Initial state; padding is zero. */
void nn_layout_initialise(const nn_layout *layout, uint64_t seed,
                          nn_real *state);

/* ---- planning and running (plan.c, run.c)
 * ------------------------------------------ */

typedef struct nn_plan nn_plan;

typedef struct nn_plan_options {
  int threads;             /* at most so many in a run */
  const nn_layout *layout; /* adopt this one; NULL: make one */
  bool reference;          /* plain reference kernels, for tests */
} nn_plan_options;

/* Plans everything reported, kept, minimised and set in `graph`, which must
 * outlive the plan. Allocates the arena: runs allocate nothing. */
status nn_plan_create(const nn_graph *graph, const nn_plan_options *options,
                      nn_plan **out);
void nn_plan_destroy(nn_plan **plan);
const nn_layout *nn_plan_layout(const nn_plan *plan);
size_t nn_plan_arena_bytes(const nn_plan *plan);
/* Multiply-adds of all convolutions of one run. */
double nn_plan_multiply_adds(const nn_plan *plan);
/* A line a step: operation, shape, kernel, place. */
void nn_plan_print(const nn_plan *plan, FILE *file);

typedef struct nn_run_options {
  const nn_real *state; /* at least layout->state_size */
  nn_real *results;     /* layout->result_size; padding stays as it is */
  const nn_real *const *inputs; /* by input index */
  uint64_t seed;                /* of dropout */
  uint64_t first_sample;        /* position in the run of the batch's first */
  /* Called as results[0, done) become final, done growing to result_size; may
   * be NULL. Must not fail, nor change results: later steps may read them. */
  void (*completed)(void *context, size_t done);
  void *context;
} nn_run_options;

/* Runs the plan. Cannot fail. One run at a time a plan. */
void nn_run(nn_plan *plan, const nn_run_options *options);
/* A kept value after a run; valid until the next one, and as long as the run's
 * state, results and inputs where it is one of them. */
const nn_real *nn_plan_value(const nn_plan *plan, const char *name);

/* Nanoseconds and multiply-adds of each operation over all runs since
 * profiling was switched on; prints a table. */
void nn_plan_profile(nn_plan *plan, bool on);
void nn_plan_print_profile(const nn_plan *plan, FILE *file);

/* ---- networks (unet.c, model.c, system.c)
 * ------------------------------------------------------ */

typedef enum nn_norm { NN_INSTANCE_NORM, NN_BATCH_NORM } nn_norm;

/* The attention U-Net of DoveNet and BargainNet ("s2ad"): log2(size) levels. */
typedef struct nn_unet_options {
  int ngf;
  nn_norm norm;
  bool training;         /* batch statistics and dropout; else evaluation */
  bool keep_state;       /* running statistics stay as they are */
  double dropout;        /* at the middle levels; 0: none */
  const char *prefix;    /* of names: "G/" */
  double init_deviation; /* 0.02 */
} nn_unet_options;

/* x [N,S,S,Ci], S a power of two from 4 up; the result is [N,S,S,3] in (-1,1).
 */
nn_id nn_unet(nn_graph *g, nn_id x, const nn_unet_options *options);

/* What a graph is for. */
typedef enum nn_purpose {
  NN_FOR_TRAINING, /* losses and gradients */
  NN_FOR_OUTPUT,   /* the generator's output alone, kept as "output" */
  NN_FOR_SCORE     /* codes of an image's parts: see nn_system */
} nn_purpose;

/* A system: networks and the losses they are trained by. */
typedef struct nn_model_options {
  int batch, size, ngf;
  const char *norm; /* "instance" or "batch" */
  double dropout;
  bool blend;      /* the output's background is the composite's */
  bool style_code; /* an encoder E; its code of the background goes to G */
  int nef;         /* E's width */
  const char *gan; /* "none", or the discriminator's loss: "wgangp" (hinge, as
                      DoveNet), "lsgan", "vanilla" */
  int ndf;
  /* weights of losses, as DoveNet and BargainNet name them */
  double lambda_l1, lambda_gan, lambda_a, lambda_v, lambda_gp, gp_ratio,
      lambda_tri, margin;
  const char *triplet; /* "vector" or "entries" */
  nn_purpose purpose;
  bool training;   /* training mode of norms and dropout */
  bool feed_alpha; /* input "alpha" [N,1,1,1] in place of random numbers */
} nn_model_options;

/* One step trains a system in phases, each of its own graph and plan. All run
 * on one state vector; a later phase sees what an earlier one has learned.
 *
 * Inputs of every graph, by index: "composite", "mask", "real" (training, or
 * with style_code: the image whose background gives the code), "alpha".
 * Reports: of phase D: D_fake, D_real, D_global, D_local, D_gp, D; of phase G:
 * G_global, G_local, G_GAN, G_L1, tri_ff2, tri_f2b, tri, G, where the system
 * has them. NN_FOR_SCORE keeps "code_background" and "code_foreground" of
 * "composite" and "mask". */
enum { NN_MAX_PHASES = 2 };
typedef struct nn_phase {
  char network; /* whose step it is: 'D' or 'G' (with E) */
  nn_graph *graph;
  nn_plan *plan;
} nn_phase;

typedef struct nn_system {
  nn_phase phases[NN_MAX_PHASES];
  int phase_count;
  nn_layout layout; /* of the state vector; reports of all phases */
} nn_system;

/* exp(-0.04212 |f - b|) of two codes (BargainNet): 1 is perfect harmony. */
double nn_harmony_score(const nn_real *background, const nn_real *foreground);

/* Checks the options (STATUS_USAGE, naming them), builds and plans. */
status nn_system_create(const nn_model_options *options,
                        const nn_plan_options *plan, nn_system **out);
void nn_system_destroy(nn_system **system);

/* ---- optimizer (adam.c)
 * ---------------------------------------------------------------- */

typedef struct nn_adam_options {
  double lr, beta1, beta2, eps;
  uint64_t step; /* 1 at the first */
} nn_adam_options;

/* Adam (Kingma & Ba 2015, algorithm 1) in one pass over `count` elements:
 * p -= lr/(1-beta1^t) m / (sqrt(v)/sqrt(1-beta2^t) + eps). The gradient used is
 * scale * gradient. */
void nn_adam(const nn_adam_options *options, size_t count, double scale,
             const nn_real *gradient, nn_real *parameter, nn_real *mean,
             nn_real *variance, int threads);

/* Factor on the learning rate at `epoch` (from 0, may be a fraction between
 * epochs only for "linear"): "constant"; "linear": 1 for `constant_epochs`,
 * then down to 0 over `decay_epochs`: 1 - max(0, epoch+1-constant)/(decay+1);
 * "step": 0.1 every `step_epochs`. */
double nn_lr_factor(const char *policy, double epoch, double constant_epochs,
                    double decay_epochs, double step_epochs);

/* ---- the machine (gemm.c)
 * ------------------------------------------------------------ */

/* The core OpenBLAS chose ("Zen", "SkylakeX"). */
const char *nn_blas_core(void);

#endif
