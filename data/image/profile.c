/* Colour profiles by Little CMS, where the program was built with it. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "data/image/image_internal.h"

#ifdef HAVE_LCMS2
#include <lcms2.h>

enum { GRID = 9 }; /* values a channel, where a profile is compared */

struct data_profile {
  cmsHTRANSFORM to_srgb, from_srgb;
};

static status make_transforms(const data_bytes *icc, data_profile *out) {
  const cmsUInt32Number flags = cmsFLAGS_NOOPTIMIZE | cmsFLAGS_NOCACHE;
  const cmsUInt32Number intent = INTENT_RELATIVE_COLORIMETRIC;
  cmsHPROFILE given = cmsOpenProfileFromMem(icc->data, (uint32_t)icc->size);
  cmsHPROFILE srgb = cmsCreate_sRGBProfile();
  if (given != NULL && srgb != NULL &&
      cmsGetColorSpace(given) == cmsSigRgbData) {
    out->to_srgb = cmsCreateTransform(given, TYPE_RGB_FLT, srgb, TYPE_RGB_FLT,
                                      intent, flags);
    out->from_srgb = cmsCreateTransform(srgb, TYPE_RGB_FLT, given, TYPE_RGB_FLT,
                                        intent, flags);
  }
  if (given != NULL) cmsCloseProfile(given);
  if (srgb != NULL) cmsCloseProfile(srgb);
  if (out->to_srgb != NULL && out->from_srgb != NULL) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "its colour profile is damaged or not of RGB");
}

static bool is_srgb(const data_profile *profile) {
  float worst = 0;
  for (int i = 0; i < GRID * GRID * GRID; i++) {
    const int at[3] = {i % GRID, i / GRID % GRID, i / (GRID * GRID)};
    float in[3], out[3];
    for (int c = 0; c < 3; c++) in[c] = (float)at[c] / (GRID - 1);
    data_profile_to_srgb(profile, in, out, 1);
    for (int c = 0; c < 3; c++) worst = fmaxf(worst, fabsf(in[c] - out[c]));
  }
  return worst <= 2.0f / 255;
}

status data_profile_open(const data_bytes *icc, data_profile **out) {
  *out = NULL;
  if (icc->size == 0) return STATUS_OK;
  TRY(MEMORY_NEW(1, "a colour profile", out));
  status result = make_transforms(icc, *out);
  if (result != STATUS_OK || is_srgb(*out)) data_profile_close(out);
  return result;
}

void data_profile_close(data_profile **profile) {
  if (*profile == NULL) return;
  if ((*profile)->to_srgb != NULL) cmsDeleteTransform((*profile)->to_srgb);
  if ((*profile)->from_srgb != NULL) cmsDeleteTransform((*profile)->from_srgb);
  memory_free(*profile);
  *profile = NULL;
}

void data_profile_to_srgb(const data_profile *profile, const float *in,
                          float *out, size_t count) {
  cmsDoTransform(profile->to_srgb, in, out, (cmsUInt32Number)count);
}

void data_profile_from_srgb(const data_profile *profile, const float *in,
                            float *out, size_t count) {
  cmsDoTransform(profile->from_srgb, in, out, (cmsUInt32Number)count);
}

/* The same curve for each of sRGB's primaries: greys stay what they are. */
static cmsHPROFILE spread_profile(cmsHPROFILE grey) {
  static const cmsCIExyYTRIPLE primaries = {
      {0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}};
  static const cmsCIExyY white = {0.3127, 0.3290, 1};
  if (grey == NULL || cmsGetColorSpace(grey) != cmsSigGrayData) return NULL;
  cmsToneCurve *curve = cmsReadTag(grey, cmsSigGrayTRCTag);
  if (curve == NULL) return NULL;
  cmsToneCurve *const curves[3] = {curve, curve, curve};
  return cmsCreateRGBProfile(&white, &primaries, curves);
}

static status store_profile(cmsHPROFILE profile, data_bytes *out) {
  cmsUInt32Number size = 0;
  cmsSaveProfileToMem(profile, NULL, &size);
  TRY(image_bytes_reserve(out, size));
  out->size = cmsSaveProfileToMem(profile, out->data, &size) ? size : 0;
  return STATUS_OK;
}

status image_profile_spread(data_bytes *icc) {
  status result = STATUS_OK;
  if (icc->size == 0) return STATUS_OK;
  cmsHPROFILE grey = cmsOpenProfileFromMem(icc->data, (uint32_t)icc->size);
  cmsHPROFILE rgb = spread_profile(grey);
  if (rgb != NULL) {
    result = store_profile(rgb, icc);
    cmsCloseProfile(rgb);
  }
  if (grey != NULL) cmsCloseProfile(grey);
  return result;
}

#else

/* By its name, in bytes or in UTF-16. */
static bool is_srgb(const data_bytes *icc) {
  return memmem(icc->data, icc->size, "sRGB", 4) != NULL ||
         memmem(icc->data, icc->size, "s\0R\0G\0B", 7) != NULL;
}

status image_profile_spread(data_bytes *icc) {
  (void)icc;
  return STATUS_OK;
}

status data_profile_open(const data_bytes *icc, data_profile **out) {
  *out = NULL;
  if (icc->size == 0 || is_srgb(icc)) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "the program was built without Little CMS, which reads "
                      "colour profiles");
}

void data_profile_close(data_profile **profile) { *profile = NULL; }

void data_profile_to_srgb(const data_profile *profile, const float *in,
                          float *out, size_t count) {
  (void)profile;
  memmove(out, in, 3 * count * sizeof *out);
}

void data_profile_from_srgb(const data_profile *profile, const float *in,
                            float *out, size_t count) {
  data_profile_to_srgb(profile, in, out, count);
}
#endif
