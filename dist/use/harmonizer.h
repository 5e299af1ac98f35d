/* A trained network ready to be applied: an inference plan for one image. */
#ifndef HARMONIA_HARMONIZER_H
#define HARMONIA_HARMONIZER_H

#include "dist/state/train_options.h"
#include "nn/nn.h"

typedef struct harmonizer harmonizer;

/* Reads a checkpoint: of a run with --ema its averaged weights. train_mode:
 * batch statistics and dropout stay live, as in the published test scripts. */
status harmonizer_open(const char *checkpoint, int threads, bool train_mode,
                       harmonizer **out);

/* Uses a state vector of the caller's, laid out by `layout`; both must outlive
 * the harmonizer. */
status harmonizer_borrow(const train_options *options, const nn_layout *layout,
                         const nn_real *state, int threads, harmonizer **out);

/* Another plan on the parameters of one that was opened, which must outlive it:
 * each may run in a thread of its own. */
status harmonizer_twin(const harmonizer *of, int threads, harmonizer **out);

void harmonizer_destroy(harmonizer **harmonizer);

int harmonizer_size(const harmonizer *h);      /* pixels a side */
bool harmonizer_full_res(const harmonizer *h); /* trained at larger images' */
const char *harmonizer_model(const harmonizer *h); /* "unet" */
uint64_t harmonizer_step(const harmonizer *h);     /* steps it was trained */
nn_head harmonizer_head(const harmonizer *h);

/* What an image of the network's size takes: learned numbers, and multiply-adds
 * (nn_plan_multiply_adds). Of one that was opened, not borrowed. */
size_t harmonizer_parameters(const harmonizer *h);
double harmonizer_multiply_adds(const harmonizer *h);

/* composite [S,S,3] in [-1,1], mask [S,S] 0 to 1; the result [S,S,3] is valid
 * until the next call. Where the generator is given a domain code, it is that
 * of the background of `reference` (as composite; NULL: of the composite).
 * `sample` keys dropout in train mode. */
const nn_real *harmonizer_run(harmonizer *h, const nn_real *composite,
                              const nn_real *mask, const nn_real *reference,
                              uint64_t sample);

/* What the last run said of colours, for a picture of another size; false where
 * the network draws its picture itself. Valid until the next run. */
bool harmonizer_change(const harmonizer *h, nn_colour_change *out);

/* A checkpoint's code extractor alone: the harmony score of an image's
 * foreground and background (nn_harmony_score). STATUS_MISFIT where the system
 * has none. */
status harmonizer_open_score(const char *checkpoint, int threads,
                             harmonizer **out);
double harmonizer_score(harmonizer *h, const nn_real *image,
                        const nn_real *mask);

#endif
