/* Systems: a generator, what advises it, and the losses all are trained by.
 *
 * DoveNet: phase D trains the discriminator on the generator's output, then
 * phase G the generator against the updated discriminator; both begin with the
 * same forward pass of the generator. BargainNet: one phase trains generator
 * and encoder. Any mix of them is a system as well. */
#include "nn/system/model.h"

#include <string.h>

#include "nn/network/networks.h"

static bool has_gan(const nn_model_options *o) { return o->gan != NN_GAN_NONE; }

static bool is_power_of_two(int size) { return (size & (size - 1)) == 0; }

#define ROW(generator, name, function, traits) [generator] = {function, traits},
static const struct generator {
  nn_generated (*make)(const nn_generator_input *);
  unsigned traits;
} generators[] = {NN_GENERATORS(ROW)};
#undef ROW

static bool is(const nn_model_options *o, unsigned trait) {
  return (generators[o->generator].traits & trait) != 0;
}

/* Whether a head makes the picture. */
static bool has_head(const nn_model_options *o) {
  return o->head != NN_HEAD_RGB || !is(o, NN_DRAWS);
}

int nn_model_least_batch(const nn_model_options *o) {
  bool batch_norm = o->norm == NN_BATCH_NORM || is(o, NN_BATCH_ONLY);
  return batch_norm && is(o, NN_ONE_PIXEL) ? 2 : 1;
}

static status check_head(const nn_model_options *o) {
  const char *head = CHOICES(NN_HEADS)[o->head];
  if (o->deep_supervision && o->head != NN_HEAD_RGB)
    return status_error(STATUS_USAGE,
                        "option --deep-supervision: only --head rgb has a "
                        "result of every stage, --head %s has one",
                        head);
  if (is(o, NN_NO_MAP) && nn_head_reads_map(o->head))
    return status_error(STATUS_USAGE,
                        "option --head: %s wants features of every pixel, and "
                        "--generator %s has those of the image; expected "
                        "--head affine-image, affine-object or curves",
                        head, CHOICES(NN_GENERATORS)[o->generator]);
  if (o->lambda_sobel > 0 && o->head != NN_HEAD_AFFINE)
    return status_error(STATUS_USAGE,
                        "option --lambda-sobel: --head %s has no maps of "
                        "affine transforms that it could smooth; expected "
                        "--head affine",
                        head);
  return STATUS_OK;
}

/* Of training at another size than the generator's. */
static status check_full_size(const nn_model_options *o) {
  if (o->full_size == 0) return STATUS_OK;
  if (!nn_head_changes_pictures(o->head))
    return status_error(STATUS_USAGE,
                        "option --full-res: --head %s draws a picture of the "
                        "network's size; expected --head affine, affine-image "
                        "or curves, which change colours at any",
                        CHOICES(NN_HEADS)[o->head]);
  if (o->full_size <= o->size)
    return status_error(STATUS_USAGE,
                        "option --full-res: the images have %d pixels a side, "
                        "no more than the network (--size %d); expected a data "
                        "set of larger ones (pack --size), or a smaller --size",
                        o->full_size, o->size);
  if (has_gan(o) && !is_power_of_two(o->full_size))
    return status_error(STATUS_USAGE,
                        "option --gan: images of %d pixels a side: the "
                        "discriminator wants a power of two",
                        o->full_size);
  return STATUS_OK;
}

static status check_widths(const nn_model_options *o) {
  if (is(o, NN_HALVES) && has_head(o) && o->ngf % 2 != 0)
    return status_error(STATUS_USAGE,
                        "option --ngf: %d is not a multiple of 2 (the head is "
                        "given half as many channels)",
                        o->ngf);
  if (o->purpose == NN_FOR_TRAINING && o->batch < nn_model_least_batch(o))
    return status_error(STATUS_USAGE,
                        "option --micro-batch: %d is less than the 2 samples "
                        "that batch norm needs where the innermost block has "
                        "one pixel a sample; or --norm instance, of iDIH",
                        o->batch);
  return STATUS_OK;
}

