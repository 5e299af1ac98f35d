/* JPEG by libjpeg-turbo, from and to memory. Decoding uses the defaults (slow
 * integer DCT, smooth chroma upsampling), which are Pillow's. libjpeg leaves by
 * longjmp on an error: the state lives in a struct of the caller of the
 * function that holds setjmp, so that nothing of it can be lost. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "data/image/image_internal.h"

enum {
  SCANS_MAX = 500,     /* progressive files have about ten */
  QUALITY_FULL = 91,   /* from here on the chroma is kept at full size */
  OUTPUT_PIECE = 65536 /* bytes handed on at a time */
};

typedef struct jpeg_state {
  struct jpeg_error_mgr errors; /* first: libjpeg hands its address back */
  const char *path;
  jmp_buf jump;
  status result;
  const char *doing; /* for messages */
} jpeg_state;

typedef struct jpeg_reader {
  jpeg_state state;
  struct jpeg_decompress_struct jpeg;
  struct jpeg_progress_mgr progress;
  const data_bytes *file;
  image_want want;
  data_picture *out;
} jpeg_reader;

typedef struct jpeg_writer {
  jpeg_state state;
  struct jpeg_compress_struct jpeg;
  struct jpeg_destination_mgr destination;
  const data_picture *picture;
  const data_bytes *handed_on;
  int quality;
  data_bytes *bytes;
  uint8_t piece[OUTPUT_PIECE];
} jpeg_writer;

static void on_error(j_common_ptr jpeg) {
  jpeg_state *state = (jpeg_state *)jpeg->err;
  char message[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, message);
  state->result = status_error(STATUS_FORMAT, "%s: %s: %s", state->path,
                               state->doing, message);
  longjmp(state->jump, 1);
}

/* libjpeg goes on with made-up pixels where data are missing or broken, and
 * only warns. Here that is an error; warnings about metadata are not. */
static void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
  case JWRN_JPEG_EOF:
  case JWRN_HIT_MARKER:
  case JWRN_HUFF_BAD_CODE:
  case JWRN_ARITH_BAD_CODE:
  case JWRN_MUST_RESYNC: on_error(jpeg); break;
  default: jpeg->err->num_warnings++;
  }
}

static void on_output(j_common_ptr jpeg) { (void)jpeg; }

static void require(jpeg_state *state, status result) {
  if (result == STATUS_OK) return;
  state->result = result;
  longjmp(state->jump, 1);
}

static struct jpeg_error_mgr *catch_errors(jpeg_state *state) {
  struct jpeg_error_mgr *errors = jpeg_std_error(&state->errors);
  errors->error_exit = on_error;
  errors->emit_message = on_message;
  errors->output_message = on_output;
  return errors;
}

/* ---- reading ---- */

/* A small file may hold thousands of empty scans of a large image. */
static void on_progress(j_common_ptr jpeg) {
  jpeg_state *state = (jpeg_state *)jpeg->err;
  if (((j_decompress_ptr)jpeg)->input_scan_number > SCANS_MAX)
    require(state, status_error(STATUS_FORMAT, "%s: more than %d scans",
                                state->path, SCANS_MAX));
}

/* Channels of the result; sets the colour space that libjpeg shall deliver. */
static int choose_colours(jpeg_reader *reader) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  switch (jpeg->jpeg_color_space) {
  case JCS_GRAYSCALE: jpeg->out_color_space = JCS_GRAYSCALE; return 1;
  case JCS_RGB:
  case JCS_YCbCr: jpeg->out_color_space = JCS_RGB; return 3;
  case JCS_CMYK:
  case JCS_YCCK: jpeg->out_color_space = JCS_CMYK; return 3;
  default:
    require(&reader->state,
            status_error(STATUS_FORMAT,
                         "%s: %d components; expected a JPEG image of 1, 3 or "
                         "4 (grey, YCbCr, RGB, CMYK, YCCK)",
                         reader->state.path, jpeg->num_components));
    return 0;
  }
}

/* Pillow's product of two parts of 255. */
static unsigned scale_byte(unsigned a, unsigned b) {
  unsigned product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/* Ink is stored inverted, as Adobe does and as Pillow always assumes. */
static void cmyk_to_rgb(const uint8_t *cmyk, int width, uint8_t *rgb) {
  for (int x = 0; x < width; x++, cmyk += 4, rgb += 3)
    for (int c = 0; c < 3; c++)
      rgb[c] = (uint8_t)(cmyk[3] - scale_byte(255u - cmyk[c], cmyk[3]));
}

static void read_rows(jpeg_reader *reader) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  data_picture *out = reader->out;
  size_t stride = image_row_bytes(out);
  JSAMPARRAY inks = NULL;
  if (jpeg->out_color_space == JCS_CMYK)
    inks = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE,
                                   4 * (JDIMENSION)out->width, 1);
  while (jpeg->output_scanline < jpeg->output_height) {
    uint8_t *row = (uint8_t *)out->pixels + jpeg->output_scanline * stride;
    if (jpeg_read_scanlines(jpeg, inks != NULL ? inks : &row, 1) != 1)
      ERREXIT(jpeg, JERR_INPUT_EOF);
    if (inks != NULL) cmyk_to_rgb(inks[0], out->width, row);
  }
}

