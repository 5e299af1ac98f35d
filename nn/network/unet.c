/* The attention U-Net "s2ad" of DoveNet (Cong et al., CVPR 2020) and BargainNet
 * (Cong et al., ICME 2021). Level L of log2(S) given x:
 *
 *   l = leaky(x, 0.2); t = norm(down(l)); s = level L+1 of t
 *   r = concat(l, norm(up(relu(s)))); with a gate r = sigmoid(conv1x1(r)) r
 *
 * The reference applies its leaky relu in place, so the skip carries l, not x.
 * Levels 1 to 3 have a gate, those between them and the innermost one dropout;
 * the innermost has no norm after its down convolution, the outermost none at
 * all. Names are the reference's state_dict keys: `model.model.1`, and
 * `.model.3` for each further level. */
#include "nn/network/networks.h"

typedef struct unet {
  nn_graph *g;
  const nn_unet_options *options;
  nn_layers layers;
  int levels;
  bool code_alone; /* ends at the innermost pixel */
} unet;

enum { NAME = 256 };

/* Where a module sits: "model.model.1.model.3" and "model.1". */
typedef struct module {
  const char *path, *leaf;
} module;

static void name_of(module at, char name[NAME]) {
  snprintf(name, NAME, "%.200s.%s", at.path, at.leaf);
}

static nn_id weights(const unet *net, module at, nn_shape shape) {
  char name[NAME];
  name_of(at, name);
  return nn_layer_weight(&net->layers, name, shape);
}

static nn_id add_bias(const unet *net, module at, nn_id y) {
  char name[NAME];
  name_of(at, name);
  int channels = nn_shape_of(net->g, y).c;
  return nn_add(net->g, y, nn_layer_bias(&net->layers, name, channels));
}

/* 4x4 stride 2 to half the size, or transposed to twice. */
static nn_id down(const unet *net, module at, nn_id x, int channels) {
  int in = nn_shape_of(net->g, x).c;
  nn_id w = weights(net, at, NN_SHAPE(4, 4, in, channels));
  nn_id y = nn_conv(net->g, x, w, 2, 1);
  return net->options->norm == NN_INSTANCE_NORM ? add_bias(net, at, y) : y;
}

static nn_id up(const unet *net, module at, nn_id x, int channels, bool bias) {
  nn_shape s = nn_shape_of(net->g, x);
  nn_id w = weights(net, at, NN_SHAPE(4, 4, channels, s.c));
  nn_id y = nn_conv_transpose(net->g, x, w, 2, 1, 2 * s.h, 2 * s.w);
  return bias ? add_bias(net, at, y) : y;
}

static nn_id norm(const unet *net, module at, nn_id x) {
  char name[NAME];
  name_of(at, name);
  return nn_layer_norm(&net->layers, name, x);
}

static nn_id gate(const unet *net, module at, nn_id r) {
  nn_graph *g = net->g;
  int channels = nn_shape_of(g, r).c;
  nn_id w = weights(net, at, NN_SHAPE(1, 1, channels, channels));
  nn_id z = add_bias(net, at, nn_conv(g, r, w, 1, 0));
  return nn_mul(g, nn_sigmoid(g, z), r);
}

/* The backward pass begins at the outermost level, where memory is needed most:
 * what levels below it can compute again is not kept meanwhile. */
static nn_id spare(const unet *net, int level, nn_id x) {
  return level > 1 ? nn_recompute(net->g, x) : x;
}

static nn_id dropout(const unet *net, int level, nn_id x) {
  double p = net->options->dropout;
  if (!net->options->training || p == 0) return x;
  nn_id mask = nn_dropout_mask(net->g, nn_shape_of(net->g, x), p, level);
  return spare(net, level, nn_mul(net->g, x, mask));
}

static int channels_at(const unet *net, int level) {
  return net->options->ngf * (level < 3 ? 1 << level : 8);
}