status nn_model_check(const nn_model_options *o) {
  if (o->size < 64 || o->size > 4096 || !is_power_of_two(o->size))
    return status_error(STATUS_USAGE,
                        "option --size: %d is not a power of two from 64 up "
                        "(the U-Net halves an image to one pixel)",
                        o->size);
  if (o->ngf < 1 || o->batch < 1)
    return status_error(STATUS_USAGE, "option --%s must be at least 1",
                        o->ngf < 1 ? "ngf" : "micro-batch");
  if (!(o->dropout >= 0 && o->dropout < 1))
    return status_error(STATUS_USAGE, "option --dropout: %g is not in [0, 1)",
                        o->dropout);
  TRY(check_head(o));
  TRY(check_full_size(o));
  TRY(check_widths(o));
  if (o->cat_channels < 1)
    return status_error(STATUS_USAGE,
                        "option --cat-channels must be at least 1");
  if (o->style_layers < 1 || o->style_layers >> NN_VGG_LAYERS != 0)
    return status_error(STATUS_USAGE,
                        "option --style-layers: %d is not a set of 1, 2, 4, 8 "
                        "and 16",
                        o->style_layers);
  if (has_gan(o) && o->ndf < 1)
    return status_error(STATUS_USAGE, "option --ndf must be at least 1");
  bool encoder = o->style_code || o->lambda_tri > 0;
  if (encoder && o->nef < 1)
    return status_error(STATUS_USAGE, "option --nef must be at least 1");
  if (o->purpose == NN_FOR_SCORE && !encoder)
    return status_error(STATUS_MISFIT, "the system has no code extractor");
  return STATUS_OK;
}

const char *nn_model_phases(const nn_model_options *o) {
  return o->purpose == NN_FOR_TRAINING && has_gan(o) ? "DG" : "G";
}

/* ---- networks ---- */

typedef struct model {
  nn_graph *g;
  const nn_model_options *o;
  nn_id composite, mask, real, alpha;
} model;

static nn_layers layers_of(const model *m, const char *prefix) {
  return (nn_layers){.g = m->g,
                     .prefix = prefix,
                     .norm = m->o->norm,
                     .training = m->o->training,
                     .deviation = 0.02};
}

static nn_id background_of(const model *m) {
  return nn_affine(m->g, m->mask, -1, 1);
}

static nn_id code_of(const model *m, nn_id image, nn_id mask) {
  nn_layers layers = layers_of(m, "E/");
  return nn_encoder(&layers, image, mask, m->o->nef);
}

/* The code times the learned scale, on every pixel. */
static nn_id style_map(const model *m, nn_id code) {
  nn_id scale =
      nn_parameter(m->g, "G/weight", NN_SCALAR, 1, NN_INIT_CONSTANT, 0.1, 0);
  nn_id scaled = nn_mul(m->g, code, nn_clamp_min(m->g, scale, 0.001));
  return nn_broadcast_to(
      m->g, scaled,
      NN_SHAPE(m->o->batch, m->o->size, m->o->size, NN_CODE_CHANNELS));
}

/* What the generator gives, and the code it was given. */
typedef struct outputs {
  nn_id image[NN_MAX_IMAGES]; /* the first is the system's output */
  int count;
  nn_id code; /* of the background; NN_NONE if the generator does without */
  nn_id maps, blend, unclamped; /* of a head that changes colours; or NN_NONE */
} outputs;

/* The images as the generator sees them: brought down as by PCT-Net's trainer
 * (OpenCV's bilinear, of two pixels a side). */
static model bring_down(const model *m) {
  int size = m->o->size;
  model small = *m;
  if (m->o->full_size == 0) return small;
  small.composite = nn_resize_bilinear(m->g, m->composite, size, size, false);
  small.mask = nn_resize_bilinear(m->g, m->mask, size, size, false);
  small.real = nn_resize_bilinear(m->g, m->real, size, size, false);
  return small;
}

/* composite + mask (output - composite) */
static nn_id blend(const model *m, nn_id output) {
  if (!m->o->blend) return output;
  nn_id change = nn_sub(m->g, output, m->composite);
  return nn_add(m->g, m->composite, nn_mul(m->g, change, m->mask));
}

/* The picture that the head makes of the generator's features, at the images'
 * size. */
