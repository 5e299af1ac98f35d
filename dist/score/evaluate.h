/* Scores of methods over a split, shared out over the ranks. */
#ifndef HARMONIA_EVALUATE_H
#define HARMONIA_EVALUATE_H

#include "base/choice.h"
#include "data/data.h"
#include "dist/score/standing.h"
#include "dist/use/methods.h"
#include "dist/ranks/cluster.h"
#include "dist/use/harmonizer.h"

#define QUANTISATIONS(X)                                                       \
  X(QUANTISE_TRUNCATE, "trunc") /* as the published test */                    \
  X(QUANTISE_ROUND, "round")                                                   \
  X(QUANTISE_NONE, "float")
CHOICE(quantisation, QUANTISATIONS);

typedef struct protocol {
  data_split split;
  size_t limit; /* samples from the beginning of the split; 0: all */
  data_background background;
  data_psnr_range range;
  quantisation quantise;
  bool code_of_real; /* domain codes come from the real image's background */
  bool full_res; /* networks change samples at these' own size, as apply does */
  int threads;   /* of that change */
  bool quiet;    /* no line of progress */
} protocol;

/* Maps a sample of the data set to levels 0..255: by a network, by a classical
 * method (which gives whole levels: `quantise` is nothing to it), or, where
 * both are NULL, as the composite is. */
typedef struct method {
  char name[256];
  harmonizer *network;
  const classical *classical;
  const data_xue_model *model; /* what the classical one may need */
  /* What evaluate leaves here on rank 0. */
  double seconds; /* of the wall clock that an image takes, on its rank */
  size_t ranked;  /* samples with a ratio; without any nothing stands */
  standing_sample standing[STANDINGS];
} method;

/* The foreground shares of the field's tables: (0,5], (5,15], (15,100] %. */
enum { SHARES = 4 }; /* all, and the three bins */
extern const char *const share_names[SHARES];

typedef enum metric {
  METRIC_MSE,
  METRIC_PSNR,
  METRIC_FMSE,
  METRIC_SSIM,
  METRIC_PSNR_255,
  METRIC_FSSIM,
  METRICS
} metric;

/* Why a sample has no finite value in some metrics, so that their means are
 * over the others. */
typedef enum lack {
  LACK_ERROR,      /* it equals the real image: PSNR is infinite */
  LACK_PEAK,       /* the range that PSNR compares with is 0 */
  LACK_FOREGROUND, /* fMSE and fSSIM are of nothing */
  LACK_NUMBERS,    /* the output holds NaN: left out of every mean */
  LACKS
} lack;
enum { LACK_EXAMPLES = 3 };

typedef struct averages {
  size_t count;           /* images */
  size_t images[METRICS]; /* those that have a value */
  double mean[METRICS];   /* over these; 0 without any */
  size_t worse; /* with a larger squared error than the composite's own */
  size_t lacking[LACKS];
  size_t examples[LACKS][LACK_EXAMPLES]; /* the first, counted in the split */
} averages;

/* Samples that a protocol takes of a set. */
size_t evaluate_count(const data_set *set, const protocol *protocol);

/* Collective. On rank 0, table[m * SHARES + s] are method m's averages over
 * share bin s. Sums run in the order of the samples whatever the number of
 * ranks. */
status evaluate(const cluster *c, data_set *set, const protocol *protocol,
                method *methods, int method_count, averages *table);

#endif
