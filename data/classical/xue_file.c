/* The model in a file: what xue_fit.c made, compressed.
 *
 * A first line of text, "harmonia xue model 1\n"; the SHA-256 of all that
 * follows, 64 digits and a newline; the data set's identity, 64 digits and a
 * newline; then little-endian: pairs (8 bytes), and for each goal with a choice
 * and each zone: the cross-validation's error as the bits of a double (8),
 * trees (4), nodes (4), the deflated bytes' length (4) and these: trees + 1
 * beginnings (4 each), then the nodes' features, thresholds (bits of a float)
 * and others (4 each), array after array. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "base/publish.h"
#include "base/read_file.h"
#include "base/sha256.h"
#include "data/classical/xue_model.h"

static const char first_line[] = "harmonia xue model 1\n";
enum {
  HASH_LENGTH = 64,
  HEAD = sizeof first_line - 1 + HASH_LENGTH + 1,
  MOST_TREES = 100000,
  MOST_NODES = 1 << 28,
  DEFLATE_MOST = 1032 /* what it makes bytes smaller by */
};

/* A growing or a given run of bytes. */
typedef struct bytes {
  uint8_t *data;
  size_t length, room, at; /* at: where reading is */
} bytes;

/* ---- writing ---- */

static status reserve(bytes *b, size_t more) {
  if (b->length + more <= b->room) return STATUS_OK;
  size_t room = 2 * (b->length + more);
  uint8_t *data;
  TRY(MEMORY_NEW(room, "a model's file", &data));
  if (b->length > 0) memcpy(data, b->data, b->length);
  memory_free(b->data);
  b->data = data;
  b->room = room;
  return STATUS_OK;
}

static status put(bytes *b, const void *data, size_t length) {
  TRY(reserve(b, length));
  memcpy(b->data + b->length, data, length);
  b->length += length;
  return STATUS_OK;
}

static status put_number(bytes *b, uint64_t number, int width) {
  uint8_t digits[8];
  for (int i = 0; i < width; i++) digits[i] = (uint8_t)(number >> 8 * i);
  return put(b, digits, (size_t)width);
}

static status put_float(bytes *b, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return put_number(b, bits, 4);
}

static status put_double(bytes *b, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return put_number(b, bits, 8);
}

static status put_arrays(bytes *b, const forest *f) {
  uint32_t nodes = f->begin[f->trees];
  for (uint32_t t = 0; t <= f->trees; t++) TRY(put_number(b, f->begin[t], 4));
  for (uint32_t n = 0; n < nodes; n++)
    TRY(put_number(b, (uint32_t)f->nodes[n].feature, 4));
  for (uint32_t n = 0; n < nodes; n++) TRY(put_float(b, f->nodes[n].threshold));
  for (uint32_t n = 0; n < nodes; n++) TRY(put_number(b, f->nodes[n].other, 4));
  return STATUS_OK;
}

static status put_deflated(bytes *b, const bytes *plain) {
  uLongf length = compressBound(plain->length);
  uint8_t *deflated;
  TRY(MEMORY_NEW(length, "a model's file", &deflated));
  INVARIANT(compress2(deflated, &length, plain->data, plain->length, 6) == Z_OK,
            "deflate");
  status result = put_number(b, length, 4);
  if (result == STATUS_OK) result = put(b, deflated, length);
  memory_free(deflated);
  return result;
}

static status put_forest(bytes *b, const forest *f, double error) {
  bytes plain = {0};
  status result;
  TRY_OR(done, put_arrays(&plain, f));
  TRY_OR(done, put_double(b, error));
  TRY_OR(done, put_number(b, f->trees, 4));
  TRY_OR(done, put_number(b, f->begin[f->trees], 4));
  TRY_OR(done, put_deflated(b, &plain));
done:
  memory_free(plain.data);
  return result;
}

static void hash_of(const bytes *b, char hex[HASH_LENGTH + 1]) {
  sha256 hash;
  sha256_begin(&hash);
  sha256_add(&hash, b->data + HEAD, b->length - HEAD);
  sha256_end(&hash, hex);
}

static status compose(const data_xue_model *model, bytes *b) {
  char hex[HASH_LENGTH + 1];
  TRY(put(b, first_line, sizeof first_line - 1));
  TRY(reserve(b, HASH_LENGTH + 1));
  b->length += HASH_LENGTH + 1; /* filled below */
  TRY(put(b, model->identity, HASH_LENGTH));
  TRY(put(b, "\n", 1));
  TRY(put_number(b, model->pairs, 8));
  for (int g = XUE_FIRST_CHOSEN; g < XUE_GOALS; g++)
    for (int k = 0; k < XUE_ZONES; k++)
      TRY(put_forest(b, &model->forests[g][k], model->errors[g][k]));
  hash_of(b, hex);
  memcpy(b->data + sizeof first_line - 1, hex, HASH_LENGTH);
  b->data[HEAD - 1] = '\n';
  return STATUS_OK;
}

status xue_model_write(const data_xue_model *model, const char *path) {
  bytes b = {0};
  status result = compose(model, &b);
  if (result == STATUS_OK) result = publish_bytes(path, b.data, b.length);
  memory_free(b.data);
  return result;
}

/* ---- reading ---- */

static uint64_t take_number(bytes *b, int width) {
  uint64_t number = 0;
  /* Past the end zeros come; `at` tells. */
  for (int i = 0; i < width; i++, b->at++)
    if (b->at < b->length) number |= (uint64_t)b->data[b->at] << 8 * i;
  return number;
}

