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
 * begins with `prefix`. Of several losses the gradients add up: what a loss
 * needs is given up before the next one is computed. */
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

/* Gradients compute `x` a second time from its inputs where they need it, so
 * that it need not be kept until then. Worth it for a cheap operation on values
 * that are kept anyway. Returns x. */
nn_id nn_recompute(nn_graph *graph, nn_id x);

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
/* sum_to of the products of two values of the same shape. */
nn_id nn_dot_to(nn_graph *g, nn_id a, nn_id b, nn_shape shape);
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
/* Of a batch: first the samples of a, then those of b. */
nn_id nn_concat_samples(nn_graph *g, nn_id a, nn_id b);
nn_id nn_slice_samples(nn_graph *g, nn_id x, int begin, int count);

/* Partial convolution (Liu et al. 2018, as in DoveNet): counts
 * c = conv(mask, 1), u = min(c,1), q = kh*kw/(c+1e-8) u; y = (conv(x mask, w) q
 * + b) u. mask [N,H,W,1], no gradient goes through it; NN_NONE: all ones.
 * bias may be NN_NONE. *new_mask (may be NULL) is u. */
nn_id nn_partial_conv(nn_graph *g, nn_id x, nn_id mask, nn_id w, nn_id bias,
                      int stride, int pad, nn_id *new_mask);

/* Spectral norm (Miyato et al. 2018), with W as a matrix [Co, K], K = kh kw Ci.
 * A row [1,1,1,K+Co+1] is v, u, and sigma = u.Wv. One power iteration: v =
 * W'u/|W'u|, u = Wv/|Wv|, of u [1,1,1,Co]; no gradient goes through. */
nn_id nn_power_iteration(nn_graph *g, nn_id w, nn_id u);
/* The row of given v [1,1,1,K] and u, and the parts of rows [N,1,1,K+Co+1]. */
nn_id nn_singular_row(nn_graph *g, nn_id w, nn_id v, nn_id u);
nn_id nn_singular_v(nn_graph *g, nn_id w, nn_id rows);
nn_id nn_singular_u(nn_graph *g, nn_id w, nn_id rows);
/* The sigmas of N rows of w, [N,1,1,1]. v and u are constants for the
 * gradient, by w alone. */
nn_id nn_spectral_sigma(nn_graph *g, nn_id w, nn_id rows);

/* Batch norm with affine part and running statistics (momentum 0.1, unbiased
 * variance). x holds `batches` batches, one after the other: in training each
 * has statistics of its own. */
typedef struct nn_batch_norm {
  nn_id y, running_mean, running_var; /* new values; unchanged in evaluation */
} nn_batch_norm;
nn_batch_norm nn_batch_norm_apply(nn_graph *g, nn_id x, int batches,
                                  nn_id weight, nn_id bias, nn_id running_mean,
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
 * graph may begin before the reports of an earlier one: those stay zero). Of a
 * plan that hands its gradients over, the results are `rest` alone. */
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
  size_t gradients; /* among the results: all of `parameters`, or none */
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
  bool no_arena;           /* the caller gives it one (nn_plan_lend) */
  /* Gradients of parameters are values of the arena like any other, and runs
   * hand them over (nn_run_options) instead of keeping them as results. */
  bool hand_over;
  /* Phases run in turn, each once on the same micro-batch: a later one finds
   * what it has in common with the earlier one in the arena. Else each computes
   * it anew, and needs less memory. */
  bool continued;
} nn_plan_options;

/* Plans everything reported, kept, minimised and set in `graph`, which must
 * outlive the plan. Allocates the arena: runs allocate nothing. */
status nn_plan_create(const nn_graph *graph, const nn_plan_options *options,
                      nn_plan **out);
void nn_plan_destroy(nn_plan **plan);
const nn_layout *nn_plan_layout(const nn_plan *plan);
/* Of a system's phases: of the one that they share. */
size_t nn_plan_arena_bytes(const nn_plan *plan);
/* Plans that never run at the same time can share an arena, of the largest
 * one's size; it stays the caller's. What one keeps lasts until any of them
 * runs. */
void nn_plan_lend(nn_plan *plan, nn_real *arena);
/* Multiply-adds of all convolutions of one run. */
double nn_plan_multiply_adds(const nn_plan *plan);
/* What the planner chose for each convolution: its kernel, why, and its share
 * of the multiply-adds; the arena's size (plan_print.c). */