static nn_id inner_level(const unet *net, int level, const char *path,
                         nn_id x) {
  nn_graph *g = net->g;
  int outer = channels_at(net, level - 1), inner = channels_at(net, level);
  bool innermost = level == net->levels - 1;
  bool bias = net->options->norm == NN_INSTANCE_NORM;
  nn_id l = spare(net, level, nn_leaky_relu(g, x, 0.2));
  nn_id y = down(net, (module){path, "model.1"}, l, inner);
  if (innermost) {
    if (net->code_alone) return nn_leaky_relu(g, y, 0);
    y = up(net, (module){path, "model.3"}, nn_leaky_relu(g, y, 0), outer, bias);
    y = norm(net, (module){path, "model.4"}, y);
  } else {
    char below[256];
    snprintf(below, sizeof below, "%.200s.model.3", path);
    y = norm(net, (module){path, "model.2"}, y);
    y = inner_level(net, level + 1, below, y);
    if (net->code_alone) return y;
    y = spare(net, level + 1, nn_leaky_relu(g, y, 0));
    y = up(net, (module){path, "model.5"}, y, outer, bias);
    y = norm(net, (module){path, "model.6"}, y);
    if (level > 3) y = dropout(net, level, y);
  }
  nn_id r = spare(net, level, nn_concat(g, l, y));
  if (level > 3 || innermost) return r;
  return spare(net, level, gate(net, (module){path, "attention.0"}, r));
}

static unet open_unet(nn_graph *g, nn_shape s, const nn_unet_options *options) {
  unet net = {.g = g,
              .options = options,
              .layers = {.g = g,
                         .prefix = options->prefix,
                         .norm = options->norm,
                         .training = options->training,
                         .deviation = options->init_deviation}};
  while (1 << net.levels < s.h) net.levels++;
  INVARIANT(s.h == s.w && 1 << net.levels == s.h && net.levels >= 2,
            "U-Net of %d x %d pixels", s.h, s.w);
  return net;
}

/* All but the outermost way up. */
static nn_id all_levels(const unet *net, nn_id x) {
  nn_id y = down(net, (module){"model", "model.0"}, x, net->options->ngf);
  return inner_level(net, 1, "model.model.1", y);
}

nn_id nn_unet(nn_graph *g, nn_id x, const nn_unet_options *options) {
  unet net = open_unet(g, nn_shape_of(g, x), options);
  nn_id y = nn_leaky_relu(g, all_levels(&net, x), 0);
  y = up(&net, (module){"model", "model.3"}, y, 3, true);
  return nn_tanh(g, y);
}

nn_features nn_unet_features(nn_graph *g, nn_id x,
                             const nn_unet_options *options, bool code_alone) {
  unet net = open_unet(g, nn_shape_of(g, x), options);
  net.code_alone = code_alone;
  nn_id y = all_levels(&net, x);
  if (code_alone) return (nn_features){.map = NN_NONE, .code = y};
  bool bias = options->norm == NN_INSTANCE_NORM;
  y = up(&net, (module){"model", "model.3"}, nn_leaky_relu(g, y, 0),
         options->ngf / 2, bias);
  y = norm(&net, (module){"model", "model.4"}, y);
  return (nn_features){.map = nn_leaky_relu(g, y, 0), .code = NN_NONE};
}

nn_generated nn_generate_unet(const nn_generator_input *input) {
  const nn_layers *layers = &input->layers;
  nn_unet_options how = {.ngf = input->options->ngf,
                         .norm = layers->norm,
                         .training = layers->training,
                         .dropout = input->options->dropout,
                         .prefix = layers->prefix,
                         .init_deviation = layers->deviation};
  nn_head head = input->options->head;
  if (head == NN_HEAD_RGB)
    return (nn_generated){.image = {nn_unet(layers->g, input->x, &how)},
                          .count = 1};
  return (nn_generated){.features = nn_unet_features(layers->g, input->x, &how,
                                                     !nn_head_reads_map(head))};
}
