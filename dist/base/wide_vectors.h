/* Marks an inner loop to be compiled for AVX2 as well; the version is chosen at
 * start. Only for loops that give the same bits either way: integers, or floats
 * whose sums are not reordered (fused multiply-add stays off). */
#ifndef HARMONIA_WIDE_VECTORS_H
#define HARMONIA_WIDE_VECTORS_H

/* Sanitizers are not ready when the choice is made. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) &&          \
    !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                   \
    !defined(__SANITIZE_THREAD__)
#define WIDE_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define WIDE_VECTORS
#endif

#endif
