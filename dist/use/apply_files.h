/* Many pictures at once. */
#ifndef HARMONIA_APPLY_FILES_H
#define HARMONIA_APPLY_FILES_H

#include "dist/ranks/cluster.h"
#include "dist/use/apply_file.h"

/* Collective. All of them, `workers` at once on each rank, which take turns in
 * the list. Outputs that are there are passed over, but with `force`. One that
 * fails is named and passed over; at the end that is STATUS_FORMAT. Logs
 * progress. */
status apply_files(const cluster *c, const apply_how *how,
                   const data_pairs *pairs, int workers, bool force);

#endif
