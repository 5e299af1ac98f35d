/* Packing an HCOCO folder: threads decode, resize and compress the images of
 * one real image after another into OUT.partial (pack_journal.h); at the end
 * the chunks are put in order into OUT.tmp, which becomes OUT.
 *
 * HDF5 files that are being written do not survive a kill, so none is open
 * while the long work runs. Killed at any moment, the same command goes on: the
 * journal keeps every finished image, and putting in order starts again. The
 * price is room on disk for twice the result while packing. A failure (a full
 * disk) keeps OUT.partial and removes OUT.tmp. The result does not depend on
 * the order in which threads finish, nor on interruptions. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/folders.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/publish.h"
#include "base/threads.h"
#include "data/folder/categories.h"
#include "data/image/deflate.h"
#include "data/set/pack_overlap.h"
#include "data/set/pack_journal.h"
#include "data/set/pack_load.h"
#include "data/set/pack_contents.h"

typedef struct pack {
  const data_pack_options *options;
  pack_job job;
  pack_contents contents;
  journal *journal;
  char **bad; /* of each entry: why it is left out, or NULL */
  char journal_path[PATH_MAX], skipped_path[PATH_MAX];
  pthread_mutex_t mutex; /* of what follows */
  size_t samples_done, images_done, bad_count;
  double started;
} pack;

/* ---- samples ---- */

/* Compresses into the journal; frees the image in any case. */
static status store(pack *p, set_kind kind, size_t number, data_image *image) {
  data_chunk chunk;
  status result =
      data_chunk_make(image->pixels, p->options->size, set_channels(kind),
                      p->options->compression, &chunk);
  data_image_free(image);
  TRY(result);
  result = journal_append(p->journal, kind, number, &chunk);
  data_chunk_free(&chunk);
  pthread_mutex_lock(&p->mutex);
  p->images_done++;
  pthread_mutex_unlock(&p->mutex);
  return result;
}

/* ---- samples ---- */

/* An entry that cannot be read: left out with --skip-bad, else the end. */
static status take_bad(pack *p, size_t entry, status why) {
  if (why == STATUS_MEMORY) return why;
  char *message;
  TRY(memory_copy_text(status_message(), &message));
  if (!p->options->skip_bad) {
    status result =
        status_error(why, "%s (--skip-bad leaves such samples out)", message);
    memory_free(message);
    return result;
  }
  p->bad[entry] = message;
  pthread_mutex_lock(&p->mutex);
  p->bad_count++;
  pthread_mutex_unlock(&p->mutex);
  return STATUS_OK;
}

/* A mask that several samples share is tried once for each while it is bad. */
static status pack_entry(pack *p, size_t i, const pack_original *real) {
  const data_entry *entry = &p->contents.folder.entries[i];
  data_image image;
  if (!journal_has(p->journal, SET_MASK, p->contents.mask[i])) {
    status loaded = pack_load_mask(&p->job, entry, real, &image);
    if (loaded != STATUS_OK) return take_bad(p, i, loaded);
    TRY(store(p, SET_MASK, p->contents.mask[i], &image));
  }
  if (!journal_has(p->journal, SET_COMPOSITE, i)) {
    status loaded = pack_load_composite(&p->job, entry, real, &image);
    if (loaded != STATUS_OK) return take_bad(p, i, loaded);
    TRY(store(p, SET_COMPOSITE, i, &image));
  }
  return STATUS_OK;
}

/* Reads the real image, or only its size where it is stored already. A failure
 * to read is `*loaded`; the function's own status is of storing. */
static status pack_real(pack *p, size_t group, pack_original *real,
                        status *loaded) {
  size_t first = p->contents.members[p->contents.begin[group]];
  bool stored = journal_has(p->journal, SET_REAL, group);
  data_image image;
  *loaded = pack_load_real(&p->job, &p->contents.folder.entries[first], real,
                           stored ? NULL : &image);
  if (*loaded != STATUS_OK || stored) return STATUS_OK;
  return store(p, SET_REAL, group, &image);
}

static bool is_group_stored(const pack *p, size_t group) {
  const pack_contents *contents = &p->contents;
  if (!journal_has(p->journal, SET_REAL, group)) return false;
  for (size_t m = contents->begin[group]; m < contents->begin[group + 1]; m++)
    if (!journal_has(p->journal, SET_COMPOSITE, contents->members[m]) ||
        !journal_has(p->journal, SET_MASK,
                     contents->mask[contents->members[m]]))
      return false;
  return true;
}

