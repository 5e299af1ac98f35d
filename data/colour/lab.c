/* sRGB to CIE L*a*b* and back. */
#include "data/colour/lab.h"

#include <math.h>

double srgb_to_linear(double value) {
  return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

double srgb_from_linear(double value) {
  return value <= 0.0031308 ? value * 12.92
                            : 1.055 * pow(value, 1 / 2.4) - 0.055;
}

/* Linear sRGB to XYZ, Y = 1 for white; the profile's (ICC, Bradford) and that
 * of the standard, with their inverses. A white is the sum of its rows. */
static const double to_xyz[2][3][3] = {{{0.4360747, 0.3850649, 0.1430804},
                                        {0.2225045, 0.7168786, 0.0606169},
                                        {0.0139322, 0.0971045, 0.7141733}},
                                       {{0.4124564, 0.3575761, 0.1804375},
                                        {0.2126729, 0.7151522, 0.0721750},
                                        {0.0193339, 0.1191920, 0.9503041}}};
static const double from_xyz[2][3][3] = {{{3.1338561, -1.6168667, -0.4906146},
                                          {-0.9787684, 1.9161415, 0.0334540},
                                          {0.0719453, -0.2289914, 1.4052427}},
                                         {{3.2404542, -1.5371385, -0.4985314},
                                          {-0.9692660, 1.8760108, 0.0415560},
                                          {0.0556434, -0.2040259, 1.0572252}}};

static double white_of(lab_white white, int row) {
  return to_xyz[white][row][0] + to_xyz[white][row][1] + to_xyz[white][row][2];
}

/* The cube root, with a straight line near black. */
static double root(double t) {
  return t > 216.0 / 24389 ? cbrt(t) : (24389.0 / 27 * t + 16) / 116;
}

static double cube(double f) {
  return f > 6.0 / 29 ? f * f * f : (116 * f - 16) * 27 / 24389;
}

static void transform(const double m[3][3], const double in[3], double out[3]) {
  for (int i = 0; i < 3; i++)
    out[i] = m[i][0] * in[0] + m[i][1] * in[1] + m[i][2] * in[2];
}

void xyz_from_linear(const double rgb[3], lab_white white, double xyz[3]) {
  transform(to_xyz[white], rgb, xyz);
}

void xyz_to_linear(const double xyz[3], lab_white white, double rgb[3]) {
  transform(from_xyz[white], xyz, rgb);
}

void lab_from_srgb(const double rgb[3], lab_white white, double lab[3]) {
  double linear[3];
  for (int c = 0; c < 3; c++) linear[c] = srgb_to_linear(rgb[c]);
  lab_from_linear(linear, white, lab);
}

void lab_from_linear(const double linear[3], lab_white white, double lab[3]) {
  double xyz[3], f[3];
  xyz_from_linear(linear, white, xyz);
  for (int i = 0; i < 3; i++) f[i] = root(xyz[i] / white_of(white, i));
  lab[0] = 116 * f[1] - 16;
  lab[1] = 500 * (f[0] - f[1]);
  lab[2] = 200 * (f[1] - f[2]);
}

void lab_to_srgb(const double lab[3], lab_white white, double rgb[3]) {
  double y = (lab[0] + 16) / 116;
  double xyz[3] = {cube(y + lab[1] / 500), cube(y), cube(y - lab[2] / 200)};
  double linear[3];
  for (int i = 0; i < 3; i++) xyz[i] *= white_of(white, i);
  xyz_to_linear(xyz, white, linear);
  for (int c = 0; c < 3; c++) rgb[c] = srgb_from_linear(linear[c]);
}
