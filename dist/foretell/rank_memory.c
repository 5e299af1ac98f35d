/* The memory of ranks, part by part, from plans that are not run. */
#include "dist/foretell/rank_memory.h"

#include <string.h>

#include "data/data.h"
#include "dist/feed/loader.h"
#include "dist/ranks/order.h"
#include "dist/state/snapshot.h"
#include "dist/feed/stream_internal.h"
#include "dist/sum/tree.h"

/* Measured on small networks: the program with MPI, HDF5 and OpenBLAS; and what
 * OpenBLAS packs matrices into. */
static const double program_bytes = 40 << 20, thread_bytes = 4 << 20;

static const double value = sizeof(nn_real), rounded_value = sizeof(uint16_t);

double rank_memory_sum(const rank_memory *m) {
  return m->program + m->arena + m->state + m->moments + m->gradients +
         m->samples + m->features + m->saving + m->scoring;
}

/* ---- plans ---- */

/* As harmonizer_borrow has it. */
static status plan_output(const train_options *o, int threads,
                          const nn_layout *layout, size_t *bytes) {
  nn_model_options model = train_model_options(o, 1, NN_FOR_OUTPUT, false);
  nn_plan_options plan = {
      .threads = threads, .layout = layout, .no_arena = true};
  nn_system *s;
  TRY(nn_system_create(&model, &plan, &s));
  const nn_plan *only = s->phases[0].plan;
  *bytes = nn_plan_arena_bytes(only) +
           nn_plan_layout(only)->result_size * sizeof(nn_real);
  nn_system_destroy(&s);
  return STATUS_OK;
}

static void describe_phase(const nn_layout *layout, int k, memory_sizes *out) {
  out->learned[k] = layout->parameters.end - layout->parameters.begin;
  out->summed[k] = layout->gradients;
  out->rest[k] = layout->rest.end - layout->rest.begin;
  out->results[k] = layout->result_size;
}

static status plan_sizes(const train_options *o, nn_plan_options how,
                         memory_sizes *out) {
  nn_model_options model =
      train_model_options(o, (int)o->micro_batch, NN_FOR_TRAINING, true);
  how.no_arena = true;
  nn_system *s;
  TRY(nn_system_create(&model, &how, &s));
  *out = (memory_sizes){.phase_count = s->phase_count,
                        .vector = s->layout.vector_size,
                        .state = s->layout.state_size,
                        .parameters = s->layout.parameter_size,
                        .largest = snapshot_scratch(&s->layout),
                        .arena = nn_plan_arena_bytes(s->phases[0].plan)};
  for (int k = 0; k < s->phase_count; k++)
    describe_phase(nn_plan_layout(s->phases[k].plan), k, out);
  status result = plan_output(o, how.threads, &s->layout, &out->output);
  nn_system_destroy(&s);
  if (result == STATUS_OK) out->micro_batch = o->micro_batch;
  return result;
}

/* The sizes that a rank's steps have: planned once for all ranks alike. */
static status sizes_of(memory_model *model, const train_options *o,
                       const memory_places *where, int rank,
                       const memory_sizes **out) {
  nn_plan_options how = train_plan_options(o, where->threads, rank,
                                           where->first_ranks[where->nodes]);
  memory_sizes *sizes = &model->sizes[how.continued + how.hand_over];
  *out = sizes;
  if (sizes->micro_batch == o->micro_batch) return STATUS_OK;
  return plan_sizes(o, how, sizes);
}

/* ---- a rank ---- */

typedef struct survey {
  const train_options *o;
  const memory_places *where;
  int micro_batches, ranks;
  int sums; /* that the nodes make of their micro-batches, together */
} survey;

/* A rank, and its micro-batches. */
typedef struct place {
  int rank, node, node_ranks, begin, end;
} place;

static place place_of(const survey *s, int node, int rank) {
  const int *first = s->where->first_ranks + node;
  place at = {.rank = rank, .node = node, .node_ranks = first[1] - first[0]};
  order_share(s->micro_batches, rank, s->ranks, &at.begin, &at.end);
  return at;
}

/* Sums of the tree that a node makes of its micro-batches. */
static int sums_of_node(const survey *s, int node) {
  const int *first = s->where->first_ranks + node;
  tree_range ignored[TREE_PARTS];
  int begin, end, other;
  order_share(s->micro_batches, first[0], s->ranks, &begin, &other);
  order_share(s->micro_batches, first[1] - 1, s->ranks, &other, &end);
  return tree_parts(s->micro_batches, begin, end, ignored);
}

/* What exchange.c has for the messages of a step: other nodes' sums of this
 * rank's pieces and, rounded, this node's sums of theirs. */
