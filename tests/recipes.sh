# The recipes of .github/CONTRIBUTING.md, followed in a copy of the source: a toy
# of each kind is added in the files that the recipe names, and no others, and
# used.
. "$HARMONIA_SOURCE/tests/lib/tap.sh"

is_sanitized && skip_all "the copy is built without sanitizers"
recipes=$HARMONIA_SOURCE/.github/CONTRIBUTING.md
copy=$scratch/copy
mkdir "$copy"
(cd "$HARMONIA_SOURCE" && tar cf - Makefile .ci dist nn data checkpoint \
    tests/*.[ch]) | tar xf - -C "$copy"

# after FILE LINE: what stdin has, behind the line that begins so (the first one).
after() {
    ADDED=$(cat) LINE=$2 perl -ni -e '
        print;
        if (!$done && index($_, $ENV{LINE}) == 0) { print "$ENV{ADDED}\n"; $done = 1 }
        END { exit !$done }' "$copy/$1" || missed="$missed $1"
}
# change FILE TEXT NEW: the text, wherever it is.
change() {
    OLD=$2 NEW=$3 perl -0pi -e '
        $done = s/\Q$ENV{OLD}\E/$ENV{NEW}/g; END { exit !$done }' "$copy/$1" ||
        missed="$missed $1"
}
# recipe HEADING FILE...: its part of the document names all the files.
recipe() {
    heading=$1
    shift
    awk -v heading="## $heading" '/^## / { on = $0 == heading } on' "$recipes" >part
    unnamed=
    for file; do
        grep -qF "\`$file\`" part || unnamed="$unnamed $file"
    done
    check "the recipe for $(echo "$heading" | tr A-Z a-z) names each file that was changed;$unnamed" \
        test -z "$unnamed"
    check "and they are as the recipe takes them;$missed" test -z "$missed"
    missed=
}
missed=

# ---- an operation -----------------------------------------------------------------

after nn/operations.def 'OPERATION(add_outer)' <<'ADD'
OPERATION(swish)
ADD
cat >>"$copy/nn/operations/unary.c" <<'ADD'
UNARY(swish, , x[i] / (1 + exponential(-x[i])))

static void swish_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_id s = nn_sigmoid(g, nn_get(g, y).in[0]);
  nn_id rest = nn_mul(g, y, nn_affine(g, s, -1, 1));
  gx[0] = nn_mul(g, gy, nn_add(g, s, rest));
}

const nn_op nn_op_swish = {.name = "swish",
                           .arity = 1,
                           .shape = same_shape,
                           .pixels = swish_pixels,
                           .gradient = swish_gradient};

nn_id nn_swish(nn_graph *g, nn_id x) { return emit1(g, &nn_op_swish, x, 0, 0); }
ADD
after nn/graph.h 'nn_id nn_softplus(' <<'ADD'
nn_id nn_swish(nn_graph *g, nn_id x);
ADD
change tests/nn_gradients.c 'static nn_id make_softplus(' \
    'static nn_id make_swish(building *b, const sizes *s) {
  return nn_swish(b->t.g, variable(b, s->a, ANY));
}
static nn_id make_softplus('
change tests/nn_gradients.c '    {&nn_op_softplus,' \
    '    {&nn_op_swish, "swish", make_swish, elementwise, false},
    {&nn_op_softplus,'
recipe "An operation" nn/operations.def unary.c nn/graph.h tests/nn_gradients.c

# ---- a convolution solver ---------------------------------------------------------

cat >>"$copy/nn/conv/conv_reference.c" <<'ADD'
static bool is_small(const nn_conv_solver *self, const nn_conv_case *c) {
  (void)self;
  return c->kernel_h == 3 && c->out_c == 3;
}
static double nothing(const nn_conv_solver *self, const nn_conv_case *c) {
  (void)self, (void)c;
  return 0;
}
static size_t none(const nn_conv_solver *self, const nn_conv_case *c,
                   int threads) {
  (void)self, (void)c, (void)threads;
  return 0;
}
static void plainly(const nn_conv_solver *self, const nn_conv_case *c,
                    const nn_call *call, const nn_conv_map *map) {
  (void)self, (void)c, (void)map;
  nn_conv_reference(call);
}
const nn_conv_solver nn_conv_toy = {.name = "toy loops",
                                    .why = nn_conv_why_pointwise,
                                    .applies = is_small,
                                    .cost = nothing,
                                    .scratch = none,
                                    .run = plainly};
ADD
after nn/conv/solvers.def 'FORWARD(nn_conv_im2col)' <<'ADD'
FORWARD(nn_conv_toy)
ADD
recipe "A convolution solver" nn/conv/solvers.def

# ---- a loss, and its option -------------------------------------------------------

after nn/nn.h '  double lambda_style' <<'ADD'
  double lambda_swish;
ADD
change nn/system/model.c 'static void train_generator(' 'static nn_id swish_loss(const model *m, nn_id output) {
  nn_id error = nn_abs(m->g, nn_sub(m->g, output, m->real));
  nn_id loss = nn_mean(m->g, nn_swish(m->g, error));
  return report(m, "G_swish", nn_affine(m->g, loss, m->o->lambda_swish, 0));
}

static void train_generator('
after nn/system/model.c '  loss = add_style(' <<'ADD'
  if (o->lambda_swish > 0) loss = nn_add(g, loss, swish_loss(m, output));
ADD
after dist/state/train_options.c 'static const option options[] = {' <<'ADD'
    {ROW("lambda-swish", network.lambda_swish), .preset = "0.5", .max = 1e9,
     .argument = "X", .before = "0", .help = "weight of the swish loss"},
ADD
recipe "A loss" nn/nn.h nn/system/model.c dist/state/train_options.c
recipe "An option" nn/nn.h dist/state/train_options.c

# ---- a network --------------------------------------------------------------------

cat >"$copy/nn/network/plain.c" <<'ADD'
/* A generator of one layer. */
#include "nn/network/networks.h"

nn_generated nn_generate_plain(const nn_generator_input *input) {
  const nn_layers *l = &input->layers;
  int channels = nn_shape_of(l->g, input->x).c;
  nn_id w = nn_layer_weight(l, "conv", NN_SHAPE(3, 3, channels, 3));
  nn_id y = nn_conv(l->g, input->x, w, 1, 1);
  y = nn_add(l->g, y, nn_layer_bias(l, "conv", 3));
  return (nn_generated){.image = {nn_tanh(l->g, y)}, .count = 1};
}
ADD
change nn/nn.h '#define NN_GENERATORS(X) ' '#define NN_GENERATORS(X) X(NN_GENERATOR_PLAIN, "plain", nn_generate_plain, NN_DRAWS) '
change dist/state/train_options.h '#define TRAIN_MODELS(X) ' \
    '#define TRAIN_MODELS(X) X(TRAIN_PLAIN, "toy", "--generator=plain --lambda-swish=2") '
recipe "A network" nn/nn.h dist/state/train_options.h

# ---- a colour transfer ------------------------------------------------------------

cat >"$copy/data/colour/transfer_turn.c" <<'ADD'
/* turn: the reference's colours, one after the other. */
#include "data/colour/transfer_internal.h"

void transfer_turn(const transfer_region *target,
                   const transfer_region *reference, uint8_t *rgb_out) {
  for (size_t i = 0; i < 3 * target->count; i++)
    rgb_out[i] = reference->rgb[i % (3 * reference->count)];
}
ADD
change data/data.h '  DATA_TRANSFER_METHODS' '  DATA_TURN,
  DATA_TRANSFER_METHODS'
change data/colour/transfer_internal.h 'void transfer_hgm(' \
    'void transfer_turn(const transfer_region *target,
                   const transfer_region *reference, uint8_t *rgb_out);
