/* The options of `train`: table, presets, and what a checkpoint keeps. */
#include "dist/state/train_options.h"

#include <string.h>

#include "base/memory.h"
#include "dist/ranks/order.h"

#define ROW(name, field) OPTION_ROW(train_options, name, field)

/* Runs stop well before; a bound keeps products in 64 bits. */
#define MANY 1e12

/* "unet (--generator=unet)" */
#define MODEL_HELP(model, name, presets) " " name " (" presets ")"

static const option options[] = {
    {ROW("data", data), .argument = "F.h5", .scope = OPTION_LOCAL,
     .help = "the packed data set (harmonia pack or synth)"},
    {ROW("photos", photos), .argument = "DIR", .scope = OPTION_LOCAL,
     .help = "in the place of --data: a folder of photographs with masks, as "
             "compose reads it; packed once, at --size (with --full-res at "
             "twice that), to RUN/photos.h5. All composites are made anew each "
             "time, unless --recompose says how many"},
    {ROW("shard", shard), .preset = "auto", .choices = CHOICES(SHARD_MODES),
     .scope = OPTION_LOCAL,
     .help = "how ranks get their samples: index: each reads the file itself; "
             "stream: rank 0 alone reads it and sends what is needed ahead of "
             "its use; auto: ranks that cannot open it, or find another data "
             "set there, are streamed to"},
    {ROW("stage", stage), .argument = "DIR", .scope = OPTION_LOCAL,
     .help = "first copy the data set into this folder on each node's own "
             "disk, from rank 0 where the node cannot open it, and read the "
             "copy; one that is there already is used"},
    {ROW("out", out), .argument = "RUN", .scope = OPTION_LOCAL,
     .help = "folder of the run: checkpoints/, log.csv, validation.csv, "
             "sheet.png, curves.png"},
    {ROW("model", model), .preset = "unet", .choices = CHOICES(TRAIN_MODELS),
     .help = "system to train; it stands for options where they are not "
             "given:" TRAIN_MODELS(MODEL_HELP)},
    {ROW("resume", resume), .scope = OPTION_LOCAL,
     .help = "go on from the newest good checkpoint in RUN, if there is one; "
             "options not given are those of the checkpoint"},
    {ROW("steps", steps), .preset = "0", .max = MANY, .argument = "S",
     .scope = OPTION_CHANGEABLE,
     .help = "stop after S steps in all; 0: by --epochs"},
    {ROW("epochs", epochs), .preset = "200", .min = 1, .max = 1e6,
     .argument = "E", .scope = OPTION_CHANGEABLE,
     .help = "stop after E passes over the training split, unless --steps is "
             "given"},
    {ROW("batch", batch), .preset = "16", .min = 1, .max = 1e6, .argument = "B",
     .help = "samples a step, over all ranks"},
    {ROW("micro-batch", micro_batch), .preset = "auto", .max = 1e6,
     .argument = "M", .word = "auto",
     .help =
         "samples computed at once; divides --batch. The results' bits depend "
         "on it, not on the number of ranks. auto or 0: the largest divisor of "
         "the batch up to 4 that gives every rank work, with --memory up to 16 "
         "as memory allows, of iDIH with batch norm at least 2; of a run that "
         "is resumed its own"},
    {ROW("memory", memory), .preset = "0", .max = 1e6, .argument = "GIB",
     .scope = OPTION_LOCAL,
     .help = "memory that a rank may use, GiB, its part of what a node's ranks "
             "share included: --micro-batch auto keeps to it, and a run that "
             "needs more is refused; 0: no limit"},
    {ROW("size", network.size), .preset = "0", .max = 4096, .argument = "P",
     .help = "pixels a side that the network sees: those of the data set, with "
             "--full-res fewer; 0: the data set's, with --full-res half of "
             "them"},
    {ROW("full-res", full_res), .preset = "no", .before = "no",
     .help =
         "train at the pictures' size: the network sees them brought down "
         "to --size pixels a side (bilinear, as PCT-Net), its change of "
         "colours is made at the data set's own size, and losses are taken "
         "there. Wants --head affine, affine-image or curves, and a set of "
         "larger images (pack --size); eval --full-res scores at that size"},
    {ROW("ngf", network.ngf), .preset = "64", .min = 1, .max = 4096,
     .argument = "C", .help = "channels of the generator's first level"},
    {ROW("ndf", network.ndf), .preset = "64", .min = 1, .max = 4096,
     .argument = "C",
     .help = "channels of the discriminator's first level, in systems that "
             "have one"},
    {ROW("nef", network.nef), .preset = "64", .min = 1, .max = 4096,
     .argument = "C", .before = "64",
     .help = "channels of the code extractor's first level, in systems that "
             "have one"},
    {ROW("norm", network.norm), .preset = "instance",
     .choices = CHOICES(NN_NORMS),
     .help = "normalisation of generator and discriminator; the code extractor "
             "always has batch norm"},
    {ROW("generator", network.generator), .preset = "unet",
     .choices = CHOICES(NN_GENERATORS), .before = "unet",
     .help = "attention U-Net, U-Net 3+, or encoder and decoder of iDIH or of "
             "iSSAM"},
    {ROW("head", network.head), .preset = "rgb", .choices = CHOICES(NN_HEADS),
     .before = "rgb",
     .help = "what makes the picture of the generator's features: rgb draws "
             "it; blend draws it and tells where the composite stays (iDIH); "
             "affine maps each pixel's colours by twelve numbers of its own "
             "(PCT-Net); affine-image all pixels' inside the mask by the same "
             "twelve; affine-object likewise, about the mean of the object's "
             "colours; curves affine-image after a tone curve a channel"},
    {ROW("loss", network.loss), .preset = "l1", .choices = CHOICES(NN_LOSSES),
     .before = "l1",
     .help =
         "between output and real image: l1; fnmse: squares over the mask's "
         "area; relative: squares over those of the composite"},
    {ROW("min-area", network.min_area), .preset = "100", .min = 1, .max = 1e9,
     .argument = "A", .before = "100",
     .help = "fnmse: pixels that a mask counts at least"},
    {ROW("lambda-sobel", network.lambda_sobel), .preset = "0", .max = 1e9,
     .argument = "X", .before = "0",
     .help = "weight of the slopes of an affine head's maps; 0: none"},
    {ROW("cat-channels", network.cat_channels), .preset = "64", .min = 1,
     .max = 4096, .argument = "C", .before = "64",
     .help = "U-Net 3+: channels of each branch of a decoder stage"},
    {ROW("deep-supervision", network.deep_supervision), .preset = "no",
     .before = "no",
     .help =
         "U-Net 3+: the L1 loss is the mean over the results of all stages"},
    {ROW("dropout", network.dropout), .preset = "0.5", .max = 0.99,
     .argument = "P",
     .help = "probability of dropout in the generator's middle levels"},
    {ROW("blend", network.blend), .preset = "no", .before = "no",
     .help = "the output is the network's inside the mask and the composite "
             "outside; as published, the network draws the background anew"},
    {ROW("lambda-l1", network.lambda_l1), .preset = "100", .max = 1e9,
     .argument = "X", .help = "weight of --loss"},
    {ROW("gan", network.gan), .preset = "none", .choices = CHOICES(NN_GANS),
     .before = "none",
     .help = "train against DoveNet's discriminator with this loss (wgangp: a "
             "hinge, as published)"},
    {ROW("lambda-gan", network.lambda_gan), .preset = "1", .max = 1e9,
     .argument = "X", .before = "1",
     .help = "weight of the adversarial losses in the generator's loss"},
    {ROW("lambda-a", network.lambda_a), .preset = "1", .max = 1e9,
     .argument = "X", .before = "1",
     .help = "weight of the global score among them"},
    {ROW("lambda-v", network.lambda_v), .preset = "1", .max = 1e9,
     .argument = "X", .before = "1",
     .help = "weight of the domain verification score among them"},
    {ROW("lambda-gp", network.lambda_gp), .preset = "10", .max = 1e9,
     .argument = "X", .before = "10",
     .help = "weight of the gradient penalty; 0: none"},
    {ROW("gp-ratio", network.gp_ratio), .preset = "1", .max = 1e9,
     .argument = "X", .before = "1",
     .help = "share of the penalty in the discriminator's loss; 0: none"},
    {ROW("style-code", network.style_code), .preset = "no", .before = "no",
     .help = "the generator is given the domain code of the background, as in "
             "BargainNet"},
    {ROW("lambda-tri", network.lambda_tri), .preset = "0", .max = 1e9,
     .argument = "X", .before = "0",
     .help = "weight of BargainNet's triplet losses on domain codes; 0: none"},
    {ROW("margin", network.margin), .preset = "0.1", .max = 1e6,
     .argument = "X", .before = "0.1", .help = "of the triplet losses"},
    {ROW("triplet", network.triplet), .preset = "vector",
     .choices = CHOICES(NN_TRIPLETS), .before = "vector",
     .help = "distance of codes: of the vectors, or entry by entry, as PyTorch "
             "from about 2021 on takes the published code"},
    {ROW("lambda-style", network.lambda_style), .preset = "0", .max = 1e9,
     .argument = "X", .before = "0",
     .help = "weight of the difference of VGG16 features inside the mask, "
             "summed over layers; 0: none"},
    {ROW("lambda-gram", network.lambda_gram), .preset = "0", .max = 1e9,
     .argument = "X", .before = "0",
     .help = "weight of the difference of their Gram matrices; 0: none"},
    {ROW("style-space", network.style_space), .preset = "rgb",
     .choices = CHOICES(NN_STYLE_SPACES), .before = "rgb",
     .help = "what VGG16 sees: colours, or hue and saturation maps"},
    {ROW("style-layers", network.style_layers), .preset = "15", .min = 1,
     .max = 31, .argument = "N", .before = "15",
     .help = "sum of the layers compared: 1 relu1_2, 2 relu2_2, 4 relu3_3, 8 "
             "relu4_3, 16 relu5_3"},
    {ROW("vgg-weights", vgg_weights), .argument = "FILE", .before = "",
     .help = "VGG16's weights: Keras's HDF5 file, or torchvision's (.pth, or "
             "its names in safetensors or HDF5); without it a fixed random "
             "VGG16 is used"},
    {ROW("lr", adam.lr), .preset = "0.0002", .max = 10, .argument = "X",
     .scope = OPTION_CHANGEABLE, .help = "Adam's learning rate"},
    {ROW("g-lr-ratio", g_lr_ratio), .preset = "1", .max = 1e6, .argument = "X",
     .scope = OPTION_CHANGEABLE, .before = "1",
     .help = "times the learning rate for the generator (and code extractor)"},
    {ROW("d-lr-ratio", d_lr_ratio), .preset = "1", .max = 1e6, .argument = "X",
     .scope = OPTION_CHANGEABLE, .before = "1",
     .help = "times the learning rate for the discriminator"},
    {ROW("beta1", adam.beta1), .preset = "0.5", .max = 0.999999,
     .argument = "X", .help = "Adam's decay of the mean"},
    {ROW("beta2", adam.beta2), .preset = "0.999", .max = 0.9999999,
     .argument = "X", .help = "Adam's decay of the variance"},
    {ROW("eps", adam.eps), .preset = "1e-08", .min = 1e-30, .max = 1,
     .argument = "X", .help = "Adam's epsilon"},
    {ROW("weight-decay", adam.weight_decay), .preset = "0", .max = 10,
     .argument = "X", .scope = OPTION_CHANGEABLE, .before = "0",
     .help = "AdamW's weight decay, of parameters with two and more "
             "dimensions: not of biases and norms; 0: plain Adam"},
    {ROW("clip-norm", clip_norm), .preset = "0", .max = 1e9, .argument = "X",
     .scope = OPTION_CHANGEABLE, .before = "0",
     .help = "scale a gradient of generator or discriminator whose norm is "
             "above X down to it; 0: never"},
    {ROW("ema", ema), .preset = "0", .max = 0.999999, .argument = "DECAY",
     .before = "0",
     .help = "keep an exponential moving average of the weights, which "
             "validation, eval and apply then use; its decay is at most (1 + "
             "step) / (10 + step); 0: none"},
    {ROW("lr-policy", schedule.policy), .preset = "linear",
     .choices = CHOICES(NN_LR_POLICIES), .scope = OPTION_CHANGEABLE,
     .help = "how the learning rate goes: linear, step: with the epochs; "
             "multistep: a tenth after each of --lr-milestones; cosine: half a "
             "wave from 1 to 0 at the end of the run"},
    {ROW("lr-constant-epochs", schedule.constant_epochs), .preset = "100",
     .max = 1e6, .argument = "E", .scope = OPTION_CHANGEABLE,
     .help = "linear: epochs before the decay begins"},
    {ROW("lr-decay-epochs", schedule.decay_epochs), .preset = "100", .max = 1e6,
     .argument = "E", .scope = OPTION_CHANGEABLE,
     .help = "linear: epochs over which the rate falls to 0"},
    {ROW("lr-step-epochs", schedule.step_epochs), .preset = "50", .min = 1,
     .max = 1e6, .argument = "E", .scope = OPTION_CHANGEABLE,
     .help = "step: the rate falls to a tenth every E epochs"},
    {ROW("lr-milestones", schedule.milestones), .preset = "0.875,0.958",
     .argument = "LIST", .scope = OPTION_CHANGEABLE, .before = "0.875,0.958",
     .help = "multistep: when the rate falls to a tenth: below 1 a share of "
             "the run, from 1 on an epoch"},
    {ROW("lr-horizon", lr_horizon), .preset = "steps",
     .choices = CHOICES(LR_HORIZONS), .scope = OPTION_CHANGEABLE,
     .before = "steps",
     .help = "what cosine and shares of multistep are laid over: steps: the "
             "run's, or --lr-steps; time: --max-minutes, which are then those "
             "of the whole run, resumed or not, and end it in the place of "
             "--epochs. Such a run's bits depend on the clock"},
    {ROW("lr-steps", lr_steps), .preset = "0", .max = MANY, .argument = "S",
     .scope = OPTION_CHANGEABLE, .before = "0",
     .help = "steps that the schedule is laid over, where the run is to be "
             "stopped before or to go on behind; 0: those of the run"},
    {ROW("warmup-steps", schedule.warmup_steps), .preset = "0", .max = MANY,
     .argument = "S", .scope = OPTION_CHANGEABLE, .before = "0",
     .help = "the rate rises from 0 to what the policy has over the first S "
             "steps"},
    {ROW("flip", augmentation.flip), .preset = "yes",
     .help = "mirror half of the samples; --flip=no does not"},
    {ROW("crop-min", augmentation.crop_min), .preset = "1", .min = 0.05,
     .max = 1, .argument = "X",
     .help = "random resized crops of X to 1 of the area; 1: none"},
    {ROW("crop-mask", augmentation.crop_mask), .preset = "nearest",
     .choices = CHOICES(CROP_MASKS), .before = "nearest",
     .help = "the mask of a crop: nearest: stays black and white, and crops "
             "without foreground are drawn again (BargainNet); soft: resized "
             "as the images, and crops with a pixel of it or less are drawn "
             "again but 1 time in 20 (iDIH)"},
    {ROW("mask-jitter", augmentation.mask_jitter), .preset = "0", .max = 1,
     .argument = "P", .before = "0",
     .help = "probability that a sample's mask is grown, shrunk or feathered "
             "by one or two pixels"},
    {ROW("recompose", recompose), .preset = "0", .max = 1, .argument = "P",
     .before = "0",
     .help = "probability that a sample's composite is made anew from its real "
             "image: its foreground takes the colours of another sample's, by "
             "one of --recompose-methods"},
    {ROW("recompose-methods", recompose_methods),
     .preset = "gct,gctrgb,hgm,mkl,jitter", .argument = "LIST",
     .before = "gct,gctrgb,hgm,mkl,jitter",
     .help = "gct, gctrgb, hgm, mkl, idt: colour transfers; jitter: another "
             "light at random, which needs no other sample; one named twice is "
             "drawn twice as often"},
    {ROW("seed", seed), .preset = "1", .max = 9e15, .argument = "S",
     .help =
         "of weights, order, augmentation, dropout and the penalty's alpha"},
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .scope = OPTION_LOCAL,
     .help = "threads a rank; 0: this rank's share of the node's cores"},
    {ROW("grad-dtype", grad_dtype), .preset = "float32",
     .choices = CHOICES(GRAD_DTYPES), .scope = OPTION_CHANGEABLE,
     .before = "float32",
     .help = "how gradients travel between nodes; bfloat16 halves the "
             "messages, and its bits depend on the nodes"},
    {ROW("overlap", overlap), .preset = "yes", .scope = OPTION_LOCAL,
     .help = "sum gradients while the backward pass goes on; --overlap=no "
             "after it, with the same bits, to see what that is worth"},
    {ROW("node-ranks", node_ranks), .preset = "0", .max = 1e6, .argument = "N",
     .scope = OPTION_LOCAL,
     .help = "ranks of a machine that share one copy of the weights, at most; "
             "the others are treated as other nodes; 0: all of them"},
    {ROW("save-every", save_every), .preset = "500", .min = 1, .max = MANY,
     .argument = "K", .scope = OPTION_CHANGEABLE,
     .help =
         "steps from checkpoint to checkpoint; the last step is always saved"},
    {ROW("keep", keep), .preset = "3", .min = 1, .max = 1e6, .argument = "N",
     .scope = OPTION_CHANGEABLE, .help = "newest checkpoints kept"},
    {ROW("validate-every", validate_every), .preset = "0", .max = MANY,
     .argument = "K", .scope = OPTION_CHANGEABLE, .before = "0",
     .help = "steps from validation to validation: scores go to validation.csv "
             "and curves.png, and the checkpoint with the least MSE is kept as "
             "checkpoints/best.h5, beside those of --keep; 0: never"},
    {ROW("validate-samples", validate_samples), .preset = "0", .max = 1e9,
     .argument = "N", .scope = OPTION_CHANGEABLE, .before = "0",
     .help = "only the first N samples of the split; 0: all"},
    {ROW("validate-split", validate_split), .preset = "auto",
     .choices = CHOICES(VALIDATE_SPLITS), .scope = OPTION_CHANGEABLE,
     .before = "auto",
     .help = "which samples; auto: validation where the data set has it, else "
             "test"},
    {ROW("log-every", log_every), .preset = "10", .min = 1, .max = 1e6,
     .argument = "K", .scope = OPTION_CHANGEABLE,
     .help = "steps a row of log.csv"},
    {ROW("show-plan", show_plan), .preset = "no", .scope = OPTION_LOCAL,
     .help = "print the kernel of each convolution, why it was chosen and its "
             "share of the multiply-adds, and the memory of a rank; do not "
             "train. Wants no --out, and no --data if --size is given; of "
             "--resume's run it knows nothing"},
    {ROW("max-minutes", max_minutes), .preset = "0", .max = 1e6,
     .argument = "X", .scope = OPTION_LOCAL,
     .help = "save and end after X minutes; 0: no limit"},
    {ROW("report-samples", report_samples), .preset = "6", .max = 64,
     .argument = "N", .scope = OPTION_CHANGEABLE,
     .help = "rows of sheet.png, made at each checkpoint; 0: no pictures"},
};
enum { OPTIONS = sizeof options / sizeof options[0] };