static double messages(const survey *s, const memory_sizes *sizes,
                       const place *at) {
  bool rounded = s->o->grad_dtype == GRAD_BFLOAT16;
  int own = sums_of_node(s, at->node);
  int others = s->ranks - at->node_ranks; /* dealt out to help them */
  int helped = (others + at->node_ranks - 1) / at->node_ranks;
  double received = 0, sent = 0;
  for (int k = 0; k < sizes->phase_count; k++) {
    double gradients = (double)sizes->summed[k] / s->ranks;
    double rest = (double)sizes->rest[k] / s->ranks;
    double wire = rounded ? rounded_value : value;
    double in = (wire * gradients + value * rest) * (s->sums - own);
    double out = rounded ? rounded_value * gradients * helped * own : 0;
    if (in > received) received = in;
    if (out > sent) sent = out;
  }
  return received + sent;
}

static double samples(const survey *s, const memory_sizes *sizes,
                      const place *at) {
  int size = train_image_size(s->o), micro_batch = (int)s->o->micro_batch;
  int kept =
      loader_kept(size, micro_batch, at->end - at->begin, sizes->phase_count);
  double bytes =
      (double)loader_bytes(size, micro_batch, kept, s->o->recompose > 0);
  if (!s->where->streamed) return bytes;
  return bytes + (double)(at->rank == 0 ? stream_server_bytes(size)
                                        : stream_client_bytes(size));
}

static double features(const train_options *o) {
  double values = 0;
  bool wanted = o->network.lambda_style > 0 || o->network.lambda_gram > 0;
  int convs = wanted ? nn_vgg_conv_count((unsigned)o->network.style_layers) : 0;
  for (int i = 0; i < convs; i++) {
    nn_vgg_conv c = nn_vgg_conv_at(NN_VGG_WIDTH, i);
    values += (9.0 * c.in + 1) * c.out;
  }
  return value * values;
}

/* A harmonizer and an evaluator each for validation and, on rank 0, for the
 * sheet of pictures, whose cells and canvas have some 60 bytes a pixel. */
static double scoring(const train_options *o, const memory_sizes *sizes,
                      const place *at) {
  int size = train_image_size(o);
  double bytes = 0, pixels = (double)size * size;
  double sample = (7 + 13 * sizeof(float)) * pixels +
                  (double)data_metrics_scratch(size, size) * sizeof(float);
  if (o->validate_every > 0) bytes += (double)sizes->output + sample;
  if (at->rank == 0 && o->report_samples > 0)
    bytes += (double)sizes->output + sample +
             60 * (double)o->report_samples * pixels;
  return bytes;
}

static rank_memory describe(const survey *s, const memory_sizes *sizes,
                            const place *at) {
  size_t averaged = s->o->ema > 0 ? sizes->state : 0;
  size_t state = sizes->vector + averaged;
  rank_memory m = {.program = program_bytes + s->where->threads * thread_bytes,
                   .arena = (double)sizes->arena,
                   .state = value * (double)state / at->node_ranks,
                   .gradients = messages(s, sizes, at),
                   .samples = samples(s, sizes, at),
                   .features = features(s->o),
                   .scoring = scoring(s->o, sizes, at)};
  int buffers = tree_depth(s->micro_batches, at->begin, at->end);
  for (int k = 0; k < sizes->phase_count; k++) {
    m.moments += 2 * value * (double)sizes->learned[k] / s->ranks;
    m.gradients += value * (double)sizes->results[k] * buffers;
  }
  if (at->rank == 0)
    m.saving = value * (double)(sizes->state + averaged +
                                2 * sizes->parameters + sizes->largest);
  return m;
}

status rank_memory_survey(memory_model *model, const train_options *o,
                          const memory_places *where, run_memory *out) {
  survey s = {.o = o,
              .where = where,
              .micro_batches = (int)(o->batch / o->micro_batch),
              .ranks = where->first_ranks[where->nodes]};
  INVARIANT(s.micro_batches >= s.ranks, "%d micro-batches are too few",
            s.micro_batches);
  *out = (run_memory){0};
  for (int n = 0; n < where->nodes; n++) s.sums += sums_of_node(&s, n);
  for (int n = 0; n < where->nodes; n++) {
    double node = 0;
    for (int r = where->first_ranks[n]; r < where->first_ranks[n + 1]; r++) {
      const memory_sizes *sizes;
      TRY(sizes_of(model, o, where, r, &sizes));
      place at = place_of(&s, n, r);
      rank_memory m = describe(&s, sizes, &at);
      node += rank_memory_sum(&m);
      if (rank_memory_sum(&m) <= rank_memory_sum(&out->most)) continue;
      out->most = m;
      out->rank = r;
    }
    if (node > out->node) out->node = node;
  }
  return STATUS_OK;
}
