/* The client of a stream: asks, receives, hands out. */
#include "dist/feed/stream_internal.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"

static const double PAUSE = 100e-6; /* seconds from test to test */

struct stream_client {
  MPI_Comm comm;
  int size, window;
  uint8_t *buffers; /* window messages */
  MPI_Request *receives;
  uint32_t *samples; /* that the buffers are for */
  /* counters that only grow; a buffer is their remainder by the window */
  uint64_t announced, arrived, read, released;
  uint32_t asking[STREAM_ASK_MAX]; /* announced, not yet sent */
  int asking_count;
  uint32_t sending[STREAM_ASK_MAX];
  MPI_Request send;
};

static uint8_t *buffer_of(const stream_client *c, uint64_t number) {
  return c->buffers +
         number % (uint64_t)c->window * (size_t)stream_message_bytes(c->size);
}

status stream_client_create(MPI_Comm comm, int size, stream_client **out) {
  TRY(MEMORY_NEW(1, "stream", out));
  stream_client *c = *out;
  c->comm = comm;
  c->size = size;
  c->window = stream_window(size);
  c->send = MPI_REQUEST_NULL;
  size_t window = (size_t)c->window;
  status result;
  TRY_OR(failed, MEMORY_NEW(window * (size_t)stream_message_bytes(size),
                            "streamed samples", &c->buffers));
  TRY_OR(failed, MEMORY_NEW(window, "streamed samples", &c->receives));
  TRY_OR(failed, MEMORY_NEW(window, "streamed samples", &c->samples));
  return STATUS_OK;
failed:
  stream_client_free(out);
  return result;
}

void stream_client_free(stream_client **slot) {
  stream_client *c = *slot;
  if (c == NULL) return;
  memory_free(c->buffers);
  memory_free(c->receives);
  memory_free(c->samples);
  memory_free(c);
  *slot = NULL;
}

/* ---- asking ---- */

static bool is_done(MPI_Request *request) {
  int done;
  MPI_Test(request, &done, MPI_STATUS_IGNORE);
  return done != 0;
}

/* Sends what is announced, unless the message before is still on its way. */
static void ask(stream_client *c) {
  if (c->asking_count == 0 || !is_done(&c->send)) return;
  memcpy(c->sending, c->asking, sizeof c->sending);
  MPI_Isend(c->sending, c->asking_count, MPI_UINT32_T, 0, STREAM_ASK, c->comm,
            &c->send);
  c->asking_count = 0;
}

static bool announce(void *self, uint32_t sample) {
  stream_client *c = self;
  if (c->asking_count == STREAM_ASK_MAX) ask(c);
  if (c->asking_count == STREAM_ASK_MAX ||
      c->announced - c->released == (uint64_t)c->window)
    return false;
  uint64_t at = c->announced % (uint64_t)c->window;
  c->samples[at] = sample;
  MPI_Irecv(buffer_of(c, c->announced), stream_message_bytes(c->size), MPI_BYTE,
            0, STREAM_SAMPLE, c->comm, &c->receives[at]);
  c->asking[c->asking_count++] = sample;
  c->announced++;
  return true;
}

/* ---- receiving ---- */

static bool progress(void *self) {
  stream_client *c = self;
  ask(c);
  while (c->arrived < c->announced &&
         is_done(&c->receives[c->arrived % (uint64_t)c->window]))
    c->arrived++;
  return c->arrived < c->announced;
}

static status read_sample(void *self, uint32_t sample, bool composite_wanted,
                          sample_bytes *out) {
  (void)composite_wanted; /* it is always sent */
  stream_client *c = self;
  INVARIANT(c->read < c->announced &&
                c->samples[c->read % (uint64_t)c->window] == sample,
            "sample %u is read out of turn", sample);
  while (progress(c), c->arrived <= c->read) clock_sleep(PAUSE);
  c->released = c->read; /* the sample before is done with */
  uint8_t *buffer = buffer_of(c, c->read++);
  const stream_head *head = (const stream_head *)buffer;
  if (head->status != STATUS_OK)
    return status_adopt((status)head->status, stream_message(buffer));
  size_t pixels = (size_t)c->size * (size_t)c->size;
  uint8_t *composite = buffer + sizeof *head, *real = composite + 3 * pixels;
  *out = (sample_bytes){composite, real + 3 * pixels, real, head->name};
  return STATUS_OK;
}

sample_source stream_client_source(stream_client *c) {
  return (sample_source){c, announce, progress, read_sample};
}

void stream_client_leave(stream_client *c) {
  while (progress(c), c->asking_count > 0 || !is_done(&c->send))
    clock_sleep(PAUSE);
  MPI_Isend(NULL, 0, MPI_UINT32_T, 0, STREAM_ASK, c->comm, &c->send);
  while (progress(c) || !is_done(&c->send)) clock_sleep(PAUSE);
}
