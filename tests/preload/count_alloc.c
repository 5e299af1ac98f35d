/* Counts the memory allocations of a running `harmonia train`: put in front of
 * every rank by LD_PRELOAD, with COUNT_ALLOC naming a file of zeros of at least
 * 64 KiB that all ranks share, and COUNT_ALLOC_ROWS="FROM SETTLED TO".
 *
 * The clock is the training log: rank 0 flushes a row a step (--log-every 1).
 * An allocation belongs to the program if its caller lies in the program's own
 * executable, to a library otherwise. After row TO rank 0 writes one line a
 * rank to the file COUNT_ALLOC.txt:
 *   pid, the program's allocations between rows FROM and TO, the libraries',
 *   resident KiB at row SETTLED, at row TO, and the first caller's address
 *   relative to the executable (for addr2line). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own names of the functions that are replaced here */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum { PROCESSES = 64, BYTES = 65536 };

typedef struct process {
  int pid;
  atomic_long own, library;
  _Atomic uintptr_t first_caller;
  long own_before, library_before, settled, resident;
} process;

typedef struct shared {
  atomic_int count;    /* processes that have come */
  atomic_int counting; /* between rows FROM and TO */
  process processes[PROCESSES];
} shared;
_Static_assert(sizeof(shared) <= BYTES, "the shared file is too small");

static shared *common;
static process *self;
static uintptr_t program_begin, program_end, program_base;
static int first_row, settled_row, last_row;

/* ---- allocations ---- */

static void count(const void *caller) {
  if (self == NULL) return;
  uintptr_t at = (uintptr_t)caller;
  if (at < program_begin || at >= program_end) {
    atomic_fetch_add(&self->library, 1);
    return;
  }
  atomic_fetch_add(&self->own, 1);
  uintptr_t none = 0;
  if (atomic_load(&common->counting))
    atomic_compare_exchange_strong(&self->first_caller, &none,
                                   at - program_base);
}

void *malloc(size_t size) {
  count(__builtin_return_address(0));
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count(__builtin_return_address(0));
  return __libc_calloc(number, size);
}

void *realloc(void *pointer, size_t size) {
  count(__builtin_return_address(0));
  return __libc_realloc(pointer, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  count(__builtin_return_address(0));
  void *memory = __libc_memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *out = memory;
  return 0;
}

/* ---- the clock ---- */

/* Resident KiB of a process, or -1. Allocates nothing. */
static long resident(int pid) {
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return -1;
  text[length] = '\0';
  const char *second = strchr(text, ' ');
  if (second == NULL) return -1;
  return strtol(second, NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void report(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s.txt", getenv("COUNT_ALLOC"));
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  for (int i = 0; file >= 0 && i < atomic_load(&common->count); i++) {
    const process *p = &common->processes[i];
    char line[256];
    int length =
        snprintf(line, sizeof line, "%d %ld %ld %ld %ld 0x%lx\n", p->pid,
                 p->own - p->own_before, p->library - p->library_before,
                 p->settled, p->resident, (unsigned long)p->first_caller);
    if (write(file, line, (size_t)length) != length) break;
  }
  if (file >= 0) close(file);
}

static void row_written(int row) {
  for (int i = 0; i < atomic_load(&common->count); i++) {
    process *p = &common->processes[i];
    if (row == first_row) {
      p->own_before = atomic_load(&p->own);
      p->library_before = atomic_load(&p->library);
    }
    if (row == settled_row) p->settled = resident(p->pid);
    if (row == last_row) p->resident = resident(p->pid);
  }
  if (row == first_row) atomic_store(&common->counting, 1);
  if (row == last_row) {
    report();
    atomic_store(&common->counting, 0);
  }
}

/* Whether a descriptor is RUN/log.csv. */
static bool is_log(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 8) return false;
  path[length] = '\0';
  return strcmp(path + length - 8, "/log.csv") == 0;
}

int fflush(FILE *file) {
  static int (*next)(FILE *);
  static int rows;
  if (next == NULL) *(void **)&next = dlsym(RTLD_NEXT, "fflush");
  int result = next(file);
  if (self != NULL && file != NULL && is_log(fileno(file))) row_written(++rows);
  return result;
}

/* ---- the start ---- */

/* The first object listed is the executable. */
static int find_program(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size, (void)data;
  program_base = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    program_begin = info->dlpi_addr + part->p_vaddr;
    program_end = program_begin + part->p_memsz;
  }
  return 1;
}

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("COUNT_ALLOC"), *rows = getenv("COUNT_ALLOC_ROWS");
  if (path == NULL || rows == NULL) return;
  if (sscanf(rows, "%d %d %d", &first_row, &settled_row, &last_row) != 3)
    return;
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return;
  common = memory;
  dl_iterate_phdr(find_program, NULL);
  int index = atomic_fetch_add(&common->count, 1);
  if (index >= PROCESSES) return;
  common->processes[index].pid = getpid();
  self = &common->processes[index];
}
