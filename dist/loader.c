#include "dist/loader.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/augment.h"

enum { SLOTS = 2 + 1 }; /* two ahead, one in use */

typedef struct slot {
  float *composite, *mask, *real;
  uint32_t *samples;
  status result;
  char message[1024];
} slot;

struct loader {
  data_set *set;
  augmentation augmentation;
  int size, micro_batch;
  uint8_t *bytes[3]; /* one sample as read: composite, mask, real */
  slot slots[SLOTS];
  uint32_t *queued; /* LOADER_QUEUE micro-batches of samples */
  uint64_t positions[LOADER_QUEUE];
  /* counters that only grow; the ring index is their remainder */
  uint64_t asked, loaded, taken;
  bool stop, running;
  double waited;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
};

static status load_batch(loader *l, const uint32_t *samples, uint64_t position,
                         slot *out) {
  size_t pixels = (size_t)l->size * (size_t)l->size;
  for (int i = 0; i < l->micro_batch; i++) {
    TRY(data_set_read(l->set, samples[i], l->bytes[0], l->bytes[1],
                      l->bytes[2]));
    augment_sample(
        &l->augmentation, position + (uint64_t)i, l->size, l->bytes[0],
        l->bytes[1], l->bytes[2], out->composite + (size_t)i * pixels * 3,
        out->mask + (size_t)i * pixels, out->real + (size_t)i * pixels * 3);
    out->samples[i] = samples[i];
  }
  return STATUS_OK;
}

static void *work(void *argument) {
  loader *l = argument;
  pthread_mutex_lock(&l->mutex);
  for (;;) {
    /* the batch in use (taken - 1) and those loaded keep their slots */
    while (!l->stop &&
           (l->asked == l->loaded || l->loaded + 1 >= l->taken + SLOTS))
      pthread_cond_wait(&l->changed, &l->mutex);
    if (l->stop) break;
    uint64_t number = l->loaded;
    const uint32_t *samples =
        l->queued + number % LOADER_QUEUE * (size_t)l->micro_batch;
    uint64_t position = l->positions[number % LOADER_QUEUE];
    slot *out = &l->slots[number % SLOTS];
    pthread_mutex_unlock(&l->mutex);
    out->result = load_batch(l, samples, position, out);
    if (out->result != STATUS_OK)
      snprintf(out->message, sizeof out->message, "%s", status_message());
    pthread_mutex_lock(&l->mutex);
    l->loaded++;
    pthread_cond_broadcast(&l->changed);
  }
  pthread_mutex_unlock(&l->mutex);
  return NULL;
}

static status allocate(loader *l) {
  size_t pixels = (size_t)l->size * (size_t)l->size;
  size_t batch = (size_t)l->micro_batch;
  for (int i = 0; i < 3; i++)
    TRY(MEMORY_NEW(pixels * 3, "a sample", &l->bytes[i]));
  for (int i = 0; i < SLOTS; i++) {
    slot *s = &l->slots[i];
    TRY(MEMORY_NEW(batch * pixels * 3, "micro-batch", &s->composite));
    TRY(MEMORY_NEW(batch * pixels, "micro-batch", &s->mask));
    TRY(MEMORY_NEW(batch * pixels * 3, "micro-batch", &s->real));
    TRY(MEMORY_NEW(batch, "micro-batch", &s->samples));
  }
  return MEMORY_NEW(batch * LOADER_QUEUE, "micro-batches", &l->queued);
}

status loader_create(data_set *set, int micro_batch,
                     const augmentation *augment, loader **out) {
  TRY(MEMORY_NEW(1, "loader", out));
  loader *l = *out;
  l->set = set;
  l->augmentation = *augment;
  l->size = data_set_describe(set)->size;
  l->micro_batch = micro_batch;
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
  for (int i = 0; i < 3; i++) memory_free(l->bytes[i]);
  for (int i = 0; i < SLOTS; i++) {
    memory_free(l->slots[i].composite);
    memory_free(l->slots[i].mask);
    memory_free(l->slots[i].real);
    memory_free(l->slots[i].samples);
  }
  memory_free(l->queued);
  memory_free(l);
  *loader_pointer = NULL;
}

int loader_room(loader *l) {
  pthread_mutex_lock(&l->mutex);
  int room = LOADER_QUEUE - (int)(l->asked - l->loaded);
  pthread_mutex_unlock(&l->mutex);
  return room;
}

void loader_ask(loader *l, const uint32_t *samples, uint64_t position) {
  pthread_mutex_lock(&l->mutex);
  INVARIANT(l->asked - l->loaded < LOADER_QUEUE, "the loader's queue is full");
  uint64_t at = l->asked % LOADER_QUEUE;
  memcpy(l->queued + at * (size_t)l->micro_batch, samples,
         (size_t)l->micro_batch * sizeof *samples);
  l->positions[at] = position;
  l->asked++;
  pthread_cond_broadcast(&l->changed);
  pthread_mutex_unlock(&l->mutex);
}

status loader_next(loader *l, loaded *out) {
  double start = clock_seconds();
  pthread_mutex_lock(&l->mutex);
  INVARIANT(l->taken < l->asked, "no micro-batch was asked for");
  slot *s = &l->slots[l->taken % SLOTS];
  l->taken++; /* frees the batch before */
  pthread_cond_broadcast(&l->changed);
  while (l->loaded < l->taken) pthread_cond_wait(&l->changed, &l->mutex);
  pthread_mutex_unlock(&l->mutex);
  l->waited += clock_seconds() - start;
  *out = (loaded){s->composite, s->mask, s->real, s->samples, l->micro_batch};
  return s->result == STATUS_OK ? STATUS_OK
                                : status_adopt(s->result, s->message);
}

double loader_waited(const loader *l) { return l->waited; }
