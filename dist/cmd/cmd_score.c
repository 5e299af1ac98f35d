/* harmonia score: how well a foreground fits its background. */
#include <math.h>
#include <stdio.h>

#include "base/threads.h"
#include "dist/use/apply.h"
#include "dist/cmd/command.h"
#include "dist/cmd/mask_options.h"

typedef struct score_configuration {
  const char *checkpoint, *image, *mask;
  int64_t threads;
  mask_options masks;
} score_configuration;

#define ROW(name, field) OPTION_ROW(score_configuration, name, field)
static const option options[] = {
    {ROW("checkpoint", checkpoint), .argument = "C.h5",
     .help = "a trained system with a code extractor: bargainnet"},
    {ROW("image", image), .argument = "FILE",
     .help = "the picture, PNG or JPEG, of any size"},
    {ROW("mask", mask), .argument = "FILE",
     .help = "its mask, of the same size: white where the pasted object is"},
    MASK_OPTIONS(score_configuration, masks, "128, of the grey",
                 " (of --mask, or without it of the image)"),
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .help = "0: all cores"},
};
#undef ROW

static const option_table table = {
    .command = "score",
    .synopsis = "--checkpoint C.h5 --image I --mask M",
    .description =
        "Prints the harmony score of a picture: exp(-0.04212 d), d the "
        "distance of the domain codes of foreground and background "
        "(BargainNet). 1 is perfect harmony.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(score_configuration),
};

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)positional, (void)positional_count;
  const score_configuration *conf = configuration;
  for (int i = 0; i < (conf->masks.alpha ? 2 : 3); i++)
    if (!given[i])
      return status_error(STATUS_USAGE, "option --%s is missing",
                          options[i].name);
  int threads = conf->threads > 0 ? (int)conf->threads : threads_available();
  harmonizer *h = NULL;
  data_picture picture = {0};
  data_profile *profile = NULL;
  data_image mask = {0};
  double score = 0;
  status result;
  TRY_OR(done, harmonizer_open_score(conf->checkpoint, threads, &h));
  TRY_OR(done, apply_read(conf->image, &picture, &profile));
  TRY_OR(done, mask_options_read(&conf->masks, conf->mask, conf->image,
                                 &picture, &mask));
  TRY_OR(done, apply_score(h, profile, &picture, &mask, &score));
  if (isfinite(score))
    printf("%.6f\n", score);
  else
    result = status_error(STATUS_NUMERIC, "%s: the score is no number (%g)",
                          conf->checkpoint, score);
done:
  data_picture_free(&picture);
  data_profile_close(&profile);
  data_image_free(&mask);
  harmonizer_destroy(&h);
  return result;
}

const command command_score = {
    .summary = "tell how well a foreground fits its background",
    .table = &table,
    .multiplies = true,
    .run = run,
};
