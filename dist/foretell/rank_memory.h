/* What memory the ranks of a run need, told from its options and from plans
 * alone: nothing of the kind is allocated. The trainer, `train --show-plan` and
 * `plan` go by it; tests/budget.sh holds it against what processes have. */
#ifndef HARMONIA_RANK_MEMORY_H
#define HARMONIA_RANK_MEMORY_H

#include "dist/state/train_options.h"

#define MEBIBYTE 1048576.0
#define GIBIBYTE 1073741824.0

/* Where the ranks of a run are. */
typedef struct memory_places {
  const int *first_ranks; /* node n has the ranks from first_ranks[n] to
                             first_ranks[n + 1] - 1; nodes + 1 entries */
  int nodes;              /* whose ranks share memory */
  int threads;            /* of a rank */
  bool streamed;          /* rank 0 sends others their samples */
} memory_places;

/* Bytes of a rank. Of what the ranks of a node share, each has an equal part:
 * their sums together are what the node needs. */
typedef struct rank_memory {
  double program;   /* itself, its libraries, what each thread works with */
  double arena;     /* values of the forward and backward pass */
  double state;     /* parameters and buffers, once a node */
  double moments;   /* Adam's, of this rank's pieces */
  double gradients; /* sums in the making, and what arrives of other nodes */
  double samples;   /* the loader's micro-batches, and streams */
  double features;  /* VGG16's weights */
  double saving;    /* rank 0: copies for checkpoints */
  double scoring;   /* the network as it is validated and drawn */
} rank_memory;

double rank_memory_sum(const rank_memory *m);

typedef struct run_memory {
  rank_memory most; /* of the rank that needs most */
  int rank;         /* which that is */
  double node;      /* bytes of the node that needs most */
} run_memory;

/* Sizes of a system whose steps are planned in one way. */
typedef struct memory_sizes {
  int64_t micro_batch; /* samples; 0: not planned yet */
  int phase_count;
  size_t learned[NN_MAX_PHASES], summed[NN_MAX_PHASES], rest[NN_MAX_PHASES],
      results[NN_MAX_PHASES];                /* values of a phase */
  size_t vector, state, parameters, largest; /* values of the layout */
  size_t arena, output; /* bytes; of the run, and of an image's inference */
} memory_sizes;

/* What has been planned of a system: zeroed before its first use; there is
 * nothing to free. */
typedef struct memory_model {
  memory_sizes sizes[3]; /* by how a rank's steps are planned */
} memory_model;

/* Size, batch and micro-batch are set, and there is a micro-batch for every
 * rank. Options that one model is asked with differ in batch and micro-batch
 * alone, places have the same threads: what is planned already is not planned
 * again. Not collective; failures are those of nn_system_create. */
status rank_memory_survey(memory_model *model, const train_options *options,
                          const memory_places *where, run_memory *out);

#endif
