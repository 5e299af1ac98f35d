/* What the files of the trainer share. */
#ifndef HARMONIA_TRAINER_INTERNAL_H
#define HARMONIA_TRAINER_INTERNAL_H

#include "dist/loader.h"
#include "dist/run_folder.h"
#include "dist/shard.h"
#include "dist/snapshot.h"
#include "dist/train_log.h"
#include "dist/trainer.h"
#include "dist/update.h"

typedef struct trainer {
  const cluster *cluster;
  train_options *options;
  const bool *given;
  run_folder folder;
  char *texts; /* of options that came from a checkpoint or from rank 0 */
  char *checkpoint_texts;
  data_set *set, *report_set; /* the loader's, and rank 0's for pictures */
  const data_set_info *info;
  nn_system *system;
  const nn_layout *layout; /* of the system's state */
  update *update;
  nn_vgg_weights *vgg; /* NULL: no loss asks for features */
  loader *loader;
  shard shard;
  train_log log;
  nn_real *moments[2], *scratch; /* rank 0: for checkpoints */
  uint64_t step, end_step;
  uint64_t asked_step, asked_micro; /* next micro-batch to ask for */
  uint64_t micro_per_step;          /* of this rank */
  status pending; /* rank 0: a failure the others do not know of yet */
  double started;
} trainer;

/* Collective: a series of stages; after each the ranks agree whether it went
 * well everywhere, so that a fault of one ends them all with one message. */
status trainer_set_up(trainer *t);
void trainer_tear_down(trainer *t);

int trainer_threads(const trainer *t);
/* --micro-batch where it is not given. */
int trainer_micro_batch(int batch, int ranks);
/* The run as a checkpoint sees it. */
snapshot trainer_snapshot(trainer *t);

#endif
