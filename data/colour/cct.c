/* Correlated colour temperature of a chromaticity, and back. */
#include "data/colour/cct.h"

#include <math.h>

typedef struct isotherm {
  double mired, u, v, slope; /* at the Planckian locus; CIE 1960 */
} isotherm;

/* u at 325 mired is 0.24792: the book's 0.24702 is a misprint (Lindbloom). */
static const isotherm table[] = {
    {0, 0.18006, 0.26352, -0.24341},   {10, 0.18066, 0.26589, -0.25479},
    {20, 0.18133, 0.26846, -0.26876},  {30, 0.18208, 0.27119, -0.28539},
    {40, 0.18293, 0.27407, -0.30470},  {50, 0.18388, 0.27709, -0.32675},
    {60, 0.18494, 0.28021, -0.35156},  {70, 0.18611, 0.28342, -0.37915},
    {80, 0.18740, 0.28668, -0.40955},  {90, 0.18880, 0.28997, -0.44278},
    {100, 0.19032, 0.29326, -0.47888}, {125, 0.19462, 0.30141, -0.58204},
    {150, 0.19962, 0.30921, -0.70471}, {175, 0.20525, 0.31647, -0.84901},
    {200, 0.21142, 0.32312, -1.0182},  {225, 0.21807, 0.32909, -1.2168},
    {250, 0.22511, 0.33439, -1.4512},  {275, 0.23247, 0.33904, -1.7298},
    {300, 0.24010, 0.34308, -2.0637},  {325, 0.24792, 0.34655, -2.4681},
    {350, 0.25591, 0.34951, -2.9641},  {375, 0.26400, 0.35200, -3.5814},
    {400, 0.27218, 0.35407, -4.3633},  {425, 0.28039, 0.35577, -5.3762},
    {450, 0.28863, 0.35714, -6.7262},  {475, 0.29685, 0.35823, -8.5955},
    {500, 0.30505, 0.35907, -11.324},  {525, 0.31320, 0.35968, -15.628},
    {550, 0.32129, 0.36011, -23.325},  {575, 0.32931, 0.36038, -40.770},
    {600, 0.33724, 0.36051, -116.45},
};
enum { ISOTHERMS = sizeof table / sizeof table[0] };

static const double tint_scale = -3000;

/* The point of the locus between isotherms i - 1 (`part` of it) and i, and the
 * unit vector of the isotherm there. */
static void between(int i, double part, double point[2], double along[2]) {
  const isotherm *a = &table[i - 1], *b = &table[i];
  point[0] = a->u * part + b->u * (1 - part);
  point[1] = a->v * part + b->v * (1 - part);
  double length_a = hypot(1, a->slope), length_b = hypot(1, b->slope);
  along[0] = part / length_a + (1 - part) / length_b;
  along[1] = part * a->slope / length_a + (1 - part) * b->slope / length_b;
  double length = hypot(along[0], along[1]);
  along[0] /= length;
  along[1] /= length;
}

/* Signed distance of (u, v) from an isotherm: positive where it is warmer. */
static double distance(const isotherm *line, double u, double v) {
  return ((v - line->v) - (u - line->u) * line->slope) / hypot(1, line->slope);
}

void cct_from_xy(double x, double y, double *mired, double *tint) {
  double scale = 1.5 - x + 6 * y;
  double u = 2 * x / scale, v = 3 * y / scale;
  double last = 0, here = 0;
  int i = 1;
  for (;; i++) {
    here = distance(&table[i], u, v);
    if (here <= 0 || i == ISOTHERMS - 1) break;
    last = here;
  }
  here = fmax(0, -here);
  double part = i == 1 ? 0 : here / (last + here);
  double point[2], along[2];
  between(i, part, point, along);
  *mired = table[i - 1].mired * part + table[i].mired * (1 - part);
  *tint = ((u - point[0]) * along[0] + (v - point[1]) * along[1]) * tint_scale;
}

void cct_to_xy(double mired, double tint, double *x, double *y) {
  int i = 1;
  while (i < ISOTHERMS - 1 && mired >= table[i].mired) i++;
  double part =
      (table[i].mired - mired) / (table[i].mired - table[i - 1].mired);
  double point[2], along[2];
  between(i, part, point, along);
  double u = point[0] + along[0] * tint / tint_scale;
  double v = point[1] + along[1] * tint / tint_scale;
  double scale = u - 4 * v + 2;
  *x = 1.5 * u / scale;
  *y = v / scale;
}
