/* Aligned, zeroed memory, and how much the process has. */
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20, LARGE = 2 * HUGE_PAGE };

/* Without them everything goes on as well. */
void memory_wants_huge_pages(void *memory, size_t bytes) {
  uintptr_t begin = ((uintptr_t)memory + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  uintptr_t end = ((uintptr_t)memory + bytes) / HUGE_PAGE * HUGE_PAGE;
  if (bytes >= LARGE) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

void *memory_new(size_t count, size_t size, const char *what) {
  size_t bytes, rounded;
  if (__builtin_mul_overflow(count, size, &bytes) ||
      __builtin_add_overflow(bytes, HUGE_PAGE, &rounded)) {
    status_set_message("%s: %zu items of %zu bytes are too many", what, count,
                       size);
    return NULL;
  }
  size_t alignment = bytes >= LARGE ? HUGE_PAGE : ALIGNMENT;
  rounded = (bytes + alignment - 1) / alignment * alignment;
  if (rounded == 0) rounded = alignment;
  void *memory = aligned_alloc(alignment, rounded);
  if (memory == NULL) {
    status_set_message("%s: no memory for %.1f MiB", what,
                       (double)bytes / 1048576.0);
    return NULL;
  }
  memory_wants_huge_pages(memory, rounded);
  return memset(memory, 0, rounded);
}

void memory_free(void *pointer) { free(pointer); }

status memory_grow(void *array, size_t count, size_t *room, size_t size,
                   const char *what) {
  if (count < *room) return STATUS_OK;
  size_t wanted = *room == 0 ? 64 : 2 * *room;
  void *items, *larger = memory_new(wanted, size, what);
  if (larger == NULL) return STATUS_MEMORY;
  memcpy(&items, array, sizeof items);
  if (count > 0) memcpy(larger, items, count * size);
  memory_free(items);
  memcpy(array, &larger, sizeof larger);
  *room = wanted;
  return STATUS_OK;
}

status memory_copy_text(const char *text, char **out) {
  size_t size = strlen(text) + 1;
  TRY(MEMORY_NEW(size, "text", out));
  memcpy(*out, text, size);
  return STATUS_OK;
}

/* A "VmRSS:   123 kB" line of /proc/self/status, in bytes. */
static size_t process_status_line(const char *key) {
  FILE *file = fopen("/proc/self/status", "r");
  if (file == NULL) return 0;
  char line[256];
  size_t kilobytes = 0;
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, key, strlen(key)) == 0)
      kilobytes = (size_t)strtoull(line + strlen(key), NULL, 10);
  fclose(file);
  return kilobytes * 1024;
}

size_t memory_resident(void) { return process_status_line("VmRSS:"); }

size_t memory_peak_resident(void) { return process_status_line("VmHWM:"); }
