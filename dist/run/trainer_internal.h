/* What the files of the trainer share. */
#ifndef HARMONIA_TRAINER_INTERNAL_H
#define HARMONIA_TRAINER_INTERNAL_H

#include "dist/foretell/budget.h"
#include "dist/feed/data_access.h"
#include "dist/feed/loader.h"
#include "dist/run/pace.h"
#include "dist/run/run_folder.h"
#include "dist/run/saver.h"
#include "dist/feed/shard.h"
#include "dist/ranks/times.h"
#include "dist/run/train_log.h"
#include "dist/run/trainer.h"
#include "dist/sum/update.h"
#include "dist/run/validation.h"

typedef struct trainer {
  const cluster *cluster;
  cluster sharing; /* the same ranks; its nodes share memory (--node-ranks) */
  train_options *options;
  const bool *given;
  run_folder folder;
  char photos[RUN_PATH + 16]; /* RUN/photos.h5, if that is the data set */
  char *texts; /* of options that came from a checkpoint or from rank 0 */
  char *checkpoint_texts;
  data_access data;
  const data_set_info *info;
  budget budget;
  nn_system *system;
  const nn_layout *layout; /* of the system's state */
  update *update;
  times_board *times;
  double computing;    /* seconds, beside what the update spent meanwhile */
  nn_vgg_weights *vgg; /* NULL: no loss asks for features */
  loader *loader;
  shard shard;
  train_log log;
  saver *saver;           /* rank 0's; NULL elsewhere */
  validation *validation; /* NULL: none */
  uint64_t step;
  uint64_t asked_step, asked_micro; /* next micro-batch to ask for */
  uint64_t micro_per_step;          /* of this rank */
  uint64_t readings; /* of each a step: one, or one in each phase */
  status pending;    /* rank 0: a failure the others do not know of yet */
  pace pace;
  double lr_factor; /* of the last step */
  sample_groups
      groups; /* of the training split, if samples are composed anew */
} trainer;

/* Collective: a series of stages; after each the ranks agree whether it went
 * well everywhere, so that a fault of one ends them all with one message. */
status trainer_set_up(trainer *t);
void trainer_tear_down(trainer *t);

/* Rank 0: where moments are gathered to and scattered from; elsewhere NULL. */
nn_real *trainer_moments(const trainer *t, int which);

#endif
