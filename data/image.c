/* Images: memory, files, and the choice of the codec. A file is read whole and
 * decoded from memory; it is encoded to memory and then stored in one piece, so
 * that errors of the disk and errors of the format are told apart. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/publish.h"
#include "data/image_internal.h"

/* A file of more bytes is no image that may be decoded here. */
#define FILE_BYTES_MAX ((size_t)1 << 31)
/* Enough for the header of all but files with large metadata in front. */
#define HEADER_BYTES ((size_t)1 << 16)

/* ---- memory ------------------------------------------------------------ */

status image_check_size(const char *path, int64_t width, int64_t height) {
  if (width > 0 && height > 0 && width <= INT32_MAX && height <= INT32_MAX &&
      width * height <= IMAGE_PIXELS_MAX)
    return STATUS_OK;
  return status_error(
      STATUS_FORMAT, "%s: %lld x %lld pixels; expected 1 to %lld in all", path,
      (long long)width, (long long)height, (long long)IMAGE_PIXELS_MAX);
}

status data_image_create(int width, int height, int channels, data_image *out) {
  *out = (data_image){0};
  INVARIANT(channels == 1 || channels == 3, "%d channels", channels);
  TRY(image_check_size("a new image", width, height));
  TRY(MEMORY_NEW((size_t)width * (size_t)height * (size_t)channels, "an image",
                 &out->pixels));
  out->width = width;
  out->height = height;
  out->channels = channels;
  return STATUS_OK;
}

void data_image_free(data_image *image) {
  memory_free(image->pixels);
  *image = (data_image){0};
}

/* By realloc: what grows is megabytes, which it moves without a copy, and room
 * that is never used is no memory. */
status image_bytes_reserve(image_bytes *bytes, size_t capacity) {
  if (capacity <= bytes->capacity) return STATUS_OK;
  uint8_t *data = realloc(bytes->data, capacity);
  if (data == NULL)
    return status_error(STATUS_MEMORY, "an image file: no memory for %zu bytes",
                        capacity);
  bytes->data = data;
  bytes->capacity = capacity;
  return STATUS_OK;
}

status image_bytes_append(image_bytes *bytes, const uint8_t *data,
                          size_t size) {
  if (size > bytes->capacity - bytes->size)
    TRY(image_bytes_reserve(bytes, 2 * (bytes->size + size)));
  if (size > 0) memcpy(bytes->data + bytes->size, data, size);
  bytes->size += size;
  return STATUS_OK;
}

void image_bytes_free(image_bytes *bytes) {
  free(bytes->data);
  *bytes = (image_bytes){0};
}

/* ---- reading ----------------------------------------------------------- */

static status io_error(const char *path, const char *what) {
  return status_error(STATUS_IO, "%s: cannot %s: %s", path, what,
                      strerror(errno));
}

/* Appends up to `limit` bytes in all; less means the end of the file. */
static status read_open_file(const char *path, int file, size_t limit,
                             image_bytes *out) {
  struct stat about;
  if (fstat(file, &about) != 0) return io_error(path, "read");
  if (S_ISDIR(about.st_mode))
    return status_error(STATUS_IO, "%s: a folder; expected an image file",
                        path);
  size_t room = HEADER_BYTES;
  if (S_ISREG(about.st_mode) && about.st_size > 0)
    room = (size_t)about.st_size + 1; /* one more, to see the end */
  TRY(image_bytes_reserve(out, room < limit ? room : limit));
  while (out->size < limit) {
    if (out->size == out->capacity)
      TRY(image_bytes_reserve(out, 2 * out->capacity));
    size_t want = out->capacity - out->size;
    if (want > limit - out->size) want = limit - out->size;
    ssize_t got = read(file, out->data + out->size, want);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "read");
    if (got == 0) break;
    out->size += (size_t)got;
  }
  return STATUS_OK;
}

static status read_file(const char *path, size_t limit, image_bytes *out) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return io_error(path, "open");
  status result = read_open_file(path, file, limit, out);
  close(file);
  return result;
}

