/* Sums over ranks and nodes while the caller computes. */
#include "dist/sum/exchange.h"

#include <mpi.h>

#include "base/log.h"
#include "base/memory.h"

enum { GRADIENTS = 7, VALUES, NEVER_SENT }; /* tags */

struct exchange {
  const cluster *cluster;
  node_memory *memory;
  const routes *routes;
  bool rounded;
  int threads;
  char *received;     /* other nodes' sums of my pieces */
  uint16_t *outgoing; /* rounded: sums of others' pieces */
  tree_source *sources;
  MPI_Request *receives, *sends;
  double summing;
  uint64_t closed_before; /* buckets of phases before this one */
  uint64_t published;     /* phases whose values are in the node's memory */

  const exchange_phase *phase;
  nn_real *state;
  int closed;       /* buckets of mine */
  int sent, summed; /* buckets: others' pieces, and mine */
  int first_bad;
  int receive_count, send_count;
  int arrived, taken; /* receives that are done, in order, and made use of */
  size_t received_at, outgoing_at; /* what is in use: bytes, values */
};

static size_t length(piece p) { return p.end - p.begin; }

static bool travels_rounded(const exchange *x, const pieces *cut, int bucket) {
  return x->rounded && bucket < cut->learned_buckets;
}

static size_t bytes_of(const exchange *x, const pieces *cut, int bucket) {
  return travels_rounded(x, cut, bucket) ? sizeof *x->outgoing
                                         : sizeof(nn_real);
}

static MPI_Datatype type_of(const exchange *x, const pieces *cut, int bucket) {
  return travels_rounded(x, cut, bucket) ? MPI_UINT16_T : REAL_TYPE;
}

/* ---- memory ---- */

typedef struct needs {
  size_t received, outgoing, receives, sends;
} needs;

static void raise_to(size_t *most, size_t value) {
  if (value > *most) *most = value;
}

static void add_needs(const exchange *x, const pieces *cut, needs *most) {
  const routes *r = x->routes;
  size_t received = 0, outgoing = 0, buckets = (size_t)cut->buckets;
  size_t parts = (size_t)r->part_count, helped = (size_t)r->helped_count;
  for (int b = 0; b < cut->buckets; b++) {
    received += length(pieces_of(cut, b, x->cluster->rank)) *
                bytes_of(x, cut, b) * (size_t)r->received;
    for (int i = 0; travels_rounded(x, cut, b) && i < r->helped_count; i++)
      outgoing += length(pieces_of(cut, b, r->helped[i])) * parts;
  }
  raise_to(&most->received, received);
  raise_to(&most->outgoing, outgoing);
  raise_to(&most->receives, buckets * (size_t)r->received);
  raise_to(&most->receives, buckets * helped);
  raise_to(&most->sends, buckets * helped * parts);
  raise_to(&most->sends, buckets * (size_t)x->cluster->nodes);
}

static status allocate(exchange *x, const exchange_phase *phases,
                       int phase_count) {
  needs most = {0};
  for (int k = 0; k < phase_count; k++) add_needs(x, &phases[k].cut, &most);
  size_t sources = (size_t)(x->routes->source_count + x->routes->leaf_count);
  TRY(MEMORY_NEW(most.received, "other nodes' gradients", &x->received));
  TRY(MEMORY_NEW(most.outgoing, "rounded gradients", &x->outgoing));
  TRY(MEMORY_NEW(sources, "sums", &x->sources));
  TRY(MEMORY_NEW(most.receives, "messages", &x->receives));
  return MEMORY_NEW(most.sends, "messages", &x->sends);
}

status exchange_create(const cluster *c, const routes *r,
                       const exchange_phase *phases, int phase_count,
                       bool rounded, int threads, exchange **out) {
  TRY(MEMORY_NEW(1, "exchange", out));
  **out = (exchange){
      .cluster = c, .routes = r, .rounded = rounded, .threads = threads};
  status result = allocate(*out, phases, phase_count);
  if (result != STATUS_OK) exchange_destroy(out);
  return result;
}

