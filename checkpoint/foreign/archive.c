/* ZIP archives by minizip, which reads through an `input`. */
#include "checkpoint/foreign/archive.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#ifdef HAVE_MINIZIP
#include <unzip.h>

enum {
  ENTRIES_MAX = 1 << 17,
  NAME_SIZE = 512,
  /* A file of weights hardly gets smaller, and torch.save does not try. */
  UNPACKED_MAX = 16
};

/* Unless the file could not be read: then nothing is known of it. */
static status damaged(const archive *zip, const char *what) {
  if (zip->in->error != 0)
    return status_system(zip->in->error, "%s: cannot read", zip->in->path);
  return status_error(STATUS_FORMAT, "%s: a ZIP archive that is damaged: %s",
                      zip->in->path, what);
}

/* ---- how minizip reads ---- */

typedef struct stream {
  input *in;
  uint64_t at;
} stream;

static voidpf open_stream(voidpf opaque, const void *name, int mode) {
  (void)name, (void)mode;
  stream *s = memory_new(1, sizeof *s, "an archive");
  if (s != NULL) s->in = opaque;
  return s;
}

static uLong read_stream(voidpf opaque, voidpf handle, void *bytes,
                         uLong count) {
  (void)opaque;
  stream *s = handle;
  uint64_t left = s->at < s->in->size ? s->in->size - s->at : 0;
  if (count > left) count = (uLong)left;
  if (input_read(s->in, s->at, bytes, count) != STATUS_OK) return 0;
  s->at += count;
  return count;
}

static ZPOS64_T tell_stream(voidpf opaque, voidpf handle) {
  (void)opaque;
  return ((stream *)handle)->at;
}

static long seek_stream(voidpf opaque, voidpf handle, ZPOS64_T offset,
                        int origin) {
  (void)opaque;
  stream *s = handle;
  uint64_t from = origin == ZLIB_FILEFUNC_SEEK_CUR   ? s->at
                  : origin == ZLIB_FILEFUNC_SEEK_END ? s->in->size
                                                     : 0;
  if (offset > s->in->size || from > s->in->size - offset) return -1;
  s->at = from + offset;
  return 0;
}

static int close_stream(voidpf opaque, voidpf handle) {
  (void)opaque;
  memory_free(handle);
  return 0;
}

static int ask_stream(voidpf opaque, voidpf handle) {
  (void)opaque;
  return ((stream *)handle)->in->error;
}

/* ---- the list of entries ---- */

static status check_entry(const archive *zip, const unz_file_info64 *about,
                          const archive_entry *entry) {
  bool packed = about->compression_method == Z_DEFLATED;
  if (about->flag & 1) return damaged(zip, "it is encrypted");
  if (!packed && about->compression_method != 0)
    return damaged(zip, "an unknown compression");
  if (!packed && entry->stored != entry->size)
    return damaged(zip, "an entry with two sizes");
  if (packed && entry->size / UNPACKED_MAX > entry->stored)
    return status_error(STATUS_FORMAT,
                        "%s: '%.80s' of %llu bytes unpacks to %llu, which "
                        "weights do not",
                        zip->in->path, entry->name,
                        (unsigned long long)entry->stored,
                        (unsigned long long)entry->size);
  if (entry->at > zip->in->size || entry->stored > zip->in->size - entry->at)
    return damaged(zip, "an entry that the file does not hold");
  return STATUS_OK;
}

/* Where the current entry's bytes lie is known once it is open. */
static status find_bytes(archive *zip, archive_entry *entry) {
  if (unzOpenCurrentFile(zip->zip) != UNZ_OK)
    return damaged(zip, "an entry that its list does not describe");
  entry->at = unzGetCurrentFileZStreamPos64(zip->zip);
  unzCloseCurrentFile(zip->zip);
  return STATUS_OK;
}

static status add_entry(archive *zip) {
  unz_file_info64 about;
  unz64_file_pos place;
  char name[NAME_SIZE];
  if (unzGetCurrentFileInfo64(zip->zip, &about, name, sizeof name, NULL, 0,
                              NULL, 0) != UNZ_OK ||
      unzGetFilePos64(zip->zip, &place) != UNZ_OK)
    return damaged(zip, "its list of entries");
  if (about.size_filename >= sizeof name || strlen(name) != about.size_filename)
    return damaged(zip, "the name of an entry");
  TRY(MEMORY_GROW(&zip->entries, zip->count, &zip->room, "an archive"));
  archive_entry *entry = &zip->entries[zip->count];
  *entry = (archive_entry){.stored = about.compressed_size,
                           .size = about.uncompressed_size,
                           .directory = place.pos_in_zip_directory,
                           .number = place.num_of_file};
  TRY(memory_copy_text(name, &entry->name));
  size_t there = zip->count++;
  bool added;
  TRY(name_set_add(&zip->names, name, there, &there, &added));
  if (!added)
    return status_error(STATUS_FORMAT, "%s: has two entries '%.80s'",
                        zip->in->path, name);
  TRY(find_bytes(zip, entry));
  return check_entry(zip, &about, entry);
}

