/* The process that started this rank: mpirun, its daemon on this node, or
 * Slurm's. */
#ifndef HARMONIA_ORPHAN_H
#define HARMONIA_ORPHAN_H

/* From now on this process ends, with exit status 1 and a message, within some
 * two seconds of the death of its launcher. A rank that waits for another would
 * wait for ever: Open MPI 5 ends only ranks that are outside its calls. Without
 * a launcher nothing is watched. Not collective; called once, before MPI
 * starts.
 */
void orphan_watch(void);

#endif