const option_table train_option_table = {
    .command = "train",
    .synopsis = "--data F.h5 --out RUN [OPTIONS]",
    .description =
        "Trains a network. Under mpirun or srun every rank computes its share "
        "of each step; on its own it is a run of one rank. SIGUSR1, SIGTERM, "
        "SIGINT or SIGHUP to any rank ends it after the step, saved, with exit "
        "status 75.",
    .options = options,
    .count = OPTIONS,
    .size = sizeof(train_options),
};

const char *train_model_name(train_model model) {
  return CHOICES(TRAIN_MODELS)[model];
}

/* Sets an option from "--name=value", unless it was given. */
static void apply_preset(train_options *values, const bool *given,
                         const char *word, size_t length) {
  char text[64];
  snprintf(text, sizeof text, "%.*s", (int)length - 2, word + 2);
  char *value = strchr(text, '=');
  INVARIANT(length > 2 && length < sizeof text && value != NULL, "preset '%s'",
            word);
  *value++ = '\0';
  int index = options_find(&train_option_table, text);
  INVARIANT(index >= 0, "preset of no option --%s", text);
  if (given != NULL && given[index]) return;
  status result = options_set(&train_option_table, values, text, value);
  INVARIANT(result == STATUS_OK, "preset: %s", status_message());
}

