/* Makes one call of the system fail: put in front of the program by LD_PRELOAD,
 * it counts the calls on files whose path holds $FAIL_PART, and call number
 * $FAIL_AT (from 1; 0: none) fails once with $FAIL_ERRNO, a number; with
 * $FAIL_ON it is not once: all from it on fail. At exit the file $FAIL_LOG says
 * how many there were, and what failed:
 *   COUNT CALL PATH
 * Descriptors are followed from opening to closing. Of a stream that the C
 * library reads and writes by itself its opening, flushing and closing count.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 4096 };

static atomic_int calls;
static atomic_bool followed[FILES];
static DIR *folder; /* the one that is being listed */
static char failed[256] = "- -";

/* ---- which call fails ---- */

static int number(const char *name) {
  const char *text = getenv(name);
  return text == NULL ? 0 : atoi(text);
}

/* Whether this one is to fail; errno is set then. */
static bool fails(const char *call, const char *path) {
  int call_number = atomic_fetch_add(&calls, 1) + 1, first = number("FAIL_AT");
  bool later = first > 0 && call_number > first && number("FAIL_ON") != 0;
  if (call_number != first && !later) return false;
  snprintf(failed, sizeof failed, "%s %.200s", call, path);
  errno = number("FAIL_ERRNO");
  return true;
}

static bool path_fails(const char *call, const char *path) {
  const char *part = getenv("FAIL_PART");
  return part != NULL && strstr(path, part) != NULL && fails(call, path);
}

static bool is_followed(int file) {
  return file >= 0 && file < FILES && atomic_load(&followed[file]);
}

static bool file_fails(const char *call, int file) {
  if (!is_followed(file)) return false;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length < 0 ? 0 : length] = '\0';
  return fails(call, path);
}

static int follow(int file, const char *path) {
  const char *part = getenv("FAIL_PART");
  if (file >= 0 && file < FILES)
    atomic_store(&followed[file], part != NULL && strstr(path, part) != NULL);
  return file;
}

/* Forgets a descriptor that is about to be closed, and whether that fails. */
static bool closing_fails(int file) {
  bool yes = file_fails("close", file);
  if (is_followed(file)) atomic_store(&followed[file], false);
  return yes;
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("FAIL_LOG");
  FILE *file = path == NULL ? NULL : fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%d %s\n", atomic_load(&calls), failed);
  fclose(file);
}

/* ---- the calls ---- */