static void read_jpeg(jpeg_reader *reader) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  jpeg_create_decompress(jpeg);
  reader->progress.progress_monitor = on_progress;
  jpeg->progress = &reader->progress;
  jpeg_mem_src(jpeg, reader->file->data, (unsigned long)reader->file->size);
  jpeg_read_header(jpeg, TRUE);
  int64_t width = jpeg->image_width, height = jpeg->image_height;
  require(&reader->state, image_check_size(reader->state.path, width, height));
  int channels = choose_colours(reader);
  *reader->out = (data_picture){.width = (int)width,
                                .height = (int)height,
                                .channels = channels,
                                .bits = 8,
                                .inks = jpeg->out_color_space == JCS_CMYK};
  if (reader->want == IMAGE_HEADER) return;
  jpeg->dct_method = JDCT_ISLOW;
  jpeg->do_fancy_upsampling = TRUE;
  jpeg_start_decompress(jpeg);
  require(&reader->state, image_pixels_create(reader->out));
  read_rows(reader);
  jpeg_finish_decompress(jpeg); /* the end may be missing */
}

static void guarded_read(jpeg_reader *reader) {
  if (setjmp(reader->state.jump) == 0) read_jpeg(reader);
}

status image_jpeg_decode(const char *path, const data_bytes *file,
                         image_want want, data_picture *out) {
  *out = (data_picture){0};
  jpeg_reader reader = {.file = file, .want = want, .out = out};
  reader.state.path = path;
  reader.state.doing = "expected a whole JPEG image";
  reader.jpeg.err = catch_errors(&reader.state);
  guarded_read(&reader);
  jpeg_destroy_decompress(&reader.jpeg);
  if (reader.state.result != STATUS_OK) data_picture_free(out);
  return reader.state.result;
}

/* ---- writing ---- */

/* libjpeg's own memory destination loses its buffer on an error. */
static void begin_piece(j_compress_ptr jpeg) {
  jpeg_writer *writer = jpeg->client_data;
  writer->destination.next_output_byte = writer->piece;
  writer->destination.free_in_buffer = OUTPUT_PIECE;
}

static boolean hand_on_piece(j_compress_ptr jpeg) {
  jpeg_writer *writer = jpeg->client_data;
  require(&writer->state,
          image_bytes_append(writer->bytes, writer->piece, OUTPUT_PIECE));
  begin_piece(jpeg);
  return TRUE;
}

static void end_pieces(j_compress_ptr jpeg) {
  jpeg_writer *writer = jpeg->client_data;
  size_t left = OUTPUT_PIECE - writer->destination.free_in_buffer;
  require(&writer->state,
          image_bytes_append(writer->bytes, writer->piece, left));
}

static void set_density(struct jpeg_compress_struct *jpeg,
                        const data_metadata *metadata) {
  uint32_t density[2];
  int unit = image_jpeg_density(metadata, density);
  if (unit < 0) return;
  jpeg->density_unit = (UINT8)unit;
  jpeg->X_density = (UINT16)density[0];
  jpeg->Y_density = (UINT16)density[1];
}

static void write_rows(jpeg_writer *writer) {
  struct jpeg_compress_struct *jpeg = &writer->jpeg;
  JSAMPARRAY row = jpeg->mem->alloc_sarray(
      (j_common_ptr)jpeg, JPOOL_IMAGE,
      jpeg->image_width * (JDIMENSION)jpeg->input_components, 1);
  while (jpeg->next_scanline < jpeg->image_height) {
    image_row_to_bytes(writer->picture, jpeg->next_scanline, row[0]);
    jpeg_write_scanlines(jpeg, row, 1);
  }
}

static void write_jpeg(jpeg_writer *writer) {
  struct jpeg_compress_struct *jpeg = &writer->jpeg;
  const data_picture *picture = writer->picture;
  jpeg_create_compress(jpeg);
  jpeg->client_data = writer;
  writer->destination.init_destination = begin_piece;
  writer->destination.empty_output_buffer = hand_on_piece;
  writer->destination.term_destination = end_pieces;
  jpeg->dest = &writer->destination;
  jpeg->image_width = (JDIMENSION)picture->width;
  jpeg->image_height = (JDIMENSION)picture->height;
  jpeg->input_components = picture->channels < 3 ? 1 : 3;
  jpeg->in_color_space = picture->channels < 3 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, writer->quality, TRUE);
  if (writer->quality >= QUALITY_FULL)
    jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = 1;
  set_density(jpeg, &picture->metadata);
  jpeg_start_compress(jpeg, TRUE);
  end_pieces(jpeg); /* the header is there */
  begin_piece(jpeg);
  require(&writer->state,
          image_bytes_append(writer->bytes, writer->handed_on->data,
                             writer->handed_on->size));
  write_rows(writer);
  jpeg_finish_compress(jpeg);
}

static void guarded_write(jpeg_writer *writer) {
  if (setjmp(writer->state.jump) == 0) write_jpeg(writer);
}

status image_jpeg_encode(const char *path, const data_picture *picture,
                         int quality, const data_bytes *handed_on,
                         data_bytes *out) {
  jpeg_writer writer = {.picture = picture,
                        .handed_on = handed_on,
                        .quality = quality,
                        .bytes = out};
  writer.state.path = path;
  writer.state.doing = "cannot be written as JPEG";
  writer.jpeg.err = catch_errors(&writer.state);
  guarded_write(&writer);
  jpeg_destroy_compress(&writer.jpeg);
  return writer.state.result;
}