static int compare_places(const void *a, const void *b) {
  const archive_entry *const *x = a, *const *y = b;
  return ((*x)->at > (*y)->at) - ((*x)->at < (*y)->at);
}

/* Entries that share bytes unpack to more than any archive needs. */
static status check_apart(const archive *zip) {
  const archive_entry **sorted;
  TRY(MEMORY_NEW(zip->count, "an archive", &sorted));
  for (size_t i = 0; i < zip->count; i++) sorted[i] = &zip->entries[i];
  if (zip->count > 1) qsort(sorted, zip->count, sizeof *sorted, compare_places);
  status result = STATUS_OK;
  for (size_t i = 1; i < zip->count && result == STATUS_OK; i++)
    if (sorted[i]->at < sorted[i - 1]->at + sorted[i - 1]->stored ||
        sorted[i]->at == sorted[i - 1]->at)
      result =
          status_error(STATUS_FORMAT,
                       "%s: entries '%.80s' and '%.80s' of the archive "
                       "overlap",
                       zip->in->path, sorted[i - 1]->name, sorted[i]->name);
  memory_free(sorted);
  return result;
}

static status list_entries(archive *zip) {
  unz_global_info64 about;
  if (unzGetGlobalInfo64(zip->zip, &about) != UNZ_OK ||
      about.number_entry > ENTRIES_MAX)
    return damaged(zip, "its list of entries");
  if (about.number_entry == 0) return damaged(zip, "it has no entries");
  int place = unzGoToFirstFile(zip->zip);
  for (; place == UNZ_OK; place = unzGoToNextFile(zip->zip)) {
    if (zip->count >= about.number_entry) break;
    TRY(add_entry(zip));
  }
  if (place != UNZ_END_OF_LIST_OF_FILE)
    return damaged(zip, "its list of entries");
  return check_apart(zip);
}

/* The record that ends an archive, without a comment behind. Where there is a
 * larger one minizip does not miss it, though the file was cut off. */
static status check_end(const archive *zip) {
  enum { RECORD = 22 };
  uint8_t record[RECORD] = {0};
  if (zip->in->size >= RECORD)
    TRY(input_read(zip->in, zip->in->size - RECORD, record, RECORD));
  if (memcmp(record, "PK\5\6", 4) == 0) return STATUS_OK;
  return damaged(zip, "its end is missing (cut off?)");
}

status archive_open(archive *zip, input *in) {
  zlib_filefunc64_def calls = {.zopen64_file = open_stream,
                               .zread_file = read_stream,
                               .ztell64_file = tell_stream,
                               .zseek64_file = seek_stream,
                               .zclose_file = close_stream,
                               .zerror_file = ask_stream,
                               .opaque = in};
  zip->in = in;
  TRY(check_end(zip));
  zip->zip = unzOpen2_64(in->path, &calls);
  if (zip->zip == NULL) return damaged(zip, "it has no list of entries");
  return list_entries(zip);
}

void archive_close(archive *zip) {
  if (zip->zip != NULL) unzClose(zip->zip);
  for (size_t i = 0; i < zip->count; i++) memory_free(zip->entries[i].name);
  memory_free(zip->entries);
  name_set_free(&zip->names);
  *zip = (archive){0};
}

/* ---- an entry ---- */

static status read_open(archive *zip, const archive_entry *entry,
                        uint8_t *bytes) {
  enum { PIECE = 1 << 24 };
  for (uint64_t done = 0; done < entry->size;) {
    uint64_t left = entry->size - done;
    int got = unzReadCurrentFile(zip->zip, bytes + done,
                                 left < PIECE ? (unsigned)left : PIECE);
    if (got <= 0) return damaged(zip, entry->name);
    done += (uint64_t)got;
  }
  return STATUS_OK;
}

status archive_read(archive *zip, const archive_entry *entry, void *bytes) {
  unz64_file_pos place = {.pos_in_zip_directory = entry->directory,
                          .num_of_file = entry->number};
  if (unzGoToFilePos64(zip->zip, &place) != UNZ_OK ||
      unzOpenCurrentFile(zip->zip) != UNZ_OK)
    return damaged(zip, "an entry that its list does not describe");
  status result = read_open(zip, entry, bytes);
  int closed = unzCloseCurrentFile(zip->zip);
  if (result != STATUS_OK || closed == UNZ_OK) return result;
  return status_error(STATUS_FORMAT,
                      "%s: entry '%.80s' is damaged (its checksum does not "
                      "match)",
                      zip->in->path, entry->name);
}

#else

status archive_open(archive *zip, input *in) {
  (void)zip;
  return status_error(STATUS_USAGE,
                      "%s: a ZIP archive, and this program was built without "
                      "minizip, which reads them",
                      in->path);
}

void archive_close(archive *zip) { (void)zip; }

status archive_read(archive *zip, const archive_entry *entry, void *bytes) {
  (void)entry, (void)bytes;
  return status_error(STATUS_FORMAT, "%s: not read", zip->in->path);
}

#endif

const archive_entry *archive_find(const archive *zip, const char *name) {
  const size_t *found = name_set_find(&zip->names, name);
  return found == NULL ? NULL : &zip->entries[*found];
}
