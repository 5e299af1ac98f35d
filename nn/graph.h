/* What an author of networks and losses needs: graphs, their differentiation,
 * operations and what is composed of them, and the networks there are.
 *
 * A graph is nodes of fixed shapes, in the order of their creation. Values are
 * those of nn.h. Building cannot fail but for memory, which ends the program:
 * shapes that do not fit are bugs (INVARIANT). */
#ifndef HARMONIA_NN_GRAPH_H
#define HARMONIA_NN_GRAPH_H

#include "nn/nn.h"

/* ---- building a graph (graph/graph.c) ---- */

typedef int32_t nn_id; /* a node of a graph */
enum { NN_NONE = -1 };

status nn_graph_create(nn_graph **out);
void nn_graph_destroy(nn_graph **graph);
nn_shape nn_shape_of(const nn_graph *graph, nn_id id);
int nn_node_count(const nn_graph *graph);

/* An input, bound at each run by its index (0, 1, ... in order of creation). */
nn_id nn_input(nn_graph *graph, const char *name, nn_shape shape);
int nn_input_index(const nn_graph *graph, const char *name);

/* A parameter: learned. `name` is its PyTorch state_dict key with the network
 * in front ("G/model.model.0.weight"). NORMAL: mean a, deviation b; CONSTANT:
 * a; GAUSSIAN: deviation a. `rank` is that of its public form: 4 (weights), 2
 * (those of dense layers, [1,1,in,out] here), 1 (vectors), 0 (scalars). */
nn_id nn_parameter(nn_graph *graph, const char *name, nn_shape shape, int rank,
                   nn_init init, double a, double b);
/* A buffer: state that a forward pass may replace (running statistics). */
nn_id nn_buffer(nn_graph *graph, const char *name, nn_shape shape, int rank,
                nn_init init, double a, double b);
/* A parameter that starts with these values, and a buffer that stays as it
 * starts, or is loaded. */
nn_id nn_parameter_table(nn_graph *graph, const char *name, nn_shape shape,
                         int rank, const double *values);
nn_id nn_fixed_buffer(nn_graph *graph, const char *name, nn_shape shape,
                      int rank, nn_init init, double a, double b);
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

/* ---- differentiation (graph/grad.c) ---- */

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

/* ---- operations: each is a row of the table ---- */

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
nn_id nn_elu(nn_graph *g, nn_id x);      /* x, below 0 exp(x) - 1 */
nn_id nn_softplus(nn_graph *g, nn_id x); /* log(1 + exp(x)) */
nn_id nn_sqrt(nn_graph *g, nn_id x);
nn_id nn_abs(nn_graph *g, nn_id x);
nn_id nn_clamp_min(nn_graph *g, nn_id x, double low); /* gradient at equality */
nn_id nn_clamp(nn_graph *g, nn_id x, double low, double high); /* likewise */
nn_id nn_stop_gradient(nn_graph *g, nn_id x);
nn_id nn_fill(nn_graph *g, nn_shape shape, double value);
/* [1,1,1,count]; the values live as long as the program. */
nn_id nn_table(nn_graph *g, const double *values, int count);

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
/* The maximum over H,W, the gradient goes to the first: [N,1,1,C]. */
nn_id nn_global_max(nn_graph *g, nn_id x);
nn_id nn_upsample_bilinear(nn_graph *g, nn_id x, int factor,
                           bool align_corners);
/* The same to any size; and bicubic (a = -0.75, pixels by their centres, border
 * repeated), as PyTorch's interpolate without antialiasing. */
nn_id nn_resize_bilinear(nn_graph *g, nn_id x, int height, int width,
                         bool align_corners);
nn_id nn_upsample_bicubic(nn_graph *g, nn_id x, int height, int width);

/* M x + b of x [N,H,W,3]; theta is M row by row, then b: [N,H,W,12], or
 * [N,1,1,12] or [1,1,1,12] for what shares it. */
nn_id nn_affine_colour(nn_graph *g, nn_id theta, nn_id x);
/* A curve of each channel of x [N,H,W,3], linear in NN_TONE_SLOPES equal parts
 * of [0,1] and level outside; theta has the slopes, of the first channel first,
 * for each pixel, sample, or all, as above. */
enum { NN_TONE_SLOPES = 8 };
nn_id nn_tone_curve(nn_graph *g, nn_id theta, nn_id x);
/* Sobel's derivatives over 8, border repeated: [N,H,W,2C], first along the
 * rows, then along the columns. */
nn_id nn_sobel(nn_graph *g, nn_id x);

/* 0 with probability p, else 1/(1-p); drawn anew at each run from (seed,
 * sample, layer), see nn_run_options. */
nn_id nn_dropout_mask(nn_graph *g, nn_shape shape, double p, int layer);

/* Of a mask [N,H,W,1], without gradient (operations/regions.c): object,
 * background, the border's inner and outer side, [N,H,W,NN_REGIONS]; and means
 * of 2x2 pixels. */
enum { NN_REGIONS = 4 };
nn_id nn_mask_regions(nn_graph *g, nn_id mask);
nn_id nn_mask_halve(nn_graph *g, nn_id mask);

/* One number a sample, [samples,1,1,1], uniform in [0,1), drawn anew at each
 * run from (seed, sample): the gradient penalty's alpha. */
nn_id nn_uniform(nn_graph *g, int samples);