void train_options_preset(train_options *values, const bool *given) {
#define PRESETS(model, name, presets) [model] = (presets),
  static const char *const all[] = {TRAIN_MODELS(PRESETS)};
#undef PRESETS
  const char *word = all[values->model];
  while (*word != '\0') {
    size_t length = strcspn(word, " ");
    apply_preset(values, given, word, length);
    word += length + strspn(word + length, " ");
  }
}

status train_options_save(const train_options *values, ckpt_writer *writer) {
  for (int i = 0; i < OPTIONS; i++) {
    if (options[i].scope == OPTION_LOCAL) continue;
    char key[96], text[512];
    snprintf(key, sizeof key, "option.%s", options[i].name);
    options_format(&train_option_table, values, i, text, sizeof text);
    TRY(ckpt_write_text(writer, key, text));
  }
  return STATUS_OK;
}

/* The run's value as text. What other programs leave out is as the model has
 * it. */
static status stored_option(const train_options *values, int index,
                            ckpt_reader *reader, char *text, size_t size) {
  char key[96];
  snprintf(key, sizeof key, "option.%s", options[index].name);
  if (ckpt_has_text(reader, key))
    return ckpt_read_text(reader, key, text, size);
  if (options[index].before != NULL) {
    snprintf(text, size, "%s", options[index].before);
    return STATUS_OK;
  }
  train_options former;
  options_defaults(&train_option_table, &former);
  former.model = values->model;
  train_options_preset(&former, NULL);
  options_format(&train_option_table, &former, index, text, size);
  return STATUS_OK;
}

