/* The packed data set: how the file is laid out. Private to libdata.
 *
 * An HDF5 file (1.10 format) of N samples (composites), made of R distinct
 * real images and K distinct masks, S pixels a side. Nothing is stored twice.
 *
 *   /composites  uint8 [N,S,S,3]   one image a chunk, deflate, Fletcher32
 *   /reals       uint8 [R,S,S,3]   the same
 *   /masks       uint8 [K,S,S]     the same; bytes 0 and 255
 *   /index/name        string [N]  file name of the composite, zero-padded
 *   /index/split       uint8  [N]  0 train, 1 test, 2 validation; in order
 *   /index/real        uint32 [N]  row of /reals
 *   /index/mask        uint32 [N]  row of /masks
 *   /index/foreground  uint32 [K]  pixels of 255 in the mask
 *   /index/composite_crc32 uint32 [N]  CRC-32 (zlib) of an image's S*S*3
 *   /index/real_crc32      uint32 [R]  or S*S bytes
 *   /index/mask_crc32      uint32 [K]
 *   /index/category        uint32 [R]  what a real image shows, a number below
 *       R, or 2^32 - 1 where that is not known; only in sets of folders that
 *       tell (categories.tsv). Not in the identity
 *
 * Attributes of the root group (strings of fixed length, numbers uint64):
 *   format    "harmonia data set"
 *   version   1
 *   complete  1, written last
 *   size, count, train_count, test_count, reals, masks   S, N, ..., R, K
 *   validation_count  only where there are any: then count is the sum of three
 *   protocol  how pixels were made: "size 256, images bilinear, ..."
 *   source    name of the folder packed, or "synth"
 *   listing   SHA-256 of the folder's names and splits; "" where there is none
 *   compression  deflate level
 *   skipped   samples of the folder left out as bad
 *   identity  SHA-256 over the protocol, the sizes, the index and the CRCs (so
 *             over the pixels): see set_identity. The reader recomputes it,
 *             which is also the check of the index. */
#ifndef HARMONIA_DATA_SET_FORMAT_H
#define HARMONIA_DATA_SET_FORMAT_H

#include "data/data.h"

#define SET_FORMAT "harmonia data set"
enum { SET_VERSION = 1, SET_NAME_MAX = 255 };

/* The kinds of image and where each is stored. */
typedef enum set_kind { SET_REAL, SET_MASK, SET_COMPOSITE, SET_KINDS } set_kind;
extern const char *const set_dataset_names[SET_KINDS]; /* "/reals" ... */
extern const char *const set_crc_names[SET_KINDS]; /* "/index/real_crc32" ... */
int set_channels(set_kind kind);                   /* 1 or 3 */

typedef struct set_index {
  int size;
  size_t counts[SET_KINDS];
  uint32_t *crc[SET_KINDS]; /* [counts[kind]] */
  uint32_t *foreground;     /* [masks] */
  uint32_t *real, *mask;    /* [composites] */
  uint32_t *category;       /* [reals]; NULL: none is known */
  uint8_t *split;           /* [composites] */
  char *names;              /* composites * name_room, zero-padded */
  size_t name_room;
} set_index;

/* Zeroed arrays; set_index_free also after a failure. */
status set_index_allocate(set_index *index, int size,
                          const size_t counts[SET_KINDS], size_t name_room);
void set_index_free(set_index *index);

void set_identity(const set_index *index, const char *protocol, char hex[65]);

/* What `pack` compares: the attributes data_set_info does not tell. */
typedef struct set_origin {
  char listing[65], source[256];
  int compression;
  size_t skipped;
} set_origin;
const set_origin *set_describe_origin(const data_set *set);

#endif
