/* libnn: static computation graphs that differentiate themselves, a planner
 * that gives every value its place in one arena, kernels, networks, losses and
 * optimizers. Knows neither files nor MPI.
 *
 * This header is what a program needs: systems, the layout of their state,
 * plans, runs and Adam. Authors of networks and losses add graph.h, authors of
 * operations operation.h.
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

#include "base/choice.h"
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

typedef struct nn_graph nn_graph; /* graph.h */

/* ---- layout of state (plan/layout.c) ---- */

/* How a state entry starts. */
typedef enum nn_init {
  NN_INIT_NORMAL,
  NN_INIT_CONSTANT,
  NN_INIT_UNIT,    /* a random vector of length 1 */
  NN_INIT_VALUES,  /* those of a table */
  NN_INIT_GAUSSIAN /* a square kernel of a Gaussian, of sum 1 */
} nn_init;

/* Parameters, then buffers, then reported scalars in one vector. Parameters are
 * ordered by the moment their gradient is complete, so that a prefix of results
 * closes early.
 *
 * The results of a run are gradients of `parameters`, then new values of
 * `rest`. Where one graph is all, that is everything but fixed buffers, which
 * lie first among buffers: without such it is a vector of the same offsets.
 * Where a system is trained by several graphs in turn they share the state
 * vector, and the results of each are the parts of it that the graph computes
 * (`rest` of a graph may begin before the reports of an earlier one: those stay
 * zero). Of a plan that hands its gradients over, the results are `rest` alone.
 */
