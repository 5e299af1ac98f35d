/* A fair, recursive lock: threads are served in the order of asking. Who has it
 * finds HDF5 silent. */
#include "hdf5/hdf5_lock.h"

#include <hdf5.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t next_ticket, served; /* under the mutex */
static _Thread_local int depth;

/* What HDF5 does with its errors outside the lock; under the lock. */
static H5E_auto2_t print;
static void *print_data;

static void be_silent(void) {
  static bool began; /* under the lock */
  /* At exit HDF5 would close once more a file whose closing failed, and crash
   * on what it has freed (seen in 1.10.8). Files are closed by hand here. */
  if (!began) H5dont_atexit();
  began = true;
  H5Eget_auto2(H5E_DEFAULT, &print, &print_data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void hdf5_lock(void) {
  if (depth++ > 0) return;
  pthread_mutex_lock(&mutex);
  uint64_t own = next_ticket++;
  while (served != own) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
  be_silent();
}

void hdf5_unlock(void) {
  if (--depth > 0) return;
  H5Eset_auto2(H5E_DEFAULT, print, print_data);
  pthread_mutex_lock(&mutex);
  served++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}
