#include "base/hdf5_lock.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex;

static void initialise(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

void hdf5_lock(void) {
  pthread_once(&once, initialise);
  pthread_mutex_lock(&mutex);
}

void hdf5_unlock(void) { pthread_mutex_unlock(&mutex); }
