/* What the parts of compose share: the index of photographs (photos.c), the
 * folder that is made (compose_folder.c) and the making (compose.c). */
#ifndef HARMONIA_COMPOSE_INTERNAL_H
#define HARMONIA_COMPOSE_INTERNAL_H

#include <stdio.h>

#include "base/text_file.h"
#include "data/data.h"

/* ---- photos.c ---- */

typedef struct photo {
  const char *name, *category, *scene; /* scene: "" without such a column */
  data_split split;                    /* of its composites */
  data_split home;                     /* whose folder it lies in */
  uint64_t id;                         /* number in HCOCO's names: c<id> */
  uint32_t row;                        /* place in the index */
} photo;

typedef struct photo_index {
  photo *photos;
  size_t count;
  bool ids_from_names; /* else ids are row numbers from 1 */
  text_file file;      /* names point into it */
} photo_index;

/* Reads FOLDER/index.tsv: tab-separated, a header line with the columns name,
 * split ("train", "test", "validation") and category, others ignored but
 * `scene`. An id is the number made of the last digits of the name if all names
 * have one and no two are the same; else the row's number. Errors name file and
 * line. */
status photo_index_read(const char *folder, photo_index *out);
void photo_index_free(photo_index *index);

/* Moves scenes (without scenes: photographs) from the training split to that
 * for validation: data_hold_out. */
status photo_index_hold_out(photo_index *index, double validation);

/* Scenes that are in several splits are warned of, or with `strict` are
 * STATUS_MISFIT. */
status photo_index_check(const char *where, const photo_index *index,
                         bool strict);

/* A copy in order of name, for photo_find; free with memory_free. */
status photo_index_sort(const photo_index *index, photo **sorted);
/* NULL if there is none of this name. */
const photo *photo_find(const photo *sorted, size_t count, const char *name);

/* Changes with any name, split, category, scene or their order. */
uint64_t photo_index_hash(const photo_index *index);

/* The photographs that `of` may take its colours from, as numbers into the
 * index; `candidates` has room for all. Of the same split, in order of
 * preference: same category and another scene; same category; another scene;
 * any. Returns how many, 0 if it is alone in its split. */
size_t photo_candidates(const photo_index *index, size_t of,
                        uint32_t *candidates);

/* ---- compose_folder.c ---- */

/* A line of compose.tsv. */
typedef struct compose_record {
  bool known;
  uint32_t reference;
  data_transfer_method method;
  double fmse;
} compose_record;

/* Prints into a new text; free with memory_free. */
status compose_path(char **out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The folder and its subfolders; compose.txt is written, or, if it is there,
 * must say the same. A folder with images or lists that compose did not make is
 * refused. */
status compose_folder_open(const char *out, const char *options_text);

/* A composite's name without ending: c<id>_1_<k>. */
void compose_composite_name(const photo *of, int k, char name[64]);

/* Records of an earlier run: of compose.tsv, or of the journal compose.part. */
status compose_records_read(const char *out, const photo_index *index,
                            int per_image, compose_record *records);
void compose_record_print(FILE *file, const photo_index *index, size_t of,
                          int k, const compose_record *record);

/* compose.tsv, then the lists; the journal goes. */
status compose_folder_finish(const char *out, const photo_index *index,
                             int per_image, const compose_record *records);

/* Whether `path` is a JPEG or PNG of this size with its end in place. */
bool compose_file_is_whole(const char *path, int width, int height);

#endif