static void add_head(const model *m, const nn_generator_input *input,
                     nn_generated *made, outputs *all) {
  if (!has_head(m->o)) return;
  INVARIANT(made->count == 0, "a generator that gives no features");
  nn_head_options how = {.head = m->o->head,
                         .magnitude = nn_trunk_magnitude(m->o),
                         .unused_rgb = m->o->generator == NN_GENERATOR_ISSAM,
                         .prefix = input->layers.prefix};
  nn_colour_maps maps = nn_head_maps(m->g, made->features, &input->scene, &how);
  nn_scene scene = input->scene;
  if (m->o->full_size > 0) scene = nn_scene_of(m->g, m->composite, m->mask);
  nn_colours colours = nn_head_apply(m->g, &maps, &scene);
  made->image[made->count++] = colours.output;
  all->maps = maps.values;
  all->blend = maps.blend;
  all->unclamped = colours.unclamped;
}

static outputs generate(const model *m) {
  model seen = bring_down(m);
  nn_id x = nn_concat(m->g, seen.composite, seen.mask), code = NN_NONE;
  nn_id more = NN_NONE;
  if (m->o->style_code) {
    code = code_of(m, seen.real, background_of(&seen));
    more = style_map(m, code);
    x = nn_concat(m->g, x, more);
  }
  nn_generator_input input = {
      .options = m->o, .layers = layers_of(m, "G/"), .x = x, .more = more};
  if (has_head(m->o))
    input.scene = nn_scene_of(m->g, seen.composite, seen.mask);
  nn_generated made = generators[m->o->generator].make(&input);
  outputs all = {
      .code = code, .maps = NN_NONE, .blend = NN_NONE, .unclamped = NN_NONE};
  add_head(m, &input, &made, &all);
  all.count = made.count;
  for (int i = 0; i < made.count; i++) all.image[i] = blend(m, made.image[i]);
  return all;
}

static void judge(const model *m, const nn_id *images, int count,
                  nn_scores *scores) {
  nn_layers layers = layers_of(m, "D/");
  nn_discriminator(&layers, images, count, m->mask, m->o->ndf, scores);
}

/* ---- losses ---- */

static nn_id report(const model *m, const char *name, nn_id loss) {
  nn_report(m->g, name, loss);
  return loss;
}

/* The discriminator's loss on scores of real or fake images. */
static nn_id verdict(const model *m, nn_id score, bool real) {
  switch (m->o->gan) {
  case NN_GAN_LSGAN: return nn_loss_lsgan(m->g, score, real);
  case NN_GAN_VANILLA: return nn_loss_bce(m->g, score, real);
  default: return nn_loss_hinge(m->g, score, real);
  }
}

/* The generator's: no hinge. */
static nn_id persuasion(const model *m, nn_id score) {
  if (m->o->gan == NN_GAN_WGANGP)
    return nn_affine(m->g, nn_mean(m->g, score), -1, 0);
  return verdict(m, score, true);
}

static nn_id penalty(const model *m, nn_id fake) {
  const nn_model_options *o = m->o;
  nn_layers layers = layers_of(m, "D/");
  nn_id alpha = m->alpha;
  if (alpha == NN_NONE) alpha = nn_uniform(m->g, o->batch);
  return nn_gradient_penalty(&layers, m->real, fake, m->mask, alpha, o->ndf,
                             o->lambda_gp);
}

static void train_discriminator(const model *m, nn_id output) {
  nn_graph *g = m->g;
  const nn_model_options *o = m->o;
  nn_id fake = nn_stop_gradient(g, output);
  nn_scores on[2];
  judge(m, (nn_id[]){fake, m->real}, 2, on);
  nn_id fake_global = verdict(m, on[0].global, false);
  nn_id fake_local = verdict(m, on[0].local, false);
  nn_id real_global = verdict(m, on[1].global, true);
  nn_id real_local = verdict(m, on[1].local, true);
  nn_id of_fake = report(m, "D_fake", nn_add(g, fake_global, fake_local));
  nn_id of_real = report(m, "D_real", nn_add(g, real_global, real_local));
  report(m, "D_global", nn_add(g, fake_global, real_global));
  report(m, "D_local", nn_add(g, fake_local, real_local));
  nn_id loss = nn_add(g, of_fake, of_real);
  nn_minimise(g, loss, "D/");
  if (o->lambda_gp * o->gp_ratio > 0) {
    nn_id gp = report(m, "D_gp", penalty(m, fake));
    nn_minimise(g, nn_affine(g, gp, o->gp_ratio, 0), "D/");
    loss = nn_axpby(g, 1, loss, o->gp_ratio, gp);
  }
  report(m, "D", loss);
}

