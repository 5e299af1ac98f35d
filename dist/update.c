#include "dist/update.h"

#include <math.h>
#include <mpi.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/order.h"

#ifdef NN_DOUBLE
#define REAL_TYPE MPI_DOUBLE
#else
#define REAL_TYPE MPI_FLOAT
#endif

enum { ALIGN = 16, TAG = 7 };

/* A sum that some rank brings: a node of the tree. */
typedef struct part {
  tree_range range;
  int rank;
  const nn_real *slice; /* my slice of it */
} part;

struct update {
  update_options options;
  nn_real *state;
  int own_begin, own_end; /* this rank's micro-batches */
  nn_real **buffers;      /* sums in the making, each result_size values */
  int buffer_count;
  tree_stack stack;
  int next;       /* micro-batch to come */
  size_t *slices; /* slice of rank r: [slices[r], slices[r + 1]) */
  part *parts;    /* all parts of all ranks, in the tree's order */
  int part_count;
  nn_real *received; /* my slice of the others' parts */
  nn_real *scratch;  /* sums of inner nodes: a slice a level */
  int scratch_levels;
  nn_real *mean, *variance; /* of my slice of the parameters */
  MPI_Request *requests;
  int *counts, *offsets; /* of the gathers */
  double communicating, updating;
};

static size_t slice_size(const update *u, int rank) {
  return u->slices[rank + 1] - u->slices[rank];
}

static void cut_slices(update *u) {
  size_t lines = (u->options.layout->result_size + ALIGN - 1) / ALIGN;
  size_t ranks = (size_t)u->options.cluster->ranks;
  for (size_t r = 0; r <= ranks; r++) u->slices[r] = lines * r / ranks * ALIGN;
}

static status list_parts(update *u) {
  int ranks = u->options.cluster->ranks, total = u->options.micro_batches;
  tree_range ranges[TREE_PARTS];
  for (int pass = 0; pass < 2; pass++) { /* count, then fill */
    u->part_count = 0;
    for (int rank = 0; rank < ranks; rank++) {
      int begin, end;
      order_share(total, rank, ranks, &begin, &end);
      int count = tree_parts(total, begin, end, ranges);
      for (int i = 0; i < count; i++, u->part_count++)
        if (pass == 1)
          u->parts[u->part_count] = (part){.range = ranges[i], .rank = rank};
    }
    if (pass == 0) TRY(MEMORY_NEW((size_t)u->part_count, "sums", &u->parts));
  }
  return STATUS_OK;
}

static status allocate(update *u) {
  const nn_layout *layout = u->options.layout;
  const cluster *c = u->options.cluster;
  size_t ranks = (size_t)c->ranks;
  TRY(MEMORY_NEW(ranks + 1, "slices", &u->slices));
  TRY(MEMORY_NEW(ranks, "slices", &u->counts));
  TRY(MEMORY_NEW(ranks, "slices", &u->offsets));
  cut_slices(u);
  TRY(list_parts(u));
  order_share(u->options.micro_batches, c->rank, c->ranks, &u->own_begin,
              &u->own_end);
  u->stack.total = u->options.micro_batches;
  u->buffer_count =
      tree_depth(u->options.micro_batches, u->own_begin, u->own_end);
  TRY(MEMORY_NEW((size_t)u->buffer_count, "gradients", &u->buffers));
  for (int i = 0; i < u->buffer_count; i++)
    TRY(MEMORY_NEW(layout->result_size, "gradients", &u->buffers[i]));
  size_t own = slice_size(u, c->rank);
  int foreign = 0, sent = 0;
  for (int i = 0; i < u->part_count; i++)
    if (u->parts[i].rank == c->rank)
      sent++;
    else
      foreign++;
  u->scratch_levels = 2;
  for (int n = u->options.micro_batches; n > 1; n = (n + 1) / 2)
    u->scratch_levels++;
  TRY(MEMORY_NEW(own * (size_t)foreign, "the other ranks' gradients",
                 &u->received));
  TRY(MEMORY_NEW(own * (size_t)u->scratch_levels, "gradient sums",
                 &u->scratch));
  TRY(MEMORY_NEW(own, "Adam's moments", &u->mean));
  TRY(MEMORY_NEW(own, "Adam's moments", &u->variance));
  TRY(MEMORY_NEW((size_t)foreign + (size_t)sent * ranks, "requests",
                 &u->requests));
  return MEMORY_NEW(layout->result_size + ALIGN, "parameters", &u->state);
}