/* The C library's own function of the name. */
#define NEXT(name)                                                             \
  static __typeof__(&name) next;                                               \
  if (next == NULL) *(void **)&next = dlsym(RTLD_NEXT, #name)

#define OPENING(name)                                                          \
  int name(const char *path, int flags, ...) {                                 \
    NEXT(name);                                                                \
    va_list arguments;                                                         \
    va_start(arguments, flags);                                                \
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;             \
    va_end(arguments);                                                         \
    if (path_fails("open", path)) return -1;                                   \
    return follow(next(path, flags, mode), path);                              \
  }
OPENING(open)
OPENING(open64)

#define OPENING_AT(name)                                                       \
  int name(int where, const char *path, int flags, ...) {                      \
    NEXT(name);                                                                \
    va_list arguments;                                                         \
    va_start(arguments, flags);                                                \
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;             \
    va_end(arguments);                                                         \
    if (path_fails("open", path)) return -1;                                   \
    return follow(next(where, path, flags, mode), path);                       \
  }
OPENING_AT(openat)
OPENING_AT(openat64)

#define OPENING_STREAM(name)                                                   \
  FILE *name(const char *path, const char *mode) {                             \
    NEXT(name);                                                                \
    if (path_fails("fopen", path)) return NULL;                                \
    FILE *file = next(path, mode);                                             \
    if (file != NULL) follow(fileno(file), path);                              \
    return file;                                                               \
  }
OPENING_STREAM(fopen)
OPENING_STREAM(fopen64)

#define OF_FILE(result, name, call, parameters, arguments)                     \
  result name parameters {                                                     \
    NEXT(name);                                                                \
    if (file_fails(call, file)) return -1;                                     \
    return next arguments;                                                     \
  }
OF_FILE(ssize_t, read, "read", (int file, void *to, size_t size),
        (file, to, size))
OF_FILE(ssize_t, write, "write", (int file, const void *from, size_t size),
        (file, from, size))
OF_FILE(ssize_t, pread, "pread", (int file, void *to, size_t size, off_t at),
        (file, to, size, at))
OF_FILE(ssize_t, pread64, "pread",
        (int file, void *to, size_t size, off64_t at), (file, to, size, at))
OF_FILE(ssize_t, pwrite, "pwrite",
        (int file, const void *from, size_t size, off_t at),
        (file, from, size, at))
OF_FILE(ssize_t, pwrite64, "pwrite",
        (int file, const void *from, size_t size, off64_t at),
        (file, from, size, at))
OF_FILE(int, fsync, "fsync", (int file), (file))
OF_FILE(int, fdatasync, "fdatasync", (int file), (file))
OF_FILE(int, ftruncate, "ftruncate", (int file, off_t size), (file, size))
OF_FILE(int, ftruncate64, "ftruncate", (int file, off64_t size), (file, size))
OF_FILE(off_t, lseek, "lseek", (int file, off_t at, int from), (file, at, from))
OF_FILE(off64_t, lseek64, "lseek", (int file, off64_t at, int from),
        (file, at, from))
OF_FILE(int, flock, "flock", (int file, int what), (file, what))
OF_FILE(int, fstat, "fstat", (int file, struct stat *about), (file, about))
OF_FILE(int, fstat64, "fstat", (int file, struct stat64 *about), (file, about))

/* Debian builds HDF5 with the checking variant. */
ssize_t __pread64_chk(int file, void *to, size_t size, off64_t at, size_t room);
OF_FILE(ssize_t, __pread64_chk, "pread",
        (int file, void *to, size_t size, off64_t at, size_t room),
        (file, to, size, at, room))

#define OF_PATH(name, call, parameters, arguments)                             \
  int name parameters {                                                        \
    NEXT(name);                                                                \
    if (path_fails(call, path)) return -1;                                     \
    return next arguments;                                                     \
  }
OF_PATH(stat, "stat", (const char *path, struct stat *about), (path, about))
OF_PATH(stat64, "stat", (const char *path, struct stat64 *about), (path, about))
OF_PATH(lstat, "lstat", (const char *path, struct stat *about), (path, about))
OF_PATH(lstat64, "lstat", (const char *path, struct stat64 *about),
        (path, about))
OF_PATH(access, "access", (const char *path, int mode), (path, mode))
OF_PATH(unlink, "unlink", (const char *path), (path))
OF_PATH(mkdir, "mkdir", (const char *path, mode_t mode), (path, mode))
OF_PATH(truncate, "truncate", (const char *path, off_t size), (path, size))
OF_PATH(rename, "rename", (const char *path, const char *to), (path, to))

/* A descriptor is closed whatever closing says. */
int close(int file) {
  NEXT(close);
  bool yes = closing_fails(file);
  int error = errno, result = next(file);
  if (yes) errno = error;
  return yes ? -1 : result;
}

int fclose(FILE *file) {
  NEXT(fclose);
  bool yes = closing_fails(fileno(file));
  int error = errno, result = next(file);
  if (yes) errno = error;
  return yes ? EOF : result;
}

int fflush(FILE *file) {
  NEXT(fflush);
  return file != NULL && file_fails("fflush", fileno(file)) ? EOF : next(file);
}

FILE *fdopen(int file, const char *mode) {
  NEXT(fdopen);
  return file_fails("fdopen", file) ? NULL : next(file, mode);
}

DIR *opendir(const char *path) {
  NEXT(opendir);
  const char *part = getenv("FAIL_PART");
  if (path_fails("opendir", path)) return NULL;
  DIR *opened = next(path);
  bool ours = part != NULL && strstr(path, part) != NULL;
  if (ours || opened == folder) folder = ours ? opened : NULL;
  return opened;
}

#define LISTING(type, name)                                                    \
  type *name(DIR *which) {                                                     \
    NEXT(name);                                                                \
    if (which == folder && fails("readdir", "the folder")) return NULL;        \
    return next(which);                                                        \
  }
LISTING(struct dirent, readdir)
LISTING(struct dirent64, readdir64)
