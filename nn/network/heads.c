/* Heads: what a trunk's features say about colours, and the colours they make
 * of a composite c. Networks see n = (v - mean)/std of ImageNet, v in [0,1].
 *
 *   rgb           the picture itself, in units of n
 *   blend         a c + (1 - a) rgb, a = sigmoid(3 conv1x1): 1 keeps c (iDIH)
 *   affine        a y + (1 - a) c, y = clamp(M n + b, 0, 1) with twelve numbers
 *                 M, b a pixel (PCT-Net); here a of 1 changes
 *   affine-image  the same with twelve numbers an image, made of the code of
 *                 all of it, and the mask in the place of a
 *   affine-object likewise y = v + D (n - mean)/deviation + d of the object's
 *                 mean and deviation: where its mean and its axes go are
 *                 numbers of their own, of one scale
 *   curves        likewise clamp(M t + b, 0, 1) of tone curves t = t(v), whose
 *                 slopes softplus keeps from falling
 *
 * Names are those of iDIH's and PCT-Net's state_dict. Affine heads start at the
 * identity but for small numbers, hence training at the composite; a file's own
 * values replace these. */
#include <math.h>

#include "nn/network/trunks.h"
#include "nn/operations/colour.h"

enum { THETA = NN_AFFINE, SLOPES = NN_TONES, CURVES = SLOPES + THETA };

/* ---- ImageNet's units; constants are rounded as PyTorch's tensors are ---- */

#define MEAN_R ((double)0.485f)
#define MEAN_G ((double)0.456f)
#define MEAN_B ((double)0.406f)
#define STD_R ((double)0.229f)
#define STD_G ((double)0.224f)
#define STD_B ((double)0.225f)
#define DIAGONAL(r, g, b) r, 0, 0, 0, g, 0, 0, 0, b

static const double to_normalised[THETA] = {
    DIAGONAL(0.5 / STD_R, 0.5 / STD_G, 0.5 / STD_B), (0.5 - MEAN_R) / STD_R,
    (0.5 - MEAN_G) / STD_G, (0.5 - MEAN_B) / STD_B};
static const double from_normalised[THETA] = {
    DIAGONAL(2 * STD_R, 2 * STD_G, 2 * STD_B), 2 * MEAN_R - 1, 2 * MEAN_G - 1,
    2 * MEAN_B - 1};
/* from n to v */
static const double identity[THETA] = {DIAGONAL(STD_R, STD_G, STD_B), MEAN_R,
                                       MEAN_G, MEAN_B};

/* softplus of it is 1 */
#define ONE 0.54132485461291806
#define EIGHT ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE
_Static_assert(NN_TONE_SLOPES == 8, "the table has eight slopes a channel");
static const double identity_curves[CURVES] = {EIGHT, EIGHT, EIGHT,
                                               DIAGONAL(1, 1, 1)};

const double nn_imagenet_mean[3] = {MEAN_R, MEAN_G, MEAN_B};
const double nn_imagenet_std[3] = {STD_R, STD_G, STD_B};
const double nn_imagenet_scale[3] = {0.5 / STD_R, 0.5 / STD_G, 0.5 / STD_B};

static nn_id map_colours(nn_graph *g, const double theta[THETA], nn_id image) {
  return nn_affine_colour(g, nn_table(g, theta, THETA), image);
}

nn_scene nn_scene_of(nn_graph *g, nn_id composite, nn_id mask) {
  return (nn_scene){.composite = composite,
                    .normalised = map_colours(g, to_normalised, composite),
                    .mask = mask};
}

/* ---- predicting ---- */

typedef struct predictor {
  nn_graph *g;
  const nn_head_options *options;
  nn_layers layers;
} predictor;

static nn_id bias_of(const predictor *p, const char *name, int channels,
                     const double *start) {
  char text[256];
  if (start == NULL) return nn_layer_bias(&p->layers, name, channels);
  snprintf(text, sizeof text, "%s%.200s.bias", p->options->prefix, name);
  return nn_parameter_table(p->g, text, NN_SHAPE(1, 1, 1, channels), 1, start);
}

