/* harmonia score: how well a foreground fits its background. */
#include <math.h>
#include <stdio.h>

#include "base/threads.h"
#include "dist/apply.h"
#include "dist/command.h"

typedef struct score_configuration {
  const char *checkpoint, *image, *mask;
  int64_t threads;
} score_configuration;

#define AT(member) offsetof(score_configuration, member)
static const option options[] = {
    {"checkpoint", OPTION_TEXT, AT(checkpoint), NULL, 0, 0, "C.h5", NULL,
     "a trained system with a code extractor: bargainnet"},
    {"image", OPTION_TEXT, AT(image), NULL, 0, 0, "FILE", NULL,
     "the picture, PNG or JPEG, of any size"},
    {"mask", OPTION_TEXT, AT(mask), NULL, 0, 0, "FILE", NULL,
     "its mask, of the same size: white where the pasted object is"},
    {"threads", OPTION_INT, AT(threads), "0", 0, 256, "T", NULL,
     "0: all cores"},
};
#undef AT

static const option_table table = {
    .command = "score",
    .synopsis = "--checkpoint C.h5 --image I --mask M",
    .description =
        "Prints the harmony score of a picture: exp(-0.04212 d), d the "
        "distance of the domain codes of foreground and background "
        "(BargainNet). 1 is perfect harmony.",
    .options = options,
    .count = sizeof options / sizeof options[0],
};

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)positional, (void)positional_count;
  const score_configuration *conf = configuration;
  for (int i = 0; i < 3; i++)
    if (!given[i])
      return status_error(STATUS_USAGE, "option --%s is missing",
                          options[i].name);
  int threads = conf->threads > 0 ? (int)conf->threads : threads_available();
  harmonizer *h = NULL;
  data_image image = {0}, mask = {0};
  double score = 0;
  status result;
  TRY_OR(done, harmonizer_open_score(conf->checkpoint, threads, &h));
  TRY_OR(done, data_image_read(conf->image, &image));
  TRY_OR(done, data_image_read_grey(conf->mask, &mask));
  if (mask.width != image.width || mask.height != image.height)
    result = status_error(
        STATUS_MISFIT, "%s: %d x %d pixels, but %s has %d x %d", conf->mask,
        mask.width, mask.height, conf->image, image.width, image.height);
  else if ((result = apply_score(h, &image, &mask, &score)) != STATUS_OK)
    status_add_context("%s", conf->mask);
  if (result == STATUS_OK && !isfinite(score))
    result = status_error(STATUS_NUMERIC, "%s: the score is no number (%g)",
                          conf->checkpoint, score);
  if (result == STATUS_OK) printf("%.6f\n", score);
done:
  data_image_free(&image);
  data_image_free(&mask);
  harmonizer_destroy(&h);
  return result;
}

const command command_score = {
    .summary = "tell how well a foreground fits its background",
    .table = &table,
    .configuration_size = sizeof(score_configuration),
    .run = run,
};
