/* Random changes of an object's colours. Private to libdata. */
#ifndef HARMONIA_DATA_JITTER_H
#define HARMONIA_DATA_JITTER_H

#include <stddef.h>
#include <stdint.h>

/* Another light on `count` colours (sRGB, three bytes each): in CIE L*a*b*
 * their lightness is spread about its mean and shifted, and the plane of a* and
 * b* is turned, scaled and shifted, by amounts drawn from `seed`. `out` may be
 * `rgb`. */
void jitter_colours(const uint8_t *rgb, size_t count, uint64_t seed,
                    uint8_t *out);

#endif
