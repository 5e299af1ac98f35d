/* Whether OpenBLAS's kernels use what the CPU has. OpenBLAS picks them by the
 * CPU's model, so that a model newer than the library, or an environment that
 * sets OPENBLAS_CORETYPE, can cost half of the speed or more. */
#include <cblas.h>
#include <stdlib.h>
#include <strings.h>

#include "nn/operation.h"

const char *nn_blas_core(void) { return openblas_get_corename(); }

/* Instructions of a core's kernels: 3 AVX-512, 2 AVX2 and FMA, 1 AVX, 0 less
 * (Prescott, Nehalem, Barcelona, ...). */
static int level_of(const char *core) {
  static const char *const levels[][4] = {
      {"Sandybridge", "Bulldozer", "Piledriver", "Steamroller"},
      {"Haswell", "Zen", "Excavator", NULL},
      {"SkylakeX", "Cooperlake", "SapphireRapids", NULL}};
  for (int level = 0; level < 3; level++)
    for (int i = 0; i < 4 && levels[level][i] != NULL; i++)
      if (strcasecmp(core, levels[level][i]) == 0) return level + 1;
  return 0;
}

const char *nn_blas_better_core(const char *name, bool avx, bool avx2,
                                bool avx512) {
  static const char *const cores[] = {NULL, "Sandybridge", "Haswell",
                                      "SkylakeX"};
  int level = avx512 ? 3 : avx2 ? 2 : avx ? 1 : 0;
  return level > level_of(name) ? cores[level] : NULL;
}

bool nn_blas_advice(char *text, size_t size) {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  const char *core = nn_blas_core(), *set = getenv("OPENBLAS_CORETYPE");
  const char *better =
      nn_blas_better_core(core, __builtin_cpu_supports("avx"), avx2, avx512);
  if (better == NULL) return false;
  if (set != NULL && set[0] != '\0')
    snprintf(
        text, size,
        "OPENBLAS_CORETYPE=%s makes OpenBLAS use kernels for %s on a newer "
        "CPU: unset it, or set it to %s",
        set, core, better);
  else
    snprintf(text, size,
             "OpenBLAS uses kernels for %s on a newer CPU: set "
             "OPENBLAS_CORETYPE=%s",
             core, better);
  return true;
#else
  (void)text, (void)size;
  return false;
#endif
}
