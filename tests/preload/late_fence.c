/* A rank that MPI_Init makes ready late: put in front of the program by
 * LD_PRELOAD, the rank of SLURM_PROCID $LATE_RANK hears only after a second
 * that the first exchange over all ranks (PMIx_Fence_nb, of addresses) has
 * ended. Others must not leave MPI_Init meanwhile: it could not take what they
 * send. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void ended_function(int status, void *data);
typedef int fence_function(const void *ranks, size_t rank_count,
                           const void *info, size_t info_count,
                           ended_function *ended, void *data);

fence_function PMIx_Fence_nb;

static struct {
  bool begun;
  ended_function *ended;
  int status;
  void *data;
} first;

static void *tell(void *unused) {
  sleep(1);
  first.ended(first.status, first.data);
  return unused;
}

/* In a thread of its own: that of PMIx has more to do. */
static void tell_late(int status, void *data) {
  pthread_t thread;
  first.status = status;
  first.data = data;
  if (pthread_create(&thread, NULL, tell, NULL) != 0) abort();
  pthread_detach(thread);
}

static bool is_late(void) {
  const char *rank = getenv("SLURM_PROCID"), *late = getenv("LATE_RANK");
  return rank != NULL && late != NULL && strcmp(rank, late) == 0;
}

int PMIx_Fence_nb(const void *ranks, size_t rank_count, const void *info,
                  size_t info_count, ended_function *ended, void *data) {
  void *library = dlopen("libpmix.so.2", RTLD_NOW);
  if (library == NULL) abort();
  fence_function *fence = (fence_function *)dlsym(library, "PMIx_Fence_nb");
  if (fence == NULL) abort();
  if (!first.begun && is_late()) {
    first.ended = ended;
    ended = tell_late;
  }
  first.begun = true;
  return fence(ranks, rank_count, info, info_count, ended, data);
}
