/* The server of a stream: a thread of rank 0 that reads and sends. */
#include "dist/feed/stream_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

/* Seconds from test to test: while there is something to do, and at most. */
static const double PAUSE = 200e-6, PAUSE_MAX = 1e-3;
/* Samples read and on their way, over all clients. */

typedef struct peer {
  uint32_t *samples;        /* a ring of stream_window */
  uint64_t asked, answered; /* counters that only grow */
  int under_way;            /* answers that are being sent */
  bool gone;                /* has said goodbye */
} peer;

struct stream_server {
  MPI_Comm comm;
  data_set *set;
  int size, window;
  int clients, present; /* rank r of the communicator is peers[r - 1] */
  peer *peers;
  int turn;                /* the peer to be served next */
  int buffer_count, share; /* of them a client may have under way */
  uint8_t *buffers;
  MPI_Request
      sends[STREAM_OUTGOING_MAX];     /* MPI_REQUEST_NULL: the buffer is free */
  int receivers[STREAM_OUTGOING_MAX]; /* whose peer it is sent to */
  atomic_bool stop;
  bool running;
  pthread_t thread;
};

/* ---- the server's thread ----
 *
 * Each of these returns whether there was something to do. */

static void note_request(stream_server *s, int client, const uint32_t *samples,
                         int count) {
  peer *p = &s->peers[client];
  if (count == 0) {
    p->gone = true;
    s->present--;
  }
  for (int i = 0; i < count; i++) {
    INVARIANT(p->asked - p->answered < (uint64_t)s->window,
              "a client asks for more than its window");
    p->samples[p->asked++ % (uint64_t)s->window] = samples[i];
  }
}

static bool take_requests(stream_server *s) {
  bool any = false;
  for (;;) {
    int there, count;
    MPI_Status from;
    uint32_t samples[STREAM_ASK_MAX];
    MPI_Iprobe(MPI_ANY_SOURCE, STREAM_ASK, s->comm, &there, &from);
    if (!there) return any;
    /* a short message that is there: this does not wait */
    MPI_Recv(samples, STREAM_ASK_MAX, MPI_UINT32_T, from.MPI_SOURCE, STREAM_ASK,
             s->comm, &from);
    MPI_Get_count(&from, MPI_UINT32_T, &count);
    note_request(s, from.MPI_SOURCE - 1, samples, count);
    any = true;
  }
}

/* `*left` becomes the number of answers on their way. */
static bool finish_sends(stream_server *s, int *left) {
  int done[STREAM_OUTGOING_MAX], count = 0;
  MPI_Testsome(s->buffer_count, s->sends, &count, done, MPI_STATUSES_IGNORE);
  if (count == MPI_UNDEFINED) count = 0;
  for (int i = 0; i < count; i++) s->peers[s->receivers[done[i]]].under_way--;
  *left = 0;
  for (int i = 0; i < s->buffer_count; i++)
    *left += s->sends[i] != MPI_REQUEST_NULL;
  return count > 0;
}

/* Fills a buffer; returns the length of the message. */
static int read_sample(stream_server *s, uint32_t sample, uint8_t *buffer) {
  stream_head *head = (stream_head *)buffer;
  size_t pixels = (size_t)s->size * (size_t)s->size;
  uint8_t *composite = buffer + sizeof *head, *real = composite + 3 * pixels;
  status result =
      data_set_read(s->set, sample, composite, real + 3 * pixels, real);
  head->status = (int32_t)result;
  if (result == STATUS_OK) {
    snprintf(head->name, sizeof head->name, "%s",
             data_set_name(s->set, sample));
    return (int)(sizeof *head + 7 * pixels);
  }
  snprintf(stream_message(buffer), STREAM_MESSAGE, "%s", status_message());
  return (int)(sizeof head->status + STREAM_MESSAGE);
}

