/* Whether OpenBLAS's kernels use what the CPU has. OpenBLAS picks them by the
 * CPU's model as it is loaded, so that a model newer than the library, or an
 * environment that sets OPENBLAS_CORETYPE, can cost half of the speed or more.
 * It takes no other choice later: the program starts anew with the variable
 * set, before anything has been done. */
#include <cblas.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "nn/operation.h"

enum { NAME_SIZE = 64 };
/* What a restart asks for, besides the levels of cores: OpenBLAS's own choice,
 * without the environment's. */
enum { OWN_CHOICE = 4, NO_RESTART = 5 };

/* Of the user: "keep" forbids the restart. */
static const char keep_variable[] = "HARMONIA_BLAS_CORE";
/* From the program to itself: what was asked for, and what the user had set ("3
 * Prescott", "3 "). */
static const char own_variable[] = "HARMONIA_BLAS_RESTARTED";
static const char core_variable[] = "OPENBLAS_CORETYPE";

/* What the program that restarted this one said: what it asked for, and the
 * user's choice that it did not take. */
static int asked = NO_RESTART;
static char overridden[NAME_SIZE];

void nn_blas_version(char *text, size_t size) {
  static const char begin[] = "OpenBLAS ";
  const char *all = openblas_get_config(); /* "OpenBLAS 0.3.21 DYNAMIC_ARCH" */
  if (strncmp(all, begin, sizeof begin - 1) == 0) all += sizeof begin - 1;
  snprintf(text, size, "%.*s", (int)strcspn(all, " "), all);
}

const char *nn_blas_core(void) { return openblas_get_corename(); }

/* ---- judgement ---- */

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

static const char *const core_of_level[] = {"Prescott", "Sandybridge",
                                            "Haswell", "SkylakeX"};

static int level_of_cpu(bool avx, bool avx2, bool avx512) {
  return avx512 ? 3 : avx2 ? 2 : avx ? 1 : 0;
}

const char *nn_blas_better_core(const char *name, bool avx, bool avx2,
                                bool avx512) {
  int level = level_of_cpu(avx, avx2, avx512);
  return level != level_of(name) ? core_of_level[level] : NULL;
}

/* That of this CPU; -1 where cores are other than these. */
static int level_here(void) {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return level_of_cpu(__builtin_cpu_supports("avx"), avx2, avx512);
#else
  return -1;
#endif
}

const char *nn_cpu_instructions(void) {
  static const char *const names[] = {"SSE2", "AVX", "AVX2 and FMA", "AVX-512"};
  int level = level_here();
  return level < 0 ? "not x86-64" : names[level];
}

/* One built for a single core listens to no variable. */
static bool can_choose(void) {
  return strstr(openblas_get_config(), "DYNAMIC_ARCH") != NULL;
}

/* ---- the restart ---- */

static void take_message(void) {
  const char *text = getenv(own_variable);
  if (text == NULL) return;
  asked = atoi(text);
  const char *name = strchr(text, ' ');
  if (name != NULL) snprintf(overridden, NAME_SIZE, "%s", name + 1);
  unsetenv(own_variable);
}

/* Returns only where that is not possible. By the file's own name, so that `ps`
 * shows it; not where the dynamic loader was called by hand, as that is then
 * the program. */
static void restart(char **argv, int level, const char *choice) {
  char path[PATH_MAX], message[NAME_SIZE + 16];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0 || getauxval(AT_BASE) == 0) return;
  path[length] = '\0';
  snprintf(message, sizeof message, "%d %.*s", level, NAME_SIZE - 1, choice);
  setenv(own_variable, message, 1);
  if (level == OWN_CHOICE)
    unsetenv(core_variable);
  else
    setenv(core_variable, core_of_level[level], 1);
  execv(path, argv);
  execv("/proc/self/exe", argv); /* its file has been renamed or removed */
  unsetenv(own_variable);
  if (choice[0] != '\0')
    setenv(core_variable, choice, 1);
  else
    unsetenv(core_variable);
}

static bool is_kept(void) {
  const char *wish = getenv(keep_variable);
  return wish != NULL && strcasecmp(wish, "keep") == 0;
}

void nn_blas_fit(char **argv) {
  take_message();
  int cpu = level_here(), level = level_of(nn_blas_core());
  if (cpu < 0 || level == cpu || level == asked) return;
  if (is_kept() || !can_choose()) return;
  const char *set = getenv(core_variable);
  if (asked == NO_RESTART && set != NULL && set[0] != '\0')
    restart(argv, OWN_CHOICE, set);
  else if (asked > cpu)
    restart(argv, cpu, overridden);
  else if (asked - 1 > level) /* it lacks what was asked for: the next lesser */
    restart(argv, asked - 1, overridden);
}

/* ---- what to say ---- */

bool nn_blas_advice(char *text, size_t size) {
  int cpu = level_here();
  const char *core = nn_blas_core(), *set = getenv(core_variable);
  bool suits = cpu < 0 || level_of(core) == cpu;
  if (overridden[0] != '\0')
    snprintf(text, size,
             "OPENBLAS_CORETYPE=%s does not suit this CPU: OpenBLAS uses "
             "kernels for %s (%s=keep forbids that)",
             overridden, core, keep_variable);
  else if (suits)
    return false;
  else if (asked <= cpu || !can_choose())
    snprintf(text, size,
             "OpenBLAS uses kernels for %s: it was built without those for %s, "
             "which this CPU could use",
             core, core_of_level[cpu]);
  else
    snprintf(text, size,
             "%s%s makes OpenBLAS use kernels for %s, which do not suit this "
             "CPU: set OPENBLAS_CORETYPE=%s",
             set != NULL ? "OPENBLAS_CORETYPE=" : "its own choice",
             set != NULL ? set : "", core, core_of_level[cpu]);
  return true;
}

const char *nn_blas_fault(void) {
  if (strstr(openblas_get_config(), "OpenBLAS 0.3.30 ") == NULL) return NULL;
  return "OpenBLAS 0.3.30 has a race in its products, which may be wrong: use "
         "another version";
}
