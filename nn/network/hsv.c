/* RGB to hue and saturation, differentiable. With R, G, B in [0,1],
 * V = max, c = V - min and
 *
 *   6H = (G - B) / c        where R is the largest,
 *        (B - R) / c + 2    where G is,
 *        (R - G) / c + 4    where B is,
 *   S  = c / max(V, NN_HSV_DARK),
 *
 * the maps are (S cos 2 pi H, S sin 2 pi H, S): the hexagonal hue and the
 * saturation of HSV, as a point of the plane, because 0.99 and 0.01 are nearly
 * the same hue and an L1 distance of hues would not know it.
 *
 * dH/dR grows as 1/c towards grey, but S dH/dR only as 1/V; so the maps' slopes
 * are bounded once V is kept off zero, which is what NN_HSV_DARK does (darker
 * colours fade to grey). Where c is below NN_HSV_GREY, less than a fourth of
 * a byte's step, a colour counts as grey: maps and gradients are exactly 0. On
 * all other colours of V >= NN_HSV_DARK the maps are HSV's own. */
#include "nn/operation.h"

static const double PI_BY_3 = 1.04719755119659774615;

/* 1 where x > 0, else 0; the gradient ends here. */
static nn_id positive(nn_graph *g, nn_id x) {
  nn_id sign = nn_emit(g, (nn_node){.op = &nn_op_sign, .in = {x}});
  return nn_clamp_min(g, sign, 0);
}

static nn_id not(nn_graph * g, nn_id x) { return nn_affine(g, x, -1, 1); }

/* 1 where a >= b. */
static nn_id at_least(nn_graph *g, nn_id a, nn_id b) {
  return not(g, positive(g, nn_sub(g, b, a)));
}

/* Three maps that are 1 in one place: at the first of the largest values. */
typedef struct choice {
  nn_id map[3];
} choice;

static choice choose(nn_graph *g, const nn_id x[3]) {
  choice is;
  is.map[0] = nn_mul(g, at_least(g, x[0], x[1]), at_least(g, x[0], x[2]));
  is.map[1] = nn_mul(g, not(g, is.map[0]), at_least(g, x[1], x[2]));
  is.map[2] = not(g, nn_add(g, is.map[0], is.map[1]));
  return is;
}

static nn_id pick(nn_graph *g, choice is, const nn_id x[3]) {
  nn_id sum = nn_mul(g, is.map[0], x[0]);
  for (int i = 1; i < 3; i++) sum = nn_add(g, sum, nn_mul(g, is.map[i], x[i]));
  return sum;
}

nn_id nn_hsv_maps(nn_graph *g, nn_id rgb) {
  INVARIANT(nn_shape_of(g, rgb).c == 3, "HSV of %d channels",
            nn_shape_of(g, rgb).c);
  nn_id unit = nn_affine(g, rgb, 0.5, 0.5), x[3], minus[3], difference[3];
  for (int i = 0; i < 3; i++) x[i] = nn_slice(g, unit, i, 1);
  for (int i = 0; i < 3; i++) {
    minus[i] = nn_affine(g, x[i], -1, 0);
    difference[i] = nn_sub(g, x[(i + 1) % 3], x[(i + 2) % 3]);
  }
  choice largest = choose(g, x), smallest = choose(g, minus);
  nn_id value = pick(g, largest, x);
  nn_id chroma = nn_add(g, value, pick(g, smallest, minus));
  nn_id coloured = positive(g, nn_affine(g, chroma, 1, -NN_HSV_GREY));
  nn_id hue = nn_div(g, pick(g, largest, difference),
                     nn_clamp_min(g, chroma, NN_HSV_GREY));
  hue = nn_add(g, hue, nn_axpby(g, 2, largest.map[1], 4, largest.map[2]));
  nn_id angle = nn_affine(g, hue, PI_BY_3, 0);
  nn_id saturation = nn_div(g, nn_mul(g, chroma, coloured),
                            nn_clamp_min(g, value, NN_HSV_DARK));
  nn_id plane = nn_concat(g, nn_mul(g, saturation, nn_cos(g, angle)),
                          nn_mul(g, saturation, nn_sin(g, angle)));
  return nn_concat(g, plane, saturation);
}
