/* The two ends of a stream, and what they say to each other.
 *
 * A client is a rank without the data set; the server is a thread of rank 0. On
 * a communicator of their own, where rank 0 is the server:
 *
 *   client to server   STREAM_ASK     up to STREAM_ASK_MAX sample numbers;
 *                                     none: goodbye, the client's last word
 *   server to client   STREAM_SAMPLE  one for each number, in the order asked:
 *                                     a head, the name, the pixels; or a head
 *                                     and the message of a failure
 *
 * A client has at most stream_window samples asked for and not yet read, each
 * with its receive posted before it is asked for: a sample that is sent has a
 * place where it goes. After a goodbye the server answers what is still asked
 * for with bare heads, so that every receive ends and none is cancelled.
 * Neither end calls a function of MPI that waits: they test, and sleep. */
#ifndef HARMONIA_STREAM_INTERNAL_H
#define HARMONIA_STREAM_INTERNAL_H

#include <stddef.h>

#include "dist/feed/stream.h"

enum { STREAM_ASK = 1, STREAM_SAMPLE = 2 }; /* tags */
enum { STREAM_ASK_MAX = 64, STREAM_MESSAGE = 1024 };

typedef struct stream_head {
  int32_t status;
  char name[SAMPLE_NAME]; /* or the beginning of the failure's message */
} stream_head;

/* Where the message of a failure is, STREAM_MESSAGE bytes. */
static inline char *stream_message(uint8_t *buffer) {
  return (char *)buffer + offsetof(stream_head, name);
}

static inline size_t stream_pixel_bytes(int size) {
  return 7 * (size_t)size * (size_t)size;
}

/* Room for any message, aligned. The largest data set has 16384 pixels a side:
 * below 2^31 bytes, as MPI's counts are. */
static inline int stream_message_bytes(int size) {
  size_t pixels = stream_pixel_bytes(size);
  size_t bytes =
      sizeof(stream_head) + (pixels > STREAM_MESSAGE ? pixels : STREAM_MESSAGE);
  return (int)((bytes + 63) / 64 * 64);
}

/* How many messages take at most `bytes`, within bounds. */
static inline int stream_messages_in(size_t bytes, int size, int least,
                                     int most) {
  size_t count = bytes / (size_t)stream_message_bytes(size);
  return count < (size_t)least  ? least
         : count > (size_t)most ? most
                                : (int)count;
}

/* Samples of a client that are under way or waiting to be read. */
static inline int stream_window(int size) {
  return stream_messages_in((size_t)32 << 20, size, 2, 1024);
}

/* Buffers of the server for what is on its way. */
enum { STREAM_OUTGOING_MAX = 64 };
static inline int stream_outgoing(int size) {
  return stream_messages_in((size_t)64 << 20, size, 2, STREAM_OUTGOING_MAX);
}

/* What each end keeps. */
static inline size_t stream_client_bytes(int size) {
  return (size_t)stream_window(size) * (size_t)stream_message_bytes(size);
}
static inline size_t stream_server_bytes(int size) {
  return (size_t)stream_outgoing(size) * (size_t)stream_message_bytes(size);
}

typedef struct stream_client stream_client;
status stream_client_create(MPI_Comm comm, int size, stream_client **out);
/* Frees it; says nothing. Accepts NULL. */
void stream_client_free(stream_client **client);
/* Says goodbye and waits until all that was asked for has been answered. */
void stream_client_leave(stream_client *client);
sample_source stream_client_source(stream_client *client);

typedef struct stream_server stream_server;
/* Starts the thread, which serves until stream_server_end. */
status stream_server_create(MPI_Comm comm, data_set *set, stream_server **out);
/* Waits for all goodbyes, or with `now` for nothing (no client has spoken and
 * none will); then frees it. Accepts NULL. */
void stream_server_end(stream_server **server, bool now);

#endif
