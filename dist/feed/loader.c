/* The thread that fetches a rank's samples ahead of their use. */
#include "dist/feed/loader.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"

enum {
  AHEAD = 2,             /* micro-batches ready beside those handed out */
  KEPT_BYTES = 128 << 20 /* of a step's, for its further phases, at most */
};

typedef struct slot {
  float *composite, *mask, *real;
  char (*names)[SAMPLE_NAME];
  status result;
  char message[1024];
} slot;

struct loader {
  loader_options options;
  int slot_count;
  slot *slots;
  uint32_t *queued; /* LOADER_QUEUE micro-batches of samples */
  uint64_t positions[LOADER_QUEUE];
  /* counters that only grow; the ring index is their remainder */
  uint64_t asked, loaded, taken;
  /* the loader's thread's alone */
  uint64_t announced;       /* samples */
  bool reference_announced; /* of the next sample */
  recomposer recomposer;
  augmenter augmenter;
  status failed; /* what ended the reading */
  bool stop, running;
  double waited;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
};

/* ---- the loader's thread ---- */

static recompose_draft draft_of(const loader *l, uint64_t sample_number) {
  uint64_t batch = (uint64_t)l->options.micro_batch;
  uint64_t at = sample_number / batch % LOADER_QUEUE, i = sample_number % batch;
  return recompose_draw(&l->options.recomposition, l->positions[at] + i,
                        l->queued[at * batch + i]);
}

static bool announce_sample(loader *l) {
  uint64_t ring = LOADER_QUEUE * (uint64_t)l->options.micro_batch;
  const sample_source *source = &l->options.source;
  recompose_draft draft = draft_of(l, l->announced);
  if (draft.has_reference && !l->reference_announced &&
      !source->announce(source->self, draft.reference))
    return false;
  l->reference_announced = true; /* or there is none */
  if (!source->announce(source->self, l->queued[l->announced % ring]))
    return false;
  l->reference_announced = false;
  l->announced++;
  return true;
}

/* Tells the source of the samples of `asked` micro-batches, each behind that
 * whose colours it takes, as far as it has room. */
static void announce(loader *l, uint64_t asked) {
  uint64_t batch = (uint64_t)l->options.micro_batch;
  while (l->announced < asked * batch && announce_sample(l))
    ;
}

/* Sample `number` of all that were asked for, as the network is to see it. */
static status load_sample(loader *l, uint64_t number, uint64_t asked,
                          sample_inputs *out, char *name) {
  const loader_options *o = &l->options;
  uint64_t batch = (uint64_t)o->micro_batch, at = number / batch % LOADER_QUEUE;
  recompose_draft draft = draft_of(l, number);
  sample_bytes bytes;
  if (draft.has_reference) {
    announce(l, asked);
    TRY(o->source.read(o->source.self, draft.reference, false, &bytes));
    recomposer_reference(&l->recomposer, &bytes);
  }
  announce(l, asked);
  TRY(o->source.read(o->source.self, l->queued[at * batch + number % batch],
                     !draft.wanted, &bytes));
  if (draft.wanted) TRY(recomposer_run(&l->recomposer, &draft, &bytes));
  augment_sample(&l->augmenter, &o->augmentation,
                 l->positions[at] + number % batch, &bytes, out);
  snprintf(name, SAMPLE_NAME, "%s", bytes.name);
  return STATUS_OK;
}

static status load_batch(loader *l, uint64_t number, uint64_t asked) {
  const loader_options *o = &l->options;
  slot *out = &l->slots[number % (uint64_t)l->slot_count];
  size_t pixels = (size_t)o->size * (size_t)o->size;
  for (size_t i = 0; i < (size_t)o->micro_batch; i++) {
    sample_inputs inputs = {out->composite + i * pixels * 3,
                            out->mask + i * pixels, out->real + i * pixels * 3};
    TRY(load_sample(l, number * (uint64_t)o->micro_batch + i, asked, &inputs,
                    out->names[i]));
  }
  return STATUS_OK;
}

/* After a failure nothing more is read: each attempt may take a failing disk
 * seconds, and nobody wants what comes behind. */
static void load(loader *l, uint64_t number, uint64_t asked) {
  slot *out = &l->slots[number % (uint64_t)l->slot_count];
  if (l->failed == STATUS_OK) l->failed = load_batch(l, number, asked);
  out->result = l->failed;
  if (out->result != STATUS_OK)
    snprintf(out->message, sizeof out->message, "%s", status_message());
}

/* Whether a batch is asked for and has a place: those handed out that are kept,
 * and those loaded, keep theirs. */
static bool may_load(const loader *l) {
  return l->asked > l->loaded && l->loaded + (uint64_t)l->options.kept <
                                     l->taken + (uint64_t)l->slot_count;
}

/* Until something changes; not longer than a moment if samples are coming,
 * which come nearer only when the source is called. */
static void wait(loader *l, bool coming) {
  if (!coming) {
    pthread_cond_wait(&l->changed, &l->mutex);
    return;
  }
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  pthread_cond_timedwait(&l->changed, &l->mutex, &until);
}

static void *work(void *argument) {
  loader *l = argument;
  pthread_mutex_lock(&l->mutex);
  while (!l->stop) {
    uint64_t number = l->loaded, asked = l->asked;
    bool now = may_load(l);
    pthread_mutex_unlock(&l->mutex);
    announce(l, asked);
    bool coming = l->options.source.progress(l->options.source.self);
    if (now) load(l, number, asked);
    pthread_mutex_lock(&l->mutex);
    if (now) {
      l->loaded++;
      pthread_cond_broadcast(&l->changed);
    } else if (!l->stop && asked == l->asked && !may_load(l)) {
      wait(l, coming);
    }
  }
  pthread_mutex_unlock(&l->mutex);
  return NULL;
}

