/* Threads that take the next item until there is none. */
#include "base/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/cpus.h"

enum { MAX_THREADS = 256, TEXT_SIZE = 1024 };

int threads_available(void) {
  cpu_limits limits;
  cpu_limits_find("", &limits);
  return cpu_limits_threads(&limits, 1);
}

typedef struct team {
  size_t count;
  status (*work)(void *, size_t);
  void *context;
  atomic_size_t next;
  atomic_bool failed;
  pthread_mutex_t mutex;
  size_t failed_item;
  status failure;
  char message[TEXT_SIZE];
} team;

static void *member(void *argument) {
  team *shared = argument;
  while (!atomic_load(&shared->failed)) {
    size_t item = atomic_fetch_add(&shared->next, 1);
    if (item >= shared->count) break;
    status result = shared->work(shared->context, item);
    if (result == STATUS_OK) continue;
    pthread_mutex_lock(&shared->mutex);
    if (shared->failure == STATUS_OK || item < shared->failed_item) {
      shared->failure = result;
      shared->failed_item = item;
      strncpy(shared->message, status_message(), TEXT_SIZE - 1);
    }
    pthread_mutex_unlock(&shared->mutex);
    atomic_store(&shared->failed, true);
  }
  return NULL;
}

status threads_for(size_t count, int threads,
                   status (*work)(void *context, size_t i), void *context) {
  if (threads <= 0) threads = threads_available();
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  if ((size_t)threads > count) threads = (int)count;
  team shared = {.count = count, .work = work, .context = context};
  pthread_mutex_init(&shared.mutex, NULL);
  pthread_t others[MAX_THREADS];
  int started = 0;
  while (started < threads - 1 &&
         pthread_create(&others[started], NULL, member, &shared) == 0)
    started++;
  member(&shared); /* the caller works too: no thread at all still finishes */
  for (int i = 0; i < started; i++) pthread_join(others[i], NULL);
  pthread_mutex_destroy(&shared.mutex);
  if (shared.failure != STATUS_OK)
    return status_adopt(shared.failure, shared.message);
  return STATUS_OK;
}
