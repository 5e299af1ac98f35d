/* While a large checkpoint is written, other threads get HDF5 in between. */
#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hdf5/hdf5_lock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "checkpoint/checkpoint.h"
#include "tests/tap.h"

/* Shapes whose pieces are of one chunk, of several, and of an odd rest. */
static const ckpt_array arrays[] = {
    {"G/convolution", CKPT_FLOAT32, 4, {512, 1024, 4, 4}},
    {"G/wide_rows", CKPT_FLOAT32, 2, {7, 600001}},
    {"G/vector", CKPT_FLOAT64, 1, {2500003}},
    {"G/narrow", CKPT_FLOAT32, 3, {1000003, 1, 2}},
    {"G/count", CKPT_INT64, 0, {0}},
};
enum { ARRAYS = sizeof arrays / sizeof arrays[0] };

static char path[600];
static char *values; /* for all of them: the largest's bytes */

static size_t bytes_of(const ckpt_array *array) {
  size_t bytes = array->type == CKPT_FLOAT32 ? 4 : 8;
  for (int i = 0; i < array->rank; i++) bytes *= (size_t)array->shape[i];
  return bytes;
}

static status write_file(void) {
  ckpt_writer *writer;
  TRY(ckpt_writer_open(path, &writer));
  status result = ckpt_write_text(writer, "step", "1");
  for (int i = 0; i < ARRAYS && result == STATUS_OK; i++)
    result = ckpt_write_array(writer, &arrays[i], values);
  if (result == STATUS_OK) return ckpt_writer_commit(&writer);
  ckpt_writer_abandon(&writer);
  return result;
}

static volatile bool written; /* under the HDF5 lock */
static double writing_seconds;

static void *write_in_thread(void *result) {
  double start = clock_seconds();
  *(status *)result = write_file();
  writing_seconds = clock_seconds() - start;
  hdf5_lock();
  written = true;
  hdf5_unlock();
  return NULL;
}

/* Waits for the lock again and again, as a loader does. */
static int read_meanwhile(double *longest, double *sum) {
  int turns = 0;
  *longest = *sum = 0;
  for (bool end = false; !end; turns++) {
    double start = clock_seconds();
    hdf5_lock();
    double waited = clock_seconds() - start;
    end = written;
    hdf5_unlock();
    *sum += waited;
    if (waited > *longest) *longest = waited;
    nanosleep(&(struct timespec){0, 300000}, NULL);
  }
  return turns;
}

static void test_turns(void) {
  status result = STATUS_MEMORY;
  pthread_t thread;
  double longest, sum;
  if (pthread_create(&thread, NULL, write_in_thread, &result) != 0) exit(1);
  int turns = read_meanwhile(&longest, &sum);
  pthread_join(thread, NULL);
  tap_ok(result == STATUS_OK, "a large checkpoint is written");
  tap_note("written in %.0f ms; meanwhile %d turns of another thread, which "
           "waited %.2f ms on average and %.1f ms at most",
           1e3 * writing_seconds, turns, 1e3 * sum / turns, 1e3 * longest);
  tap_ok(turns >= 40, "another thread had HDF5 %d times meanwhile", turns);
  tap_ok(longest < 0.5 * writing_seconds, "and never waited for all of it");
}

static void test_round_trip(void) {
  ckpt_reader *reader;
  if (ckpt_reader_open(path, &reader) != STATUS_OK) {
    tap_ok(false, "%s", status_message());
    return;
  }
  char *back = memory_new(bytes_of(&arrays[0]), 1, "test");
  if (back == NULL) exit(1);
  for (int i = 0; i < ARRAYS; i++)
    tap_ok(ckpt_read_array(reader, &arrays[i], back) == STATUS_OK &&
               memcmp(back, values, bytes_of(&arrays[i])) == 0,
           "%s, written in pieces, comes back", arrays[i].name);
  memory_free(back);
  ckpt_reader_close(&reader);
}

/* Every array of some size is in chunks with HDF5's own checksum. */
static void test_fletcher(void) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  for (int i = 0; i < ARRAYS; i++) {
    if (arrays[i].rank == 0) continue; /* in a header with a checksum */
    hid_t set = H5Dopen2(file, arrays[i].name, H5P_DEFAULT);
    hid_t creation = H5Dget_create_plist(set);
    tap_ok(H5Pget_nfilters(creation) == 1 &&
               H5Pget_filter_by_id2(creation, H5Z_FILTER_FLETCHER32, NULL, NULL,
                                    NULL, 0, NULL, NULL) >= 0,
           "%s has Fletcher32", arrays[i].name);
    H5Pclose(creation);
    H5Dclose(set);
  }
  H5Fclose(file);
}

int main(void) {
  snprintf(path, sizeof path, "%s/large.h5", tap_scratch_folder());
  size_t count = bytes_of(&arrays[0]) / 4;
  values = memory_new(count, 4, "test");
  if (values == NULL) exit(1);
  random_stream stream = random_stream_make(1, RANDOM_TEST, 3, 0);
  for (size_t i = 0; i < count; i++)
    ((uint32_t *)values)[i] = random_u32(&stream) & 0x3fffffff;
  test_turns();
  test_round_trip();
  test_fletcher();
  memory_free(values);
  return tap_done();
}
