/* Whether the ranks that a launcher started have found each other. Started by
 * another MPI's mpirun, or by srun without PMIx, each is alone; then N runs
 * would do the same work and write the same files. */
#include "dist/ranks/launcher.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What launchers tell the processes they start; none of it is in the
 * environment of a batch job's script. */
typedef struct launcher {
  const char *size, *rank; /* variables; NULL: there is none */
} launcher;

static const launcher launchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, /* Open MPI, jsrun */
    {"PMI_SIZE", "PMI_RANK"}, /* MPICH, Intel MPI, Cray, srun --mpi=pmi2 */
    {"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"}, /* MVAPICH */
    {NULL, "PMIX_RANK"},                            /* PRRTE */
    {"MPI_LOCALNRANKS", "MPI_LOCALRANKID"}, /* MPICH: of this node alone */
};
enum { LAUNCHERS = sizeof launchers / sizeof launchers[0] };

/* A number of the environment, or `otherwise`. */
static long number(const char *variable, long otherwise) {
  const char *text = variable != NULL ? getenv(variable) : NULL;
  if (text == NULL || text[0] == '\0') return otherwise;
  char *end;
  long value = strtol(text, &end, 10);
  return *end == '\0' ? value : otherwise;
}

/* What tells of more than one process, as "NAME=VALUE"; false: nothing. */
static bool tells_of_more(const launcher *l, char *text, size_t size) {
  bool sized = number(l->size, 0) > 1;
  const char *variable = sized ? l->size : l->rank;
  if (!sized && (number(l->size, 0) == 1 || number(l->rank, 0) < 1))
    return false;
  snprintf(text, size, "%s=%s", variable, getenv(variable));
  return true;
}

/* The script of a batch job has SLURM_NTASKS, and SLURM_PROCID=0; a task of
 * srun has the step's number, too. */
static bool slurm_tells_of_more(char *text, size_t size) {
  launcher step = {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"};
  bool in_step = getenv("SLURM_STEP_ID") != NULL ||
                 getenv("SLURM_STEPID") != NULL ||
                 number("SLURM_PROCID", 0) > 0;
  if (getenv(step.size) == NULL && in_step) step.size = "SLURM_NTASKS";
  return tells_of_more(&step, text, size);
}

/* Whether a launcher says that it started this one alone. */
static bool is_meant(void) {
  const char *wish = getenv("HARMONIA_LAUNCHER");
  bool alone = wish != NULL && strcmp(wish, "ignore") == 0;
  for (int i = 0; i < LAUNCHERS - 1; i++)
    alone = alone || number(launchers[i].size, 0) == 1;
  return alone;
}

static status refuse(const char *evidence) {
  char name[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length;
  MPI_Get_library_version(name, &length);
  name[strcspn(name, ",\n")] = '\0';
  return status_error(
      STATUS_MISFIT,
      "started as one of several (%s) by a launcher that this program's MPI "
      "does not know, so that each would be a run of its own: use the mpirun "
      "of %s, or srun --mpi=pmix; HARMONIA_LAUNCHER=ignore if it is meant",
      evidence, name);
}

static bool find_evidence(char *text, size_t size) {
  for (int i = 0; i < LAUNCHERS; i++)
    if (tells_of_more(&launchers[i], text, size)) return true;
  return slurm_tells_of_more(text, size);
}

bool launcher_started_several(void) {
  char evidence[256];
  return !is_meant() && find_evidence(evidence, sizeof evidence);
}

status launcher_check(int ranks) {
  char evidence[256];
  if (ranks > 1 || is_meant()) return STATUS_OK;
  if (find_evidence(evidence, sizeof evidence)) return refuse(evidence);
  return STATUS_OK;
}