static void show_progress(pack *p, size_t group) {
  pthread_mutex_lock(&p->mutex);
  p->samples_done += p->contents.begin[group + 1] - p->contents.begin[group];
  size_t all = p->contents.folder.count;
  double seconds = clock_seconds() - p->started;
  double rate = seconds > 0 ? (double)p->images_done / seconds : 0;
  size_t images = 0;
  for (int kind = 0; kind < SET_KINDS; kind++)
    images += p->contents.counts[kind];
  double left = (double)(all - p->samples_done) * (double)images / (double)all;
  char text[32], bad[32] = "";
  if (p->bad_count > 0) snprintf(bad, sizeof bad, ", %zu bad", p->bad_count);
  log_live(p->samples_done == all,
           "packed %zu of %zu composites%s, %.0f images/s, %s left",
           p->samples_done, all, bad, rate,
           format_duration(rate > 0 ? left / rate : -1, text));
  pthread_mutex_unlock(&p->mutex);
}

/* One real image with all that belongs to it. */
static status pack_group(void *context, size_t group) {
  pack *p = context;
  const pack_contents *contents = &p->contents;
  if (!is_group_stored(p, group)) {
    pack_original real;
    status loaded;
    TRY(pack_real(p, group, &real, &loaded));
    for (size_t m = contents->begin[group]; m < contents->begin[group + 1];
         m++) {
      size_t entry = contents->members[m];
      TRY(loaded == STATUS_OK ? pack_entry(p, entry, &real)
                              : take_bad(p, entry, loaded));
    }
  }
  show_progress(p, group);
  return STATUS_OK;
}

/* ---- putting in order ---- */

typedef struct assembly {
  pack *pack;
  data_set_writer *writer;
  data_chunk chunk;
  size_t *numbers[SET_KINDS]; /* in the result; SIZE_MAX: left out */
  size_t counts[SET_KINDS], done;
} assembly;

static void number_images(assembly *a) {
  const pack_contents *contents = &a->pack->contents;
  for (int kind = 0; kind < SET_KINDS; kind++)
    memset(a->numbers[kind], 0xff, contents->counts[kind] * sizeof(size_t));
  for (size_t i = 0; i < contents->folder.count; i++) {
    if (a->pack->bad[i] != NULL) continue;
    a->numbers[SET_COMPOSITE][i] = 0;
    a->numbers[SET_REAL][contents->real[i]] = 0;
    a->numbers[SET_MASK][contents->mask[i]] = 0;
  }
  for (int kind = 0; kind < SET_KINDS; kind++)
    for (size_t i = 0; i < contents->counts[kind]; i++)
      if (a->numbers[kind][i] == 0) a->numbers[kind][i] = a->counts[kind]++;
}

static status add_image(assembly *a, set_kind kind, size_t i) {
  const pack_contents *contents = &a->pack->contents;
  TRY(journal_read(a->pack->journal, kind, i, &a->chunk));
  if (kind == SET_REAL)
    return data_set_writer_add_real(a->writer, &a->chunk, NULL);
  if (kind == SET_MASK)
    return data_set_writer_add_mask(a->writer, &a->chunk, NULL);
  const data_entry *entry = &contents->folder.entries[i];
  return data_set_writer_add_composite(
      a->writer, file_name_of(entry->composite), entry->split,
      a->numbers[SET_REAL][contents->real[i]],
      a->numbers[SET_MASK][contents->mask[i]], &a->chunk);
}

static status add_images(assembly *a) {
  size_t all =
      a->counts[SET_REAL] + a->counts[SET_MASK] + a->counts[SET_COMPOSITE];
  for (int kind = 0; kind < SET_KINDS; kind++)
    for (size_t i = 0; i < a->pack->contents.counts[kind]; i++) {
      if (a->numbers[kind][i] == SIZE_MAX) continue;
      TRY(add_image(a, kind, i));
      a->done++;
      if (a->done % 1024 == 0)
        log_live(false, "writing %s: %zu of %zu images", a->pack->options->out,
                 a->done, all);
    }
  return STATUS_OK;
}

/* What the folder tells of its real images, numbered by first use. */
static status number_categories(const assembly *a, const categories *known,
                                uint32_t *numbers, uint32_t *out) {
  const pack_contents *c = &a->pack->contents;
  uint32_t used = 0;
  for (size_t i = 0; i < known->names.count; i++) numbers[i] = UINT32_MAX;
  for (size_t i = 0; i < c->folder.count; i++) {
    size_t real = a->numbers[SET_REAL][c->real[i]];
    if (real == SIZE_MAX) continue;
    const char *image = strrchr(c->folder.entries[i].real, '/') + 1;
    uint32_t category = categories_find(known, image);
    out[real] = UINT32_MAX;
    if (category == UINT32_MAX) continue;
    if (numbers[category] == UINT32_MAX) numbers[category] = used++;
    out[real] = numbers[category];
  }
  return data_set_writer_categorise(a->writer, out);
}

