/* The files of a folder, found by names that other systems wrote. Private to
 * libdata. */
#ifndef HARMONIA_DATA_FILE_NAMES_H
#define HARMONIA_DATA_FILE_NAMES_H

#include <stddef.h>

#include "base/name_set.h"

typedef struct file_names {
  name_set exact; /* name -> its number */
  name_set alike; /* spelling -> the number of one that it is not the name of */
  char **names;
  size_t room;
} file_names; /* begins as zeros */

/* Lists the folder. Dot files are left out: none is anybody's picture or list,
 * least of all the "._NAME" in which macOS keeps what other systems cannot.
 * file_names_free also after a failure. */
status file_names_read(const char *folder, file_names *out);
void file_names_free(file_names *files);

/* The file `name`, or else one whose name differs in spelling alone
 * (spelling.h), as the folder has it; NULL without any. */
const char *file_names_find(const file_names *files, const char *name);

/* The same of "STEM.ext" with any of `count` endings. A file of exactly that
 * name goes before one that is spelled another way, then the first ending. */
const char *file_names_find_stem(const file_names *files, const char *stem,
                                 const char *const *endings, int count);

/* Whether the path is that of a file "._NAME", which lists made of whole
 * folders have as well; and what is said of `count` lines of `list` that were
 * such. */
bool file_name_is_note(const char *path);
void file_names_warn_notes(const char *list, size_t count);

#endif
