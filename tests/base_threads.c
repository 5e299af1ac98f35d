/* Loops on threads, aligned memory, messages of failures. */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "base/threads.h"
#include "tests/tap.h"

enum { ITEMS = 1000 };

typedef struct tally {
  atomic_int seen[ITEMS];
  atomic_int running, most_running, started;
  size_t fail_from; /* items from here on fail */
} tally;

static status count_item(void *context, size_t i) {
  tally *t = context;
  int running = atomic_fetch_add(&t->running, 1) + 1;
  int most = atomic_load(&t->most_running);
  while (running > most &&
         !atomic_compare_exchange_weak(&t->most_running, &most, running))
    continue;
  atomic_fetch_add(&t->seen[i], 1);
  atomic_fetch_add(&t->started, 1);
  atomic_fetch_sub(&t->running, 1);
  if (i >= t->fail_from)
    return status_error(STATUS_FORMAT, "item %zu is bad", i);
  return STATUS_OK;
}

static void test_loop(void) {
  static tally t;
  for (int threads = 0; threads <= 5; threads++) {
    memset(&t, 0, sizeof t);
    t.fail_from = ITEMS;
    status result = threads_for(ITEMS, threads, count_item, &t);
    bool once = true;
    for (int i = 0; i < ITEMS; i++) once = once && t.seen[i] == 1;
    tap_ok(result == STATUS_OK && once, "%d threads: each item once", threads);
    int limit = threads > 0 ? threads : threads_available();
    tap_ok(t.most_running <= limit, "never more than %d at once", limit);
  }
  tap_ok(threads_for(0, 4, count_item, &t) == STATUS_OK, "a loop over nothing");
  tap_ok(threads_available() >= 1, "there is a core");
}

static void test_failure(void) {
  static tally t;
  for (int threads = 1; threads <= 4; threads++) {
    memset(&t, 0, sizeof t);
    t.fail_from = 17;
    status result = threads_for(ITEMS, threads, count_item, &t);
    tap_ok(result == STATUS_FORMAT &&
               strcmp(status_message(), "item 17 is bad") == 0,
           "%d threads: the lowest item's failure, on the caller", threads);
    tap_ok(t.started < ITEMS && t.started >= 18,
           "nothing new is started afterwards");
  }
}

static void test_memory(void) {
  bool aligned = true, zero = true;
  for (size_t size = 0; size < 300; size += 7) {
    unsigned char *memory = NULL;
    if (MEMORY_NEW(size, "bytes", &memory) != STATUS_OK) {
      aligned = false;
      break;
    }
    aligned = aligned && (uintptr_t)memory % 64 == 0;
    for (size_t i = 0; i < size; i++) zero = zero && memory[i] == 0;
    if (size > 0) memset(memory, 0xff, size);
    memory_free(memory);
  }
  tap_ok(aligned && zero, "memory is aligned to 64 bytes and zero");
  double any, *doubles = &any;
  tap_ok(MEMORY_NEW(SIZE_MAX / 4, "a great many", &doubles) == STATUS_MEMORY &&
             doubles == NULL &&
             strstr(status_message(), "a great many") != NULL,
         "a product that overflows is refused by name");
  unsigned char *bytes;
  tap_ok(MEMORY_NEW(SIZE_MAX - 8, "all there is", &bytes) == STATUS_MEMORY &&
             bytes == NULL,
         "so is a size at the limit");
  tap_ok(memory_resident() > 100000 &&
             memory_peak_resident() >= memory_resident() / 2,
         "resident memory is known");
}

static void test_messages(void) {
  status_set_message("no such file");
  status code = status_context(STATUS_IO, "step %d", 3);
  tap_ok(code == STATUS_IO &&
             strcmp(status_message(), "step 3: no such file") == 0,
         "context goes before the message");
  char large[4000];
  memset(large, 'x', sizeof large);
  large[sizeof large - 1] = '\0';
  status_set_message("%s", large);
  status_add_context("%s", large);
  status_add_context("end");
  tap_ok(strlen(status_message()) < 2000 &&
             strncmp(status_message(), "end: xxx", 8) == 0,
         "messages that are too long are cut");
  tap_ok(status_exit_code(STATUS_OK) == 0 &&
             status_exit_code(STATUS_USAGE) == 2 &&
             status_exit_code(STATUS_IO) == 1 &&
             status_exit_code(STATUS_NUMERIC) == 1 &&
             status_exit_code(STATUS_STOPPED) == 75,
         "exit statuses are 0, 1, 2 and 75");
}

int main(void) {
  test_loop();
  test_failure();
  test_memory();
  test_messages();
  return tap_done();
}