/* ---- compositions (graph/composed.c, network/loss.c) ---- */

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

/* ---- the attention U-Net (network/unet.c) ---- */

/* Of a network whose colours a head makes (network/heads.c): `map` [N,S,S,C] of
 * every pixel, `code` [N,1,1,C'] of all the image. NN_NONE: not made. */
typedef struct nn_features {
  nn_id map, code;
} nn_features;

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
/* Up to the last norm, for a head: the map has half of ngf channels, the code
 * is the innermost pixel. code_alone: no decoder is made. */
nn_features nn_unet_features(nn_graph *g, nn_id x,
                             const nn_unet_options *options, bool code_alone);

/* ---- U-Net 3+ (network/unet3plus.c) ---- */

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
/* For a head: the last decoder stage, and the average of the last encoder
 * stage. code_alone: no decoder is made. */
nn_features nn_unet3plus_features(nn_graph *g, nn_id x,
                                  const nn_unet3plus_options *options,
                                  bool code_alone);

/* ---- trunks that give features (network/idih.c), heads that make colours of
 * them (network/heads.c) ---- */

typedef struct nn_trunk_options {
  int width; /* channels of the first block */
  nn_norm norm;
  bool training;      /* batch statistics; else evaluation */
  double magnitude;   /* of initial weights: trunks.h; iDIH 2, iSSAM 1 */
  bool code_alone;    /* the head wants no map */
  const char *prefix; /* of names: "G/" */
} nn_trunk_options;

/* iDIH: x [N,S,S,Ci], S a power of two from 16 up; the map has half the width.
 * With batch norm samples of a batch are each other's statistics of the
 * innermost pixel: there have to be several. */
nn_features nn_idih(nn_graph *g, nn_id x, const nn_trunk_options *options);

/* iSSAM: four sizes, S a multiple of 8; the map has `width` channels. */
nn_features nn_issam(nn_graph *g, nn_id x, nn_id mask,
                     const nn_trunk_options *options);

/* Whether a head reads features of every pixel, or the code alone. */
bool nn_head_reads_map(nn_head head);

typedef struct nn_head_options {
  nn_head head;
  double magnitude;   /* of initial weights, as the trunk's */
  bool unused_rgb;    /* PCT-Net's file has a picture's weights as well */
  const char *prefix; /* of names: "G/" */
} nn_head_options;

/* A composite [N,H,W,3] in [-1,1], the same in ImageNet's units, as trunks see
 * it, and its mask [N,H,W,1]. */
typedef struct nn_scene {
  nn_id composite, normalised, mask;
} nn_scene;
nn_scene nn_scene_of(nn_graph *g, nn_id composite, nn_id mask);

/* What a head says of the colours of the scene that the trunk saw, at its size.
 */
typedef struct nn_colour_maps {
  nn_head head;
  nn_id values; /* colours [N,S,S,3], or numbers of a pixel or sample */
  nn_id blend;  /* [N,S,S,1] in (0,1), or NN_NONE */
} nn_colour_maps;
nn_colour_maps nn_head_maps(nn_graph *g, nn_features features,
                            const nn_scene *scene,
                            const nn_head_options *options);

/* Maps on a scene of any size, to which they are brought (bicubic). */
typedef struct nn_colours {
  nn_id output;    /* [N,H,W,3] in [-1,1]'s units */
  nn_id unclamped; /* of affine maps, in [0,1]'s units; or NN_NONE */
} nn_colours;
nn_colours nn_head_apply(nn_graph *g, const nn_colour_maps *maps,
                         const nn_scene *scene);

/* Scales of [-1,1]'s differences to those of ImageNet's units. */
extern const double nn_imagenet_scale[3];
/* Those units: (v - mean) / std of v in [0,1]. */
extern const double nn_imagenet_mean[3], nn_imagenet_std[3];

/* Mean over samples of sum (a - b)^2 / (3 max(sum of the mask, min_area)), the
 * difference of channel c times scale[c]: [N,H,W,3], mask [N,H,W,1]. */
nn_id nn_loss_fnmse(nn_graph *g, nn_id a, nn_id b, nn_id mask, double min_area,
                    const double scale[3]);
/* Mean over samples of sum (a - b)^2 / (sum (composite - b)^2 + 3 least max(sum
 * of the mask, 1)): an error over the composite's, to which `least` of a pixel
 * is added. Each sample counts alike, however far its composite is from b, and
 * where that is near it pays to change little. */
nn_id nn_loss_relative(nn_graph *g, nn_id a, nn_id b, nn_id composite,
                       nn_id mask, double least);
/* Mean of sqrt(gx^2 + gy^2 + 1e-6), Sobel's derivatives of the maps. */
nn_id nn_loss_sobel(nn_graph *g, nn_id maps);

/* ---- hue and saturation, products (hsv.c, trig.c, matmul.c) ---- */

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

/* ---- features of a region, and losses on them (vgg.c, style_loss.c) ---- */

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

/* VGG16 in a graph: its weights are inputs (nn_vgg_bind). */
typedef struct nn_vgg {
  int width;
  unsigned layers;
  nn_id scale, shift, weight[NN_VGG_CONVS], bias[NN_VGG_CONVS];
} nn_vgg;
/* Once a graph. */
nn_vgg nn_vgg_inputs(nn_graph *g, int width, unsigned layers);

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

#endif