/* Weights and biases of a 1x1 convolution; `start`: of its results, to begin
 * with, or NULL. */
typedef struct pointwise {
  nn_id weight, bias;
} pointwise;

static pointwise pointwise_of(const predictor *p, const char *name, int in,
                              int out, const double *start) {
  nn_shape s = NN_SHAPE(1, 1, in, out);
  nn_layers small = p->layers;
  small.deviation = 0.01 / sqrt(in);
  nn_id w = start != NULL
                ? nn_layer_weight(&small, name, s)
                : nn_trunk_weight(&p->layers, name, s, p->options->magnitude);
  return (pointwise){w, bias_of(p, name, out, start)};
}

/* Both in one pass over the features: a's channels, then the single one of b.
 */
static nn_id predict_both(const predictor *p, nn_id x, pointwise a,
                          pointwise b) {
  nn_graph *g = p->g;
  nn_id y = nn_conv(g, x, nn_concat(g, a.weight, b.weight), 1, 0);
  return nn_add(g, y, nn_concat(g, a.bias, b.bias));
}

static nn_id predict(const predictor *p, nn_id x, pointwise a) {
  return nn_add(p->g, nn_conv(p->g, x, a.weight, 1, 0), a.bias);
}

static nn_colour_maps maps_and_blend(const predictor *p, nn_id x,
                                     const char *name, int channels,
                                     const double *start) {
  nn_graph *g = p->g;
  int in = nn_shape_of(g, x).c;
  pointwise maps = pointwise_of(p, name, in, channels, start);
  pointwise blend = pointwise_of(p, "decoder.conv_attention", in, 1, NULL);
  nn_id all = predict_both(p, x, maps, blend);
  nn_id z = nn_affine(g, nn_slice(g, all, channels, 1), 3, 0);
  return (nn_colour_maps){.head = p->options->head,
                          .values = nn_slice(g, all, 0, channels),
                          .blend = nn_sigmoid(g, z)};
}

bool nn_head_reads_map(nn_head head) {
  return head != NN_HEAD_AFFINE_IMAGE && head != NN_HEAD_AFFINE_OBJECT &&
         head != NN_HEAD_CURVES;
}

static nn_id of_code(const predictor *p, nn_id code, int channels,
                     const double *start) {
  int in = nn_shape_of(p->g, code).c;
  return predict(p, code, pointwise_of(p, "get_params", in, channels, start));
}

/* The slopes, which softplus keeps from falling, then the affine map. */
static nn_id curves_of_code(const predictor *p, nn_id code) {
  nn_graph *g = p->g;
  nn_id all = of_code(p, code, CURVES, identity_curves);
  nn_id slopes = nn_softplus(g, nn_slice(g, all, 0, SLOPES));
  return nn_concat(g, slopes, nn_slice(g, all, SLOPES, THETA));
}

/* The numbers about the object's colours as those of affine-image: with
 * L = D/deviation they are diag(std) + L and MEAN + d - L mean. */
static nn_id about_object(const predictor *p, nn_id code,
                          const nn_scene *scene) {
  static const double none[THETA] = {0};
  nn_graph *g = p->g;
  nn_moments object = nn_region_moments(g, scene->normalised, scene->mask);
  nn_shape colour = NN_SHAPE(nn_shape_of(g, code).n, 1, 1, NN_COLOURS);
  nn_id mean = nn_reshape(g, object.mean, colour);
  nn_id deviation = nn_reshape(g, object.deviation, colour);
  nn_id all = of_code(p, code, THETA, none);
  nn_id each = nn_concat(g, nn_concat(g, deviation, deviation), deviation);
  nn_id linear = nn_div(g, nn_slice(g, all, 0, NN_AFFINE_MATRIX), each);
  nn_id shift = nn_slice(g, all, NN_AFFINE_MATRIX, NN_COLOURS);
  nn_id offset = nn_affine_colour(g, nn_concat(g, linear, shift),
                                  nn_affine(g, mean, -1, 0));
  return nn_add(g, nn_concat(g, linear, offset), nn_table(g, identity, THETA));
}

