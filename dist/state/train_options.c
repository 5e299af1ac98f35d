/* The options of `train`: table, presets, and what a checkpoint keeps. */
#include "dist/state/train_options.h"

#include <string.h>

#include "base/memory.h"
#include "dist/ranks/order.h"

#define AT(member) offsetof(train_options, member)

/* Runs stop well before; a bound keeps products in 64 bits. */
#define MANY 1e12

static const option options[] = {
    {"data", OPTION_TEXT, AT(data), NULL, 0, 0, "F.h5", NULL,
     "the packed data set (harmonia pack or synth)"},
    {"shard", OPTION_CHOICE, AT(shard), "auto", 0, 0, NULL, "auto|index|stream",
     "how ranks get their samples: index: each reads the file itself; stream: "
     "rank 0 alone reads it and sends what is needed ahead of its use; auto: "
     "ranks that cannot open it, or find another data set there, are streamed "
     "to"},
    {"stage", OPTION_TEXT, AT(stage), NULL, 0, 0, "DIR", NULL,
     "first copy the data set into this folder on each node's own disk, from "
     "rank 0 where the node cannot open it, and read the copy; one that is "
     "there already is used"},
    {"out", OPTION_TEXT, AT(out), NULL, 0, 0, "RUN", NULL,
     "folder of the run: checkpoints/, log.csv, validation.csv, sheet.png, "
     "curves.png"},
    {"model", OPTION_CHOICE, AT(model), "unet", 0, 0, NULL,
     "unet|unet3plus|dovenet|bargainnet|style-rgb|style-hsv",
     "system to train, a preset of the options below: unet is the attention "
     "U-Net with an L1 loss; dovenet adds --gan wgangp and --flip=no; "
     "bargainnet is --style-code --lambda-tri 0.01 --lambda-l1 1 --norm batch "
     "--lr 0.0001 --beta1 0.9 --lr-policy constant --crop-min 0.5; unet3plus "
     "is "
     "--generator unet3plus --norm batch; style-rgb and style-hsv add --gan "
     "wgangp and --lambda-style 1 in that --style-space"},
    {"resume", OPTION_FLAG, AT(resume), NULL, 0, 0, NULL, NULL,
     "go on from the newest good checkpoint in RUN, if there is one; options "
     "not given are those of the checkpoint"},
    {"steps", OPTION_INT, AT(steps), "0", 0, MANY, "S", NULL,
     "stop after S steps in all; 0: by --epochs"},
    {"epochs", OPTION_INT, AT(epochs), "200", 1, 1e6, "E", NULL,
     "stop after E passes over the training split, unless --steps is given"},
    {"batch", OPTION_INT, AT(batch), "16", 1, 1e6, "B", NULL,
     "samples a step, over all ranks"},
    {"micro-batch", OPTION_INT, AT(micro_batch), "auto", 0, 1e6, "M", "auto",
     "samples computed at once; divides --batch. The results' bits depend on "
     "it, not on the number of ranks. auto or 0: the largest divisor of the "
     "batch up to 4 that gives every rank work, with --memory up to 16 as "
     "memory allows; of a run that is resumed its own"},
    {"memory", OPTION_REAL, AT(memory), "0", 0, 1e6, "GIB", NULL,
     "memory that a rank may use, GiB, its part of what a node's ranks share "
     "included: --micro-batch auto keeps to it, and a run that needs more is "
     "refused; 0: no limit"},
    {"size", OPTION_INT, AT(size), "0", 0, 4096, "P", NULL,
     "pixels a side; must be the data set's; 0: take it from there"},
    {"ngf", OPTION_INT, AT(ngf), "64", 1, 4096, "C", NULL,
     "channels of the generator's first level"},
    {"ndf", OPTION_INT, AT(ndf), "64", 1, 4096, "C", NULL,
     "channels of the discriminator's first level, in systems that have one"},
    {"nef", OPTION_INT, AT(nef), "64", 1, 4096, "C", NULL,
     "channels of the code extractor's first level, in systems that have one"},
    {"norm", OPTION_CHOICE, AT(norm), "instance", 0, 0, NULL, "instance|batch",
     "normalisation of generator and discriminator; the code extractor always "
     "has batch norm"},
    {"generator", OPTION_CHOICE, AT(generator), "unet", 0, 0, NULL,
     "unet|unet3plus", "attention U-Net, or U-Net 3+"},
    {"cat-channels", OPTION_INT, AT(cat_channels), "64", 1, 4096, "C", NULL,
     "U-Net 3+: channels of each branch of a decoder stage"},
    {"deep-supervision", OPTION_FLAG, AT(deep_supervision), "no", 0, 0, NULL,
     NULL, "U-Net 3+: the L1 loss is the mean over the results of all stages"},
    {"dropout", OPTION_REAL, AT(dropout), "0.5", 0, 0.99, "P", NULL,
     "probability of dropout in the generator's middle levels"},
    {"blend", OPTION_FLAG, AT(blend), "no", 0, 0, NULL, NULL,
     "the output is the network's inside the mask and the composite outside; "
     "as published, the network draws the background anew"},
    {"lambda-l1", OPTION_REAL, AT(lambda_l1), "100", 0, 1e9, "X", NULL,
     "weight of the L1 loss"},
    {"gan", OPTION_CHOICE, AT(gan), "none", 0, 0, NULL,
     "none|wgangp|lsgan|vanilla",
     "train against DoveNet's discriminator with this loss (wgangp: a hinge, "
     "as published)"},
    {"lambda-gan", OPTION_REAL, AT(lambda_gan), "1", 0, 1e9, "X", NULL,
     "weight of the adversarial losses in the generator's loss"},
    {"lambda-a", OPTION_REAL, AT(lambda_a), "1", 0, 1e9, "X", NULL,
     "weight of the global score among them"},
    {"lambda-v", OPTION_REAL, AT(lambda_v), "1", 0, 1e9, "X", NULL,
     "weight of the domain verification score among them"},
    {"lambda-gp", OPTION_REAL, AT(lambda_gp), "10", 0, 1e9, "X", NULL,
     "weight of the gradient penalty; 0: none"},
    {"gp-ratio", OPTION_REAL, AT(gp_ratio), "1", 0, 1e9, "X", NULL,
     "share of the penalty in the discriminator's loss; 0: none"},
    {"style-code", OPTION_FLAG, AT(style_code), "no", 0, 0, NULL, NULL,
     "the generator is given the domain code of the background, as in "
     "BargainNet"},
    {"lambda-tri", OPTION_REAL, AT(lambda_tri), "0", 0, 1e9, "X", NULL,
     "weight of BargainNet's triplet losses on domain codes; 0: none"},
    {"margin", OPTION_REAL, AT(margin), "0.1", 0, 1e6, "X", NULL,
     "of the triplet losses"},
    {"triplet", OPTION_CHOICE, AT(triplet), "vector", 0, 0, NULL,
     "vector|entries",
     "distance of codes: of the vectors, or entry by entry, as PyTorch from "
     "about 2021 on takes the published code"},
    {"lambda-style", OPTION_REAL, AT(lambda_style), "0", 0, 1e9, "X", NULL,
     "weight of the difference of VGG16 features inside the mask, summed over "
     "layers; 0: none"},
    {"lambda-gram", OPTION_REAL, AT(lambda_gram), "0", 0, 1e9, "X", NULL,
     "weight of the difference of their Gram matrices; 0: none"},
    {"style-space", OPTION_CHOICE, AT(style_space), "rgb", 0, 0, NULL,
     "rgb|hsv", "what VGG16 sees: colours, or hue and saturation maps"},
    {"style-layers", OPTION_INT, AT(style_layers), "15", 1, 31, "N", NULL,
     "sum of the layers compared: 1 relu1_2, 2 relu2_2, 4 relu3_3, 8 relu4_3, "
     "16 relu5_3"},
    {"vgg-weights", OPTION_TEXT, AT(vgg_weights), NULL, 0, 0, "FILE", NULL,
     "VGG16's weights: Keras's HDF5 file, or torchvision's names in HDF5; "
     "without it a fixed random VGG16 is used"},
    {"lr", OPTION_REAL, AT(lr), "0.0002", 0, 10, "X", NULL,
     "Adam's learning rate"},
    {"g-lr-ratio", OPTION_REAL, AT(g_lr_ratio), "1", 0, 1e6, "X", NULL,
     "times the learning rate for the generator (and code extractor)"},
    {"d-lr-ratio", OPTION_REAL, AT(d_lr_ratio), "1", 0, 1e6, "X", NULL,
     "times the learning rate for the discriminator"},
    {"beta1", OPTION_REAL, AT(beta1), "0.5", 0, 0.999999, "X", NULL,
     "Adam's decay of the mean"},
    {"beta2", OPTION_REAL, AT(beta2), "0.999", 0, 0.9999999, "X", NULL,
     "Adam's decay of the variance"},
    {"eps", OPTION_REAL, AT(eps), "1e-08", 1e-30, 1, "X", NULL,
     "Adam's epsilon"},
    {"lr-policy", OPTION_CHOICE, AT(lr_policy), "linear", 0, 0, NULL,
     "linear|step|constant", "how the learning rate goes with the epochs"},
    {"lr-constant-epochs", OPTION_REAL, AT(lr_constant_epochs), "100", 0, 1e6,
     "E", NULL, "linear: epochs before the decay begins"},
    {"lr-decay-epochs", OPTION_REAL, AT(lr_decay_epochs), "100", 0, 1e6, "E",
     NULL, "linear: epochs over which the rate falls to 0"},
    {"lr-step-epochs", OPTION_REAL, AT(lr_step_epochs), "50", 1, 1e6, "E", NULL,
     "step: the rate falls to a tenth every E epochs"},
    {"flip", OPTION_FLAG, AT(flip), "yes", 0, 0, NULL, NULL,
     "mirror half of the samples; --flip=no does not"},
    {"crop-min", OPTION_REAL, AT(crop_min), "1", 0.05, 1, "X", NULL,
     "random resized crops of X to 1 of the area; 1: none"},
    {"seed", OPTION_INT, AT(seed), "1", 0, 9e15, "S", NULL,
     "of weights, order, augmentation, dropout and the penalty's alpha"},
    {"threads", OPTION_INT, AT(threads), "0", 0, 256, "T", NULL,
     "threads a rank; 0: this rank's share of the node's cores"},
    {"grad-dtype", OPTION_CHOICE, AT(grad_dtype), "float32", 0, 0, NULL,
     "float32|bfloat16",
     "how gradients travel between nodes; bfloat16 halves the messages, and "
     "its bits depend on the nodes"},
    {"overlap", OPTION_FLAG, AT(overlap), "yes", 0, 0, NULL, NULL,
     "sum gradients while the backward pass goes on; --overlap=no after it, "
     "with the same bits, to see what that is worth"},
    {"node-ranks", OPTION_INT, AT(node_ranks), "0", 0, 1e6, "N", NULL,
     "ranks of a machine that share one copy of the weights, at most; the "
     "others are treated as other nodes; 0: all of them"},
    {"save-every", OPTION_INT, AT(save_every), "500", 1, MANY, "K", NULL,
     "steps from checkpoint to checkpoint; the last step is always saved"},
    {"keep", OPTION_INT, AT(keep), "3", 1, 1e6, "N", NULL,
     "newest checkpoints kept"},
    {"validate-every", OPTION_INT, AT(validate_every), "0", 0, MANY, "K", NULL,
     "steps from validation to validation: scores go to validation.csv and "
     "curves.png, and the checkpoint with the least MSE is kept as "
     "checkpoints/best.h5, beside those of --keep; 0: never"},
    {"validate-samples", OPTION_INT, AT(validate_samples), "0", 0, 1e9, "N",
     NULL, "only the first N samples of the split; 0: all"},
    {"validate-split", OPTION_CHOICE, AT(validate_split), "auto", 0, 0, NULL,
     "auto|validation|test",
     "which samples; auto: validation where the data set has it, else test"},
    {"log-every", OPTION_INT, AT(log_every), "10", 1, 1e6, "K", NULL,
     "steps a row of log.csv"},
    {"show-plan", OPTION_FLAG, AT(show_plan), "no", 0, 0, NULL, NULL,
     "print the kernel of each convolution, why it was chosen and its share of "
     "the multiply-adds, and the memory of a rank; do not train. Wants no "
     "--out, and no --data if --size is given; of --resume's run it knows "
     "nothing"},
    {"max-minutes", OPTION_REAL, AT(max_minutes), "0", 0, 1e6, "X", NULL,
     "save and end after X minutes; 0: no limit"},
    {"report-samples", OPTION_INT, AT(report_samples), "6", 0, 64, "N", NULL,
     "rows of sheet.png, made at each checkpoint; 0: no pictures"},
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
};

