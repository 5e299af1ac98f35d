/* ZIP archives as torch.save writes them. */
#ifndef HARMONIA_FOREIGN_ARCHIVE_H
#define HARMONIA_FOREIGN_ARCHIVE_H

#include "base/name_set.h"
#include "checkpoint/foreign/input.h"

typedef struct archive_entry {
  char *name;
  uint64_t at, stored, size;  /* its bytes: where, how many, and unpacked */
  uint64_t directory, number; /* where the archive lists it */
} archive_entry;

typedef struct archive {
  input *in;
  void *zip; /* the library's */
  archive_entry *entries;
  size_t count, room;
  name_set names; /* to numbers of entries */
} archive;        /* begins as zeros */

/* Lists the entries. STATUS_FORMAT where two have a name or bytes in common,
 * where one lies outside the file, or unpacks to more than weights can. After a
 * failure, too, it is to be closed. */
status archive_open(archive *zip, input *in);
void archive_close(archive *zip);

/* NULL if there is none of that name. */
const archive_entry *archive_find(const archive *zip, const char *name);

/* All bytes of an entry, whose checksum is looked at, into entry->size bytes.
 */
status archive_read(archive *zip, const archive_entry *entry, void *bytes);

#endif
