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
#include "data/image/image_internal.h"

/* A file of more bytes is no image that may be decoded here. */
#define FILE_BYTES_MAX ((size_t)1 << 31)
/* Enough for the header of all but files with large metadata in front. */
#define HEADER_BYTES ((size_t)1 << 16)

/* ---- memory ---- */

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
status image_bytes_reserve(data_bytes *bytes, size_t capacity) {
  if (capacity <= bytes->capacity) return STATUS_OK;
  uint8_t *data = realloc(bytes->data, capacity);
  if (data == NULL)
    return status_error(STATUS_MEMORY, "an image file: no memory for %zu bytes",
                        capacity);
  bytes->data = data;
  bytes->capacity = capacity;
  return STATUS_OK;
}

status image_bytes_append(data_bytes *bytes, const uint8_t *data, size_t size) {
  if (size > bytes->capacity - bytes->size)
    TRY(image_bytes_reserve(bytes, 2 * (bytes->size + size)));
  if (size > 0) memcpy(bytes->data + bytes->size, data, size);
  bytes->size += size;
  return STATUS_OK;
}

void image_bytes_free(data_bytes *bytes) {
  free(bytes->data);
  *bytes = (data_bytes){0};
}

/* ---- reading ---- */

static status io_error(const char *path, const char *what) {
  return status_system(errno, "%s: cannot %s", path, what);
}

/* Appends up to `limit` bytes in all; less means the end of the file. */
static status read_open_file(const char *path, int file, size_t limit,
                             data_bytes *out) {
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

static status read_file(const char *path, size_t limit, data_bytes *out) {
  int file = strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
                                    : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return io_error(path, "open");
  status result = read_open_file(path, file, limit, out);
  close(file);
  return result;
}

static status decode(const char *path, const data_bytes *file, image_want want,
                     data_picture *out) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  static const uint8_t jpeg[3] = {0xff, 0xd8, 0xff};
  *out = (data_picture){0};
  if (file->size == 0)
    return status_error(
        STATUS_FORMAT, "%s: an empty file; expected a PNG or JPEG image", path);
  if (file->size > 2 && file->data[0] == 'P' &&
      (file->data[1] == '5' || file->data[1] == '6'))
    return image_ppm_decode(path, file, want, out);
  if (file->size >= sizeof png && memcmp(file->data, png, sizeof png) == 0)
    return image_png_decode(path, file, want, out);
  if (file->size >= sizeof jpeg && memcmp(file->data, jpeg, sizeof jpeg) == 0)
    return image_jpeg_decode(path, file, want, out);
  return status_error(STATUS_FORMAT,
                      "%s: expected a PNG or JPEG image, but it does not begin "
                      "like either",
                      path);
}

static status decode_upright(const char *path, const data_bytes *file,
                             image_want want, data_picture *out) {
  data_metadata metadata;
  TRY(decode(path, file, want, out));
  status result = image_metadata_read(file, &metadata);
  if (result == STATUS_OK) {
    int orientation = exif_orientation(&metadata.exif);
    result = image_turn(out, orientation);
    image_metadata_settle(&metadata, orientation > 4);
  }
  out->metadata = metadata;
  if (result != STATUS_OK) data_picture_free(out);
  return result;
}

static status read_whole(const char *path, data_bytes *out) {
  TRY(read_file(path, FILE_BYTES_MAX, out));
  if (out->size < FILE_BYTES_MAX) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: more than %zu bytes; expected an image", path,
                      FILE_BYTES_MAX);
}

status image_read(const char *path, image_want want, data_picture *out) {
  *out = (data_picture){0};
  data_bytes file = {0};
  status result = read_whole(path, &file);
  if (result == STATUS_OK) result = decode_upright(path, &file, want, out);
  image_bytes_free(&file);
  return result;
}

static void spread_grey(const data_image *grey, data_image *rgb) {
  size_t count = (size_t)grey->width * (size_t)grey->height;
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < 3; c++) rgb->pixels[3 * i + c] = grey->pixels[i];
}

/* ITU-R 601 luma in Pillow's fixed point of 16 bits. */
uint8_t image_luma(const uint8_t rgb[3]) {
  return (
      uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >>
               16);
}

status data_image_read(const char *path, data_image *out) {
  *out = (data_image){0};
  data_picture picture;
  TRY(image_read(path, IMAGE_BYTES, &picture));
  data_image native = {picture.width, picture.height, picture.channels,
                       picture.pixels};
  image_metadata_free(&picture.metadata);
  if (native.channels == 3) {
    *out = native;
    return STATUS_OK;
  }
  status result = data_image_create(native.width, native.height, 3, out);
  if (result == STATUS_OK) spread_grey(&native, out);
  data_image_free(&native);
  return result;
}