status update_create(const update_options *options, update **out) {
  TRY(MEMORY_NEW(1, "update", out));
  (*out)->options = *options;
  status result = allocate(*out);
  if (result != STATUS_OK) update_destroy(out);
  return result;
}

void update_destroy(update **pointer) {
  update *u = *pointer;
  if (u == NULL) return;
  for (int i = 0; u->buffers != NULL && i < u->buffer_count; i++)
    memory_free(u->buffers[i]);
  memory_free(u->buffers);
  memory_free(u->slices);
  memory_free(u->counts);
  memory_free(u->offsets);
  memory_free(u->parts);
  memory_free(u->received);
  memory_free(u->scratch);
  memory_free(u->mean);
  memory_free(u->variance);
  memory_free(u->requests);
  memory_free(u->state);
  memory_free(u);
  *pointer = NULL;
}

nn_real *update_state(update *u) { return u->state; }

/* ---- sums of this rank ---- */

static void sum_into(nn_real *to, const nn_real *a, const nn_real *b,
                     size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = a[i] + b[i];
}

nn_real *update_target(update *u) { return u->buffers[u->stack.count]; }

void update_add(update *u) {
  tree_push(&u->stack, u->own_begin + u->next++);
  while (tree_merge(&u->stack))
    sum_into(u->buffers[u->stack.count - 1], u->buffers[u->stack.count - 1],
             u->buffers[u->stack.count], u->options.layout->result_size);
}

/* ---- sums over ranks ---- */

/* Sends every rank its slice of my parts and receives mine of theirs. */
static void exchange(update *u) {
  const cluster *c = u->options.cluster;
  size_t own = slice_size(u, c->rank);
  nn_real *to = u->received;
  int requests = 0, mine = 0;
  for (int i = 0; i < u->part_count; i++) {
    part *p = &u->parts[i];
    if (p->rank == c->rank) {
      p->slice = u->buffers[mine++] + u->slices[c->rank];
      continue;
    }
    p->slice = to;
    MPI_Irecv(to, (int)own, REAL_TYPE, p->rank, TAG, MPI_COMM_WORLD,
              &u->requests[requests++]);
    to += own;
  }
  for (int i = 1; i < c->ranks; i++) {
    int rank = (c->rank + i) % c->ranks; /* not all to the same one at once */
    for (int k = 0; k < mine; k++)
      MPI_Isend(u->buffers[k] + u->slices[rank], (int)slice_size(u, rank),
                REAL_TYPE, rank, TAG, MPI_COMM_WORLD, &u->requests[requests++]);
  }
  MPI_Waitall(requests, u->requests, MPI_STATUSES_IGNORE);
}

/* My slice of the sum over a node of the tree; inner sums lie in scratch, one
 * place a level. */
static const nn_real *sum_node(update *u, tree_range node, int level) {
  for (int i = 0; i < u->part_count; i++)
    if (u->parts[i].range.begin == node.begin &&
        u->parts[i].range.end == node.end)
      return u->parts[i].slice;
  size_t own = slice_size(u, u->options.cluster->rank);
  INVARIANT(level + 1 < u->scratch_levels, "the tree is too deep");
  int middle = tree_split(node);
  const nn_real *left = sum_node(u, (tree_range){node.begin, middle}, level);
  const nn_real *right = sum_node(u, (tree_range){middle, node.end}, level + 1);
  nn_real *to = u->scratch + own * (size_t)level;
  sum_into(to, left, right, own);
  return to;
}

/* ---- the new state ---- */

/* 0 where all are finite, NaN elsewhere: vectorises, reads once. */
static bool all_finite(const nn_real *values, size_t count) {
  nn_real sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i] * 0;
  return sum == 0;
}

static const char *name_at(const nn_layout *layout, size_t offset) {
  if (offset >= layout->state_size)
    return layout->reports[offset - layout->state_size];
  const char *name = "padding";
  for (int i = 0; i < layout->entry_count; i++)
    if (layout->entries[i].offset <= offset) name = layout->entries[i].name;
  return name;
}