void transfer_hgm('
after data/colour/transfer.c '  case DATA_IDT: return "idt";' <<'ADD'
  case DATA_TURN: return "turn";
ADD
after data/colour/transfer.c '  case DATA_HGM: transfer_hgm' <<'ADD'
  case DATA_TURN: transfer_turn(target, reference, rgb); return STATUS_OK;
ADD
recipe "A colour transfer" data/data.h data/colour/transfer_internal.h \
    data/colour/transfer.c

# ---- a command --------------------------------------------------------------------

cat >"$copy/dist/cmd/cmd_hello.c" <<'ADD'
/* harmonia hello */
#include <stdio.h>

#include "dist/cmd/command.h"

typedef struct hello {
  const char *to;
} hello;
static const option options[] = {{OPTION_ROW(hello, "to", to), .preset = "all",
                                  .argument = "NAME", .help = "whom to greet"}};
static const option_table table = {.command = "hello",
                                   .synopsis = "[OPTIONS]",
                                   .description = "Greets.",
                                   .options = options,
                                   .count = 1,
                                   .size = sizeof(hello)};

static status run(void *configuration, const bool *given,
                  const char **positional, int count) {
  (void)given, (void)positional, (void)count;
  printf("hello %s\n", ((const hello *)configuration)->to);
  return STATUS_OK;
}

const command command_hello = {.summary = "greet",
                               .table = &table,
                               .run = run};
ADD
change dist/cmd/command.h '#endif' 'extern const command command_hello;
#endif'
after dist/cmd/main.c 'static const command *const commands[] = {' <<'ADD'
    &command_hello,
ADD
recipe "A command" dist/cmd/command.h dist/cmd/main.c

# ---- all of it, built and used ----------------------------------------------------

mkdir "$copy/build"
cp "$HARMONIA_BUILD/config.mk" "$copy/build/"
build() { # TARGET...
    (cd "$copy" && env -u MAKEFLAGS -u MAKELEVEL make BUILD=build CFLAGS=-O0 "$@")
}
check "the copy builds" build build/harmonia build/tests/nn_gradients
"$copy/build/tests/nn_gradients" >gradients
check "the operation's gradients are tested" grep -q '^ok .*swish \[' gradients
check "and right" sh -c '! grep "^not ok" gradients'

toy=$copy/build/harmonia
small_set d.h5 || exit 1
check "the loss is trained by, with the network" "$toy" train --data d.h5 --out toy \
    --model toy --steps 2 --batch 4
check "the loss is in the log" grep -q '^step,.*loss_G_swish' toy/log.csv
check "the network is in the checkpoint" sh -c '"$1" info --arrays "$2" | grep -q G/conv.weight' \
    - "$toy" "$(checkpoint toy 2)"
check "the option is, too" sh -c '"$1" info --changed "$2" | grep -q -e --lambda-swish=2' \
    - "$toy" "$(checkpoint toy 2)"
check "help has the option, and what the system stands for" sh -c '"$1" train --help |
    tr -s " \n" " " | grep -q -e "--lambda-swish X weight.* toy (--generator=plain --lambda-swish=2)"' - "$toy"
run 60 "$toy" train --data d.h5 --out toy --resume --lambda-swish 3
refused 1 "--lambda-swish: 3, but the checkpoint's run has 2" "and is the run's"
"$HARMONIA" train --data d.h5 --out older --steps 1 --batch 4 --ngf 4 >/dev/null 2>&1
check "a checkpoint older than the option resumes" "$toy" train --data d.h5 --out older \
    --resume --steps 2
check "without the loss, whatever the default is" sh -c '
    "$1" info --changed "$2" | grep -q -e --lambda-swish=0' - "$toy" "$(checkpoint older 2)"
check "the solver is chosen" sh -c '"$1" train --show-plan --generator plain --size 64 |
    grep -q "toy loops"' - "$toy"
mkdir -p photos/train
printf 'name\tsplit\tcategory\na1\ttrain\tx\na2\ttrain\tx\n' >photos/index.tsv
for number in 1 2; do
    picture photos/train/a$number.jpg 64 64 rgb photo $number
    picture photos/train/a$number.png 64 64 grey box
done
check "the transfer makes composites" "$toy" compose photos composed --methods turn
check "the command greets" sh -c 'test "$("$1" hello --to you)" = "hello you"' - "$toy"
check "help knows it" sh -c '"$1" --help | grep -q "^  hello  *greet"' - "$toy"
finish