void nn_plan_print(const nn_plan *plan, FILE *file);

typedef struct nn_run_options {
  const nn_real *state; /* at least layout->state_size */
  nn_real *results;     /* layout->result_size; padding stays as it is */
  const nn_real *const *inputs; /* by input index */
  uint64_t seed;                /* of dropout */
  uint64_t first_sample;        /* position in the run of the batch's first */
  /* Called after every step; may be NULL. results[0, done) are final and not
   * read any more: the caller's to change. `done` only grows, to result_size.
   * Must not fail. */
  void (*completed)(void *context, size_t done);
  /* Of a plan with hand_over: called once for each parameter that it trains,
   * when the gradient (entry->count values) is whole and the rest of the run
   * reads neither it nor the parameter, which the caller may change in `state`.
   * Afterwards the gradient's place is used again. Must not fail. */
  void (*hand_over)(void *context, const nn_entry *entry,
                    const nn_real *gradient);
  void *context;
} nn_run_options;

/* Runs the plan. Cannot fail. One run at a time a plan. */
void nn_run(nn_plan *plan, const nn_run_options *options);
/* A kept value after a run; valid until the next one, and as long as the run's
 * state, results and inputs where it is one of them. */
const nn_real *nn_plan_value(const nn_plan *plan, const char *name);

/* Begins to sum the seconds of each step by this clock over all runs
 * (plan->seconds; of steps that run together at the first); NULL: no more. */
void nn_plan_profile(nn_plan *plan, double (*clock)(void));

/* ---- networks (unet.c, model.c, system.c)
 * ------------------------------------------------------ */

typedef enum nn_norm { NN_INSTANCE_NORM, NN_BATCH_NORM } nn_norm;

/* The attention U-Net of DoveNet and BargainNet ("s2ad"): log2(size) levels. */
typedef struct nn_unet_options {
  int ngf;
  nn_norm norm;
  bool training;         /* batch statistics and dropout; else evaluation */
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
  const char *generator; /* "unet" or "unet3plus" */
  int cat_channels;      /* of U-Net 3+ */
  bool deep_supervision; /* U-Net 3+: an L1 loss on every stage's result */
  bool blend;            /* the output's background is the composite's */
  bool style_code; /* an encoder E; its code of the background goes to G */
  int nef;         /* E's width */
  const char *gan; /* "none", or the discriminator's loss: "wgangp" (hinge, as
                      DoveNet), "lsgan", "vanilla" */
  int ndf;
  /* weights of losses, as DoveNet and BargainNet name them */
  double lambda_l1, lambda_gan, lambda_a, lambda_v, lambda_gp, gp_ratio,
      lambda_tri, margin;
  const char *triplet; /* "vector" or "entries" */
  /* losses on VGG16 features of the foreground (vgg.c); 0: none */
  double lambda_style, lambda_gram;
  const char *style_space; /* "rgb", or "hsv": hue and saturation maps */
  unsigned style_layers;   /* bits, see NN_VGG_DEFAULT_LAYERS */
  nn_purpose purpose;
  bool training;   /* training mode of norms and dropout */
  bool feed_alpha; /* input "alpha" [N,1,1,1] in place of random numbers */
} nn_model_options;

/* One step trains a system in phases, each of its own graph and plan. All run
 * on one state vector; a later phase sees what an earlier one has learned. What
 * phases have in common (the generator's forward pass) reads nothing of that.
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
  nn_real *arena;   /* of all phases: they run in turn */
} nn_system;

/* exp(-0.04212 |f - b|) of two codes (BargainNet): 1 is perfect harmony. */
double nn_harmony_score(const nn_real *background, const nn_real *foreground);

/* Checks the options (STATUS_USAGE, naming them), builds and plans. */
status nn_system_create(const nn_model_options *options,
                        const nn_plan_options *plan, nn_system **out);
void nn_system_destroy(nn_system **system);

/* ---- U-Net 3+ (unet3plus.c)
 * ------------------------------------------------------ */

enum { NN_UNET3PLUS_STAGES = 5 };

