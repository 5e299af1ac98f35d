/* Storages: stretches of one arena, each for its lifetime. */
#ifndef HARMONIA_NN_STORAGE_H
#define HARMONIA_NN_STORAGE_H

#include "nn/operation.h"

typedef struct nn_storage {
  size_t size, offset; /* values */
  int birth, death;    /* steps, both included */
  bool passing;        /* a block of a sweep's for each thread */
} nn_storage;

typedef struct nn_storages {
  nn_storage *items;
  int count, capacity;
} nn_storages;

status nn_storages_create(int capacity, nn_storages *out);
void nn_storages_free(nn_storages *storages);

/* Its number. */
int nn_storages_add(nn_storages *storages, size_t size, int birth, int death);

/* Gives each its offset: those alive at the same time do not overlap. *size:
 * that of the arena, in values. */
status nn_storages_place(nn_storages *storages, size_t *size);

#endif