static nn_id adversarial_loss(const model *m, nn_id output) {
  nn_graph *g = m->g;
  nn_scores scores, unused;
  judge(m, &output, 1, &scores);
  /* moves spectral norms and statistics on, as published */
  judge(m, &m->real, 1, &unused);
  nn_id global = report(m, "G_global", persuasion(m, scores.global));
  nn_id local = report(m, "G_local", persuasion(m, scores.local));
  nn_id sum = nn_axpby(g, m->o->lambda_a, global, m->o->lambda_v, local);
  return report(m, "G_GAN", nn_affine(g, sum, m->o->lambda_gan, 0));
}

static nn_id triplet(const model *m, nn_id anchor, nn_id positive,
                     nn_id negative) {
  if (m->o->triplet == NN_TRIPLET_ENTRIES)
    return nn_loss_triplet_entries(m->g, anchor, positive, negative,
                                   m->o->margin);
  return nn_loss_triplet(m->g, anchor, positive, negative, m->o->margin);
}

/* Codes are taken in the published order, which running statistics depend
 * on. */
static nn_id triplet_losses(const model *m, const outputs *all) {
  nn_graph *g = m->g;
  nn_id background = all->code;
  if (background == NN_NONE) background = code_of(m, m->real, background_of(m));
  nn_id real = code_of(m, m->real, m->mask);
  nn_id harmonised = code_of(m, all->image[0], m->mask);
  nn_id composite = code_of(m, m->composite, m->mask);
  nn_id ff2 = report(m, "tri_ff2", triplet(m, real, harmonised, composite));
  nn_id f2b =
      report(m, "tri_f2b", triplet(m, harmonised, background, composite));
  return report(m, "tri",
                nn_affine(g, nn_add(g, ff2, f2b), m->o->lambda_tri, 0));
}

/* A mean squared error of 50, of 255 levels, in [-1,1]'s units: composites of
 * less are hardly seen to be wrong. */
#define LEAST_ERROR (50 * 4 / (255.0 * 255.0))

static nn_id difference(const model *m, nn_id image) {
  switch (m->o->loss) {
  case NN_LOSS_FNMSE:
    return nn_loss_fnmse(m->g, image, m->real, m->mask, m->o->min_area,
                         nn_imagenet_scale);
  case NN_LOSS_RELATIVE:
    return nn_loss_relative(m->g, image, m->real, m->composite, m->mask,
                            LEAST_ERROR);
  default: return nn_loss_l1(m->g, image, m->real);
  }
}

/* Between output and real image; with deep supervision of every stage's
 * result. */
static nn_id reconstruction(const model *m, const outputs *all) {
  nn_id sum = difference(m, all->image[0]);
  for (int i = 1; i < all->count; i++)
    sum = nn_add(m->g, sum, difference(m, all->image[i]));
  return nn_affine(m->g, sum, m->o->lambda_l1 / all->count, 0);
}

/* loss and what the features of the foreground add to it. */
static nn_id add_style(const model *m, nn_id output, nn_id loss) {
  const nn_model_options *o = m->o;
  if (o->lambda_style == 0 && o->lambda_gram == 0) return loss;
  nn_vgg vgg = nn_vgg_inputs(m->g, NN_VGG_WIDTH, (unsigned)o->style_layers);
  nn_style_options how = {.hsv = o->style_space == NN_STYLE_HSV,
                          .perceptual = o->lambda_style > 0,
                          .gram = o->lambda_gram > 0};
  nn_style_losses style =
      nn_style_loss(m->g, &vgg, output, m->real, m->mask, &how);
  if (style.perceptual != NN_NONE)
    loss =
        nn_add(m->g, loss,
               report(m, "G_style",
                      nn_affine(m->g, style.perceptual, o->lambda_style, 0)));
  if (style.gram != NN_NONE)
    loss = nn_add(
        m->g, loss,
        report(m, "G_gram", nn_affine(m->g, style.gram, o->lambda_gram, 0)));
  return loss;
}

