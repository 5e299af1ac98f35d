/* Checkpoints of a run: its state vectors under their PyTorch names. */
#ifndef HARMONIA_SNAPSHOT_H
#define HARMONIA_SNAPSHOT_H

#include "data/data.h"
#include "dist/state/train_options.h"
#include "nn/nn.h"

/* The best validation so far. */
typedef struct best_score {
  uint64_t step; /* 0: none */
  double mse;
  char over[64]; /* split and number of samples */
} best_score;

typedef struct snapshot {
  uint64_t step; /* steps done */
  const train_options *options;
  const char *data_identity, *data_name;
  const nn_layout *layout;
  nn_real *state;      /* layout->state_size */
  nn_real *moments[2]; /* layout->parameter_size each; NULL: none */
  nn_real *averaged;   /* of the state, as large as it; NULL: none */
  double trained;      /* seconds so far, of runs that go by time; else 0 */
  double lr_factor;    /* of the last step, where `trained` is above 0 */
  best_score best;
  const char *source; /* of imported arrays: their file; NULL */
  bool partial; /* reading: the file may hold networks that the layout lacks */
} snapshot;

/* The text that names the file of imported arrays. */
#define SNAPSHOT_SOURCE "import.source"

/* The groups of Adam's moments: "optimizer/exp_avg/" and of squares. */
const char *snapshot_moments(int which);

/* Writes `path` atomically. `scratch` holds the largest entry. */
status snapshot_write(const char *path, const snapshot *snapshot,
                      nn_real *scratch);

/* Reads parameters, buffers and (where they are not NULL) moments and averages.
 * Every
 * entry of the layout must be there in its shape, and every array of the file
 * must be one of the layout's (partial: or of a network of which the layout has
 * nothing): STATUS_MISFIT names the tensor. */
status snapshot_read(ckpt_reader *reader, snapshot *snapshot, nn_real *scratch);

/* Whether the file has averages of its state: they are what the network is then
 * used with. */
bool snapshot_has_average(const ckpt_reader *reader);
/* Their group. */
#define SNAPSHOT_AVERAGES "ema/"
bool snapshot_is_average(const char *array);

/* Values of the largest entry. */
size_t snapshot_scratch(const nn_layout *layout);

/* Steps done, from the file's state. */
status snapshot_step(ckpt_reader *reader, uint64_t *step);
/* The core whose kernels the run had; of a file that does not tell, this one's.
 */
status snapshot_core(ckpt_reader *reader, char *text, size_t size);
/* Seconds that a run by time had; of others 0. */
status snapshot_trained(ckpt_reader *reader, double *seconds);
/* The best validation up to there; zeros where there was none. */
status snapshot_best(ckpt_reader *reader, best_score *best);

#endif
