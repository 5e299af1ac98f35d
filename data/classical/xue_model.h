/* The classifiers of Xue's method: one forest for every goal that has a choice
 * and every zone. Private to libdata. */
#ifndef HARMONIA_DATA_XUE_MODEL_H
#define HARMONIA_DATA_XUE_MODEL_H

#include "data/classical/forest.h"
#include "data/classical/xue_internal.h"

struct data_xue_model {
  char identity[65]; /* of the data set it was fitted on */
  uint64_t pairs;
  /* [goal][zone]; contrast has none. */
  forest forests[XUE_GOALS][XUE_ZONES];
  double errors[XUE_GOALS][XUE_ZONES]; /* of 10-fold cross-validation */
};

/* xue_file.c: atomically. */
status xue_model_write(const data_xue_model *model, const char *path);

#endif
