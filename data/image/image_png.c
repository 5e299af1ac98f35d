/* PNG by libpng, from and to memory. libpng leaves by longjmp on an error: the
 * state lives in a struct of the caller of the function that holds setjmp, so
 * that nothing of it can be lost. */
#include <setjmp.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

#include "data/image/image_internal.h"

typedef struct png_state {
  const char *path;
  png_structp png;
  png_infop info;
  jmp_buf jump;
  status result;
  const char *doing; /* for messages */
  /* reading */
  const data_bytes *file;
  size_t at;
  image_want want;
  data_picture *out;
  /* writing */
  const data_picture *picture;
  const data_bytes *handed_on;
  data_bytes *bytes;
} png_state;

static void on_error(png_structp png, png_const_charp message) {
  png_state *state = png_get_error_ptr(png);
  if (state->result == STATUS_OK)
    state->result = status_error(STATUS_FORMAT, "%s: %s: %s", state->path,
                                 state->doing, message);
  longjmp(state->jump, 1);
}

/* libpng's warnings are about metadata that is not used here. */
static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/* Leaves with a status of this library. */
static void require(png_state *state, status result) {
  if (result == STATUS_OK) return;
  state->result = result;
  longjmp(state->jump, 1);
}

/* ---- reading ---- */

static void take_bytes(png_structp png, png_bytep data, size_t size) {
  png_state *state = png_get_io_ptr(png);
  if (size > state->file->size - state->at)
    png_error(png, "the file ends too early");
  memcpy(data, state->file->data + state->at, size);
  state->at += size;
}

/* Any kind of PNG to 8 bits of grey or RGB. */
static void ask_for_bytes(png_structp png) {
  png_set_scale_16(png);
  png_set_strip_alpha(png); /* of tRNS chunks, too */
}

/* Any kind of PNG to 8 or 16 bits in the machine's order. */
static void ask_for_all(png_structp png, png_infop info) {
  if (png_get_valid(png, info, PNG_INFO_tRNS) != 0) png_set_tRNS_to_alpha(png);
  if (png_get_bit_depth(png, info) == 16 && image_is_little_endian())
    png_set_swap(png);
}

/* What the rows will be. */
static void ask(png_state *state) {
  int colour = png_get_color_type(state->png, state->info);
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(state->png);
  if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(state->png);
  if (state->want == IMAGE_ALL)
    ask_for_all(state->png, state->info);
  else
    ask_for_bytes(state->png);
}

static void read_png(png_state *state) {
  data_picture *out = state->out;
  png_set_read_fn(state->png, state, take_bytes);
  png_read_info(state->png, state->info);
  int64_t width = png_get_image_width(state->png, state->info);
  int64_t height = png_get_image_height(state->png, state->info);
  require(state, image_check_size(state->path, width, height));
  ask(state);
  int passes = png_set_interlace_handling(state->png);
  int colour = png_get_color_type(state->png, state->info);
  png_read_update_info(state->png, state->info);
  *out = (data_picture){.width = (int)width,
                        .height = (int)height,
                        .channels = png_get_channels(state->png, state->info),
                        .bits = png_get_bit_depth(state->png, state->info),
                        .palette = colour == PNG_COLOR_TYPE_PALETTE};
  if (state->want == IMAGE_HEADER) return;
  size_t stride = image_row_bytes(out);
  if (png_get_rowbytes(state->png, state->info) != stride)
    png_error(state->png, "a kind of pixel that is not known here");
  require(state, image_pixels_create(out));
  for (int pass = 0; pass < passes; pass++)
    for (size_t y = 0; y < (size_t)height; y++)
      png_read_row(state->png, (uint8_t *)out->pixels + y * stride, NULL);
  png_read_end(state->png, NULL); /* the end may be missing */
}

static void guarded_read(png_state *state) {
  if (setjmp(state->jump) != 0) return;
  state->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, state, on_error,
                                      on_warning);
  if (state->png != NULL) state->info = png_create_info_struct(state->png);
  if (state->info == NULL)
    require(state, status_error(STATUS_MEMORY, "%s: libpng has no memory",
                                state->path));
  read_png(state);
}

status image_png_decode(const char *path, const data_bytes *file,
                        image_want want, data_picture *out) {
  *out = (data_picture){0};
  png_state state = {.path = path,
                     .doing = "expected a whole PNG image",
                     .file = file,
                     .want = want,
                     .out = out};
  guarded_read(&state);
  png_destroy_read_struct(&state.png, &state.info, NULL);
  if (state.result != STATUS_OK) data_picture_free(out);
  return state.result;
}

/* ---- writing ---- */

static void give_bytes(png_structp png, png_bytep data, size_t size) {
  png_state *state = png_get_io_ptr(png);
  require(state, image_bytes_append(state->bytes, data, size));
}

static void flush_bytes(png_structp png) { (void)png; }

/* libpng's defaults take four to eight times as long for a few per cent of a
 * photograph's size: the matches they look for are rare there. Masks and
 * drawings have runs. */
static void choose_compression(png_structp png) {
  png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_PAETH);
  png_set_compression_strategy(png, Z_RLE);
}

static void write_png(png_state *state) {
  static const int colours[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  const data_picture *picture = state->picture;
  png_set_write_fn(state->png, state, give_bytes, flush_bytes);
  png_set_IHDR(state->png, state->info, (png_uint_32)picture->width,
               (png_uint_32)picture->height, picture->bits,
               colours[picture->channels - 1], PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  choose_compression(state->png);
  png_write_info(state->png, state->info);
  give_bytes(state->png, state->handed_on->data, state->handed_on->size);
  if (picture->bits == 16 && image_is_little_endian()) png_set_swap(state->png);
  for (size_t y = 0; y < (size_t)picture->height; y++)
    png_write_row(state->png, (const uint8_t *)picture->pixels +
                                  y * image_row_bytes(picture));
  png_write_end(state->png, NULL);
}

static void guarded_write(png_state *state) {
  if (setjmp(state->jump) != 0) return;
  state->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, state, on_error,
                                       on_warning);
  if (state->png != NULL) state->info = png_create_info_struct(state->png);
  if (state->info == NULL)
    require(state, status_error(STATUS_MEMORY, "%s: libpng has no memory",
                                state->path));
  write_png(state);
}

status image_png_encode(const char *path, const data_picture *picture,
                        const data_bytes *handed_on, data_bytes *out) {
  png_state state = {.path = path,
                     .doing = "cannot be written as PNG",
                     .picture = picture,
                     .handed_on = handed_on,
                     .bytes = out};
  guarded_write(&state);
  png_destroy_write_struct(&state.png, &state.info);
  return state.result;
}