nn_colour_maps nn_head_maps(nn_graph *g, nn_features features,
                            const nn_scene *scene,
                            const nn_head_options *options) {
  predictor p = {.g = g,
                 .options = options,
                 .layers = {.g = g, .prefix = options->prefix}};
  nn_colour_maps maps = {.head = options->head, .blend = NN_NONE};
  nn_id map = features.map;
  int in = map != NN_NONE ? nn_shape_of(g, map).c : 0;
  switch (options->head) {
  case NN_HEAD_RGB:
    maps.values =
        predict(&p, map, pointwise_of(&p, "decoder.to_rgb", in, 3, NULL));
    break;
  case NN_HEAD_BLEND: return maps_and_blend(&p, map, "decoder.to_rgb", 3, NULL);
  case NN_HEAD_AFFINE:
    if (options->unused_rgb) pointwise_of(&p, "decoder.to_rgb", in, 3, NULL);
    return maps_and_blend(&p, map, "get_params", THETA, identity);
  case NN_HEAD_AFFINE_IMAGE:
    maps.values = of_code(&p, features.code, THETA, identity);
    break;
  case NN_HEAD_AFFINE_OBJECT:
    maps.values = about_object(&p, features.code, scene);
    break;
  case NN_HEAD_CURVES: maps.values = curves_of_code(&p, features.code); break;
  }
  return maps;
}

/* ---- applying ---- */

/* A map at the picture's size. */
static nn_id at_size(nn_graph *g, nn_id map, nn_id picture) {
  nn_shape s = nn_shape_of(g, map), wanted = nn_shape_of(g, picture);
  if (s.h == wanted.h && s.w == wanted.w) return map;
  return nn_upsample_bicubic(g, map, wanted.h, wanted.w);
}

/* a + weight (b - a) */
static nn_id between(nn_graph *g, nn_id a, nn_id b, nn_id weight) {
  return nn_add(g, a, nn_mul(g, nn_sub(g, b, a), weight));
}

/* c, changed by an affine map of `seen` as far as the weight says. */
static nn_colours change(nn_graph *g, nn_id theta, nn_id seen, nn_id weight,
                         nn_id c) {
  nn_id raw = nn_affine_colour(g, theta, seen);
  nn_id y = nn_affine(g, nn_clamp(g, raw, 0, 1), 2, -1);
  return (nn_colours){.output = between(g, c, y, weight), .unclamped = raw};
}

static nn_colours curve_and_change(nn_graph *g, nn_id values,
                                   const nn_scene *scene) {
  nn_id unit = nn_affine(g, scene->composite, 0.5, 0.5);
  nn_id toned = nn_tone_curve(g, nn_slice(g, values, 0, SLOPES), unit);
  return change(g, nn_slice(g, values, SLOPES, THETA), toned, scene->mask,
                scene->composite);
}

nn_colours nn_head_apply(nn_graph *g, const nn_colour_maps *maps,
                         const nn_scene *scene) {
  nn_id c = scene->composite, values = maps->values;
  if (maps->head == NN_HEAD_CURVES) return curve_and_change(g, values, scene);
  if (!nn_head_reads_map(maps->head))
    return change(g, values, scene->normalised, scene->mask, c);
  values = at_size(g, values, c);
  if (maps->head == NN_HEAD_AFFINE)
    return change(g, values, scene->normalised, at_size(g, maps->blend, c), c);
  nn_id rgb = map_colours(g, from_normalised, values);
  if (maps->head == NN_HEAD_BLEND)
    rgb = between(g, rgb, c, at_size(g, maps->blend, c));
  return (nn_colours){.output = rgb, .unclamped = NN_NONE};
}
