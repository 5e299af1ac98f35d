/* New colours for the foregrounds of images of one size, in memory that is
 * there: for composites that are made while training goes on. */
#include <string.h>

#include "base/memory.h"
#include "data/colour/jitter.h"
#include "data/colour/transfer_internal.h"

struct data_recolour {
  int size;
  transfer_region target, reference; /* with room for all pixels */
  uint8_t *rgb;                      /* the target's new colours */
  float *planes;                     /* the same, of idt */
};

static status region_create(size_t pixels, transfer_region *out) {
  TRY(MEMORY_NEW(pixels, "foreground places", &out->place));
  return MEMORY_NEW(3 * pixels, "foreground colours", &out->rgb);
}

status data_recolour_create(int size, data_recolour **out) {
  size_t pixels = (size_t)size * (size_t)size;
  TRY(MEMORY_NEW(1, "recolouring", out));
  data_recolour *r = *out;
  r->size = size;
  status result;
  TRY_OR(failed, region_create(pixels, &r->target));
  TRY_OR(failed, region_create(pixels, &r->reference));
  TRY_OR(failed, MEMORY_NEW(3 * pixels, "new colours", &r->rgb));
  TRY_OR(failed, MEMORY_NEW(3 * pixels, "new colours", &r->planes));
  return STATUS_OK;
failed:
  data_recolour_destroy(out);
  return result;
}

void data_recolour_destroy(data_recolour **slot) {
  data_recolour *r = *slot;
  if (r == NULL) return;
  transfer_region_free(&r->target);
  transfer_region_free(&r->reference);
  memory_free(r->rgb);
  memory_free(r->planes);
  memory_free(r);
  *slot = NULL;
}

size_t data_recolour_bytes(int size) {
  size_t one = sizeof(uint32_t) + 3; /* of a pixel of a region */
  return (2 * one + 3 * (1 + sizeof(float))) * (size_t)size * (size_t)size;
}

static void take(const uint8_t *image, const uint8_t *mask, int size,
                 transfer_region *out) {
  size_t pixels = (size_t)size * (size_t)size;
  out->count = 0;
  for (size_t i = 0; i < pixels; i++) {
    if (mask[i] < 128) continue;
    out->place[out->count] = (uint32_t)i;
    memcpy(out->rgb + 3 * out->count, image + 3 * i, 3);
    out->count++;
  }
}

void data_recolour_reference(data_recolour *r, const uint8_t *image,
                             const uint8_t *mask) {
  take(image, mask, r->size, &r->reference);
}

/* Without the regrain: it is made for pictures of some hundred pixels, and
 * takes small ones half way back. */
static status match(data_recolour *r, uint64_t seed) {
  TRY(transfer_idt_match(&r->target, &r->reference, seed, r->planes));
  size_t count = r->target.count;
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < 3; c++)
      r->rgb[3 * i + c] = transfer_byte(255 * r->planes[c * count + i]);
  return STATUS_OK;
}

status data_recolour_run(data_recolour *r, int method, uint64_t seed,
                         const uint8_t *image, const uint8_t *mask,
                         uint8_t *out) {
  take(image, mask, r->size, &r->target);
  const transfer_region *to = &r->target, *from = &r->reference;
  bool few = to->count < TRANSFER_FEWEST || from->count < TRANSFER_FEWEST;
  if (few || method == DATA_JITTER)
    jitter_colours(to->rgb, to->count, seed, r->rgb);
  else if (method == DATA_IDT)
    TRY(match(r, seed));
  else
    TRY(transfer_run((data_transfer_method)method, NULL, to, from, seed,
                     r->rgb));
  memcpy(out, image, 3 * (size_t)r->size * (size_t)r->size);
  for (size_t i = 0; i < to->count; i++)
    memcpy(out + 3 * (size_t)to->place[i], r->rgb + 3 * i, 3);
  return STATUS_OK;
}