typedef struct nn_entry {
  char name[160];
  nn_shape shape;
  int rank; /* of the public form */
  bool trainable;
  bool fixed;           /* a buffer that no run replaces */
  size_t offset, count; /* in nn_reals */
  nn_init init;
  double init_a, init_b;
  const double *init_values; /* a table that lives as long as the program */
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
/* Learned numbers of the entries whose names begin with `prefix`; "": all. */
size_t nn_layout_parameters(const nn_layout *layout, const char *prefix);
/* Public shape of an entry: returns the rank, fills shape[]. */
int nn_entry_public_shape(const nn_entry *entry, uint64_t shape[4]);
/* Between the state vector and the public (PyTorch) order of one entry. */
void nn_entry_export(const nn_entry *entry, const nn_real *state, nn_real *out);
void nn_entry_import(const nn_entry *entry, const nn_real *in, nn_real *state);
/* Initial state; padding is zero. */
void nn_layout_initialise(const nn_layout *layout, uint64_t seed,
                          nn_real *state);

/* ---- planning and running (plan/plan.c, plan/run.c) ---- */

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
/* Multiply-adds of all convolutions and matrix products of one run, done
 * directly: what solvers save does not count. */
double nn_plan_multiply_adds(const nn_plan *plan);
/* What the planner chose for each convolution: its kernel, why, and its share
 * of the multiply-adds; the arena's size (plan/plan_print.c). */
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

/* ---- systems (system/model.c, system/system.c) ---- */

/* What a graph is for. */
typedef enum nn_purpose {
  NN_FOR_TRAINING, /* losses and gradients */
  NN_FOR_OUTPUT,   /* the generator's output alone, kept as "output" */
  NN_FOR_SCORE     /* codes of an image's parts: see nn_system */
} nn_purpose;

/* Choices, each with the name by which options call it. */
#define NN_NORMS(X)                                                            \
  X(NN_INSTANCE_NORM, "instance")                                              \
  X(NN_BATCH_NORM, "batch")
CHOICE(nn_norm, NN_NORMS);

/* What a generator is like. */
enum {
  NN_DRAWS = 1,      /* where --head is rgb it draws the picture itself */
  NN_HALVES = 2,     /* a head is given features of half of --ngf channels */
  NN_ONE_PIXEL = 4,  /* its innermost norm is of one pixel a sample */
  NN_NO_MAP = 8,     /* its features are of the image, not of pixels */
  NN_BATCH_ONLY = 16 /* has batch norm whatever --norm says */
};
/* Generators, each with the function that makes it (network/networks.h). */
#define NN_GENERATORS(X)                                                       \
  X(NN_GENERATOR_UNET, "unet", nn_generate_unet, NN_DRAWS | NN_HALVES)         \
  X(NN_GENERATOR_UNET3PLUS, "unet3plus", nn_generate_unet3plus, NN_DRAWS)      \
  X(NN_GENERATOR_IDIH, "idih", nn_generate_idih, NN_HALVES | NN_ONE_PIXEL)     \
  X(NN_GENERATOR_ISSAM, "issam", nn_generate_issam, 0)                         \
  X(NN_GENERATOR_MASKPOOL, "maskpool", nn_generate_maskpool,                   \
    NN_ONE_PIXEL | NN_NO_MAP | NN_BATCH_ONLY)
CHOICE(nn_generator, NN_GENERATORS);

/* What makes a picture of a generator's features (network/heads.c). */
#define NN_HEADS(X)                                                            \
  X(NN_HEAD_RGB, "rgb")       /* a picture */                                  \
  X(NN_HEAD_BLEND, "blend")   /* one, and where the composite stays (iDIH) */  \
  X(NN_HEAD_AFFINE, "affine") /* an affine map of colours a pixel (PCT-Net) */ \
  X(NN_HEAD_AFFINE_IMAGE, "affine-image")   /* one an image, in the mask */    \
  X(NN_HEAD_AFFINE_OBJECT, "affine-object") /* about the object's colours */   \
  X(NN_HEAD_CURVES, "curves")               /* tone curves before it, too */
CHOICE(nn_head, NN_HEADS);

/* Between output and real image: the mean, squares over the mask's area, or
 * squares over the composite's. */
#define NN_LOSSES(X)                                                           \
  X(NN_LOSS_L1, "l1")                                                          \
  X(NN_LOSS_FNMSE, "fnmse")                                                    \
  X(NN_LOSS_RELATIVE, "relative")
CHOICE(nn_loss_kind, NN_LOSSES);

/* The discriminator's loss; NN_GAN_NONE: there is no discriminator. */
#define NN_GANS(X)                                                             \
  X(NN_GAN_NONE, "none")                                                       \
  X(NN_GAN_WGANGP, "wgangp") /* a hinge, as DoveNet's code */                  \
  X(NN_GAN_LSGAN, "lsgan")                                                     \
  X(NN_GAN_VANILLA, "vanilla")
CHOICE(nn_gan, NN_GANS);

/* What has a distance in the triplet losses: codes, or their entries. */
#define NN_TRIPLETS(X)                                                         \
  X(NN_TRIPLET_VECTOR, "vector")                                               \
  X(NN_TRIPLET_ENTRIES, "entries")
CHOICE(nn_triplet, NN_TRIPLETS);

/* What VGG16 sees: colours, or hue and saturation maps. */
#define NN_STYLE_SPACES(X)                                                     \
  X(NN_STYLE_RGB, "rgb")                                                       \
  X(NN_STYLE_HSV, "hsv")
CHOICE(nn_style_space, NN_STYLE_SPACES);

/* A system: networks and the losses they are trained by. */
typedef struct nn_model_options {
  int batch, size, ngf;
  int full_size; /* of training: pixels a side of the images and losses, where
                    the generator sees them brought down to `size` and its head
                    changes colours there; 0: all at `size` */
  nn_norm norm;
  double dropout;
  nn_generator generator;
  nn_head head;
  nn_loss_kind loss;     /* between output and real image */
  double min_area;       /* pixels: of fnmse, at least */
  double lambda_sobel;   /* of an affine head's maps; 0: none */
  int cat_channels;      /* of U-Net 3+ */
  bool deep_supervision; /* U-Net 3+: an L1 loss on every stage's result */
  bool blend;            /* the output's background is the composite's */
  bool style_code; /* an encoder E; its code of the background goes to G */
  int nef;         /* E's width */
  nn_gan gan;
  int ndf;
  /* weights of losses, as DoveNet and BargainNet name them */
  double lambda_l1, lambda_gan, lambda_a, lambda_v, lambda_gp, gp_ratio,
      lambda_tri, margin;
  nn_triplet triplet;
  /* losses on VGG16 features of the foreground (network/vgg.c); 0: none */
  double lambda_style, lambda_gram;
  nn_style_space style_space;
  int style_layers; /* bits, see NN_VGG_DEFAULT_LAYERS */
  nn_purpose purpose;
  bool training;   /* training mode of norms and dropout */
  bool feed_alpha; /* input "alpha" [N,1,1,1] in place of random numbers */
} nn_model_options;

/* One step trains a system in phases, each of its own graph and plan. All run
 * on one state vector; a later phase sees what an earlier one has learned. What
 * phases have in common (the generator's forward pass) reads nothing of that.
 *
 * Inputs of every graph, by index: "composite", "mask", "real" (training, or
 * with style_code: the image whose background gives the code), "alpha"; images
 * have full_size pixels a side where there is one.
 * Reports: of phase D: D_fake, D_real, D_global, D_local, D_gp, D; of phase G:
 * G_global, G_local, G_GAN, G_L1, G_fnmse or G_relative, G_sobel, clamped (the
 * share of values that an affine map puts outside [0,1]), tri_ff2, tri_f2b,
 * tri, G, where the system has them. NN_FOR_SCORE keeps "code_background" and
 * "code_foreground" of "composite" and "mask". */
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

/* Samples that a training micro-batch must have at least. */
int nn_model_least_batch(const nn_model_options *options);

/* exp(-0.04212 |f - b|) of two codes (BargainNet): 1 is perfect harmony. */
double nn_harmony_score(const nn_real *background, const nn_real *foreground);

/* Checks the options (STATUS_USAGE, naming them), builds and plans. */
status nn_system_create(const nn_model_options *options,
                        const nn_plan_options *plan, nn_system **out);
void nn_system_destroy(nn_system **system);

/* ---- a network's change on a picture of any size (network/picture.c) ---- */

/* Whether a head says how colours change (affine, affine-image, curves), so
 * that this can be done at another size than the network's. Graphs for output
 * keep what it says as "maps" and, of affine, "blend". */
bool nn_head_changes_pictures(nn_head head);
/* Whether it does so by one change for the whole object (affine-image,
 * affine-object, curves), which depends on a pixel's colour alone. */
bool nn_head_changes_evenly(nn_head head);
typedef struct nn_colour_change {
  nn_head head;
  int size;             /* pixels a side of affine's maps */
  const nn_real *maps;  /* [size,size,12]; of the others one set of numbers */
  const nn_real *blend; /* [size,size]: how far affine's maps are followed */
} nn_colour_change;

/* The numbers of a change (network/change_numbers.c), as maps M x + t of
 * colours x in [0,1], not yet clamped: of an image or object M row by row and
 * t; of curves before these NN_TONE_SLOPES slopes of each channel; of affine
 * those of each pixel, then all of `blend`. 0 numbers of other heads. */
size_t nn_change_number_count(nn_head head, int size);
void nn_change_numbers(const nn_colour_change *change, nn_real *out);
/* What they make of `count` colours [count,3] in [0,1], not clamped; the head
 * changes evenly. */
void nn_change_by_numbers(nn_head head, const nn_real *numbers, size_t count,
                          const nn_real *colours, nn_real *out);

/* Maps are brought to the picture's size as training brings them there:
 * bicubic. What `change` points to must outlive it. STATUS_MEMORY. */
typedef struct nn_picture_change nn_picture_change;
status nn_picture_change_create(const nn_colour_change *change, int width,
                                int height, nn_picture_change **out);
void nn_picture_change_destroy(nn_picture_change **change);
/* Sets `row`, of so many nn_reals, to what the pixels of row y have in common.
 */
size_t nn_picture_change_row_size(const nn_picture_change *change);
void nn_picture_change_row(const nn_picture_change *change, int y,
                           nn_real *row);
/* Pixels [begin, end) of that row: colours [end - begin,3] in [0,1] become
 * `out`, in [0,1], without regard to a mask. Rows may be changed at once by
 * several threads. */
void nn_picture_change_pixels(const nn_picture_change *change,
                              const nn_real *row, int begin, int end,
                              const nn_real *colours, nn_real *out);

/* ---- weights of VGG16 (network/vgg.c) ---- */

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
 * bound at each run like images: one copy serves any number of plans.
 * Sets inputs[] (of nn_run_options) at the places of this graph's VGG inputs,
 * if it has any. The weights must live as long as runs use them, and be of the
 * graph's width with enough convolutions. */
void nn_vgg_bind(const nn_graph *g, const nn_vgg_weights *weights,
                 const nn_real **inputs);

/* ---- optimizer (compute/adam.c) ---- */

typedef struct nn_adam_options {
  double lr, beta1, beta2, eps;
  double weight_decay; /* 0: none */
  uint64_t step;       /* 1 at the first */
} nn_adam_options;

/* Adam (Kingma & Ba 2015, algorithm 1) in one pass over `count` elements:
 * p -= lr/(1-beta1^t) m / (sqrt(v)/sqrt(1-beta2^t) + eps). The gradient used is
 * scale * gradient. Weight decay is AdamW's (Loshchilov & Hutter 2019): before
 * that p is multiplied by 1 - lr * weight_decay. */
void nn_adam(const nn_adam_options *options, size_t count, double scale,
             const nn_real *gradient, nn_real *parameter, nn_real *mean,
             nn_real *variance, int threads);

/* average += (1 - decay) * (values - average). */
void nn_average(double decay, size_t count, const nn_real *values,
                nn_real *average, int threads);

/* How the learning rate goes with the epochs, or with the share of the run that
 * is done. */
#define NN_LR_POLICIES(X)                                                      \
  X(NN_LR_LINEAR, "linear") /* 1 - max(0, epoch+1-constant)/(decay+1) */       \
  X(NN_LR_STEP, "step")     /* a tenth every step_epochs */                    \
  X(NN_LR_CONSTANT, "constant")                                                \
  X(NN_LR_MULTISTEP, "multistep") /* a tenth after each milestone */           \
  X(NN_LR_COSINE, "cosine")       /* (1 + cos(pi progress)) / 2 */
CHOICE(nn_lr_policy, NN_LR_POLICIES);

typedef struct nn_lr_schedule {
  nn_lr_policy policy;
  double constant_epochs, decay_epochs; /* of NN_LR_LINEAR */
  double step_epochs;                   /* of NN_LR_STEP */
  const char *milestones; /* of NN_LR_MULTISTEP: below 1 shares of the run, from
                             1 on epochs, as "0.875,0.958" */
  int64_t warmup_steps;   /* of any: the rate rises over the first of them */
} nn_lr_schedule;

/* When in a run. */
typedef struct nn_lr_moment {
  uint64_t step;   /* steps done */
  double epoch;    /* whole, but for NN_LR_LINEAR */
  double progress; /* the share of the run that is done, 0 to 1 */
} nn_lr_moment;

/* STATUS_USAGE where the milestones are no ascending list. */
status nn_lr_check(const nn_lr_schedule *schedule);
/* Factor on the learning rate. */
double nn_lr_factor(const nn_lr_schedule *schedule, const nn_lr_moment *at);

/* ---- the machine (compute/blas_core.c) ---- */

/* The core OpenBLAS chose ("Zen", "SkylakeX"). */
const char *nn_blas_core(void);
/* "0.3.21" */
void nn_blas_version(char *text, size_t size);
/* The widest instructions of this CPU for which there are kernels: "AVX2". */
const char *nn_cpu_instructions(void);
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
