/* A stream's beginning and end, on both sides. */
#include "dist/feed/stream_internal.h"

#include "base/memory.h"

struct stream {
  MPI_Comm comm; /* rank 0 and those it streams to */
  stream_server *server;
  stream_client *client;
};

static void release(stream **slot) {
  stream *s = *slot;
  if (s == NULL) return;
  stream_client_free(&s->client);
  MPI_Comm_free(&s->comm);
  memory_free(s);
  *slot = NULL;
}

static status create_end(const cluster *c, data_set *set, int size,
                         MPI_Comm comm, stream *s) {
  s->comm = comm;
  return c->rank == 0 ? stream_server_create(comm, set, &s->server)
                      : stream_client_create(comm, size, &s->client);
}

status stream_create(const cluster *c, data_set *set, int size, bool wanted,
                     stream **out) {
  *out = NULL;
  MPI_Comm comm;
  MPI_Comm_split(c->world, c->rank == 0 || wanted ? 0 : MPI_UNDEFINED, c->rank,
                 &comm);
  int members = 0;
  if (comm != MPI_COMM_NULL) MPI_Comm_size(comm, &members);
  if (members == 1) MPI_Comm_free(&comm);
  status own = STATUS_OK;
  if (members > 1) {
    own = MEMORY_NEW(1, "stream", out);
    if (own == STATUS_OK) own = create_end(c, set, size, comm, *out);
  }
  status result = cluster_agree(c, own);
  if (result == STATUS_OK || members <= 1) return result;
  if (*out == NULL) {
    MPI_Comm_free(&comm);
    return result;
  }
  stream_server_end(&(*out)->server, true);
  release(out);
  return result;
}

void stream_destroy(stream **slot) {
  stream *s = *slot;
  if (s == NULL) return;
  if (s->client != NULL) stream_client_leave(s->client);
  stream_server_end(&s->server, false);
  release(slot);
}

sample_source stream_source(stream *s) {
  INVARIANT(s->client != NULL, "this rank is not streamed to");
  return stream_client_source(s->client);
}
