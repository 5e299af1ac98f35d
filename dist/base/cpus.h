/* How much of the machine's CPUs a process may use. */
#ifndef HARMONIA_CPUS_H
#define HARMONIA_CPUS_H

#include <stdint.h>

enum { CPUS_MOST = 8192 }; /* Linux knows no more */

typedef struct cpu_limits {
  uint64_t mask[CPUS_MOST / 64]; /* a bit for each CPU that it may run on */
  double quota; /* CPU seconds a second its control groups get, INFINITY where
                   there is no limit */
  int task;     /* SLURM_CPUS_PER_TASK, 0 where it is not set */
} cpu_limits;

/* Those of this process. `root` goes before /proc and /sys: "", or a folder
 * with others. */
void cpu_limits_find(const char *root, cpu_limits *out);

/* Threads for each of `sharers` processes under these limits together, at least
 * 1. What is no whole number is rounded down: threads wait for each other, and
 * all lose when one is held back. */
int cpu_limits_threads(const cpu_limits *limits, int sharers);

#endif
