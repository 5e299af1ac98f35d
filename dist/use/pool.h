/* A network that several threads use at once: each call takes a plan of its
 * own, all on one copy of the parameters. */
#ifndef HARMONIA_POOL_H
#define HARMONIA_POOL_H

#include "dist/use/harmonizer.h"

typedef struct harmonizer_pool harmonizer_pool;

/* Takes over the network, which was opened (not borrowed), also on failure.
 * threads: of each plan. */
status harmonizer_pool_create(harmonizer **network, int threads,
                              harmonizer_pool **out);
/* After all plans have been given back. Accepts a pointer to NULL. */
void harmonizer_pool_destroy(harmonizer_pool **pool);

/* A plan that nobody has: one that was given back, else a new one. */
status harmonizer_pool_take(harmonizer_pool *pool, harmonizer **out);
/* Accepts NULL. */
void harmonizer_pool_give(harmonizer_pool *pool, harmonizer *plan);

/* To be asked for what all plans have in common. */
const harmonizer *harmonizer_pool_network(const harmonizer_pool *pool);

#endif
