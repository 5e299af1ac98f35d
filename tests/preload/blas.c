/* An OpenBLAS that the machine does not have: on a CPU that it does not know it
 * takes Prescott, it lacks the cores named in BLAS_LACKS, and says of itself
 * what is in BLAS_CONFIG. */
#include <stdlib.h>
#include <string.h>

char *openblas_get_config(void);
char *openblas_get_corename(void);

char *openblas_get_config(void) {
  char *config = getenv("BLAS_CONFIG");
  return config != NULL ? config : "OpenBLAS 0.3.21 DYNAMIC_ARCH";
}

char *openblas_get_corename(void) {
  char *set = getenv("OPENBLAS_CORETYPE"), *lacks = getenv("BLAS_LACKS");
  if (set == NULL || (lacks != NULL && strstr(lacks, set) != NULL))
    return "Prescott";
  return set;
}
