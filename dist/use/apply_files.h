/* Many pictures at once. */
#ifndef HARMONIA_APPLY_FILES_H
#define HARMONIA_APPLY_FILES_H

#include "dist/ranks/cluster.h"
#include "dist/use/apply_file.h"

/* Collective. All of them, `workers` at once on each rank, which take turns in
 * the list. folders: of products, which are there; "": none. What is there is
 * passed over, but with `force`. One that
 * fails is named and passed over; at the end that is STATUS_FORMAT. Logs
 * progress. */
status apply_files(const cluster *c, const apply_how *how,
                   const data_pairs *pairs,
                   const char *const folders[APPLY_PRODUCTS], int workers,
                   bool force);

#endif
