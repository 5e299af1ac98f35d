/* Systems: a generator and the losses it is trained by. */
#include <string.h>

#include "nn/internal.h"

static status check_options(const nn_model_options *o) {
  if (strcmp(o->model, "unet") != 0)
    return status_error(STATUS_USAGE, "option --model: '%s' is not one of unet",
                        o->model);
  if (o->size < 64 || o->size > 4096 || (o->size & (o->size - 1)) != 0)
    return status_error(STATUS_USAGE,
                        "option --size: %d is not a power of two from 64 up "
                        "(the U-Net halves an image to one pixel)",
                        o->size);
  if (o->ngf < 1 || o->batch < 1)
    return status_error(STATUS_USAGE, "option --%s must be at least 1",
                        o->ngf < 1 ? "ngf" : "micro-batch");
  if (strcmp(o->norm, "instance") != 0 && strcmp(o->norm, "batch") != 0)
    return status_error(STATUS_USAGE,
                        "option --norm: '%s' is not one of instance|batch",
                        o->norm);
  if (!(o->dropout >= 0 && o->dropout < 1))
    return status_error(STATUS_USAGE, "option --dropout: %g is not in [0, 1)",
                        o->dropout);
  return STATUS_OK;
}

static void build(nn_graph *g, const nn_model_options *o) {
  nn_id composite =
      nn_input(g, "composite", NN_SHAPE(o->batch, o->size, o->size, 3));
  nn_id mask = nn_input(g, "mask", NN_SHAPE(o->batch, o->size, o->size, 1));
  nn_unet_options unet = {
      .ngf = o->ngf,
      .norm = strcmp(o->norm, "batch") == 0 ? NN_BATCH_NORM : NN_INSTANCE_NORM,
      .training = o->training,
      .dropout = o->dropout,
      .prefix = "G/",
      .init_deviation = 0.02};
  nn_id output = nn_unet(g, nn_concat(g, composite, mask), &unet);
  if (o->blend) /* composite + mask (output - composite) */
    output =
        nn_add(g, composite, nn_mul(g, nn_sub(g, output, composite), mask));
  nn_keep(g, "output", output);
  if (!o->with_gradients) return;
  nn_id real = nn_input(g, "real", nn_shape_of(g, composite));
  nn_id l1 = nn_affine(g, nn_loss_l1(g, output, real), o->lambda_l1, 0);
  nn_report(g, "G_L1", l1);
  nn_minimise(g, l1, "G/");
}

status nn_model_build(const nn_model_options *options, nn_graph **out) {
  *out = NULL;
  TRY(check_options(options));
  TRY(nn_graph_create(out));
  build(*out, options);
  return STATUS_OK;
}
