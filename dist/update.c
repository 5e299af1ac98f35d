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

/* The vector of a phase's results. */
typedef struct phase {
  const nn_layout *layout;
  size_t learned, count; /* values: gradients, and in all */
  nn_real **buffers;     /* sums in the making, each result_size values */
  tree_stack stack;
  int next;            /* micro-batch to come */
  size_t *slices;      /* slice of rank r: [slices[r], slices[r + 1]) */
  nn_real *received;   /* my slice of the others' parts */
  nn_real *scratch;    /* sums of inner nodes: a slice a level */
  nn_real *moments[2]; /* of my slice of the parameters */
} phase;

struct update {
  update_options options;
  nn_real *state;
  phase phases[NN_MAX_PHASES];
  int own_begin, own_end; /* this rank's micro-batches */
  int buffer_count;
  part *parts; /* all parts of all ranks, in the tree's order */
  int part_count;
  int scratch_levels;
  MPI_Request *requests;
  int *counts, *offsets; /* of the gathers */
  double communicating, updating;
};

static size_t slice_size(const phase *p, int rank) {
  return p->slices[rank + 1] - p->slices[rank];
}

static void cut_slices(phase *p, int ranks) {
  size_t lines = (p->count + ALIGN - 1) / ALIGN;
  for (int r = 0; r <= ranks; r++) {
    size_t cut = lines * (size_t)r / (size_t)ranks * ALIGN;
    p->slices[r] = cut < p->count ? cut : p->count;
  }
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

static status allocate_phase(update *u, const nn_layout *layout, int foreign,
                             phase *p) {
  const cluster *c = u->options.cluster;
  p->layout = layout;
  p->learned = layout->parameters.end - layout->parameters.begin;
  p->count = p->learned + layout->rest.end - layout->rest.begin;
  p->stack.total = u->options.micro_batches;
  TRY(MEMORY_NEW((size_t)c->ranks + 1, "slices", &p->slices));
  cut_slices(p, c->ranks);
  TRY(MEMORY_NEW((size_t)u->buffer_count, "gradients", &p->buffers));
  for (int i = 0; i < u->buffer_count; i++)
    TRY(MEMORY_NEW(layout->result_size, "gradients", &p->buffers[i]));
  size_t own = slice_size(p, c->rank);
  TRY(MEMORY_NEW(own * (size_t)foreign, "the other ranks' gradients",
                 &p->received));
  TRY(MEMORY_NEW(own * (size_t)u->scratch_levels, "gradient sums",
                 &p->scratch));
  for (int k = 0; k < 2; k++)
    TRY(MEMORY_NEW(own, "Adam's moments", &p->moments[k]));
  return STATUS_OK;
}

static status allocate(update *u) {
  const cluster *c = u->options.cluster;
  size_t ranks = (size_t)c->ranks;
  TRY(MEMORY_NEW(ranks, "slices", &u->counts));
  TRY(MEMORY_NEW(ranks, "slices", &u->offsets));
  TRY(list_parts(u));
  order_share(u->options.micro_batches, c->rank, c->ranks, &u->own_begin,
              &u->own_end);
  u->buffer_count =
      tree_depth(u->options.micro_batches, u->own_begin, u->own_end);
  int foreign = 0, sent = 0;
  for (int i = 0; i < u->part_count; i++)
    if (u->parts[i].rank == c->rank)
      sent++;
    else
      foreign++;
  u->scratch_levels = 2;
  for (int n = u->options.micro_batches; n > 1; n = (n + 1) / 2)
    u->scratch_levels++;
  for (int k = 0; k < u->options.phase_count; k++)
    TRY(allocate_phase(u, u->options.phases[k], foreign, &u->phases[k]));
  TRY(MEMORY_NEW((size_t)foreign + (size_t)sent * ranks, "requests",
                 &u->requests));
  return MEMORY_NEW(u->options.layout->vector_size + ALIGN, "parameters",
                    &u->state);
}

status update_create(const update_options *options, update **out) {
  TRY(MEMORY_NEW(1, "update", out));
  (*out)->options = *options;
  status result = allocate(*out);
  if (result != STATUS_OK) update_destroy(out);
  return result;
}

static void free_phase(const update *u, phase *p) {
  for (int i = 0; p->buffers != NULL && i < u->buffer_count; i++)
    memory_free(p->buffers[i]);
  memory_free(p->buffers);
  memory_free(p->slices);
  memory_free(p->received);
  memory_free(p->scratch);
  for (int k = 0; k < 2; k++) memory_free(p->moments[k]);
}

void update_destroy(update **pointer) {
  update *u = *pointer;
  if (u == NULL) return;
  for (int k = 0; k < u->options.phase_count; k++) free_phase(u, &u->phases[k]);
  memory_free(u->counts);
  memory_free(u->offsets);
  memory_free(u->parts);
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

nn_real *update_target(update *u, int phase_index) {
  const phase *p = &u->phases[phase_index];
  return p->buffers[p->stack.count];
}

void update_add(update *u, int phase_index) {
  phase *p = &u->phases[phase_index];
  tree_push(&p->stack, u->own_begin + p->next++);
  while (tree_merge(&p->stack))
    sum_into(p->buffers[p->stack.count - 1], p->buffers[p->stack.count - 1],
             p->buffers[p->stack.count], p->count);
}

/* ---- sums over ranks ---- */

/* Sends every rank its slice of my parts and receives mine of theirs. */
static void exchange(update *u, const phase *p) {
  const cluster *c = u->options.cluster;
  size_t own = slice_size(p, c->rank);
  nn_real *to = p->received;
  int requests = 0, mine = 0;
  for (int i = 0; i < u->part_count; i++) {
    part *one = &u->parts[i];
    if (one->rank == c->rank) {
      one->slice = p->buffers[mine++] + p->slices[c->rank];
      continue;
    }
    one->slice = to;
    MPI_Irecv(to, (int)own, REAL_TYPE, one->rank, TAG, c->world,
              &u->requests[requests++]);
    to += own;
  }
  for (int i = 1; i < c->ranks; i++) {
    int rank = (c->rank + i) % c->ranks; /* not all to the same one at once */
    for (int k = 0; k < mine; k++)
      MPI_Isend(p->buffers[k] + p->slices[rank], (int)slice_size(p, rank),
                REAL_TYPE, rank, TAG, c->world, &u->requests[requests++]);
  }
  MPI_Waitall(requests, u->requests, MPI_STATUSES_IGNORE);
}

/* My slice of the sum over a node of the tree; inner sums lie in scratch, one
 * place a level. */
static const nn_real *sum_node(const update *u, const phase *p, tree_range node,
                               int level) {
  for (int i = 0; i < u->part_count; i++)
    if (u->parts[i].range.begin == node.begin &&
        u->parts[i].range.end == node.end)
      return u->parts[i].slice;
  size_t own = slice_size(p, u->options.cluster->rank);
  INVARIANT(level + 1 < u->scratch_levels, "the tree is too deep");
  int middle = tree_split(node);
  const nn_real *left = sum_node(u, p, (tree_range){node.begin, middle}, level);
  const nn_real *right =
      sum_node(u, p, (tree_range){middle, node.end}, level + 1);
  nn_real *to = p->scratch + own * (size_t)level;
  sum_into(to, left, right, own);
  return to;
}

/* ---- the new state ---- */

/* One pass that vectorises: x - x is not 0 for NaN and infinities. */
static bool all_finite(const nn_real *values, size_t count) {
  int bad = 0;
  for (size_t i = 0; i < count; i++) bad |= values[i] - values[i] != 0;
  return bad == 0;
}

static const char *name_at(const nn_layout *layout, size_t offset) {
  if (offset >= layout->report_offset &&
      offset < layout->report_offset + (size_t)layout->report_count)
    return layout->reports[offset - layout->report_offset];
  const char *name = "padding";
  for (int i = 0; i < layout->entry_count; i++)
    if (layout->entries[i].offset <= offset) name = layout->entries[i].name;
  return name;
}

static status check_slice(const update *u, const phase *p, const nn_real *sum,
                          uint64_t step) {
  int rank = u->options.cluster->rank;
  size_t count = slice_size(p, rank);
  if (all_finite(sum, count)) return STATUS_OK;
  for (size_t i = 0; i < count; i++)
    if (!isfinite(sum[i])) {
      size_t at = nn_layout_target(p->layout, p->slices[rank] + i);
      return status_error(STATUS_NUMERIC, "step %llu: %s of %s is %g",
                          (unsigned long long)step,
                          at < p->layout->parameter_size ? "gradient"
                          : at < p->layout->state_size   ? "new value"
                                                         : "loss",
                          name_at(p->layout, at), (double)sum[i]);
    }
  return STATUS_OK;
}

/* Reports of an earlier phase lie among those of this one's: they stay. */
static bool is_foreign(const nn_layout *layout, size_t at) {
  return at >= layout->state_size && at < layout->report_offset;
}

static void update_slice(update *u, phase *p, const nn_real *sum,
                         const nn_adam_options *adam) {
  int rank = u->options.cluster->rank;
  size_t begin = p->slices[rank], end = p->slices[rank + 1];
  size_t learned = end < p->learned ? end : p->learned;
  double scale = 1.0 / u->options.micro_batches;
  if (learned > begin)
    nn_adam(adam, learned - begin, scale, sum,
            u->state + nn_layout_target(p->layout, begin), p->moments[0],
            p->moments[1], u->options.threads);
  for (size_t i = learned > begin ? learned : begin; i < end; i++) {
    size_t at = nn_layout_target(p->layout, i);
    if (!is_foreign(p->layout, at))
      u->state[at] = (nn_real)(scale * (double)sum[i - begin]);
  }
}

/* Counts and offsets of what each rank's slice has of results [begin, end),
 * which lie at `offset` of the vector. */
static void share_out(update *u, const phase *p, size_t begin, size_t end,
                      size_t offset) {
  for (int r = 0; r < u->options.cluster->ranks; r++) {
    size_t low = p->slices[r], high = p->slices[r + 1];
    low = low < begin ? begin : low > end ? end : low;
    high = high < begin ? begin : high > end ? end : high;
    u->counts[r] = (int)(high - low);
    u->offsets[r] = (int)(offset + low - begin);
  }
}

static void gather(update *u) {
  MPI_Allgatherv(MPI_IN_PLACE, 0, REAL_TYPE, u->state, u->counts, u->offsets,
                 REAL_TYPE, u->options.cluster->world);
}

static void gather_state(update *u, const phase *p) {
  const nn_layout *layout = p->layout;
  bool joined = layout->parameters.end == layout->rest.begin;
  share_out(u, p, 0, joined ? p->count : p->learned, layout->parameters.begin);
  gather(u);
  if (joined) return;
  share_out(u, p, p->learned, p->count, layout->rest.begin);
  gather(u);
}

status update_finish(update *u, int phase_index, const nn_adam_options *adam,
                     status own, bool *stop) {
  phase *p = &u->phases[phase_index];
  double start = clock_seconds();
  exchange(u, p);
  double exchanged = clock_seconds();
  const nn_real *sum =
      sum_node(u, p, (tree_range){0, u->options.micro_batches}, 0);
  if (own == STATUS_OK) own = check_slice(u, p, sum, adam->step);
  p->stack.count = 0;
  p->next = 0;
  double summed = clock_seconds();
  status result = cluster_agree_or_stop(u->options.cluster, own, stop);
  double agreed = clock_seconds();
  if (result != STATUS_OK) return result;
  update_slice(u, p, sum, adam);
  double updated = clock_seconds();
  gather_state(u, p);
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

/* The part of each slice that is parameters; returns this rank's. */
static int moment_counts(update *u, const phase *p) {
  share_out(u, p, 0, p->learned, p->layout->parameters.begin);
  return u->counts[u->options.cluster->rank];
}

void update_gather_moments(update *u, int which, nn_real *values) {
  for (int k = 0; k < u->options.phase_count; k++) {
    const phase *p = &u->phases[k];
    int own = moment_counts(u, p);
    MPI_Gatherv(p->moments[which], own, REAL_TYPE, values, u->counts,
                u->offsets, REAL_TYPE, 0, u->options.cluster->world);
  }
}

void update_scatter_moments(update *u, int which, const nn_real *values) {
  for (int k = 0; k < u->options.phase_count; k++) {
    const phase *p = &u->phases[k];
    int own = moment_counts(u, p);
    MPI_Scatterv(values, u->counts, u->offsets, REAL_TYPE, p->moments[which],
                 own, REAL_TYPE, 0, u->options.cluster->world);
  }
}

void update_broadcast_state(update *u) {
  MPI_Bcast(u->state, (int)u->options.layout->state_size, REAL_TYPE, 0,
            u->options.cluster->world);
}
