/* libFuzzer's side: it chooses by what code an input reaches, and mutates by
 * itself or as the plain driver does. FUZZ_TARGET names the reader. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t room);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room,
                               unsigned seed);

static const fuzz_target *target;
static unsigned long accepted;

static void print_accepted(void) {
  fprintf(stderr, "accepted %lu\n", accepted);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  const char *name = getenv("FUZZ_TARGET");
  target = name != NULL ? fuzz_find(name) : NULL;
  if (target == NULL) fuzz_fail("FUZZ_TARGET names no reader");
  fuzz_open(target);
  atexit(print_accepted);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size <= FUZZ_BYTES_MAX && fuzz_try(bytes, size)) accepted++;
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room,
                               unsigned seed) {
  static uint8_t changed[FUZZ_BYTES_MAX];
  uint64_t state = seed;
  if (size > FUZZ_BYTES_MAX || fuzz_random(&state) % 2 == 0) {
    size = LLVMFuzzerMutate(bytes, size, room);
    if (target->mend != NULL) target->mend(bytes, size);
    return size;
  }
  memcpy(changed, bytes, size);
  size_t length = fuzz_mutate(target, changed, size, bytes, size, &state);
  if (length > room) length = room;
  memcpy(bytes, changed, length);
  return length;
}
