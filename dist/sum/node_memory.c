/* Shared memory of a node's ranks, by MPI's windows. */
#include "dist/sum/node_memory.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum { LINE = 64 };

/* The beginning of each rank's part; a line of its own. */
typedef struct header {
  _Atomic uint64_t counters[NODE_COUNTERS];
} header;
_Static_assert(sizeof(header) <= LINE, "a header is one line");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2,
               "counters are shared by processes");

struct node_memory {
  int node_rank, node_ranks;
  MPI_Win window; /* MPI_WIN_NULL: one rank */
  char **parts;   /* by rank of the node */
};

/* Where MPI puts the memory, as far as is known; NULL: nowhere to look. */
static const char *shared_folder(void) {
  const char *chosen = getenv("OMPI_MCA_osc_sm_backing_directory");
  if (chosen != NULL && chosen[0] != '\0') return chosen;
  return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL;
}

/* One rank that cannot create the memory would leave the others waiting in MPI:
 * what can be known is asked before. */
static status check_room(const cluster *c, size_t bytes) {
  unsigned long long own = bytes, all = 0;
  MPI_Allreduce(&own, &all, 1, MPI_UNSIGNED_LONG_LONG, MPI_SUM, c->local);
  double mebibytes = (double)all / 1048576.0;
  /* every rank maps all parts: is there address space (ulimit -v)? */
  void *space = mmap(NULL, all, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED)
    return status_error(STATUS_MEMORY,
                        "parameters and gradients of the %d ranks of this "
                        "node: no memory for %.1f MiB",
                        c->node_ranks, mebibytes);
  munmap(space, all);
  const char *folder = shared_folder();
  struct statvfs room;
  if (folder == NULL || c->node_rank != 0 || statvfs(folder, &room) != 0)
    return STATUS_OK;
  double free_bytes = (double)room.f_bavail * (double)room.f_frsize;
  if (free_bytes >= (double)all) return STATUS_OK;
  return status_error(
      STATUS_MEMORY,
      "%s: %.1f MiB are free, the %d ranks of this node share %.1f MiB: "
      "enlarge it (a container's --shm-size), or share nothing by "
      "--node-ranks 1",
      folder, free_bytes / 1048576.0, c->node_ranks, mebibytes);
}

static status create_window(const cluster *c, size_t bytes, node_memory *m) {
  INVARIANT(m != NULL, "ranks agreed on memory that is not there");
  MPI_Info info;
  MPI_Info_create(&info);
  /* each part on pages of its own, near the rank that touches them first */
  MPI_Info_set(info, "alloc_shared_noncontig", "true");
  MPI_Comm_set_errhandler(c->local, MPI_ERRORS_RETURN);
  void *own = NULL;
  int code = MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, c->local, &own,
                                     &m->window);
  MPI_Comm_set_errhandler(c->local, MPI_ERRORS_ARE_FATAL);
  MPI_Info_free(&info);
  if (code != MPI_SUCCESS)
    return status_error(STATUS_MEMORY,
                        "MPI has no %.1f MiB of memory to share on this node "
                        "(--node-ranks 1 shares nothing)",
                        (double)bytes / 1048576.0);
  MPI_Win_lock_all(MPI_MODE_NOCHECK, m->window);
  for (int r = 0; r < m->node_ranks; r++) {
    MPI_Aint size;
    int unit;
    MPI_Win_shared_query(m->window, r, &size, &unit, &m->parts[r]);
    uintptr_t at = (uintptr_t)m->parts[r];
    m->parts[r] += (LINE - at % LINE) % LINE;
  }
  memory_wants_huge_pages(own, bytes);
  memset(own, 0, bytes);
  MPI_Win_sync(m->window);
  MPI_Barrier(c->local);
  return STATUS_OK;
}

static status allocate(const cluster *c, size_t bytes, node_memory **out) {
  TRY(MEMORY_NEW(1, "memory of a node", out));
  node_memory *m = *out;
  *m = (node_memory){.node_rank = c->node_rank,
                     .node_ranks = c->node_ranks,
                     .window = MPI_WIN_NULL};
  TRY(MEMORY_NEW((size_t)m->node_ranks, "memory of a node", &m->parts));
  if (m->node_ranks > 1) return STATUS_OK;
  return MEMORY_NEW(bytes, "parameters and gradients", &m->parts[0]);
}

status node_memory_create(const cluster *c, size_t bytes, node_memory **out) {
  bytes += 2 * LINE; /* the header, and to align */
  status own = allocate(c, bytes, out);
  if (c->node_ranks > 1) {
    status room = check_room(c, bytes);
    if (own == STATUS_OK) own = room;
  }
  own = cluster_agree(c, own);
  if (own == STATUS_OK)
    own = cluster_agree(c, c->node_ranks > 1 ? create_window(c, bytes, *out)
                                             : STATUS_OK);
  if (own != STATUS_OK) node_memory_destroy(out);
  return own;
}

void node_memory_destroy(node_memory **pointer) {
  node_memory *m = *pointer;
  if (m == NULL) return;
  if (m->window != MPI_WIN_NULL) {
    MPI_Win_unlock_all(m->window);
    MPI_Win_free(&m->window);
  } else if (m->parts != NULL) {
    memory_free(m->parts[0]);
  }
  memory_free(m->parts);
  memory_free(m);
  *pointer = NULL;
}

void *node_memory_part(const node_memory *m, int node_rank) {
  return m->parts[node_rank] + LINE;
}

static _Atomic uint64_t *counter_of(const node_memory *m, int node_rank,
                                    node_counter which) {
  return &((header *)(void *)m->parts[node_rank])->counters[which];
}

void node_memory_raise(node_memory *m, node_counter which, uint64_t value) {
  atomic_store_explicit(counter_of(m, m->node_rank, which), value,
                        memory_order_release);
}

uint64_t node_memory_lowest(const node_memory *m, node_counter which) {
  uint64_t lowest = UINT64_MAX;
  for (int r = 0; r < m->node_ranks; r++) {
    uint64_t value =
        atomic_load_explicit(counter_of(m, r, which), memory_order_acquire);
    if (value < lowest) lowest = value;
  }
  return lowest;
}

void node_memory_pause(int *tries) {
  enum { YIELDS = 50, NANOSECONDS = 50000 };
  if (++*tries < YIELDS)
    sched_yield();
  else
    nanosleep(&(struct timespec){.tv_nsec = NANOSECONDS}, NULL);
}