static void answer(stream_server *s, int client, int buffer) {
  peer *p = &s->peers[client];
  uint8_t *message =
      s->buffers + (size_t)buffer * (size_t)stream_message_bytes(s->size);
  uint32_t sample = p->samples[p->answered++ % (uint64_t)s->window];
  int length = (int)sizeof(stream_head);
  if (p->gone)
    memset(message, 0, sizeof(stream_head));
  else
    length = read_sample(s, sample, message);
  p->under_way++;
  s->receivers[buffer] = client;
  MPI_Isend(message, length, MPI_BYTE, client + 1, STREAM_SAMPLE, s->comm,
            &s->sends[buffer]);
}

/* Reads and sends one sample, to the clients in turn. */
static bool answer_one(stream_server *s) {
  int buffer = 0;
  while (buffer < s->buffer_count && s->sends[buffer] != MPI_REQUEST_NULL)
    buffer++;
  if (buffer == s->buffer_count) return false;
  for (int i = 0; i < s->clients; i++) {
    int client = (s->turn + i) % s->clients;
    const peer *p = &s->peers[client];
    if (p->answered == p->asked || p->under_way >= s->share) continue;
    s->turn = (client + 1) % s->clients;
    answer(s, client, buffer);
    return true;
  }
  return false;
}

static bool all_answered(const stream_server *s) {
  for (int i = 0; i < s->clients; i++)
    if (s->peers[i].answered < s->peers[i].asked) return false;
  return true;
}

static void *serve(void *argument) {
  stream_server *s = argument;
  double pause = PAUSE;
  while (!atomic_load(&s->stop)) {
    int left;
    bool busy = take_requests(s);
    busy |= finish_sends(s, &left);
    busy |= answer_one(s);
    if (busy) {
      pause = PAUSE;
      continue;
    }
    if (s->present == 0 && left == 0 && all_answered(s)) break;
    clock_sleep(pause);
    if (left == 0 && pause < PAUSE_MAX) pause *= 1.1;
  }
  return NULL;
}

/* ---- beginning and end ---- */

static status allocate(stream_server *s) {
  size_t message = (size_t)stream_message_bytes(s->size);
  TRY(MEMORY_NEW((size_t)s->clients, "stream", &s->peers));
  for (int i = 0; i < s->clients; i++)
    TRY(MEMORY_NEW((size_t)s->window, "stream", &s->peers[i].samples));
  return MEMORY_NEW((size_t)s->buffer_count * message, "streamed samples",
                    &s->buffers);
}

status stream_server_create(MPI_Comm comm, data_set *set, stream_server **out) {
  TRY(MEMORY_NEW(1, "stream", out));
  stream_server *s = *out;
  s->comm = comm;
  s->set = set;
  s->size = data_set_describe(set)->size;
  s->window = stream_window(s->size);
  MPI_Comm_size(comm, &s->clients);
  s->present = --s->clients;
  s->buffer_count = stream_outgoing(s->size);
  s->share = s->buffer_count / s->clients;
  if (s->share < 1) s->share = 1;
  for (int i = 0; i < STREAM_OUTGOING_MAX; i++) s->sends[i] = MPI_REQUEST_NULL;
  atomic_init(&s->stop, false);
  status result = allocate(s);
  if (result == STATUS_OK && pthread_create(&s->thread, NULL, serve, s) != 0)
    result = status_error(STATUS_MEMORY, "cannot start the stream's thread");
  s->running = result == STATUS_OK;
  if (result != STATUS_OK) stream_server_end(out, true);
  return result;
}

void stream_server_end(stream_server **slot, bool now) {
  stream_server *s = *slot;
  if (s == NULL) return;
  if (now) atomic_store(&s->stop, true);
  if (s->running) pthread_join(s->thread, NULL);
  for (int i = 0; s->peers != NULL && i < s->clients; i++)
    memory_free(s->peers[i].samples);
  memory_free(s->peers);
  memory_free(s->buffers);
  memory_free(s);
  *slot = NULL;
}
