/* Maps of colours in HDF5. */
#include "dist/use/maps.h"

#include "base/log.h"
#include "base/memory.h"

#define MAP_ORDER "m11 m12 m13 m21 m22 m23 m31 m32 m33 t1 t2 t3"
#define BY_MASK "output = x + strength * mask * (y - x)"

/* Of what datasets there are. */
typedef struct meaning {
  const char *space, *order, *formula;
} meaning;

static const meaning even = {"sRGB, 0 to 1, not normalised", MAP_ORDER,
                             "y = clamp(M x + t, 0, 1); " BY_MASK};
static const meaning toned = {
    "sRGB, 0 to 1, not normalised", MAP_ORDER,
    "c = sum over k of slopes[channel,k] * clamp(x - k/8, 0, 1/8); "
    "y = clamp(M c + t, 0, 1); " BY_MASK};
static const meaning by_pixel = {
    "sRGB, 0 to 1, not normalised", MAP_ORDER,
    "maps and blend brought to the picture's size, bicubic (a = -0.75, borders "
    "repeated, pixel centres); y = x + blend * (clamp(M x + t, 0, 1) - "
    "x); " BY_MASK};
static const meaning drawn = {
    "the picture's own colours, levels of 255", "red green blue",
    "change brought to the picture's size, bilinear (borders repeated, pixel "
    "centres); output = x + strength * mask * change"};

static const meaning *meaning_of(nn_head head) {
  if (!nn_head_changes_pictures(head)) return &drawn;
  if (!nn_head_changes_evenly(head)) return &by_pixel;
  return head == NN_HEAD_CURVES ? &toned : &even;
}

/* At most two datasets of the numbers: how many. */
static size_t datasets_of(const apply_change *change, nn_head head,
                          const float *numbers, data_numbers out[2]) {
  size_t size = (size_t)change->size, maps = 12;
  if (change->added != NULL) {
    out[0] = (data_numbers){"change", 3, {size, size, 3}, change->added};
    return 1;
  }
  if (!nn_head_changes_evenly(head)) {
    out[0] = (data_numbers){"maps", 3, {size, size, maps}, numbers};
    out[1] =
        (data_numbers){"blend", 2, {size, size}, numbers + maps * size * size};
    return 2;
  }
  bool curves = head == NN_HEAD_CURVES;
  size_t slopes = nn_change_number_count(head, change->size) - maps;
  out[0] = (data_numbers){"maps", 1, {maps}, numbers + slopes};
  out[1] = (data_numbers){"slopes", 2, {3, slopes / 3}, numbers};
  return curves ? 2 : 1;
}

static status write_numbers(const char *path, const apply_change *change,
                            nn_head head, double strength,
                            const float *numbers) {
  const meaning *m = meaning_of(head);
  const data_remark remarks[] = {
      {"format", "harmonia change", 0}, {"head", CHOICES(NN_HEADS)[head], 0},
      {"space", m->space, 0},           {"order", m->order, 0},
      {"formula", m->formula, 0},       {"strength", NULL, strength}};
  data_numbers arrays[2];
  const data_numbers_file file = {
      .arrays = arrays,
      .count = datasets_of(change, head, numbers, arrays),
      .remarks = remarks,
      .remark_count = sizeof remarks / sizeof remarks[0]};
  TRY(data_numbers_write(path, &file));
  log_info("wrote %s (head %s)", path, CHOICES(NN_HEADS)[head]);
  return STATUS_OK;
}

status maps_write(const char *path, const apply_change *change, nn_head head,
                  double strength) {
  float *numbers = NULL;
  if (change->added == NULL) {
    TRY(MEMORY_NEW(nn_change_number_count(head, change->size),
                   "numbers of a change", &numbers));
    nn_change_numbers(&change->colours, numbers);
  }
  status result = write_numbers(path, change, head, strength, numbers);
  memory_free(numbers);
  return result;
}
