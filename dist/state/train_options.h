/* The options of `train`: one table for parsing, --help, the option reference
 * and the configuration that a checkpoint keeps. */
#ifndef HARMONIA_TRAIN_OPTIONS_H
#define HARMONIA_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "checkpoint/checkpoint.h"
#include "dist/feed/augment.h"
#include "dist/feed/shard_mode.h"
#include "nn/nn.h"

/* Systems: the name, and what it stands for: values of other options, unless
 * these are given. They are the recipes of the published training commands. */
#define TRAIN_MODELS(X)                                                        \
  X(TRAIN_UNET, "unet", "--generator=unet")                                    \
  X(TRAIN_UNET3PLUS, "unet3plus", "--generator=unet3plus --norm=batch")        \
  X(TRAIN_DOVENET, "dovenet", "--gan=wgangp --flip=no")                        \
  X(TRAIN_BARGAINNET, "bargainnet",                                            \
    "--style-code=yes --lambda-tri=0.01 --lambda-l1=1 --norm=batch "           \
    "--lr=0.0001 --beta1=0.9 --lr-policy=constant --crop-min=0.5")             \
  X(TRAIN_STYLE_RGB, "style-rgb", "--gan=wgangp --lambda-style=1")             \
  X(TRAIN_STYLE_HSV, "style-hsv",                                              \
    "--gan=wgangp --lambda-style=1 --style-space=hsv")                         \
  X(TRAIN_IDIH, "idih",                                                        \
    "--generator=idih --head=blend --loss=fnmse --lambda-l1=1 --norm=batch "   \
    "--dropout=0 --lr=0.001 --beta1=0.9 --crop-min=0.5")                       \
  X(TRAIN_ISSAM, "issam",                                                      \
    "--generator=issam --head=blend --loss=fnmse --min-area=1000 "             \
    "--lambda-l1=1 --norm=batch --dropout=0 --lr=0.001 --beta1=0.9 "           \
    "--crop-min=0.5 --ngf=32")                                                 \
  X(TRAIN_PCT, "pct",                                                          \
    "--generator=issam --head=affine --loss=fnmse --min-area=1000 "            \
    "--lambda-sobel=0.1 --lambda-l1=1 --norm=batch --dropout=0 --lr=0.001 "    \
    "--beta1=0.9 --crop-min=0.5 --ngf=32")                                     \
  X(TRAIN_MASKPOOL, "maskpool",                                                \
    "--generator=maskpool --head=affine-object --loss=fnmse --lambda-l1=1 "    \
    "--norm=batch --dropout=0 --lr=0.001 --beta1=0.9 --crop-min=0.5 "          \
    "--crop-mask=soft --ngf=32")
CHOICE(train_model, TRAIN_MODELS);

/* How gradients travel between nodes. */
#define GRAD_DTYPES(X)                                                         \
  X(GRAD_FLOAT32, "float32")                                                   \
  X(GRAD_BFLOAT16, "bfloat16")
CHOICE(grad_dtype, GRAD_DTYPES);

/* What `progress` of the schedule is measured by. */
#define LR_HORIZONS(X)                                                         \
  X(LR_BY_STEPS, "steps")                                                      \
  X(LR_BY_TIME, "time") /* the minutes of the run */
CHOICE(lr_horizon, LR_HORIZONS);

#define VALIDATE_SPLITS(X)                                                     \
  X(VALIDATE_AUTO, "auto") /* validation where there is one, else test */      \
  X(VALIDATE_VALIDATION, "validation")                                         \
  X(VALIDATE_TEST, "test")
CHOICE(validate_split, VALIDATE_SPLITS);

/* What the libraries take is kept as they take it: a row of the table points
 * into their structures. */
typedef struct train_options {
  train_model model;
  nn_model_options network; /* for a use of it: train_model_options */
  nn_adam_options adam;     /* `step` is the trainer's */
  nn_lr_schedule schedule;
  augmentation augmentation; /* `seed` is --seed, set by the trainer */
  shard_mode shard;
  grad_dtype grad_dtype;
  validate_split validate_split;
  lr_horizon lr_horizon;
  const char *data, *photos, *out, *stage, *vgg_weights, *recompose_methods;
  bool full_res; /* network.full_size: by train_options_fit */
  bool resume, show_plan, overlap;
  int64_t steps, epochs, batch, micro_batch, seed, threads, node_ranks,
      save_every, keep, log_every, report_samples, validate_every,
      validate_samples, lr_steps;
  double g_lr_ratio, d_lr_ratio, max_minutes, memory, recompose, clip_norm, ema;
} train_options;

extern const option_table train_option_table;

/* The name of a system. */
const char *train_model_name(train_model model);

/* Sets what the model stands for in options that the user did not give. given:
 * NULL where none was. */
void train_options_preset(train_options *options, const bool *given);

/* Writes every option as the text "option.NAME". */
status train_options_save(const train_options *options, ckpt_writer *writer);

/* Takes from a checkpoint the options that the user did not give, or gave by a
 * word for what is to be found (`auto`). One that is fixed and was given
 * another value is an error that names it. Texts are kept
 * in `*texts` (memory_free it after the options' last use). */
status train_options_load(train_options *options, const bool *given,
                          ckpt_reader *reader, char **texts);

/* What no single row can tell: lists, and options that want each other.
 * STATUS_USAGE names the option. */
status train_options_check(const train_options *options);

/* Pixels a side of the images that are trained on: network.size, with full_res
 * more, twice as many as long as no data set has told. */
int train_image_size(const train_options *options);
/* The same in words: "64 x 64 pixels, losses at 128 x 128". */
enum { TRAIN_SIZE_TEXT = 64 };
const char *train_size_text(const train_options *options,
                            char text[TRAIN_SIZE_TEXT]);

/* Settles the sizes of network and images by the data set's `images` pixels a
 * side; 0: no data set tells. STATUS_MISFIT names o->data. */
status train_options_fit(train_options *o, int images);

/* How a rank's steps are planned, whose micro-batch is set. With one a step a
 * phase goes on where the former one was; if that is the whole step its
 * gradients are the sums, and are handed over. The bits are the same. */
nn_plan_options train_plan_options(const train_options *options, int threads,
                                   int rank, int ranks);

/* The network that the options describe, for a use of it. */
nn_model_options train_model_options(const train_options *options, int batch,
                                     nn_purpose purpose, bool training);

#endif
