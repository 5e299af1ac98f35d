/* Colour transfer from foreground to foreground: the entry. gct, gctrgb, hgm
 * and idt are those HCOCO's composites were made with (Cong et al., DoveNet,
 * CVPR 2020). */
#include "data/colour/transfer_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

const char *data_transfer_name(data_transfer_method method) {
  switch (method) {
  case DATA_GCT: return "gct";
  case DATA_GCTRGB: return "gctrgb";
  case DATA_HGM: return "hgm";
  case DATA_IDT: return "idt";
  case DATA_MKL: return "mkl";
  case DATA_TRANSFER_METHODS: break;
  }
  INVARIANT(false, "method %d", (int)method);
}

static const char *method_name(int method) {
  return method == DATA_JITTER
             ? "jitter"
             : data_transfer_name((data_transfer_method)method);
}

static status unknown_method(const char *option, const char *name,
                             size_t length, int known) {
  char names[256] = "";
  size_t used = 0;
  for (int m = 0; m < known && used < sizeof names; m++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                             m > 0 ? ", " : "", method_name(m));
  return status_error(STATUS_USAGE, "--%s: '%.*s' is none of %s", option,
                      (int)length, name, names);
}

status data_methods_read(const char *option, const char *text, bool jitter,
                         data_methods *out) {
  int known = DATA_TRANSFER_METHODS + (jitter ? 1 : 0);
  *out = (data_methods){0};
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, ",");
    if (out->count == DATA_METHODS_MAX)
      return status_error(STATUS_USAGE, "--%s names more than %d", option,
                          DATA_METHODS_MAX);
    int m = 0;
    while (m < known && (strlen(method_name(m)) != length ||
                         memcmp(at, method_name(m), length) != 0))
      m++;
    if (m == known) return unknown_method(option, at, length, known);
    out->list[out->count++] = m;
    at += length;
    if (*at == '\0') return STATUS_OK;
  }
}

static size_t count_foreground(const data_image *mask) {
  size_t pixels = (size_t)mask->width * (size_t)mask->height, count = 0;
  for (size_t i = 0; i < pixels; i++) count += mask->pixels[i] >= 128;
  return count;
}

static status check_pair(const data_image *image, const data_image *mask,
                         const char *what) {
  if (image->channels != 3 || mask->channels != 1)
    return status_error(STATUS_MISFIT,
                        "colour transfer: the %s has %d channels and its mask "
                        "%d; expected 3 and 1",
                        what, image->channels, mask->channels);
  if (image->width != mask->width || image->height != mask->height)
    return status_error(
        STATUS_MISFIT, "colour transfer: the %s is %dx%d, its mask %dx%d", what,
        image->width, image->height, mask->width, mask->height);
  return STATUS_OK;
}

status transfer_region_take(const data_image *image, const data_image *mask,
                            const char *what, transfer_region *out) {
  *out = (transfer_region){0};
  TRY(check_pair(image, mask, what));
  size_t count = count_foreground(mask);
  if (count < TRANSFER_FEWEST)
    return status_error(STATUS_FORMAT,
                        "colour transfer: the %s's foreground has %zu pixels; "
                        "at least %d are needed",
                        what, count, TRANSFER_FEWEST);
  status result;
  TRY_OR(fail, MEMORY_NEW(count, "foreground places", &out->place));
  TRY_OR(fail, MEMORY_NEW(3 * count, "foreground colours", &out->rgb));
  size_t pixels = (size_t)image->width * (size_t)image->height;
  for (size_t i = 0; i < pixels; i++) {
    if (mask->pixels[i] < 128) continue;
    out->place[out->count] = (uint32_t)i;
    memcpy(out->rgb + 3 * out->count, image->pixels + 3 * i, 3);
    out->count++;
  }
  return STATUS_OK;
fail:
  transfer_region_free(out);
  return result;
}

void transfer_region_free(transfer_region *region) {
  memory_free(region->place);
  memory_free(region->rgb);
  *region = (transfer_region){0};
}

status transfer_run(data_transfer_method method, const data_image *image,
                    const transfer_region *target,
                    const transfer_region *reference, uint64_t seed,
                    uint8_t *rgb) {
  static const bool no_mirror[3] = {false, false, false};
  switch (method) {
  case DATA_GCT: transfer_gct(target, reference, rgb); return STATUS_OK;
  case DATA_GCTRGB:
    transfer_gctrgb(target, reference, no_mirror, rgb);
    return STATUS_OK;
  case DATA_HGM: transfer_hgm(target, reference, rgb); return STATUS_OK;
  case DATA_IDT: return transfer_idt(image, target, reference, seed, rgb);
  case DATA_MKL: transfer_mkl(target, reference, rgb); return STATUS_OK;
  case DATA_TRANSFER_METHODS: break;
  }
  INVARIANT(false, "method %d", (int)method);
}

static status copy_image(const data_image *image, data_image *out) {
  TRY(data_image_create(image->width, image->height, image->channels, out));
  memcpy(out->pixels, image->pixels,
         (size_t)image->width * (size_t)image->height *
             (size_t)image->channels);
  return STATUS_OK;
}

status data_transfer(data_transfer_method method, const data_image *target,
                     const data_image *target_mask, const data_image *reference,
                     const data_image *reference_mask, uint64_t seed,
                     data_image *out) {
  *out = (data_image){0};
  transfer_region to = {0}, from = {0};
  uint8_t *rgb = NULL;
  status result;
  TRY_OR(done, transfer_region_take(target, target_mask, "target", &to));
  TRY_OR(done,
         transfer_region_take(reference, reference_mask, "reference", &from));
  TRY_OR(done, MEMORY_NEW(3 * to.count, "transferred colours", &rgb));
  TRY_OR(done, transfer_run(method, target, &to, &from, seed, rgb));
  TRY_OR(done, copy_image(target, out));
  for (size_t i = 0; i < to.count; i++)
    memcpy(out->pixels + 3 * (size_t)to.place[i], rgb + 3 * i, 3);
done:
  memory_free(rgb);
  transfer_region_free(&to);
  transfer_region_free(&from);
  return result;
}