/* loss and the slopes of an affine head's maps. The share of the values that it
 * puts outside [0,1] is reported. */
static nn_id add_smoothness(const model *m, const outputs *all, nn_id loss) {
  nn_graph *g = m->g;
  if (all->unclamped != NN_NONE) {
    nn_id outside =
        nn_sub(g, all->unclamped, nn_clamp(g, all->unclamped, 0, 1));
    nn_id counted =
        nn_emit(g, (nn_node){.op = &nn_op_sign, .in = {nn_abs(g, outside)}});
    report(m, "clamped", nn_mean(g, counted));
  }
  if (m->o->lambda_sobel == 0) return loss;
  nn_id sobel =
      nn_affine(g, nn_loss_sobel(g, all->maps), m->o->lambda_sobel, 0);
  return nn_add(g, loss, report(m, "G_sobel", sobel));
}

static const char *const reconstructions[] = {[NN_LOSS_L1] = "G_L1",
                                              [NN_LOSS_FNMSE] = "G_fnmse",
                                              [NN_LOSS_RELATIVE] =
                                                  "G_relative"};

static void train_generator(const model *m, const outputs *all) {
  static const char *const networks[] = {"G/", "E/"};
  nn_graph *g = m->g;
  const nn_model_options *o = m->o;
  nn_id output = all->image[0];
  nn_keep(g, "output", output);
  nn_id l1 = reconstruction(m, all);
  nn_id loss = l1;
  if (has_gan(o)) loss = nn_add(g, adversarial_loss(m, output), loss);
  report(m, reconstructions[o->loss], l1);
  if (o->lambda_tri > 0) loss = nn_add(g, loss, triplet_losses(m, all));
  loss = add_style(m, output, loss);
  loss = add_smoothness(m, all, loss);
  if (loss != l1) report(m, "G", loss);
  nn_minimise_all(g, loss, networks, 2);
}

/* ---- graphs ---- */

static void make_inputs(model *m) {
  const nn_model_options *o = m->o;
  int side = o->full_size > 0 ? o->full_size : o->size;
  nn_shape image = NN_SHAPE(o->batch, side, side, 3);
  m->composite = nn_input(m->g, "composite", image);
  m->mask = nn_input(m->g, "mask", NN_SHAPE(o->batch, side, side, 1));
  m->real = nn_input(m->g, "real", image);
  m->alpha = o->feed_alpha
                 ? nn_input(m->g, "alpha", NN_SHAPE(o->batch, 1, 1, 1))
                 : NN_NONE;
}

static void score_parts(const model *m) {
  nn_id background = code_of(m, m->composite, background_of(m));
  nn_keep(m->g, "code_background", background);
  nn_keep(m->g, "code_foreground", code_of(m, m->composite, m->mask));
}

static void keep_result(const model *m, const outputs *all) {
  nn_keep(m->g, "output", all->image[0]);
  if (all->maps == NN_NONE || !nn_head_changes_pictures(m->o->head)) return;
  nn_keep(m->g, "maps", all->maps);
  if (all->blend != NN_NONE) nn_keep(m->g, "blend", all->blend);
}

status nn_model_build(const nn_model_options *options,
                      nn_graph *out[NN_MAX_PHASES]) {
  int last = (int)strlen(nn_model_phases(options)) - 1;
  TRY(nn_graph_create(&out[last]));
  model m = {.g = out[last], .o = options};
  make_inputs(&m);
  if (options->purpose == NN_FOR_SCORE) {
    score_parts(&m);
    return STATUS_OK;
  }
  outputs all = generate(&m);
  if (options->purpose == NN_FOR_OUTPUT) {
    keep_result(&m, &all);
    return STATUS_OK;
  }
  if (last > 0) {
    model judged = m;
    TRY(nn_graph_fork(m.g, &out[0]));
    judged.g = out[0];
    train_discriminator(&judged, all.image[0]);
  }
  train_generator(&m, &all);
  return STATUS_OK;
}
