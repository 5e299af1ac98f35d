/* Writing the working file of `pack`, and reading what a former call left. */
#include "data/set/pack_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/disk.h"
#include "base/memory.h"

enum { MAGIC = 0x314b5048, SYNC_EVERY = 256 << 20 };

typedef struct record {
  uint32_t magic, kind, number, reserved;
  uint32_t length, crc, foreground; /* of the chunk */
  uint32_t chunk_sum;               /* CRC-32 of the chunk's bytes */
  uint32_t head_sum;                /* CRC-32 of the fields above */
} record;

typedef struct place {
  uint64_t offset; /* of the chunk's bytes; 0: not there */
  record head;
} place;

struct journal {
  char path[PATH_MAX];
  int file;
  uint64_t end, unsynced;
  size_t counts[SET_KINDS], longest;
  place *places[SET_KINDS];
  pthread_mutex_t mutex;
};

/* ---- records in the file ---- */

static uint32_t head_sum(const record *head) {
  return crc32_add(0, head, offsetof(record, head_sum));
}

static bool is_good_head(const journal *j, const record *head) {
  return head->magic == MAGIC && head->head_sum == head_sum(head) &&
         head->kind < SET_KINDS && head->number < j->counts[head->kind] &&
         head->length > 4 && head->length <= j->longest;
}

/* ---- opening ---- */

/* Begins the file anew where its header was not even written whole. */
static status take_header(journal *j, const char *header) {
  char wanted[JOURNAL_HEADER] = {0}, found[JOURNAL_HEADER + 1] = {0};
  struct stat about;
  INVARIANT(strlen(header) < JOURNAL_HEADER, "header '%s'", header);
  memcpy(wanted, header, strlen(header));
  int error = disk_about(j->file, j->path, &about);
  if (error != 0) return status_system(error, "%s: cannot read", j->path);
  size_t length =
      about.st_size < JOURNAL_HEADER ? (size_t)about.st_size : JOURNAL_HEADER;
  error = disk_read(j->file, j->path, found, length, 0);
  if (error != 0) return status_system(error, "%s: cannot read", j->path);
  if (memcmp(found, wanted, length) != 0)
    return status_error(STATUS_MISFIT,
                        "%s: left by a pack of other options or of another "
                        "folder: finish that one, or remove the file. It was "
                        "begun as:\n%s\nwhile now it would be:\n%s",
                        j->path, found, header);
  if (length < JOURNAL_HEADER)
    error = disk_write(j->file, wanted, sizeof wanted, 0);
  return error == 0 ? STATUS_OK
                    : status_system(error, "%s: cannot write", j->path);
}

static void note_place(journal *j, const record *head, uint64_t offset) {
  j->places[head->kind][head->number] =
      (place){.offset = offset, .head = *head};
}

/* The record at `at` and its chunk: 0, an errno, or DISK_END where there is no
 * good one. */
static int read_record(const journal *j, uint64_t at, record *head,
                       uint8_t *chunk) {
  int error = disk_read(j->file, j->path, head, sizeof *head, at);
  if (error != 0) return error;
  if (!is_good_head(j, head)) return DISK_END;
  error = disk_read(j->file, j->path, chunk, head->length, at + sizeof *head);
  if (error != 0) return error;
  return crc32_add(0, chunk, head->length) == head->chunk_sum ? 0 : DISK_END;
}

/* Finds the good records; what follows the last of them is cut off. */
static status recover(journal *j) {
  uint8_t *chunk;
  TRY(MEMORY_NEW(j->longest, "a compressed image", &chunk));
  record head;
  int error;
  j->end = JOURNAL_HEADER;
  while ((error = read_record(j, j->end, &head, chunk)) == 0) {
    note_place(j, &head, j->end + sizeof head);
    j->end += sizeof head + head.length;
  }
  memory_free(chunk);
  if (error != DISK_END)
    return status_system(error, "%s: cannot read", j->path);
  if (ftruncate(j->file, (off_t)j->end) == 0) return STATUS_OK;
  return status_system(errno, "%s: cannot cut", j->path);
}