void exchange_destroy(exchange **pointer) {
  exchange *x = *pointer;
  if (x == NULL) return;
  memory_free(x->received);
  memory_free(x->outgoing);
  memory_free(x->sources);
  memory_free(x->receives);
  memory_free(x->sends);
  memory_free(x);
  *pointer = NULL;
}

void exchange_use(exchange *x, node_memory *memory) { x->memory = memory; }

/* ---- messages ---- */

/* Empty pieces are no messages: both ends know. */
static void receive(exchange *x, void *to, size_t count, MPI_Datatype type,
                    int rank, int tag) {
  if (count > 0)
    MPI_Irecv(to, (int)count, type, rank, tag, x->cluster->world,
              &x->receives[x->receive_count++]);
}

static void send(exchange *x, const void *from, size_t count, MPI_Datatype type,
                 int rank, int tag) {
  if (count > 0)
    MPI_Isend(from, (int)count, type, rank, tag, x->cluster->world,
              &x->sends[x->send_count++]);
}

/* MPI moves messages while it is called, even those that it says have left. A
 * look for what never comes always moves them. */
static void move_messages(const exchange *x) {
  int found;
  if (x->cluster->nodes > 1)
    MPI_Iprobe(MPI_ANY_SOURCE, NEVER_SENT, x->cluster->world, &found,
               MPI_STATUS_IGNORE);
}

/* Whether the first `count` receives are done; they are asked for in order. */
static bool have_arrived(exchange *x, int count) {
  int done = 1;
  if (x->arrived < count)
    MPI_Testall(count - x->arrived, x->receives + x->arrived, &done,
                MPI_STATUSES_IGNORE);
  if (done && x->arrived < count) x->arrived = count;
  return done != 0;
}

static bool have_left(exchange *x) {
  int done = 1;
  if (x->send_count > 0)
    MPI_Testall(x->send_count, x->sends, &done, MPI_STATUSES_IGNORE);
  return done != 0;
}

static void forget_messages(exchange *x) {
  x->receive_count = x->send_count = x->arrived = x->taken = 0;
}

/* ---- sums ---- */

void exchange_begin(exchange *x, const exchange_phase *phase) {
  const pieces *cut = &phase->cut;
  if (x->phase != NULL) x->closed_before += (uint64_t)x->phase->cut.buckets;
  x->phase = phase;
  x->closed = x->sent = x->summed = 0;
  x->first_bad = -1;
  x->received_at = x->outgoing_at = 0;
  forget_messages(x);
  char *to = x->received;
  for (int b = 0; b < cut->buckets; b++) {
    size_t count = length(pieces_of(cut, b, x->cluster->rank));
    for (int k = 0; k < x->routes->received; k++) {
      receive(x, to, count, type_of(x, cut, b), x->routes->senders[k],
              GRADIENTS);
      to += count * bytes_of(x, cut, b);
    }
  }
}

void exchange_close(exchange *x, int buckets) {
  if (buckets <= x->closed) return;
  x->closed = buckets;
  node_memory_raise(x->memory, NODE_CLOSED,
                    x->closed_before + (uint64_t)buckets);
}

/* Buckets that all ranks of the node have closed. */
static int closed_by_all(const exchange *x) {
  uint64_t lowest = node_memory_lowest(x->memory, NODE_CLOSED);
  return lowest > x->closed_before ? (int)(lowest - x->closed_before) : 0;
}

/* This node's sums of a piece of another node's rank: added up in the place of
 * their first leaf, which nobody else reads there. */
static void send_piece(exchange *x, int bucket, int rank) {
  const pieces *cut = &x->phase->cut;
  piece p = pieces_of(cut, bucket, rank);
  bool rounded = travels_rounded(x, cut, bucket);
  for (int i = 0; i < x->routes->part_count; i++) {
    const route_part *part = &x->routes->parts[i];
    nn_real *const *leaves = x->phase->leaves + part->first_leaf;
    uint16_t *narrow = rounded ? x->outgoing + x->outgoing_at : NULL;
    for (int k = 0; k < part->sum.leaves; k++)
      x->sources[k] = (tree_source){.values = leaves[k] + p.begin};
    if (rounded || part->sum.leaves > 1)
      tree_sum_run(&part->sum, x->sources, length(p), leaves[0] + p.begin,
                   narrow, x->threads);
    if (rounded) x->outgoing_at += length(p);
    send(x, rounded ? (void *)narrow : (void *)(leaves[0] + p.begin), length(p),
         type_of(x, cut, bucket), rank, GRADIENTS);
  }
}

