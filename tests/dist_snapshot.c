/* A run's state to a checkpoint and back; what does not fit or is no number. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"
#include "dist/state/snapshot.h"
#include "tests/tap.h"

/* A small network's state with moments, all numbers different. */
typedef struct fixture {
  train_options options;
  nn_system *system;
  const nn_layout *layout;
  nn_real *state, *moments[2], *scratch;
} fixture;

static status make(nn_norm norm, int ngf, fixture *f) {
  memset(f, 0, sizeof *f);
  options_defaults(&train_option_table, &f->options);
  f->options.network.norm = norm;
  f->options.network.ngf = ngf;
  f->options.network.size = 64;
  f->options.adam.lr = 1.0 / 3;
  nn_model_options model =
      train_model_options(&f->options, 1, NN_FOR_TRAINING, true);
  nn_plan_options plan = {.threads = 1};
  TRY(nn_system_create(&model, &plan, &f->system));
  f->layout = &f->system->layout;
  TRY(MEMORY_NEW(f->layout->result_size, "state", &f->state));
  for (int k = 0; k < 2; k++)
    TRY(MEMORY_NEW(f->layout->parameter_size, "moments", &f->moments[k]));
  return MEMORY_NEW(snapshot_scratch(f->layout), "scratch", &f->scratch);
}

static void destroy(fixture *f) {
  memory_free(f->state);
  memory_free(f->moments[0]);
  memory_free(f->moments[1]);
  memory_free(f->scratch);
  nn_system_destroy(&f->system);
}

/* Only what belongs to an entry is kept in a file; counters are whole. */
static void fill(const fixture *f) {
  random_stream s = random_stream_make(1, RANDOM_TEST, 9, 0);
  for (int i = 0; i < f->layout->entry_count; i++) {
    const nn_entry *entry = &f->layout->entries[i];
    for (size_t k = 0; k < entry->count; k++) {
      size_t at = entry->offset + k;
      bool counter = entry->rank == 0 && !entry->trainable;
      f->state[at] = counter ? 123456 : (nn_real)random_normal(&s);
      for (int m = 0; m < 2 && entry->trainable; m++)
        f->moments[m][at] = (nn_real)random_normal(&s);
    }
  }
}

static snapshot snapshot_of(const fixture *f) {
  return (snapshot){.step = 77,
                    .options = &f->options,
                    .data_identity = "abc",
                    .data_name = "d.h5",
                    .layout = f->layout,
                    .state = f->state,
                    .moments = {f->moments[0], f->moments[1]}};
}

static status read_back(const char *path, fixture *into, uint64_t *step) {
  ckpt_reader *reader;
  TRY(ckpt_reader_open(path, &reader));
  snapshot s = snapshot_of(into);
  status result = snapshot_read(reader, &s, into->scratch);
  if (result == STATUS_OK) result = snapshot_step(reader, step);
  ckpt_reader_close(&reader);
  return result;
}

static void test_round_trip(nn_norm norm) {
  char path[512];
  const char *name = CHOICES(NN_NORMS)[norm];
  snprintf(path, sizeof path, "%s/%s.h5", tap_scratch_folder(), name);
  fixture from, into;
  if (make(norm, 4, &from) != STATUS_OK || make(norm, 4, &into) != STATUS_OK) {
    tap_ok(false, "a network: %s", status_message());
    return;
  }
  fill(&from);
  snapshot s = snapshot_of(&from);
  uint64_t step = 0;
  bool good = snapshot_write(path, &s, from.scratch) == STATUS_OK &&
              read_back(path, &into, &step) == STATUS_OK;
  tap_ok(good, "%s norm: written and read", name);
  if (!good) tap_note("%s", status_message());
  tap_ok(step == 77, "the step is kept");
  size_t parameters = from.layout->parameter_size * sizeof(nn_real);
  tap_ok(memcmp(from.state, into.state,
                from.layout->state_size * sizeof(nn_real)) == 0,
         "parameters and buffers come back bit for bit");
  tap_ok(memcmp(from.moments[0], into.moments[0], parameters) == 0 &&
             memcmp(from.moments[1], into.moments[1], parameters) == 0,
         "so do both moments");
  destroy(&from);
  destroy(&into);
}