static status open_file(journal *j, const char *path, const char *header) {
  if (snprintf(j->path, sizeof j->path, "%s", path) >= (int)sizeof j->path)
    return status_error(STATUS_IO, "%.60s...: the path is too long", path);
  j->file = disk_open(path, O_RDWR | O_CREAT);
  if (j->file < 0) return status_system(errno, "%s: cannot create", path);
  /* File systems without locks: nobody is kept out, as with most programs. */
  if (flock(j->file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return status_error(STATUS_IO, "%s: another harmonia pack is writing it",
                        path);
  TRY(take_header(j, header));
  return recover(j);
}

status journal_open(const char *path, const char *header,
                    const size_t counts[SET_KINDS], size_t longest,
                    journal **out) {
  TRY(MEMORY_NEW(1, "journal", out));
  journal *j = *out;
  j->file = -1;
  j->longest = longest;
  pthread_mutex_init(&j->mutex, NULL);
  status result = STATUS_OK;
  for (int kind = 0; kind < SET_KINDS && result == STATUS_OK; kind++) {
    j->counts[kind] = counts[kind];
    result = MEMORY_NEW(counts[kind], "journal", &j->places[kind]);
  }
  if (result == STATUS_OK) result = open_file(j, path, header);
  if (result != STATUS_OK) journal_close(out, false);
  return result;
}

void journal_close(journal **slot, bool remove_file) {
  journal *j = *slot;
  if (j == NULL) return;
  if (remove_file) unlink(j->path);
  if (j->file >= 0) close(j->file); /* and lets go of the lock */
  for (int kind = 0; kind < SET_KINDS; kind++) memory_free(j->places[kind]);
  pthread_mutex_destroy(&j->mutex);
  memory_free(j);
  *slot = NULL;
}

/* ---- records ---- */

bool journal_has(const journal *j, set_kind kind, size_t number) {
  INVARIANT(number < j->counts[kind], "image %zu", number);
  return j->places[kind][number].offset != 0;
}

uint64_t journal_fingerprint(const journal *j, set_kind kind, size_t number) {
  INVARIANT(journal_has(j, kind, number), "image %zu is not there", number);
  const record *head = &j->places[kind][number].head;
  return (uint64_t)head->crc << 32 | head->chunk_sum;
}

/* Head last would save nothing: the sums tell a torn record either way. */
static int append(journal *j, const record *head, const data_chunk *chunk) {
  int error = disk_write(j->file, head, sizeof *head, j->end);
  if (error == 0)
    error =
        disk_write(j->file, chunk->bytes, chunk->length, j->end + sizeof *head);
  if (error != 0) return error; /* the next record overwrites the torn one */
  note_place(j, head, j->end + sizeof *head);
  j->end += sizeof *head + chunk->length;
  j->unsynced += sizeof *head + chunk->length;
  return 0;
}

status journal_append(journal *j, set_kind kind, size_t number,
                      const data_chunk *chunk) {
  INVARIANT(number < j->counts[kind] && chunk->length <= j->longest,
            "image %zu of %zu bytes", number, chunk->length);
  record head = {.magic = MAGIC,
                 .kind = (uint32_t)kind,
                 .number = (uint32_t)number,
                 .length = (uint32_t)chunk->length,
                 .crc = chunk->crc,
                 .foreground = chunk->foreground};
  head.chunk_sum = crc32_add(0, chunk->bytes, chunk->length);
  head.head_sum = head_sum(&head);
  pthread_mutex_lock(&j->mutex);
  int error = append(j, &head, chunk);
  bool flush = j->unsynced >= SYNC_EVERY;
  if (flush) j->unsynced = 0;
  pthread_mutex_unlock(&j->mutex);
  if (error == 0 && flush && fdatasync(j->file) != 0) error = errno;
  if (error == 0) return STATUS_OK;
  return status_error(STATUS_IO,
                      "%s: cannot write: %s (what is in it is kept: make room "
                      "and give the same command again)",
                      j->path, strerror(error));
}

status journal_read(journal *j, set_kind kind, size_t number, data_chunk *out) {
  INVARIANT(journal_has(j, kind, number), "image %zu is not there", number);
  const place *at = &j->places[kind][number];
  const record *head = &at->head;
  out->length = head->length;
  out->crc = head->crc;
  out->foreground = head->foreground;
  int error = disk_read(j->file, j->path, out->bytes, head->length, at->offset);
  if (error > 0) return status_system(error, "%s: cannot read", j->path);
  if (error == 0 && crc32_add(0, out->bytes, head->length) == head->chunk_sum)
    return STATUS_OK;
  return status_error(STATUS_IO,
                      "%s: cannot read back what was written; remove the file "
                      "and pack anew",
                      j->path);
}