/* What may differ between a run and its continuation. */
static const char *const changeable[] = {
    "data",
    "shard",
    "stage",
    "out",
    "resume",
    "steps",
    "epochs",
    "threads",
    "grad-dtype",
    "overlap",
    "node-ranks",
    "save-every",
    "keep",
    "validate-every",
    "validate-samples",
    "validate-split",
    "log-every",
    "show-plan",
    "memory",
    "max-minutes",
    "lr",
    "g-lr-ratio",
    "d-lr-ratio",
    "lr-policy",
    "report-samples",
    "lr-constant-epochs",
    "lr-decay-epochs",
    "lr-step-epochs",
};

/* Whether option i describes the run itself: it must stay what it was when a
 * run is resumed, and is what a checkpoint needs to be understood. */
static bool is_fixed(int index) {
  for (size_t i = 0; i < sizeof changeable / sizeof changeable[0]; i++)
    if (strcmp(options[index].name, changeable[i]) == 0) return false;
  return true;
}

/* The recipes of the published training commands. */
static const struct preset {
  const char *model, *option, *value;
} presets[] = {
    {"dovenet", "gan", "wgangp"},
    {"dovenet", "flip", "no"},
    {"unet3plus", "generator", "unet3plus"},
    {"unet3plus", "norm", "batch"},
    {"style-rgb", "gan", "wgangp"},
    {"style-rgb", "lambda-style", "1"},
    {"style-hsv", "gan", "wgangp"},
    {"style-hsv", "lambda-style", "1"},
    {"style-hsv", "style-space", "hsv"},
    {"bargainnet", "style-code", "yes"},
    {"bargainnet", "lambda-tri", "0.01"},
    {"bargainnet", "lambda-l1", "1"},
    {"bargainnet", "norm", "batch"},
    {"bargainnet", "lr", "0.0001"},
    {"bargainnet", "beta1", "0.9"},
    {"bargainnet", "lr-policy", "constant"},
    {"bargainnet", "crop-min", "0.5"},
};

