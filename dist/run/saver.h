/* Checkpoints and pictures, made by a thread of rank 0 while training goes on:
 * it works on copies of the state, which are allocated once. A save costs
 * training the time to wait for the save before, to gather and to copy.
 *
 *   saver_wait(s)                       the copies are the caller's
 *   saver_copy(s)->moments[k] = ...
 *   saver_start(s, ...)                 copies the state; they are the thread's
 */
#ifndef HARMONIA_SAVER_H
#define HARMONIA_SAVER_H

#include "dist/run/run_folder.h"
#include "dist/state/snapshot.h"

typedef struct saver saver;

/* `like` tells options, data and layout, all of which must outlive the saver;
 * so must the folder. STATUS_MEMORY where there is no room for the copies: the
 * state, its average and both moments. */
status saver_create(const snapshot *like, const run_folder *folder,
                    saver **out);
/* Waits for what is being written, and the pictures of it. A failure that
 * nobody was told of becomes a warning. Accepts a pointer to NULL. */
void saver_destroy(saver **saver);

/* State and moments between saver_wait (or saver_create) and saver_start. */
snapshot *saver_copy(saver *saver);
/* Fills them from a checkpoint. */
status saver_read(saver *saver, ckpt_reader *reader);

/* Which files; together they are one copy, written twice. */
enum { SAVE_STEP = 1, SAVE_BEST = 2 };

/* Copies `state` and its average (NULL: none) and has them written: `files`
 * says as what. Training stands still since `paused` (of clock_seconds).
 * Pictures of the run are made after a step's checkpoint, if the options want
 * them; that they fail is a warning. */
void saver_start(saver *saver, uint64_t step, const nn_real *state,
                 const nn_real *averaged, unsigned files, double paused);

/* Waits until the copies are the caller's; pictures in the making are given up.
 * The failure is that of what was written, told once. */
status saver_wait(saver *saver);
/* Waits only until nothing is being written: pictures may still be made. */
status saver_settle(saver *saver);
/* Without waiting: STATUS_OK also while something is being written. */
status saver_failure(saver *saver);

#endif
