#include "dist/train_options.h"

#include <string.h>

#include "base/memory.h"

#define AT(member) offsetof(train_options, member)

/* Runs stop well before; a bound keeps products in 64 bits. */
#define MANY 1e12

static const option options[] = {
    {"data", OPTION_TEXT, AT(data), NULL, 0, 0, "F.h5", NULL,
     "the packed data set (harmonia pack or synth)"},
    {"out", OPTION_TEXT, AT(out), NULL, 0, 0, "RUN", NULL,
     "folder of the run: checkpoints/, log.csv, sheet.png, curves.png"},
    {"model", OPTION_CHOICE, AT(model), "unet", 0, 0, NULL, "unet",
     "system to train: unet is the attention U-Net with an L1 loss"},
    {"resume", OPTION_FLAG, AT(resume), NULL, 0, 0, NULL, NULL,
     "go on from the newest good checkpoint in RUN, if there is one; options "
     "not given are those of the checkpoint"},
    {"steps", OPTION_INT, AT(steps), "0", 0, MANY, "S", NULL,
     "stop after S steps in all; 0: by --epochs"},
    {"epochs", OPTION_INT, AT(epochs), "200", 1, 1e6, "E", NULL,
     "stop after E passes over the training split, unless --steps is given"},
    {"batch", OPTION_INT, AT(batch), "16", 1, 1e6, "B", NULL,
     "samples a step, over all ranks"},
    {"micro-batch", OPTION_INT, AT(micro_batch), "0", 0, 1e6, "M", NULL,
     "samples computed at once; divides --batch. The results' bits depend on "
     "it, not on the number of ranks. 0: the largest divisor of the batch up "
     "to 4 that gives every rank work"},
    {"size", OPTION_INT, AT(size), "0", 0, 4096, "P", NULL,
     "pixels a side; must be the data set's; 0: take it from there"},
    {"ngf", OPTION_INT, AT(ngf), "64", 1, 4096, "C", NULL,
     "channels of the generator's first level"},
    {"ndf", OPTION_INT, AT(ndf), "64", 1, 4096, "C", NULL,
     "channels of the discriminator's first level, in systems that have one"},
    {"norm", OPTION_CHOICE, AT(norm), "instance", 0, 0, NULL, "instance|batch",
     "normalisation of the generator"},
    {"dropout", OPTION_REAL, AT(dropout), "0.5", 0, 0.99, "P", NULL,
     "probability of dropout in the generator's middle levels"},
    {"blend", OPTION_FLAG, AT(blend), "no", 0, 0, NULL, NULL,
     "the output is the network's inside the mask and the composite outside; "
     "as published, the network draws the background anew"},
    {"lambda-l1", OPTION_REAL, AT(lambda_l1), "100", 0, 1e9, "X", NULL,
     "weight of the L1 loss"},
    {"lr", OPTION_REAL, AT(lr), "0.0002", 0, 10, "X", NULL,
     "Adam's learning rate"},
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
     "of weights, order, augmentation and dropout"},
    {"threads", OPTION_INT, AT(threads), "0", 0, 256, "T", NULL,
     "threads a rank; 0: this rank's share of the node's cores"},
    {"save-every", OPTION_INT, AT(save_every), "500", 1, MANY, "K", NULL,
     "steps from checkpoint to checkpoint; the last step is always saved"},
    {"keep", OPTION_INT, AT(keep), "3", 1, 1e6, "N", NULL,
     "newest checkpoints kept"},
    {"log-every", OPTION_INT, AT(log_every), "10", 1, 1e6, "K", NULL,
     "steps a row of log.csv"},
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
        "of each step; on its own it is a run of one rank.",
    .options = options,
    .count = OPTIONS,
};

/* What may differ between a run and its continuation. */
static const char *const changeable[] = {
    "data",
    "out",
    "resume",
    "steps",
    "epochs",
    "threads",
    "save-every",
    "keep",
    "log-every",
    "max-minutes",
    "lr",
    "lr-policy",
    "report-samples",
    "lr-constant-epochs",
    "lr-decay-epochs",
    "lr-step-epochs",
};

bool train_option_is_fixed(int index) {
  for (size_t i = 0; i < sizeof changeable / sizeof changeable[0]; i++)
    if (strcmp(options[index].name, changeable[i]) == 0) return false;
  return true;
}

/* Where a run lives and how it was started says nothing about what it is. */
static bool is_stored(int index) {
  static const char *const local[] = {"data", "out", "resume", "threads",
                                      "max-minutes"};
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

static status load_option(train_options *values, int index, bool given,
                          ckpt_reader *reader, char *text, size_t size) {
  char key[96], own[512];
  const char *name = options[index].name;
  snprintf(key, sizeof key, "option.%s", name);
  if (!ckpt_has_text(reader, key)) return STATUS_OK; /* newer than the file */
  TRY(ckpt_read_text(reader, key, text, size));
  options_format(&train_option_table, values, index, own, sizeof own);
  if (!given) return options_set(&train_option_table, values, name, text);
  if (train_option_is_fixed(index) && strcmp(own, text) != 0)
    return status_error(STATUS_MISFIT,
                        "option --%s: %s, but the checkpoint's run has %s",
                        name, own, text);
  return STATUS_OK;
}

status train_options_load(train_options *values, const bool *given,
                          ckpt_reader *reader, char **texts) {
  enum { TEXT = 512 };
  TRY(MEMORY_NEW((size_t)OPTIONS * TEXT, "options", texts));
  for (int i = 0; i < OPTIONS; i++)
    if (is_stored(i))
      TRY(load_option(values, i, given != NULL && given[i], reader,
                      *texts + (size_t)i * TEXT, TEXT));
  return STATUS_OK;
}

nn_model_options train_model_options(const train_options *o, int batch,
                                     bool training, bool with_gradients) {
  return (nn_model_options){.model = o->model,
                            .batch = batch,
                            .size = (int)o->size,
                            .ngf = (int)o->ngf,
                            .norm = o->norm,
                            .dropout = o->dropout,
                            .lambda_l1 = o->lambda_l1,
                            .blend = o->blend,
                            .training = training,
                            .with_gradients = with_gradients};
}
