/* The options of harmonia apply, and which of them go together. */
#ifndef HARMONIA_APPLY_OPTIONS_H
#define HARMONIA_APPLY_OPTIONS_H

#include "dist/use/apply_task.h"
#include "dist/cmd/mask_options.h"

typedef struct apply_configuration {
  const char *checkpoint, *method, *data, *xue_model, *image, *mask, *output,
      *list;
  const char *cutout, *background, *at, *scale;
  const char *products[APPLY_PRODUCTS];
  int64_t threads, quality, grow, feather, lut_size;
  double strength;
  bool invert, force, json;
  mask_options masks;
} apply_configuration;

extern const option_table apply_option_table;

/* Whether there are many pictures: a folder, or a list. */
bool apply_options_many(const apply_configuration *conf);

/* STATUS_USAGE names what is missing or does not go together. given: as
 * options_parse has it. */
status apply_options_check(const apply_configuration *conf, const bool *given);

#endif