static status add_categories(const assembly *a) {
  categories known;
  uint32_t *numbers = NULL, *of_reals = NULL;
  TRY(categories_read(a->pack->contents.folder.path, &known));
  status result = STATUS_OK;
  if (known.names.count == 0) goto end;
  TRY_OR(end, MEMORY_NEW(known.names.count, "categories", &numbers));
  TRY_OR(end, MEMORY_NEW(a->counts[SET_REAL], "categories", &of_reals));
  result = number_categories(a, &known, numbers, of_reals);
end:
  memory_free(numbers);
  memory_free(of_reals);
  categories_free(&known);
  return result;
}

static status write_set(assembly *a) {
  const pack *p = a->pack;
  data_set_attributes attributes = {
      .size = p->options->size,
      .reals = a->counts[SET_REAL],
      .masks = a->counts[SET_MASK],
      .count = a->counts[SET_COMPOSITE],
      .compression = p->options->compression,
      .protocol = p->contents.protocol,
      .source = p->contents.source,
      .listing = p->contents.listing,
      .skipped = p->bad_count,
  };
  TRY(data_set_writer_open(p->options->out, &attributes, &a->writer));
  TRY(add_images(a));
  TRY(add_categories(a));
  return data_set_writer_commit(&a->writer);
}

static size_t longest_chunk(int size) {
  return deflate_bound((size_t)size * (size_t)size * 3) + 4;
}

static status assemble(pack *p) {
  assembly a = {.pack = p};
  status result;
  TRY_OR(end, MEMORY_NEW(longest_chunk(p->options->size), "a compressed image",
                         &a.chunk.bytes));
  for (int kind = 0; kind < SET_KINDS; kind++)
    TRY_OR(end, MEMORY_NEW(p->contents.counts[kind], "numbers of images",
                           &a.numbers[kind]));
  number_images(&a);
  TRY_OR(end, write_set(&a));
end:
  data_set_writer_abort(&a.writer);
  for (int kind = 0; kind < SET_KINDS; kind++) memory_free(a.numbers[kind]);
  data_chunk_free(&a.chunk);
  return result;
}

/* ---- what was left out ---- */

static status write_skipped(const pack *p) {
  const char *path = p->skipped_path;
  FILE *file = fopen(path, "w");
  if (file == NULL)
    return status_error(STATUS_IO, "%s: cannot create: %s", path,
                        strerror(errno));
  for (size_t i = 0; i < p->contents.folder.count; i++)
    if (p->bad[i] != NULL)
      fprintf(file, "%s\t%s\n", p->contents.folder.entries[i].composite,
              p->bad[i]);
  int error = fflush(file) != 0 || fsync(fileno(file)) != 0 ? errno : 0;
  if (fclose(file) != 0 && error == 0) error = errno;
  if (error == 0) return STATUS_OK;
  unlink(path);
  return status_system(error, "%s: cannot write", path);
}

static status report_skipped(const pack *p) {
  if (p->bad_count == 0) {
    unlink(p->skipped_path); /* of an earlier, worse folder */
    return STATUS_OK;
  }
  for (size_t i = 0; i < p->contents.folder.count; i++)
    if (p->bad[i] != NULL)
      log_warning("left out: %s: %s", p->contents.folder.entries[i].composite,
                  p->bad[i]);
  if (p->bad_count == p->contents.folder.count)
    return status_error(STATUS_FORMAT,
                        "%s: none of its %zu samples could be read",
                        p->contents.folder.path, p->bad_count);
  return write_skipped(p);
}

/* ---- a result that is there already ---- */

static status compare(const pack *p, const data_set *set) {
  const data_pack_options *options = p->options;
  const data_set_info *info = data_set_describe(set);
  const set_origin *origin = set_describe_origin(set);
  const char *hint = "; remove it or choose another name";
  if (strcmp(info->protocol, p->contents.protocol) != 0)
    return status_error(STATUS_MISFIT,
                        "%s: is there already, packed with other options: %s; "
                        "asked for: %s%s",
                        options->out, info->protocol, p->contents.protocol,
                        hint);
  if (origin->compression != options->compression)
    return status_error(STATUS_MISFIT,
                        "%s: is there already, with compression %d instead of "
                        "%d%s",
                        options->out, origin->compression, options->compression,
                        hint);
  if (strcmp(origin->listing, p->contents.listing) != 0)
    return status_error(STATUS_MISFIT,
                        "%s: is there already, packed from another folder (%s) "
                        "or other lists than those of %s%s",
                        options->out, origin->source, p->contents.folder.path,
                        hint);
  if (origin->skipped > 0 && !options->skip_bad)
    return status_error(STATUS_MISFIT,
                        "%s: is there already, with %zu bad samples left out "
                        "(--skip-bad)%s",
                        options->out, origin->skipped, hint);
  return STATUS_OK;
}

