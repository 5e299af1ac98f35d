/* The readers of weights of other programs. */
#include "base/memory.h"
#include "checkpoint/foreign/foreign.h"
#include "tests/fuzz/fuzz.h"

enum { ELEMENTS_MAX = 1 << 20 }; /* larger ones take time, and show nothing */

static bool read_tensor(foreign_file *file, size_t index) {
  const ckpt_array *array = foreign_array(file, index);
  size_t count = 1;
  double *values;
  for (int k = 0; k < array->rank; k++) count *= array->shape[k];
  if (count > ELEMENTS_MAX) return true;
  if (MEMORY_NEW(count, "values", &values) != STATUS_OK) return false;
  status result = foreign_read(file, index, (ckpt_type)(index % 3), values);
  memory_free(values);
  return result == STATUS_OK;
}

/* Not by way of libcheckpoint, which would give HDF5 what is none of these. */
bool fuzz_read_weights(const char *path) {
  foreign_file *file;
  status opened = foreign_open(path, "", &file);
  if (opened == STATUS_USAGE) opened = foreign_open(path, "netG", &file);
  if (opened != STATUS_OK || file == NULL) return false;
  bool good = true;
  for (size_t i = 0; i < foreign_count(file); i++) good &= read_tensor(file, i);
  foreign_close(&file);
  return good;
}

const char *const fuzz_weight_words[] = {"ctorch\nHalfStorage\n",
                                         "ctorch._utils\n_rebuild_tensor_v2\n",
                                         "ccollections\nOrderedDict\n",
                                         "storage",
                                         "\x80\x02",
                                         "\x93",
                                         "}",
                                         "(",
                                         "t",
                                         "Q",
                                         "R",
                                         "b",
                                         "s",
                                         "u",
                                         "J\xff\xff\xff\xff",
                                         "\x8a\x08",
                                         "PK\1\2",
                                         "PK\5\6",
                                         "\"data_offsets\":[0,16]",
                                         "\"shape\":[4]",
                                         "\"dtype\":\"BF16\"",
                                         "9223372036854775807",
                                         NULL};