/* ---- beginning and end ---- */

static size_t batch_bytes(int size, int micro_batch) {
  return sizeof(float) * 7 * (size_t)size * (size_t)size * (size_t)micro_batch;
}

int loader_kept(int size, int micro_batch, int per_step, int phases) {
  size_t most = KEPT_BYTES / batch_bytes(size, micro_batch);
  return phases > 1 && (size_t)per_step <= most ? per_step : 1;
}

size_t loader_bytes(int size, int micro_batch, int kept, bool recomposes) {
  return (size_t)(kept + AHEAD) * batch_bytes(size, micro_batch) +
         augmenter_bytes(size) + (recomposes ? recomposer_bytes(size) : 0);
}

static status allocate(loader *l) {
  size_t pixels = (size_t)l->options.size * (size_t)l->options.size;
  size_t batch = (size_t)l->options.micro_batch;
  TRY(MEMORY_NEW((size_t)l->slot_count, "micro-batches", &l->slots));
  for (int i = 0; i < l->slot_count; i++) {
    slot *s = &l->slots[i];
    TRY(MEMORY_NEW(batch * pixels * 3, "micro-batch", &s->composite));
    TRY(MEMORY_NEW(batch * pixels, "micro-batch", &s->mask));
    TRY(MEMORY_NEW(batch * pixels * 3, "micro-batch", &s->real));
    TRY(MEMORY_NEW(batch, "micro-batch", &s->names));
  }
  if (l->options.recomposition.share > 0)
    TRY(recomposer_create(l->options.size, &l->recomposer));
  TRY(augmenter_create(l->options.size, &l->augmenter));
  return MEMORY_NEW(batch * LOADER_QUEUE, "micro-batches", &l->queued);
}

status loader_create(const loader_options *options, loader **out) {
  TRY(MEMORY_NEW(1, "loader", out));
  loader *l = *out;
  l->options = *options;
  l->slot_count = options->kept + AHEAD;
  pthread_mutex_init(&l->mutex, NULL);
  pthread_cond_init(&l->changed, NULL);
  status result = allocate(l);
  if (result == STATUS_OK && pthread_create(&l->thread, NULL, work, l) != 0)
    result = status_error(STATUS_MEMORY, "cannot start the loader's thread");
  l->running = result == STATUS_OK;
  if (result != STATUS_OK) loader_destroy(out);
  return result;
}

void loader_destroy(loader **loader_pointer) {
  loader *l = *loader_pointer;
  if (l == NULL) return;
  if (l->running) {
    pthread_mutex_lock(&l->mutex);
    l->stop = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    pthread_join(l->thread, NULL);
  }
  pthread_cond_destroy(&l->changed);
  pthread_mutex_destroy(&l->mutex);
  for (int i = 0; l->slots != NULL && i < l->slot_count; i++) {
    memory_free(l->slots[i].composite);
    memory_free(l->slots[i].mask);
    memory_free(l->slots[i].real);
    memory_free(l->slots[i].names);
  }
  recomposer_destroy(&l->recomposer);
  augmenter_destroy(&l->augmenter);
  memory_free(l->slots);
  memory_free(l->queued);
  memory_free(l);
  *loader_pointer = NULL;
}

/* ---- asking and taking ---- */

int loader_room(loader *l) {
  pthread_mutex_lock(&l->mutex);
  int room = LOADER_QUEUE - (int)(l->asked - l->loaded);
  pthread_mutex_unlock(&l->mutex);
  return room;
}

void loader_ask(loader *l, const uint32_t *samples, uint64_t position) {
  size_t batch = (size_t)l->options.micro_batch;
  pthread_mutex_lock(&l->mutex);
  INVARIANT(l->asked - l->loaded < LOADER_QUEUE, "the loader's queue is full");
  uint64_t at = l->asked % LOADER_QUEUE;
  memcpy(l->queued + at * batch, samples, batch * sizeof *samples);
  l->positions[at] = position;
  l->asked++;
  pthread_cond_broadcast(&l->changed);
  pthread_mutex_unlock(&l->mutex);
}

static const slot *slot_of(const loader *l, uint64_t number) {
  return &l->slots[number % (uint64_t)l->slot_count];
}

static loaded contents(const loader *l, const slot *s) {
  return (loaded){s->composite, s->mask, s->real,
                  (const char(*)[SAMPLE_NAME])s->names, l->options.micro_batch};
}

status loader_next(loader *l, loaded *out) {
  double start = clock_seconds();
  pthread_mutex_lock(&l->mutex);
  INVARIANT(l->taken < l->asked, "no micro-batch was asked for");
  const slot *s = slot_of(l, l->taken);
  l->taken++; /* frees the oldest that was kept */
  pthread_cond_broadcast(&l->changed);
  while (l->loaded < l->taken) pthread_cond_wait(&l->changed, &l->mutex);
  pthread_mutex_unlock(&l->mutex);
  l->waited += clock_seconds() - start;
  *out = contents(l, s);
  return s->result == STATUS_OK ? STATUS_OK
                                : status_adopt(s->result, s->message);
}

loaded loader_again(const loader *l, int index) {
  INVARIANT(index >= 0 && index < l->options.kept &&
                l->taken >= (uint64_t)l->options.kept,
            "micro-batch %d is not kept", index);
  return contents(
      l, slot_of(l, l->taken - (uint64_t)l->options.kept + (uint64_t)index));
}

double loader_waited(const loader *l) { return l->waited; }
