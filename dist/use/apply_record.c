/* Lines of JSON about pictures. */
#include "dist/use/apply_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/read_file.h"
#include "base/sha256.h"

apply_record apply_record_begin(const apply_task *task) {
  return (apply_record){.task = task,
                        .harmony_before = NAN,
                        .harmony_after = NAN,
                        .mean_change = NAN};
}

/* ---- what is found out ---- */

static status digest(const char *path, char hex[65]) {
  char *bytes;
  size_t length;
  sha256 hash;
  if (path[0] == '\0') return STATUS_OK;
  TRY(read_file(path, &bytes, &length));
  sha256_begin(&hash);
  sha256_add(&hash, bytes, length);
  sha256_end(&hash, hex);
  memory_free(bytes);
  return STATUS_OK;
}

status apply_record_digest(apply_record *record) {
  TRY(digest(record->task->image, record->image_digest));
  TRY(digest(record->task->cutout, record->cutout_digest));
  return digest(record->task->mask, record->mask_digest);
}

/* In levels of 255. */
static double level(const data_picture *picture, const void *pixels,
                    size_t at) {
  return picture->bits == 16 ? ((const uint16_t *)pixels)[at] / 257.0
                             : ((const uint8_t *)pixels)[at];
}

void apply_record_change(apply_record *record, const data_picture *picture,
                         const void *before, const data_image *mask) {
  size_t pixels = (size_t)mask->width * (size_t)mask->height, count = 0;
  double sum = 0;
  for (size_t i = 0; i < pixels; i++) {
    if (mask->pixels[i] == 0) continue;
    size_t first = i * (size_t)picture->channels;
    for (size_t at = first; at < first + 3; at++, count++)
      sum += fabs(level(picture, picture->pixels, at) -
                  level(picture, before, at));
  }
  record->mean_change = sum / (double)count;
}

/* ---- the line ---- */

static void put_text(FILE *file, const char *name, const char *text) {
  fprintf(file, "\"%s\": ", name);
  if (text == NULL || text[0] == '\0') {
    fputs("null, ", file);
    return;
  }
  fputc('"', file);
  for (const char *c = text; *c != '\0'; c++)
    if (*c == '"' || *c == '\\')
      fprintf(file, "\\%c", *c);
    else if ((unsigned char)*c < 0x20)
      fprintf(file, "\\u%04x", (unsigned)*c);
    else
      fputc(*c, file);
  fputs("\", ", file);
}

static void put_number(FILE *file, const char *name, double value) {
  if (isfinite(value))
    fprintf(file, "\"%s\": %.6g, ", name, value);
  else
    fprintf(file, "\"%s\": null, ", name);
}

/* By way of memory, so that lines of several threads and ranks do not mix. */
void apply_record_print(const apply_record *r, FILE *file) {
  char *line = NULL;
  size_t length = 0;
  FILE *text = open_memstream(&line, &length);
  if (text == NULL) return;
  fputc('{', text);
  put_text(text, "image", r->task->image);
  put_text(text, "mask", r->task->mask);
  put_text(text, "cutout", r->task->cutout);
  put_text(text, "output", r->task->output);
  for (int i = 0; i < APPLY_PRODUCTS; i++)
    put_text(text, apply_product_names[i], r->task->products[i]);
  put_text(text, "outcome", r->outcome);
  put_text(text, "error", r->error);
  put_text(text, "image_sha256", r->image_digest);
  put_text(text, "mask_sha256", r->mask_digest);
  put_text(text, "cutout_sha256", r->cutout_digest);
  put_number(text, "harmony_before", r->harmony_before);
  put_number(text, "harmony_after", r->harmony_after);
  put_number(text, "mean_change", r->mean_change);
  fprintf(text, "\"ms\": %.1f}\n", r->milliseconds);
  if (fclose(text) == 0) fwrite(line, 1, length, file);
  fflush(file);
  free(line);
}