static status decode(const char *path, const image_bytes *file,
                     bool header_only, data_image *out) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  static const uint8_t jpeg[3] = {0xff, 0xd8, 0xff};
  if (file->size == 0)
    return status_error(
        STATUS_FORMAT, "%s: an empty file; expected a PNG or JPEG image", path);
  if (file->size >= sizeof png && memcmp(file->data, png, sizeof png) == 0)
    return image_png_decode(path, file, header_only, out);
  if (file->size >= sizeof jpeg && memcmp(file->data, jpeg, sizeof jpeg) == 0)
    return image_jpeg_decode(path, file, header_only, out);
  return status_error(STATUS_FORMAT,
                      "%s: expected a PNG or JPEG image, but it does not begin "
                      "like either",
                      path);
}

/* The image with the channels that its file has, 1 or 3. */
static status read_native(const char *path, data_image *out) {
  *out = (data_image){0};
  image_bytes file = {0};
  status result = read_file(path, FILE_BYTES_MAX, &file);
  if (result == STATUS_OK && file.size == FILE_BYTES_MAX)
    result = status_error(STATUS_FORMAT,
                          "%s: more than %zu bytes; expected an image", path,
                          FILE_BYTES_MAX);
  if (result == STATUS_OK) result = decode(path, &file, false, out);
  image_bytes_free(&file);
  return result;
}

static void spread_grey(const data_image *grey, data_image *rgb) {
  size_t count = (size_t)grey->width * (size_t)grey->height;
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < 3; c++) rgb->pixels[3 * i + c] = grey->pixels[i];
}

/* ITU-R 601 luma in Pillow's fixed point of 16 bits. */
static void mix_grey(const data_image *rgb, data_image *grey) {
  size_t count = (size_t)grey->width * (size_t)grey->height;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *p = rgb->pixels + 3 * i;
    grey->pixels[i] =
        (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >>
                  16);
  }
}

static status read_as(const char *path, int channels, data_image *out) {
  data_image native;
  TRY(read_native(path, &native));
  if (native.channels == channels) {
    *out = native;
    return STATUS_OK;
  }
  status result = data_image_create(native.width, native.height, channels, out);
  if (result == STATUS_OK)
    (channels == 3 ? spread_grey : mix_grey)(&native, out);
  data_image_free(&native);
  return result;
}

status data_image_read(const char *path, data_image *out) {
  *out = (data_image){0};
  return read_as(path, 3, out);
}

status data_image_read_grey(const char *path, data_image *out) {
  *out = (data_image){0};
  return read_as(path, 1, out);
}

status data_image_read_size(const char *path, int *width, int *height) {
  image_bytes file = {0};
  data_image header = {0};
  *width = *height = 0;
  status result = read_file(path, HEADER_BYTES, &file);
  bool more = file.size == HEADER_BYTES;
  if (result == STATUS_OK) result = decode(path, &file, true, &header);
  if (result == STATUS_FORMAT && more) { /* much metadata in front */
    file.size = 0;
    result = read_file(path, FILE_BYTES_MAX, &file);
    if (result == STATUS_OK) result = decode(path, &file, true, &header);
  }
  image_bytes_free(&file);
  *width = header.width;
  *height = header.height;
  return result;
}

/* ---- writing ----------------------------------------------------------- */

typedef enum image_format { FORMAT_PNG, FORMAT_JPEG } image_format;

static status find_format(const char *path, image_format *out) {
  const char *slash = strrchr(path, '/');
  const char *ending = strrchr(slash != NULL ? slash : path, '.');
  if (ending == NULL) ending = "";
  *out = strcasecmp(ending, ".png") == 0 ? FORMAT_PNG : FORMAT_JPEG;
  if (*out == FORMAT_PNG || strcasecmp(ending, ".jpg") == 0 ||
      strcasecmp(ending, ".jpeg") == 0)
    return STATUS_OK;
  return status_error(STATUS_USAGE,
                      "%s: an image's name ends in .png, .jpg or .jpeg", path);
}

status data_image_check(const char *path) {
  image_format format;
  TRY(find_format(path, &format));
  return publish_check(path);
}

status data_image_write(const char *path, const data_image *image,
                        int quality) {
  INVARIANT(image->pixels != NULL, "%s: an empty image to write", path);
  INVARIANT(image->channels == 1 || image->channels == 3, "%s: %d channels",
            path, image->channels);
  image_bytes bytes = {0};
  image_format format;
  TRY(find_format(path, &format));
  status result = format == FORMAT_PNG
                      ? image_png_encode(path, image, &bytes)
                      : image_jpeg_encode(path, image, quality, &bytes);
  if (result == STATUS_OK) result = publish_bytes(path, bytes.data, bytes.size);
  image_bytes_free(&bytes);
  return result;
}
