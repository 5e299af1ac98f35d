/* sRGB and CIE L*a*b*, as the recolouring of Lalonde and Efros uses them: the
 * way there is through an ICC profile, whose white is D50; the way back is
 * MATLAB's lab2rgb, whose white is D65. Greys come back as they were, colours a
 * little changed (at most a few levels); the published numbers have it so.
 * Private to libdata. */
#ifndef HARMONIA_DATA_LAB_H
#define HARMONIA_DATA_LAB_H

#include <stdint.h>

typedef enum lab_white { LAB_D50, LAB_D65 } lab_white;

/* The curve of IEC 61966-2-1 and its inverse; levels 0 to 1. Negative values
 * continue the linear part. */
double srgb_to_linear(double value);
double srgb_from_linear(double value);

/* rgb: sRGB levels 0 to 1; lab: L* 0 to 100. CIE 15:2004, section 8.2.1, with
 * the sRGB primaries (adapted to D50 by Bradford's transform for LAB_D50). */
void lab_from_srgb(const double rgb[3], lab_white white, double lab[3]);

/* The same of linear light. */
void lab_from_linear(const double linear[3], lab_white white, double lab[3]);

/* Back. Colours out of sRGB's gamut leave the range 0 to 1. */
void lab_to_srgb(const double lab[3], lab_white white, double rgb[3]);

/* Linear sRGB (white 1, 1, 1) and XYZ (Y of white 1). */
void xyz_from_linear(const double rgb[3], lab_white white, double xyz[3]);
void xyz_to_linear(const double xyz[3], lab_white white, double rgb[3]);

#endif
