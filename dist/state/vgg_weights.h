/* The weights of VGG16 from a file of Keras or torchvision. */
#ifndef HARMONIA_VGG_WEIGHTS_H
#define HARMONIA_VGG_WEIGHTS_H

#include "nn/nn.h"

/* Loads the first `convs` convolutions, block 1 having `width` channels
 * (NN_VGG_WIDTH but for tests), from one of
 *
 *   Keras: a group a layer, /block1_conv1 or /model_weights/block1_conv1, whose
 *     attribute weight_names lists kernel [3,3,in,out] and bias as paths below
 *     it ("block1_conv1_W_1:0", or "block1_conv1/kernel:0" a level deeper);
 *     input: BGR in [0,255] less the means;
 *   torchvision: arrays features.0.weight [out,in,3,3] and features.0.bias, at
 *     the root or in a group; input: RGB / 255 less mean by deviation.
 *
 * STATUS_IO, STATUS_FORMAT (neither of the two; a layer is missing; a number
 * that is none) or STATUS_MISFIT (a shape), naming file and layer. Without a
 * file (NULL or "") it says so and makes a fixed random network of seed
 * NN_VGG_SEED. Not collective. */
status vgg_weights_load(const char *path, int width, int convs,
                        nn_vgg_weights **out);

#endif
