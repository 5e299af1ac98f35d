/* The earth mover's distance. Private to libdata. */
#ifndef HARMONIA_DATA_EMD_H
#define HARMONIA_DATA_EMD_H

enum { EMD_MOST = 64 };

typedef struct emd_problem {
  int suppliers, consumers;        /* each at most EMD_MOST */
  double supply[EMD_MOST];         /* >= 0 */
  double demand[EMD_MOST];         /* >= 0, of the same sum up to rounding */
  double cost[EMD_MOST][EMD_MOST]; /* finite, >= 0 */
} emd_problem;

/* The cheapest flow that takes every supplier's earth to the consumers (Rubner,
 * Tomasi and Guibas, IJCV 2000, equation 1): its cost; flow[i][j] goes from
 * supplier i to consumer j. Exact up to rounding: by successive shortest paths
 * with potentials (Edmonds and Karp, J. ACM 1972), so that the flow is a
 * cheapest one of its amount at every moment. */
double emd_solve(const emd_problem *problem, double flow[EMD_MOST][EMD_MOST]);

#endif