static void test_options(void) {
  char path[512], *texts = NULL;
  snprintf(path, sizeof path, "%s/instance.h5", tap_scratch_folder());
  ckpt_reader *reader;
  if (ckpt_reader_open(path, &reader) != STATUS_OK) {
    tap_ok(false, "%s", status_message());
    return;
  }
  train_options options;
  options_defaults(&train_option_table, &options);
  tap_ok(train_options_load(&options, NULL, reader, &texts) == STATUS_OK &&
             options.network.ngf == 4 && options.adam.lr == 1.0 / 3 &&
             options.network.norm == NN_INSTANCE_NORM &&
             options.network.size == 64,
         "options come back to the last bit");
  memory_free(texts);
  bool given[128] = {false};
  given[options_find(&train_option_table, "lr")] = true;
  options_defaults(&train_option_table, &options);
  options.adam.lr = 0.5;
  tap_ok(train_options_load(&options, given, reader, &texts) == STATUS_OK &&
             options.adam.lr == 0.5,
         "one that may change keeps the value it was given");
  memory_free(texts);
  options_defaults(&train_option_table, &options);
  given[options_find(&train_option_table, "ngf")] = true;
  options.network.ngf = 5;
  tap_ok(train_options_load(&options, given, reader, &texts) == STATUS_MISFIT &&
             strstr(status_message(), "--ngf") != NULL,
         "one that must not is refused by name");
  memory_free(texts);
  ckpt_reader_close(&reader);
}

/* A checkpoint of one text. */
static ckpt_reader *write_text(const char *name, const char *key,
                               const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s.h5", tap_scratch_folder(), name);
  ckpt_writer *writer;
  ckpt_reader *reader = NULL;
  if (ckpt_writer_open(path, &writer) != STATUS_OK ||
      ckpt_write_text(writer, key, text) != STATUS_OK ||
      ckpt_writer_commit(&writer) != STATUS_OK ||
      ckpt_reader_open(path, &reader) != STATUS_OK)
    tap_ok(false, "%s", status_message());
  return reader;
}

/* Of a file that is older than most options: of the only system there was. */
static void test_older_file(void) {
  ckpt_reader *reader = write_text("older", "option.model", "unet");
  if (reader == NULL) return;
  char *texts = NULL;
  train_options options;
  bool given[128] = {false};
  given[options_find(&train_option_table, "gan")] = true;
  for (int same = 0; same < 2; same++) {
    options_defaults(&train_option_table, &options);
    options.network.gan = same ? NN_GAN_NONE : NN_GAN_LSGAN;
    options.network.generator = NN_GENERATOR_UNET3PLUS;
    status result = train_options_load(&options, given, reader, &texts);
    if (same)
      tap_ok(result == STATUS_OK && options.network.gan == NN_GAN_NONE &&
                 options.network.generator == NN_GENERATOR_UNET,
             "options newer than a file are what runs did before them");
    else
      tap_ok(result == STATUS_MISFIT && strstr(status_message(), "--gan"),
             "and may not be given otherwise");
    memory_free(texts);
  }
  ckpt_reader_close(&reader);
}

/* Of a file by another program. */
static void test_foreign_file(void) {
  ckpt_reader *reader = write_text("foreign", "option.model", "dovenet");
  if (reader == NULL) return;
  char *texts = NULL;
  train_options options;
  options_defaults(&train_option_table, &options);
  tap_ok(train_options_load(&options, NULL, reader, &texts) == STATUS_OK &&
             options.model == TRAIN_DOVENET && !options.augmentation.flip,
         "what a file leaves out is as its model has it");
  memory_free(texts);
  ckpt_reader_close(&reader);
}

/* The options of the first checkpoints. Any newer one that is stored has to say
 * what runs did before it. */
static void test_before(void) {
  static const char *const first[] = {"model",
                                      "steps",
                                      "epochs",
                                      "batch",
                                      "micro-batch",
                                      "size",
                                      "ngf",
                                      "ndf",
                                      "norm",
                                      "dropout",
                                      "lambda-l1",
                                      "lr",
                                      "beta1",
                                      "beta2",
                                      "eps",
                                      "lr-policy",
                                      "lr-constant-epochs",
                                      "lr-decay-epochs",
                                      "lr-step-epochs",
                                      "flip",
                                      "crop-min",
                                      "seed",
                                      "save-every",
                                      "keep",
                                      "log-every",
                                      "report-samples",
                                      NULL};
  train_options options;
  options_defaults(&train_option_table, &options);
  for (int i = 0; i < train_option_table.count; i++) {
    const option *o = &train_option_table.options[i];
    if (o->scope == OPTION_LOCAL || choice_index(first, o->name) >= 0) continue;
    tap_ok(o->before != NULL && options_set(&train_option_table, &options,
                                            o->name, o->before) == STATUS_OK,
           "--%s: what runs did before it is stated", o->name);
  }
}

