/* The working file of `pack`: finished chunks in the order in which threads
 * finished them, each with its own checksum. Private to libdata.
 *
 *   512 bytes   text that says what is being packed, zero-padded
 *   records     36 bytes of head (pack_journal.c), then the chunk's bytes
 *
 * A killed writer leaves at most one torn record at the end: opening finds the
 * last good record and cuts what follows. After a power failure too, since a
 * record counts only with its checksum; the file is flushed to disk every 256
 * MiB. Numbers are the machine's: the file is not for moving elsewhere. */
#ifndef HARMONIA_DATA_PACK_JOURNAL_H
#define HARMONIA_DATA_PACK_JOURNAL_H

#include "data/set/set_format.h"

enum { JOURNAL_HEADER = 512 };

typedef struct journal journal;

/* Opens or creates. `header` (below 512 bytes) must be the one the file was
 * begun with, else the file is refused and left as it is. `counts` is how many
 * images of each kind there can be, `longest` a chunk's greatest length. A
 * second process that packs to the same file is refused. */
status journal_open(const char *path, const char *header,
                    const size_t counts[SET_KINDS], size_t longest,
                    journal **out);

/* Whether the image is there. */
bool journal_has(const journal *file, set_kind kind, size_t number);

/* Of an image that is there: two of the same pixels have the same one, two of
 * others hardly ever. */
uint64_t journal_fingerprint(const journal *file, set_kind kind, size_t number);

/* Appends; a second chunk of an image replaces the first. Any thread. */
status journal_append(journal *file, set_kind kind, size_t number,
                      const data_chunk *chunk);

/* Reads back; `out->bytes` has room for the longest chunk and stays the
 * caller's. */
status journal_read(journal *file, set_kind kind, size_t number,
                    data_chunk *out);

/* Closes; `remove` also deletes the file. Accepts NULL. */
void journal_close(journal **file, bool remove);

#endif
