/* The numbers of a change of colours in units that need no network to be
 * understood: maps of colours in [0,1]. */
#include <string.h>

#include "nn/network/trunks.h"
#include "nn/operations/colour.h"

size_t nn_change_number_count(nn_head head, int size) {
  size_t pixels = (size_t)size * (size_t)size;
  if (!nn_head_changes_pictures(head)) return 0;
  switch (head) {
  case NN_HEAD_AFFINE: return (NN_AFFINE + 1) * pixels;
  case NN_HEAD_CURVES: return NN_TONES + NN_AFFINE;
  default: return NN_AFFINE; /* one map for the whole object */
  }
}

/* M n + b of n = (x - mean)/std, as a map of x. */
static void of_unit(const nn_real *theta, nn_real *out) {
  for (int i = 0; i < NN_COLOURS; i++) {
    double shift = (double)theta[NN_AFFINE_MATRIX + i];
    for (int j = 0; j < NN_COLOURS; j++) {
      int at = NN_COLOURS * i + j;
      double factor = (double)theta[at] / nn_imagenet_std[j];
      shift -= factor * nn_imagenet_mean[j];
      out[at] = (nn_real)factor;
    }
    out[NN_AFFINE_MATRIX + i] = (nn_real)shift;
  }
}

void nn_change_numbers(const nn_colour_change *change, nn_real *out) {
  size_t count = nn_change_number_count(change->head, change->size);
  if (change->head == NN_HEAD_CURVES) {
    memcpy(out, change->maps, count * sizeof *out);
    return;
  }
  size_t pixels = (size_t)change->size * (size_t)change->size;
  size_t maps = change->head == NN_HEAD_AFFINE ? pixels : 1;
  for (size_t i = 0; i < maps; i++)
    of_unit(change->maps + i * NN_AFFINE, out + i * NN_AFFINE);
  if (change->head == NN_HEAD_AFFINE)
    memcpy(out + maps * NN_AFFINE, change->blend, pixels * sizeof *out);
}

void nn_change_by_numbers(nn_head head, const nn_real *numbers, size_t count,
                          const nn_real *colours, nn_real *out) {
  INVARIANT(nn_head_changes_evenly(head), "head %d", head);
  bool curves = head == NN_HEAD_CURVES;
  const nn_real *theta = numbers + (curves ? NN_TONES : 0);
  for (size_t i = 0; i < count; i++, colours += NN_COLOURS, out += NN_COLOURS) {
    nn_real seen[NN_COLOURS];
    for (int c = 0; c < NN_COLOURS; c++)
      seen[c] = curves ? nn_tone(numbers + c * NN_TONE_SLOPES, colours[c])
                       : colours[c];
    for (int c = 0; c < NN_COLOURS; c++) {
      out[c] = theta[NN_AFFINE_MATRIX + c];
      for (int j = 0; j < NN_COLOURS; j++)
        out[c] += theta[NN_COLOURS * c + j] * seen[j];
    }
  }
}