typedef struct nn_unet3plus_options {
  int width;        /* channels of the first stage; doubled each; 64 */
  int cat_channels; /* of each branch of a decoder stage; 64 */
  int outputs;      /* channels of the result; 3 */
  nn_norm norm;
  bool training;         /* batch statistics; else evaluation */
  bool deep_supervision; /* a result from every stage */
  const char *prefix;    /* of names: "G/" */
} nn_unet3plus_options;

/* side[0] is the network's result, [N,S,S,outputs] in (-1,1); with deep
 * supervision side[d] is that of stage d + 1 at the same size. */
typedef struct nn_unet3plus_result {
  nn_id side[NN_UNET3PLUS_STAGES];
  int count; /* 1, or the number of stages */
} nn_unet3plus_result;

/* x [N,S,S,Ci], S a power of two from 4 up. Five stages from S = 32 up, fewer
 * below: the deepest one has at least 2x2 pixels. */
nn_unet3plus_result nn_unet3plus(nn_graph *g, nn_id x,
                                 const nn_unet3plus_options *options);

/* ---- hue and saturation (hsv.c), trigonometry (trig.c), products (matmul.c)
 * ------------------------------------------------------ */

nn_id nn_sin(nn_graph *g, nn_id x);
nn_id nn_cos(nn_graph *g, nn_id x);

/* One product a sample of op(a) and op(b), op the transpose or nothing; a value
 * [N,H,W,C] is N matrices [H W, C]. The result is [N,1,rows,columns]. */
nn_id nn_matmul(nn_graph *g, nn_id a, nn_id b, bool transpose_a,
                bool transpose_b);

/* Below this chroma (max - min of R, G, B in [0,1]) a colour is grey; below
 * this value (max) saturation fades out. */
#define NN_HSV_GREY (1.0 / 1024)
#define NN_HSV_DARK (1.0 / 16)
/* rgb [N,H,W,3] in [-1,1], as networks have it; the result is
 * (S cos 2 pi H, S sin 2 pi H, S) of the colour as HSV, at grey pixels 0 with
 * gradient 0. Formula and bounds: hsv.c. */
nn_id nn_hsv_maps(nn_graph *g, nn_id rgb);

/* ---- features of a region, and losses on them (vgg.c, style_loss.c)
 * ------------------------------------------------------ */

/* What a partial convolution makes of a mask [N,H,W,1]; images that share a
 * mask share this. `mask` is the given one without gradient, or NN_NONE for
 * values that are zero already where it is; `update` the new one, `ratio` q of
 * nn_partial_conv. */
typedef struct nn_partial_mask {
  nn_id mask, update, ratio;
} nn_partial_mask;
nn_partial_mask nn_partial_mask_of(nn_graph *g, nn_id mask, int kernel_h,
                                   int kernel_w, int stride, int pad);
nn_id nn_partial_conv_masked(nn_graph *g, nn_id x, nn_partial_mask m, nn_id w,
                             nn_id bias, int stride, int pad);

/* VGG16: 13 convolutions 3x3 in five blocks. Feature layers, as bits of a set:
 * relu1_2, relu2_2, relu3_3, relu4_3, relu5_3. */
enum {
  NN_VGG_CONVS = 13,
  NN_VGG_LAYERS = 5,
  NN_VGG_INPUTS = 2 + 2 * NN_VGG_CONVS, /* of a graph, at most */
  NN_VGG_WIDTH = 64,                    /* channels of block 1 */
  NN_VGG_DEFAULT_LAYERS = 15            /* relu1_2 to relu4_3 */
};
/* The seed of the fixed random network that stands in for missing weights. */
#define NN_VGG_SEED 16

/* Convolution i from 0: block 1 to 5, its number there from 1, channels. */
typedef struct nn_vgg_conv {
  int block, number, in, out;
} nn_vgg_conv;
nn_vgg_conv nn_vgg_conv_at(int width, int i);
/* How many convolutions a set of layers needs. */
int nn_vgg_conv_count(unsigned layers);

/* Weights: never trained, in no layout and no checkpoint. Values are
 * [3,3,in,out] over RGB input, which is x scale + shift of x in [-1,1]. */