void train_options_preset(train_options *values, const bool *given) {
  for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
    int index = options_find(&train_option_table, presets[i].option);
    INVARIANT(index >= 0, "no option --%s", presets[i].option);
    if (strcmp(values->model, presets[i].model) != 0) continue;
    if (given != NULL && given[index]) continue;
    status result = options_set(&train_option_table, values, presets[i].option,
                                presets[i].value);
    INVARIANT(result == STATUS_OK, "preset: %s", status_message());
  }
}

/* Where a run lives and how it was started says nothing about what it is. */
static bool is_stored(int index) {
  static const char *const local[] = {
      "data",       "shard",   "stage",     "out",         "resume", "threads",
      "node-ranks", "overlap", "show-plan", "max-minutes", "memory"};
  for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
    if (strcmp(options[index].name, local[i]) == 0) return false;
  return true;
}

status train_options_save(const train_options *values, ckpt_writer *writer) {
  for (int i = 0; i < OPTIONS; i++) {
    if (!is_stored(i)) continue;
    char key[96], text[512];
    snprintf(key, sizeof key, "option.%s", options[i].name);
    options_format(&train_option_table, values, i, text, sizeof text);
    TRY(ckpt_write_text(writer, key, text));
  }
  return STATUS_OK;
}

/* The run's value as text. An option newer than the file was what its model
 * makes of the default. */
