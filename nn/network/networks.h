/* The networks of a system, each evaluated as often as a loss needs it. */
#ifndef HARMONIA_NN_NETWORKS_H
#define HARMONIA_NN_NETWORKS_H

#include "nn/network/layers.h"

/* What a generator is given. */
typedef struct nn_generator_input {
  const nn_model_options *options;
  nn_layers layers; /* of network G */
  nn_id x; /* [N,S,S,4 or more]: composite, mask, and what else there is of a
              pixel (a domain code) */
  nn_scene scene; /* of those that see ImageNet's units, or have a head */
  nn_id more;     /* what else there is of a pixel, or NN_NONE */
} nn_generator_input;

/* Images [N,S,S,3] in [-1,1]: the result, and where there is deep supervision
 * those of other stages. None: the head makes it of the features. */
enum { NN_MAX_IMAGES = NN_UNET3PLUS_STAGES };
typedef struct nn_generated {
  nn_id image[NN_MAX_IMAGES];
  int count;
  nn_features features;
} nn_generated;
/* Of initial weights of trunk and head, as nn_trunk_options has it: those of
 * the published networks. */
double nn_trunk_magnitude(const nn_model_options *options);

#define NN_DECLARE(generator, name, function, traits)                          \
  nn_generated function(const nn_generator_input *input);
NN_GENERATORS(NN_DECLARE)
#undef NN_DECLARE

/* DoveNet's discriminator ("OrgDiscriminator", Cong et al., CVPR 2020): a
 * global score and one that verifies whether foreground and background are of
 * one domain. Evaluated on each of `count` images in turn: [N,S,S,3], S a power
 * of two from 16 up; mask [N,S,S,1]. Scores are [N,1,1,1]. layers->norm and
 * training hold for it. */
enum { NN_MAX_JUDGED = 2 };
typedef struct nn_scores {
  nn_id global, local;
} nn_scores;
void nn_discriminator(const nn_layers *layers, const nn_id *images, int count,
                      nn_id mask, int ndf, nn_scores *scores);

/* The gradient penalty (Gulrajani et al., 2017) as DoveNet has it: with
 * i = alpha real + (1-alpha) fake and h the gradient of the sum over samples of
 * (global + local)/2 at i: lambda * mean over samples of (|h + 1e-16| - 1)^2.
 * alpha [N,1,1,1]. */
nn_id nn_gradient_penalty(const nn_layers *layers, nn_id real, nn_id fake,
                          nn_id mask, nn_id alpha, int ndf, double lambda);

/* BargainNet's domain code extractor (Cong et al., ICME 2021): the code
 * [N,1,1,16] of the region of x [N,S,S,3], S from 64 up, where mask is 1. Its
 * norm is always batch norm. */
enum { NN_CODE_CHANNELS = 16 };
nn_id nn_encoder(const nn_layers *layers, nn_id x, nn_id mask, int width);

#endif