static status load_option(train_options *values, int index, bool given,
                          ckpt_reader *reader, char *text, size_t size) {
  char own[512];
  const char *name = options[index].name;
  TRY(stored_option(values, index, reader, text, size));
  options_format(&train_option_table, values, index, own, sizeof own);
  if (!given || options_is_word(&train_option_table, values, index))
    return options_set(&train_option_table, values, name, text);
  if (options[index].scope == OPTION_OF_RUN && strcmp(own, text) != 0)
    return status_error(STATUS_MISFIT,
                        "option --%s: %s, but the checkpoint's run has %s",
                        name, own, text);
  return STATUS_OK;
}

status train_options_load(train_options *values, const bool *given,
                          ckpt_reader *reader, char **texts) {
  enum { TEXT = 512 };
  TRY(MEMORY_NEW((size_t)OPTIONS * TEXT, "options", texts));
  /* the model first: it stands for options that the file may not have */
  int model = options_find(&train_option_table, "model");
  TRY(load_option(values, model, given != NULL && given[model], reader,
                  *texts + (size_t)model * TEXT, TEXT));
  train_options_preset(values, given);
  for (int i = 0; i < OPTIONS; i++)
    if (options[i].scope != OPTION_LOCAL && i != model)
      TRY(load_option(values, i, given != NULL && given[i], reader,
                      *texts + (size_t)i * TEXT, TEXT));
  return STATUS_OK;
}