status data_picture_read(const char *path, data_picture *out) {
  return image_read(path, IMAGE_ALL, out);
}

/* A JPEG says all before its pixels; a PNG may say last how it is turned. */
static bool tells_by_header(const data_bytes *file) {
  return file->size < HEADER_BYTES || file->data[0] == 0xff;
}

status data_image_read_size(const char *path, int *width, int *height) {
  data_bytes file = {0};
  data_picture header = {0};
  *width = *height = 0;
  status result = read_file(path, HEADER_BYTES, &file);
  bool more = file.size == HEADER_BYTES, enough = tells_by_header(&file);
  if (result == STATUS_OK && enough)
    result = decode_upright(path, &file, IMAGE_HEADER, &header);
  if (more && (!enough || result == STATUS_FORMAT)) {
    file.size = 0; /* a failure left nothing in `header` */
    result = read_whole(path, &file);
    if (result == STATUS_OK)
      result = decode_upright(path, &file, IMAGE_HEADER, &header);
  }
  image_bytes_free(&file);
  *width = header.width;
  *height = header.height;
  data_picture_free(&header);
  return result;
}

/* ---- writing ---- */

typedef enum format { FORMAT_PNG, FORMAT_JPEG, FORMAT_PPM } format;

static const struct {
  const char *ending;
  format format;
} formats[] = {{"png", FORMAT_PNG}, {"jpg", FORMAT_JPEG}, {"jpeg", FORMAT_JPEG},
               {"ppm", FORMAT_PPM}, {"pgm", FORMAT_PPM},  {"-", FORMAT_PNG}};

/* "-" and "ppm:-" are standard output. */
static bool is_stdout(const char *path) {
  const char *colon = strchr(path, ':');
  return strcmp(colon != NULL ? colon + 1 : path, "-") == 0;
}

static const char *place_of(const char *path) {
  return is_stdout(path) ? "/dev/stdout" : path;
}

static status find_format(const char *path, format *out) {
  const char *slash = strrchr(path, '/');
  const char *dot = strrchr(slash != NULL ? slash : path, '.');
  const char *ending = is_stdout(path) ? path : dot != NULL ? dot + 1 : "";
  size_t length = strcspn(ending, ":");
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
    if (strlen(formats[i].ending) == length &&
        strncasecmp(ending, formats[i].ending, length) == 0) {
      *out = formats[i].format;
      return STATUS_OK;
    }
  return status_error(STATUS_USAGE,
                      "%s: an image's name ends in .png, .jpg, .jpeg or .ppm",
                      path);
}

status data_image_check(const char *path) {
  format found;
  TRY(find_format(path, &found));
  return publish_check(place_of(path));
}

static status encode_ppm(const data_picture *picture, char *dropped,
                         data_bytes *out) {
  image_nothing_made(picture, dropped);
  return image_ppm_encode(picture, out);
}

static status encode(const char *path, const data_picture *picture, int quality,
                     char *dropped, data_bytes *out) {
  format found;
  TRY(find_format(path, &found));
  if (found == FORMAT_PPM) return encode_ppm(picture, dropped, out);
  bool png = found == FORMAT_PNG;
  data_bytes handed_on = {0};
  status result = (png ? image_chunks_make
                       : image_segments_make)(picture, &handed_on, dropped);
  if (result == STATUS_OK)
    result = png ? image_png_encode(path, picture, &handed_on, out)
                 : image_jpeg_encode(path, picture, quality, &handed_on, out);
  image_bytes_free(&handed_on);
  return result;
}

status data_picture_write(const char *path, const data_picture *picture,
                          int quality, char dropped[DATA_DROPPED_BYTES]) {
  INVARIANT(picture->pixels != NULL, "%s: an empty image to write", path);
  dropped[0] = '\0';
  data_bytes bytes = {0};
  status result = encode(path, picture, quality, dropped, &bytes);
  if (result == STATUS_OK)
    result = publish_bytes(place_of(path), bytes.data, bytes.size);
  image_bytes_free(&bytes);
  return result;
}

status data_image_write(const char *path, const data_image *image,
                        int quality) {
  INVARIANT(image->channels == 1 || image->channels == 3, "%s: %d channels",
            path, image->channels);
  data_picture picture = {.width = image->width,
                          .height = image->height,
                          .channels = image->channels,
                          .bits = 8,
                          .pixels = image->pixels};
  char dropped[DATA_DROPPED_BYTES];
  return data_picture_write(path, &picture, quality, dropped);
}