static void sum_own_piece(exchange *x, int bucket) {
  const routes *r = x->routes;
  const pieces *cut = &x->phase->cut;
  piece p = pieces_of(cut, bucket, x->cluster->rank);
  size_t bytes = length(p) * bytes_of(x, cut, bucket);
  for (int i = 0; i < r->source_count; i++) {
    int leaf = r->sources[i];
    tree_source *source = &x->sources[i];
    *source = (tree_source){0};
    if (leaf >= 0) {
      source->values = x->phase->leaves[leaf] + p.begin;
      continue;
    }
    void *part = x->received + x->received_at + (size_t)(-1 - leaf) * bytes;
    if (travels_rounded(x, cut, bucket))
      source->rounded = part;
    else
      source->values = part;
  }
  x->received_at += bytes * (size_t)r->received;
  bool finite = tree_sum_run(&r->whole, x->sources, length(p),
                             x->phase->own + p.begin, NULL, x->threads);
  if (!finite && x->first_bad < 0) x->first_bad = bucket;
}

static void send_pieces(exchange *x, int ready) {
  for (; x->sent < ready; x->sent++)
    for (int i = 0; i < x->routes->helped_count; i++)
      send_piece(x, x->sent, x->routes->helped[i]);
}

/* As far as messages have come. */
static void sum_own_pieces(exchange *x, int ready) {
  const pieces *cut = &x->phase->cut;
  while (x->summed < cut->buckets) {
    piece own = pieces_of(cut, x->summed, x->cluster->rank);
    int messages = length(own) > 0 ? x->routes->received : 0;
    if (x->summed >= ready || !have_arrived(x, x->taken + messages)) return;
    x->taken += messages;
    sum_own_piece(x, x->summed++);
  }
}

bool exchange_advance(exchange *x) {
  int ready = closed_by_all(x), buckets = x->phase->cut.buckets;
  bool idle = x->sent >= ready && x->summed >= ready;
  move_messages(x);
  double start = idle ? 0 : clock_seconds();
  send_pieces(x, ready);
  sum_own_pieces(x, ready);
  if (!idle) x->summing += clock_seconds() - start;
  return x->sent == buckets && x->summed == buckets && have_left(x);
}

int exchange_first_bad(const exchange *x) { return x->first_bad; }

double exchange_summing(const exchange *x) { return x->summing; }

/* ---- new values ---- */

static nn_real *place_of(const exchange *x, piece p) {
  return x->state + nn_layout_target(x->phase->layout, p.begin);
}

void exchange_begin_values(exchange *x, nn_real *state) {
  const pieces *cut = &x->phase->cut;
  x->state = state;
  forget_messages(x);
  for (int b = 0; b < cut->buckets; b++)
    for (int i = 0; i < x->routes->helped_count; i++) {
      piece p = pieces_of(cut, b, x->routes->helped[i]);
      receive(x, place_of(x, p), length(p), REAL_TYPE, x->routes->helped[i],
              VALUES);
    }
}

void exchange_give_values(exchange *x, int bucket) {
  piece p = pieces_of(&x->phase->cut, bucket, x->cluster->rank);
  for (int i = 0; i < x->cluster->nodes - 1; i++)
    send(x, place_of(x, p), length(p), REAL_TYPE, x->routes->helpers[i],
         VALUES);
}

void exchange_finish_values(exchange *x) {
  int tries = 0;
  while (!have_arrived(x, x->receive_count) || !have_left(x))
    node_memory_pause(&tries);
  node_memory_raise(x->memory, NODE_PUBLISHED, ++x->published);
  while (node_memory_lowest(x->memory, NODE_PUBLISHED) < x->published) {
    move_messages(x); /* another node may wait for this one's */
    node_memory_pause(&tries);
  }
}