/* Presets name options, and values that these take. */
static void test_presets(void) {
  train_options options;
  bool given[128] = {false};
  given[options_find(&train_option_table, "lambda-tri")] = true;
  for (int i = 0; CHOICES(TRAIN_MODELS)[i] != NULL; i++) {
    options_defaults(&train_option_table, &options);
    options.model = (train_model)i;
    train_options_preset(&options, given);
    if (options.model == TRAIN_BARGAINNET)
      tap_ok(options.network.style_code && options.network.lambda_tri == 0 &&
                 options.network.norm == NN_BATCH_NORM &&
                 options.adam.lr == 0.0001 &&
                 options.schedule.policy == NN_LR_CONSTANT &&
                 options.augmentation.crop_min == 0.5,
             "a model stands for options, where they are not given");
  }
}

static void test_misfits(void) {
  char path[512];
  snprintf(path, sizeof path, "%s/instance.h5", tap_scratch_folder());
  uint64_t step;
  fixture other;
  if (make(NN_INSTANCE_NORM, 8, &other) == STATUS_OK) {
    tap_ok(read_back(path, &other, &step) == STATUS_MISFIT &&
               strstr(status_message(), "G/model.model.") != NULL,
           "a network of another width: the tensor is named");
    tap_note("%s", status_message());
    destroy(&other);
  }
  if (make(NN_BATCH_NORM, 4, &other) == STATUS_OK) {
    tap_ok(read_back(path, &other, &step) != STATUS_OK &&
               strstr(status_message(), "G/model.model.") != NULL,
           "a network of another norm: a tensor is named");
    tap_note("%s", status_message());
    destroy(&other);
  }
  snprintf(path, sizeof path, "%s/batch.h5", tap_scratch_folder());
  if (make(NN_INSTANCE_NORM, 4, &other) == STATUS_OK) {
    tap_ok(read_back(path, &other, &step) == STATUS_MISFIT &&
               strstr(status_message(), "G/model.model.") != NULL,
           "a file with arrays that the network has not: one is named");
    tap_note("%s", status_message());
    destroy(&other);
  }
}

/* values[at] is `bad`: not to be written, and the old file stays. */
static void refuse(fixture *f, nn_real *values, size_t at, double bad,
                   const char *path, const char *names) {
  nn_real kept = values[at];
  values[at] = (nn_real)bad;
  snapshot s = snapshot_of(f);
  status result = snapshot_write(path, &s, f->scratch);
  values[at] = kept;
  tap_ok(result == STATUS_NUMERIC && strstr(status_message(), names) != NULL &&
             strstr(status_message(), "step 77") != NULL,
         "%g in %s is not written", bad, names);
  tap_note("%s", status_message());
  uint64_t step = 0;
  tap_ok(read_back(path, f, &step) == STATUS_OK && step == 77,
         "the file from before is still good");
}

static void test_numbers(void) {
  char path[512];
  snprintf(path, sizeof path, "%s/batch.h5", tap_scratch_folder());
  fixture f;
  if (make(NN_BATCH_NORM, 4, &f) != STATUS_OK) {
    tap_ok(false, "%s", status_message());
    return;
  }
  fill(&f);
  const nn_entry *first = &f.layout->entries[0];
  refuse(&f, f.state, first->offset, NAN, path, first->name);
  const nn_entry *last = first;
  for (int i = 0; i < f.layout->entry_count; i++)
    if (f.layout->entries[i].trainable) last = &f.layout->entries[i];
  refuse(&f, f.state, last->offset + last->count - 1, INFINITY, path,
         last->name);
  refuse(&f, f.moments[0], last->offset, -INFINITY, path, "exp_avg/");
  refuse(&f, f.moments[1], last->offset, NAN, path, "exp_avg_sq/");
  const nn_entry *buffer = &f.layout->entries[f.layout->entry_count - 1];
  refuse(&f, f.state, buffer->offset, NAN, path, buffer->name);
  destroy(&f);
}

int main(void) {
  test_round_trip(NN_INSTANCE_NORM);
  test_round_trip(NN_BATCH_NORM);
  test_options();
  test_older_file();
  test_foreign_file();
  test_before();
  test_presets();
  test_misfits();
  test_numbers();
  return tap_done();
}