static status stored_option(const train_options *values, int index,
                            ckpt_reader *reader, char *text, size_t size) {
  char key[96];
  snprintf(key, sizeof key, "option.%s", options[index].name);
  if (ckpt_has_text(reader, key))
    return ckpt_read_text(reader, key, text, size);
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
  if (is_fixed(index) && strcmp(own, text) != 0)
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
    if (is_stored(i) && i != model)
      TRY(load_option(values, i, given != NULL && given[i], reader,
                      *texts + (size_t)i * TEXT, TEXT));
  return STATUS_OK;
}

nn_plan_options train_plan_options(const train_options *o, int threads,
                                   int rank, int ranks) {
  int begin, end, micro_batches = (int)(o->batch / o->micro_batch);
  order_share(micro_batches, rank, ranks, &begin, &end);
  return (nn_plan_options){.threads = threads,
                           .continued = end - begin == 1,
                           .hand_over = ranks == 1 && micro_batches == 1};
}

nn_model_options train_model_options(const train_options *o, int batch,
                                     nn_purpose purpose, bool training) {
  return (nn_model_options){.batch = batch,
                            .size = (int)o->size,
                            .ngf = (int)o->ngf,
                            .norm = o->norm,
                            .dropout = o->dropout,
                            .blend = o->blend,
                            .style_code = o->style_code,
                            .nef = (int)o->nef,
                            .gan = o->gan,
                            .ndf = (int)o->ndf,
                            .lambda_l1 = o->lambda_l1,
                            .lambda_gan = o->lambda_gan,
                            .lambda_a = o->lambda_a,
                            .lambda_v = o->lambda_v,
                            .lambda_gp = o->lambda_gp,
                            .gp_ratio = o->gp_ratio,
                            .lambda_tri = o->lambda_tri,
                            .margin = o->margin,
                            .triplet = o->triplet,
                            .generator = o->generator,
                            .cat_channels = (int)o->cat_channels,
                            .deep_supervision = o->deep_supervision,
                            .lambda_style = o->lambda_style,
                            .lambda_gram = o->lambda_gram,
                            .style_space = o->style_space,
                            .style_layers = (unsigned)o->style_layers,
                            .purpose = purpose,
                            .training = training};
}
