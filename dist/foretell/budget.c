/* The micro-batch and memory of a run, agreed upon by its ranks. */
#include "dist/foretell/budget.h"

status budget_settle(const cluster *c, int threads, bool streamed,
                     train_options *options, budget *out) {
  memory_places where = {
      .first_ranks = c->first_ranks, .nodes = c->nodes, .streamed = streamed};
  MPI_Allreduce(&threads, &where.threads, 1, MPI_INT, MPI_MAX, c->world);
  *out = (budget){.automatic = options->micro_batch == 0};
  status own = STATUS_OK;
  if (c->rank == 0) own = micro_batch_settle(options, &where, &out->memory);
  TRY(cluster_agree(c, own));
  MPI_Bcast(out, (int)sizeof *out, MPI_BYTE, 0, c->world);
  MPI_Bcast(&options->micro_batch, 1, MPI_INT64_T, 0, c->world);
  return STATUS_OK;
}