static status check_horizon(const train_options *o) {
  if (o->lr_horizon != LR_BY_TIME) return STATUS_OK;
  if (!(o->max_minutes > 0))
    return status_error(STATUS_USAGE, "option --lr-horizon: time: expected "
                                      "--max-minutes with those of the run");
  if (o->schedule.policy == NN_LR_MULTISTEP ||
      o->schedule.policy == NN_LR_COSINE)
    return STATUS_OK;
  return status_error(STATUS_USAGE,
                      "option --lr-horizon: time: expected --lr-policy cosine "
                      "or multistep, which go by it");
}

status train_options_check(const train_options *o) {
  TRY(nn_lr_check(&o->schedule));
  return check_horizon(o);
}

int train_image_size(const train_options *o) {
  if (!o->full_res) return o->network.size;
  return o->network.full_size > 0 ? o->network.full_size : 2 * o->network.size;
}

const char *train_size_text(const train_options *o,
                            char text[TRAIN_SIZE_TEXT]) {
  int size = o->network.size, images = train_image_size(o);
  int used = snprintf(text, TRAIN_SIZE_TEXT, "%d x %d pixels", size, size);
  if (images != size)
    snprintf(text + used, TRAIN_SIZE_TEXT - (size_t)used, ", losses at %d x %d",
             images, images);
  return text;
}

status train_options_fit(train_options *o, int images) {
  int *size = &o->network.size;
  if (images == 0) images = train_image_size(o);
  if (*size == 0) *size = o->full_res ? images / 2 : images;
  o->network.full_size = o->full_res ? images : 0;
  if (o->full_res || *size == images) return STATUS_OK;
  return status_error(STATUS_MISFIT,
                      "%s: holds images of %d pixels, option --size is %d",
                      o->data, images, *size);
}

nn_plan_options train_plan_options(const train_options *o, int threads,
                                   int rank, int ranks) {
  int begin, end, micro_batches = (int)(o->batch / o->micro_batch);
  order_share(micro_batches, rank, ranks, &begin, &end);
  return (nn_plan_options){.threads = threads,
                           .continued = end - begin == 1,
                           .hand_over = ranks == 1 && micro_batches == 1 &&
                                        !(o->clip_norm > 0)};
}

nn_model_options train_model_options(const train_options *o, int batch,
                                     nn_purpose purpose, bool training) {
  nn_model_options model = o->network;
  model.batch = batch;
  model.purpose = purpose;
  model.training = training;
  if (purpose != NN_FOR_TRAINING) model.full_size = 0;
  return model;
}