/* `*finished` where the file is the one that was asked for. */
static status look_for_result(const pack *p, bool *finished) {
  *finished = false;
  char *target; /* a link to a file that is still to be made is none */
  TRY(publish_target(p->options->out, &target));
  bool absent = disk_is_absent(target);
  memory_free(target);
  if (absent) return STATUS_OK;
  data_set *set;
  status result = data_set_open(p->options->out, &set);
  if (result != STATUS_OK) {
    char message[512];
    snprintf(message, sizeof message, "%s", status_message());
    return status_error(STATUS_MISFIT,
                        "%s is there already and not a finished data set, so "
                        "it is left alone (%s)",
                        p->options->out, message);
  }
  result = compare(p, set);
  *finished = result == STATUS_OK;
  data_set_close(&set);
  return result;
}

/* ---- the whole ---- */

static status open_journal(pack *p) {
  char header[JOURNAL_HEADER];
  snprintf(header, sizeof header,
           "harmonia pack journal 1\n%s\ncompression %d\nlisting %s",
           p->contents.protocol, p->options->compression, p->contents.listing);
  return journal_open(p->journal_path, header, p->contents.counts,
                      longest_chunk(p->options->size), &p->journal);
}

static void say_done(const pack *p, double seconds) {
  struct stat about = {0};
  char text[32];
  stat(p->options->out, &about);
  log_info("%s: %zu composites, %.1f MB; %zu images packed in %s",
           p->options->out, p->contents.folder.count - p->bad_count,
           (double)about.st_size / 1e6, p->images_done,
           format_duration(seconds, text));
}

static status run(pack *p) {
  bool finished;
  TRY(pack_contents_make(p->options, &p->contents));
  p->job = (pack_job){.options = p->options, .folder = p->contents.folder.path};
  TRY(MEMORY_NEW(p->contents.folder.count, "list of bad samples", &p->bad));
  TRY(overlap_of_names(&p->contents, p->options->strict));
  TRY(look_for_result(p, &finished));
  if (finished) {
    log_info("%s: already complete", p->options->out);
    /* Killed between renaming and removing. */
    if (access(p->journal_path, F_OK) == 0 && open_journal(p) == STATUS_OK)
      journal_close(&p->journal, true);
    return STATUS_OK;
  }
  TRY(open_journal(p));
  p->started = clock_seconds();
  TRY(threads_for(p->contents.counts[SET_REAL], p->options->threads, pack_group,
                  p));
  TRY(report_skipped(p));
  TRY(overlap_of_pixels(&p->contents, p->journal, p->options->strict));
  status result = assemble(p);
  if (result != STATUS_OK) {
    log_info("the images packed are kept in %s for the next try",
             p->journal_path);
    return result;
  }
  journal_close(&p->journal, true);
  say_done(p, clock_seconds() - p->started);
  return STATUS_OK;
}

static status check_options(const data_pack_options *options) {
  if (options->size < 1 || options->size > 16384)
    return status_error(STATUS_USAGE, "size %d: expected 1 to 16384",
                        options->size);
  if (options->compression < 0 || options->compression > 9)
    return status_error(STATUS_USAGE, "compression %d: expected 0 to 9",
                        options->compression);
  if (strlen(options->out) + sizeof ".skipped.txt" > PATH_MAX)
    return status_error(STATUS_IO, "%.60s...: the path is too long",
                        options->out);
  return STATUS_OK;
}

/* On the disk of the result, which a link may lead to. */
static status name_journal(pack *p) {
  char *target;
  TRY(publish_target(p->options->out, &target));
  int length = snprintf(p->journal_path, PATH_MAX, "%s.partial", target);
  memory_free(target);
  if (length < PATH_MAX) return STATUS_OK;
  return status_error(STATUS_IO, "%.60s...: the path is too long",
                      p->options->out);
}

status data_pack(const data_pack_options *options) {
  TRY(check_options(options));
  pack *p;
  TRY(MEMORY_NEW(1, "packing", &p));
  p->options = options;
  snprintf(p->skipped_path, PATH_MAX, "%s.skipped.txt", options->out);
  pthread_mutex_init(&p->mutex, NULL);
  status result = name_journal(p);
  if (result == STATUS_OK) result = run(p);
  pthread_mutex_destroy(&p->mutex);
  journal_close(&p->journal, false);
  for (size_t i = 0; p->bad != NULL && i < p->contents.folder.count; i++)
    memory_free(p->bad[i]);
  memory_free(p->bad);
  pack_contents_free(&p->contents);
  memory_free(p);
  return result;
}
