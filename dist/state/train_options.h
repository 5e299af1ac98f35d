/* The options of `train`: one table for parsing, --help, the option reference
 * and the configuration that a checkpoint keeps. */
#ifndef HARMONIA_TRAIN_OPTIONS_H
#define HARMONIA_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "checkpoint/checkpoint.h"
#include "nn/nn.h"

typedef struct train_options {
  const char *data, *out, *model, *norm, *lr_policy, *generator, *style_space,
      *vgg_weights, *gan, *triplet, *validate_split, *shard, *stage,
      *grad_dtype;
  bool resume, show_plan, overlap, flip, blend, style_code, deep_supervision;
  int64_t steps, epochs, batch, micro_batch, size, ngf, ndf, nef, cat_channels,
      style_layers, seed, threads, node_ranks, save_every, keep, log_every,
      report_samples, validate_every, validate_samples;
  double lambda_gan, lambda_a, lambda_v, lambda_gp, gp_ratio, lambda_tri,
      lambda_style, lambda_gram, margin, g_lr_ratio, d_lr_ratio;
  double dropout, lambda_l1, lr, beta1, beta2, eps, lr_constant_epochs,
      lr_decay_epochs, lr_step_epochs, crop_min, max_minutes, memory;
} train_options;

extern const option_table train_option_table;

/* A model name stands for values of other options: gives them to those that
 * the user did not give. given: NULL where none was. */
void train_options_preset(train_options *options, const bool *given);

/* Writes every option as the text "option.NAME". */
status train_options_save(const train_options *options, ckpt_writer *writer);

/* Takes from a checkpoint the options that the user did not give, or gave by a
 * word for what is to be found (`auto`). One that is fixed and was given
 * another value is an error that names it. Texts are kept
 * in `*texts` (memory_free it after the options' last use). */
status train_options_load(train_options *options, const bool *given,
                          ckpt_reader *reader, char **texts);

/* How a rank's steps are planned, whose micro-batch is set. With one a step a
 * phase goes on where the former one was; if that is the whole step its
 * gradients are the sums, and are handed over. The bits are the same. */
nn_plan_options train_plan_options(const train_options *options, int threads,
                                   int rank, int ranks);

/* The network that the options describe. */
nn_model_options train_model_options(const train_options *options, int batch,
                                     nn_purpose purpose, bool training);

#endif
