/* The judgement of OpenBLAS's core against the CPU's instructions. */
#include <string.h>

#include "nn/nn.h"
#include "tests/tap.h"

typedef struct judgement {
  const char *core;
  bool avx, avx2, avx512;
  const char *better; /* NULL: the core is right */
} judgement;

static const judgement cases[] = {
    {"Haswell", true, true, false, NULL},
    {"Zen", true, true, false, NULL},
    {"ZEN", true, true, false, NULL}, /* the environment's spelling */
    {"SkylakeX", true, true, true, NULL},
    {"Cooperlake", true, true, true, NULL},
    {"Haswell", true, true, true, "SkylakeX"},
    {"Zen", true, true, true, "SkylakeX"},
    {"Prescott", true, true, true, "SkylakeX"},
    {"Nehalem", true, true, false, "Haswell"},
    {"Sandybridge", true, true, false, "Haswell"},
    {"Core2", true, false, false, "Sandybridge"},
    {"Sandybridge", true, false, false, NULL},
    {"Nehalem", false, false, false, NULL},
    {"SkylakeX", true, true, false, "Haswell"}, /* more than the CPU has */
    {"Zen", true, false, false, "Sandybridge"},
    {"Haswell", false, false, false, "Prescott"},
    {"a core unknown here", true, true, false, "Haswell"},
};

int main(void) {
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const judgement *c = &cases[i];
    const char *better =
        nn_blas_better_core(c->core, c->avx, c->avx2, c->avx512);
    bool same = better == NULL || c->better == NULL
                    ? better == c->better
                    : strcmp(better, c->better) == 0;
    tap_ok(same, "core %s, AVX %d, AVX2 %d, AVX-512 %d: %s", c->core, c->avx,
           c->avx2, c->avx512, better == NULL ? "right" : better);
  }
  return tap_done();
}