typedef struct nn_vgg_weights {
  int width, convs;
  nn_real scale[3], shift[3];
  nn_real *weight[NN_VGG_CONVS], *bias[NN_VGG_CONVS];
} nn_vgg_weights;
/* Zero weights. STATUS_MEMORY. */
status nn_vgg_weights_create(int width, int convs, nn_vgg_weights **out);
void nn_vgg_weights_destroy(nn_vgg_weights **weights);
/* Kaiming normal over the fan-in, biases 0, torchvision's input. */
void nn_vgg_weights_random(nn_vgg_weights *weights, uint64_t seed);
/* Sets scale and shift. torchvision: RGB / 255 less mean by deviation. Caffe
 * and Keras: BGR in [0,255] less the means; turns the first convolution's
 * weights, which must be loaded, round to RGB. */
void nn_vgg_input_torchvision(nn_vgg_weights *weights);
void nn_vgg_input_caffe(nn_vgg_weights *weights);

/* The weights in a graph are inputs of it ("vgg.conv1_1.weight", ...), to be
 * bound at each run like images: one copy serves any number of plans. */
typedef struct nn_vgg {
  int width;
  unsigned layers;
  nn_id scale, shift, weight[NN_VGG_CONVS], bias[NN_VGG_CONVS];
} nn_vgg;
/* Once a graph. */
nn_vgg nn_vgg_inputs(nn_graph *g, int width, unsigned layers);
/* Sets inputs[] (of nn_run_options) at the places of this graph's VGG inputs,
 * if it has any. The weights must live as long as runs use them, and be of the
 * graph's width with enough convolutions. */
void nn_vgg_bind(const nn_graph *g, const nn_vgg_weights *weights,
                 const nn_real **inputs);

/* The region [N,H,W,1] and what each block makes of it: block[l].mask says
 * where features of layer l are valid, the region max-pooled l times. */
typedef struct nn_vgg_masks {
  nn_partial_mask block[NN_VGG_LAYERS];
} nn_vgg_masks;
nn_vgg_masks nn_vgg_mask(nn_graph *g, const nn_vgg *vgg, nn_id mask);
/* Features of image [N,S,S,3] in [-1,1] within the region, zero elsewhere:
 * out[l] is [N,S/2^l,S/2^l,C], set up to the deepest layer of the set. */
void nn_vgg_features(nn_graph *g, const nn_vgg *vgg, const nn_vgg_masks *masks,
                     nn_id image, nn_id out[NN_VGG_LAYERS]);

/* (F M)' (F M) / (C sum M) of features [N,H,W,C]: [N,1,C,C]. */
nn_id nn_gram_matrix(nn_graph *g, nn_id features, nn_id mask);

typedef struct nn_style_options {
  bool hsv; /* of hue and saturation maps, not of RGB */
  bool perceptual, gram;
} nn_style_options;
typedef struct nn_style_losses {
  nn_id perceptual, gram; /* scalars, unweighted; NN_NONE if not wanted */
} nn_style_losses;
/* Between two images in the region of `mask`, summed over the layers; formulas
 * in style_loss.c. A sample of an empty mask counts 0. */
nn_style_losses nn_style_loss(nn_graph *g, const nn_vgg *vgg, nn_id pred,
                              nn_id real, nn_id mask,
                              const nn_style_options *options);

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

/* ---- the machine (blas_core.c)
 * ------------------------------------------------------------ */

/* The core OpenBLAS chose ("Zen", "SkylakeX"). */
const char *nn_blas_core(void);
/* Makes OpenBLAS use kernels that suit this CPU where it chose others, or an
 * environment asks for others: the program starts anew with OPENBLAS_CORETYPE
 * set. To be called first in main, with its argv. HARMONIA_BLAS_CORE=keep
 * forbids it; it returns, too, where nothing or nothing better is to be had. */
void nn_blas_fit(char **argv);
/* Whether there is something to say about the kernels in use: that a choice of
 * the environment's was not taken, or that they do not suit this CPU. */
bool nn_blas_advice(char *text, size_t size);
/* What is wrong with this version of OpenBLAS; NULL: nothing known. */
const char *nn_blas_fault(void);
/* The judgement: the core whose kernels suit a CPU with these instructions, or
 * NULL if those of core `name` use just them. `name` may be OPENBLAS_CORETYPE's
 * or OpenBLAS's own. */
const char *nn_blas_better_core(const char *name, bool avx, bool avx2,
                                bool avx512);

#endif
