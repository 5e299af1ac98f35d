/* harmonia apply: one picture of any size. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "dist/apply.h"
#include "dist/command.h"

typedef struct apply_configuration {
  const char *checkpoint, *image, *mask, *output;
  int64_t threads, quality;
  bool invert;
} apply_configuration;

#define AT(member) offsetof(apply_configuration, member)
static const option options[] = {
    {"checkpoint", OPTION_TEXT, AT(checkpoint), NULL, 0, 0, "C.h5", NULL,
     "the trained network"},
    {"image", OPTION_TEXT, AT(image), NULL, 0, 0, "FILE", NULL,
     "the composite, PNG or JPEG, of any size"},
    {"mask", OPTION_TEXT, AT(mask), NULL, 0, 0, "FILE", NULL,
     "its mask, of the same size: white where the pasted object is; greys "
     "blend"},
    {"output", OPTION_TEXT, AT(output), NULL, 0, 0, "FILE", NULL,
     "where the harmonized picture goes, .png or .jpg; PNG keeps the "
     "background's pixels bit for bit"},
    {"invert", OPTION_FLAG, AT(invert), NULL, 0, 0, NULL, NULL,
     "harmonize the background to the foreground"},
    {"quality", OPTION_INT, AT(quality), "95", 1, 100, "Q", NULL, "of a JPEG"},
    {"threads", OPTION_INT, AT(threads), "0", 0, 256, "T", NULL,
     "0: all cores"},
};
#undef AT

static const option_table table = {
    .command = "apply",
    .synopsis = "--checkpoint C.h5 --image I --mask M --output O",
    .description =
        "Harmonizes one picture. The network works at its own size; the change "
        "of colour it makes is brought to the picture's size and added inside "
        "the mask, so that detail stays and the background is untouched.",
    .options = options,
    .count = sizeof options / sizeof options[0],
};

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)positional, (void)positional_count;
  const apply_configuration *conf = configuration;
  for (int i = 0; i < 4; i++)
    if (!given[i])
      return status_error(STATUS_USAGE, "option --%s is missing",
                          options[i].name);
  int threads = conf->threads > 0 ? (int)conf->threads : threads_available();
  harmonizer *h = NULL;
  data_image image = {0}, mask = {0}, output = {0};
  status result;
  TRY_OR(done, harmonizer_open(conf->checkpoint, threads, false, &h));
  TRY_OR(done, data_image_read(conf->image, &image));
  TRY_OR(done, data_image_read_grey(conf->mask, &mask));
  if (mask.width != image.width || mask.height != image.height) {
    result = status_error(
        STATUS_MISFIT, "%s: %d x %d pixels, but %s has %d x %d", conf->mask,
        mask.width, mask.height, conf->image, image.width, image.height);
    goto done;
  }
  size_t pixels = (size_t)mask.width * (size_t)mask.height;
  for (size_t i = 0; conf->invert && i < pixels; i++)
    mask.pixels[i] = (uint8_t)(255 - mask.pixels[i]);
  result = apply_network(h, &image, &mask, &output);
  if (result != STATUS_OK) {
    status_add_context("%s", conf->mask);
    goto done;
  }
  TRY_OR(done, data_image_write(conf->output, &output, (int)conf->quality));
  log_info("wrote %s (%d x %d pixels)", conf->output, output.width,
           output.height);
done:
  data_image_free(&image);
  data_image_free(&mask);
  data_image_free(&output);
  harmonizer_destroy(&h);
  return result;
}

const command command_apply = {
    .summary = "harmonize one picture of any size",
    .table = &table,
    .configuration_size = sizeof(apply_configuration),
    .run = run,
};