static bool take_arrays(bytes *b, forest *f, uint32_t nodes) {
  for (uint32_t t = 0; t <= f->trees; t++)
    f->begin[t] = (uint32_t)take_number(b, 4);
  for (uint32_t n = 0; n < nodes; n++)
    f->nodes[n].feature = (int32_t)(uint32_t)take_number(b, 4);
  for (uint32_t n = 0; n < nodes; n++) {
    uint32_t bits = (uint32_t)take_number(b, 4);
    memcpy(&f->nodes[n].threshold, &bits, sizeof bits);
  }
  for (uint32_t n = 0; n < nodes; n++)
    f->nodes[n].other = (uint32_t)take_number(b, 4);
  return b->at == b->length;
}

/* No walk through the forest leaves it or goes in circles. */
static bool is_sound(const forest *f, uint32_t nodes) {
  if (f->begin[0] != 0 || f->begin[f->trees] != nodes) return false;
  for (uint32_t t = 0; t < f->trees; t++) {
    if (f->begin[t] >= f->begin[t + 1] || f->begin[t + 1] > nodes) return false;
    uint32_t count = f->begin[t + 1] - f->begin[t];
    for (uint32_t n = 0; n < count; n++) {
      const forest_node *node = &f->nodes[f->begin[t] + n];
      bool leaf = node->feature < 0;
      if (leaf ? node->other > 1
               : node->feature >= XUE_INPUTS || n + 1 >= count ||
                     node->other <= n || node->other >= count)
        return false;
    }
  }
  return true;
}

static status damaged(const char *path) {
  return status_error(STATUS_FORMAT, "%s: a damaged model", path);
}

static status take_forest(bytes *b, const char *path, forest *f,
                          double *error) {
  uint64_t bits = take_number(b, 8);
  memcpy(error, &bits, sizeof bits);
  f->trees = (uint32_t)take_number(b, 4);
  uint32_t nodes = (uint32_t)take_number(b, 4);
  size_t length = take_number(b, 4);
  if (b->at > b->length || length > b->length - b->at || f->trees == 0 ||
      f->trees > MOST_TREES || nodes < f->trees || nodes > MOST_NODES ||
      nodes / DEFLATE_MOST > length)
    return damaged(path);
  bytes plain = {.length = 4 * ((size_t)f->trees + 1 + 3 * (size_t)nodes)};
  uLongf inflated = plain.length;
  status result;
  TRY_OR(done, MEMORY_NEW(plain.length, path, &plain.data));
  TRY_OR(done, MEMORY_NEW((size_t)f->trees + 1, path, &f->begin));
  TRY_OR(done, MEMORY_NEW(nodes, path, &f->nodes));
  if (uncompress(plain.data, &inflated, b->data + b->at, length) != Z_OK ||
      inflated != plain.length || !take_arrays(&plain, f, nodes) ||
      !is_sound(f, nodes))
    result = damaged(path);
  b->at += length;
done:
  memory_free(plain.data);
  return result;
}

static status check_head(const bytes *b, const char *path) {
  char hex[HASH_LENGTH + 1];
  size_t line = sizeof first_line - 1;
  if (b->length < line || memcmp(b->data, first_line, line) != 0)
    return status_error(STATUS_FORMAT,
                        "%s: not a model of xue's method (of this version)",
                        path);
  if (b->length < HEAD + HASH_LENGTH + 1) return damaged(path);
  hash_of(b, hex);
  return memcmp(b->data + line, hex, HASH_LENGTH) == 0 ? STATUS_OK
                                                       : damaged(path);
}

static status parse(bytes *b, const char *path, const char *identity,
                    data_xue_model *model) {
  TRY(check_head(b, path));
  memcpy(model->identity, b->data + HEAD, HASH_LENGTH);
  if (identity != NULL && strcmp(identity, model->identity) != 0)
    return status_error(STATUS_MISFIT,
                        "%s: fitted on another data set (%.12s..., this one is "
                        "%.12s...); remove it to have it fitted anew",
                        path, model->identity, identity);
  b->at = HEAD + HASH_LENGTH + 1;
  model->pairs = take_number(b, 8);
  for (int g = XUE_FIRST_CHOSEN; g < XUE_GOALS; g++)
    for (int k = 0; k < XUE_ZONES; k++)
      TRY(take_forest(b, path, &model->forests[g][k], &model->errors[g][k]));
  return b->at == b->length ? STATUS_OK : damaged(path);
}

status data_xue_model_open(const char *path, const char *identity,
                           data_xue_model **out) {
  bytes b = {0};
  *out = NULL;
  char *data;
  TRY(read_file(path, &data, &b.length));
  b.data = (uint8_t *)data;
  status result = STATUS_OK;
  if (result == STATUS_OK) result = MEMORY_NEW(1, path, out);
  if (result == STATUS_OK) result = parse(&b, path, identity, *out);
  if (result != STATUS_OK) data_xue_model_free(out);
  memory_free(b.data);
  return result;
}

void data_xue_model_free(data_xue_model **model) {
  if (*model == NULL) return;
  for (int g = 0; g < XUE_GOALS; g++)
    for (int k = 0; k < XUE_ZONES; k++) forest_free(&(*model)->forests[g][k]);
  memory_free(*model);
  *model = NULL;
}

void xue_model_zones(const data_xue_model *model, xue_goal goal,
                     const xue_features *features, bool agreeing[XUE_ZONES]) {
  float inputs[XUE_INPUTS];
  xue_inputs(features, inputs);
  for (int k = 0; k < XUE_ZONES; k++)
    agreeing[k] = forest_predict(&model->forests[goal][k], inputs);
}

double data_xue_model_error(const data_xue_model *model, int goal, int zone) {
  return model->errors[XUE_FIRST_CHOSEN + goal][zone];
}