static status check_slice(const update *u, const nn_real *sum, uint64_t step) {
  int rank = u->options.cluster->rank;
  size_t count = slice_size(u, rank);
  if (all_finite(sum, count)) return STATUS_OK;
  for (size_t i = 0; i < count; i++)
    if (!isfinite(sum[i])) {
      size_t at = u->slices[rank] + i;
      const nn_layout *layout = u->options.layout;
      return status_error(STATUS_NUMERIC, "step %llu: %s of %s is %g",
                          (unsigned long long)step,
                          at < layout->parameter_size ? "gradient"
                          : at < layout->state_size   ? "new value"
                                                      : "loss",
                          name_at(layout, at), (double)sum[i]);
    }
  return STATUS_OK;
}

static void update_slice(update *u, const nn_real *sum,
                         const nn_adam_options *adam) {
  int rank = u->options.cluster->rank;
  size_t begin = u->slices[rank], end = u->slices[rank + 1];
  size_t parameters = u->options.layout->parameter_size;
  size_t learned = end < parameters ? end : parameters;
  double scale = 1.0 / u->options.micro_batches;
  if (learned > begin)
    nn_adam(adam, learned - begin, scale, sum, u->state + begin, u->mean,
            u->variance, u->options.threads);
  for (size_t i = learned > begin ? learned : begin; i < end; i++)
    u->state[i] = (nn_real)(scale * (double)sum[i - begin]);
}

static void gather_state(update *u) {
  const cluster *c = u->options.cluster;
  for (int r = 0; r < c->ranks; r++) {
    u->counts[r] = (int)slice_size(u, r);
    u->offsets[r] = (int)u->slices[r];
  }
  MPI_Allgatherv(MPI_IN_PLACE, 0, REAL_TYPE, u->state, u->counts, u->offsets,
                 REAL_TYPE, MPI_COMM_WORLD);
}

status update_finish(update *u, const nn_adam_options *adam, status own,
                     bool *stop) {
  double start = clock_seconds();
  exchange(u);
  double exchanged = clock_seconds();
  const nn_real *sum =
      sum_node(u, (tree_range){0, u->options.micro_batches}, 0);
  if (own == STATUS_OK) own = check_slice(u, sum, adam->step);
  u->stack.count = 0;
  u->next = 0;
  double summed = clock_seconds();
  status result = cluster_agree_or_stop(u->options.cluster, own, stop);
  double agreed = clock_seconds();
  if (result != STATUS_OK) return result;
  update_slice(u, sum, adam);
  double updated = clock_seconds();
  gather_state(u);
  u->communicating +=
      exchanged - start + agreed - summed + clock_seconds() - updated;
  u->updating += summed - exchanged + updated - agreed;
  return STATUS_OK;
}

void update_times(const update *u, double *communicating, double *updating) {
  *communicating = u->communicating;
  *updating = u->updating;
}

/* ---- moments and state for checkpoints ---- */

/* The part of each slice that is parameters. */
static int moment_counts(update *u) {
  size_t parameters = u->options.layout->parameter_size;
  for (int r = 0; r < u->options.cluster->ranks; r++) {
    size_t begin = u->slices[r] < parameters ? u->slices[r] : parameters;
    size_t end = u->slices[r + 1] < parameters ? u->slices[r + 1] : parameters;
    u->counts[r] = (int)(end - begin);
    u->offsets[r] = (int)begin;
  }
  return u->counts[u->options.cluster->rank];
}

void update_gather_moments(update *u, int which, nn_real *values) {
  int own = moment_counts(u);
  MPI_Gatherv(which == 0 ? u->mean : u->variance, own, REAL_TYPE, values,
              u->counts, u->offsets, REAL_TYPE, 0, MPI_COMM_WORLD);
}

void update_scatter_moments(update *u, int which, const nn_real *values) {
  int own = moment_counts(u);
  MPI_Scatterv(values, u->counts, u->offsets, REAL_TYPE,
               which == 0 ? u->mean : u->variance, own, REAL_TYPE, 0,
               MPI_COMM_WORLD);
}

void update_broadcast_state(update *u) {
  MPI_Bcast(u->state, (int)u->options.layout->state_size, REAL_TYPE, 0,
            MPI_COMM_WORLD);
}
