/* The pictures of reports: canvas, contact sheets, curves. With an argument
 * (a folder) the pictures are kept there to be looked at. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "dist/draw/csv.h"
#include "dist/draw/curves.h"
#include "dist/draw/draw.h"
#include "dist/draw/error_map.h"
#include "dist/draw/plot.h"
#include "dist/draw/sheet.h"
#include "tests/tap.h"

static const char *folder;
static char csv_path[512], png_path[512];

static const draw_colour white = {255, 255, 255}, black = {0, 0, 0},
                         red = {255, 0, 0};

static const uint8_t *at(const data_image *image, int x, int y) {
  return image->pixels + 3 * ((size_t)y * (size_t)image->width + (size_t)x);
}

/* How dark a part is: 1 a black pixel. */
static double darkness(const data_image *image, int x0, int y0, int x1,
                       int y1) {
  double sum = 0;
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) sum += (255 - at(image, x, y)[1]) / 255.0;
  return sum;
}

/* ---- canvas ---- */

static void test_shapes(void) {
  data_image canvas;
  tap_ok(draw_canvas(100, 60, white, &canvas) == STATUS_OK &&
             darkness(&canvas, 0, 0, 100, 60) == 0,
         "a canvas of one colour");
  draw_rectangle(&canvas, 10, 10, 5, 4, red);
  tap_ok(at(&canvas, 10, 10)[1] == 0 && at(&canvas, 14, 13)[0] == 255 &&
             at(&canvas, 15, 13)[1] == 255 &&
             darkness(&canvas, 0, 0, 100, 60) == 20,
         "a rectangle covers its pixels, and only those");
  draw_rectangle(&canvas, -50, -50, 300, 300, white);
  draw_rectangle(&canvas, 98, 58, 10, 10, black);
  tap_ok(darkness(&canvas, 0, 0, 100, 60) == 4, "what is outside is cut off");
  draw_rectangle(&canvas, 0, 0, 100, 60, white);
  draw_line(&canvas, 10, 20, 50, 20, 1, black);
  tap_near(darkness(&canvas, 0, 0, 100, 60), 41, 1,
           "a level line is as long as it should be");
  draw_rectangle(&canvas, 0, 0, 100, 60, white);
  draw_line(&canvas, 10, 10, 40, 50, 2, black);
  tap_near(darkness(&canvas, 0, 0, 100, 60), 2 * 50 + 3.14, 3,
           "a slanting line has length times width of ink");
  draw_line(&canvas, -1e30, 5, 1e30, 5, 1, black);
  draw_line(&canvas, NAN, 5, 3, 5, 1, black);
  draw_line(&canvas, 5, -1e9, 7, 1e9, 3, black);
  tap_ok(at(&canvas, 99, 5)[0] == 0, "endless lines are drawn and end");
  data_image_free(&canvas);
}

static void test_text(void) {
  data_image canvas;
  if (draw_canvas(700, 60, white, &canvas) != STATUS_OK) return;
  bool distinct = true, inked = true;
  for (int a = 33; a < 127; a++) {
    int ink = 0;
    for (int r = 0; r < DRAW_FONT_HEIGHT; r++)
      ink += draw_glyph((unsigned char)a)[r] != 0;
    inked &= ink > 0;
    for (int b = 32; b < a; b++)
      distinct &= memcmp(draw_glyph((unsigned char)a),
                         draw_glyph((unsigned char)b), DRAW_FONT_HEIGHT) != 0;
  }
  tap_ok(inked && distinct, "every character has a glyph of its own");
  draw_text(&canvas, 2, 2, 1, black, "H");
  tap_ok(darkness(&canvas, 0, 0, 700, 60) == 17, "an H has 17 dots");
  draw_rectangle(&canvas, 0, 0, 700, 60, white);
  draw_text(&canvas, 2, 2, 3, black, "H");
  tap_ok(darkness(&canvas, 0, 0, 700, 60) == 17 * 9, "nine times at scale 3");
  tap_ok(draw_text_width("HH", 2) == 22 && draw_text_width("", 2) == 0,
         "a text's width is known");
  draw_rectangle(&canvas, 0, 0, 700, 60, white);
  draw_text_within(&canvas, 10, 10, 60, 1, black,
                   "a text that is far too long");
  tap_ok(darkness(&canvas, 70, 0, 700, 60) == 0 &&
             darkness(&canvas, 10, 0, 70, 60) > 40,
         "a long text is cut to its room");
  draw_text(&canvas, 690, 55, 3, black, "\xC3\xA4\x01 outside");
  data_image_free(&canvas);
}

/* ---- sheets ---- */

enum { SIDE = 64, PICTURES = 3, SAMPLES = 2, BLOCK = 2 * 128 + 2 };

static void fill(data_image *image, int channels, int tone, int inside) {
  if (data_image_create(SIDE, SIDE, channels, image) != STATUS_OK) exit(1);
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      bool object = x >= 20 && x < 50 && y >= 10 && y < 40;
      memset(image->pixels + channels * (y * SIDE + x), object ? inside : tone,
             (size_t)channels);
    }
}

/* Outputs of the first sample are 20 levels off in the object, of the second
 * right. */
static void make_samples(sheet_sample samples[SAMPLES]) {
  static const char *const labels[] = {"c123_1_1.jpg", "a_name_quite_long_1_2"};
  for (int i = 0; i < SAMPLES; i++) {
    sheet_sample *s = &samples[i];
    *s =
        (sheet_sample){.label = labels[i], .note = i == 0 ? "worst, 0.11" : ""};
    s->pictures = calloc(PICTURES, sizeof *s->pictures);
    if (s->pictures == NULL) exit(1);
    fill(&s->mask, 1, 0, 255);
    fill(&s->pictures[0], 3, 160, 160);
    fill(&s->pictures[1], 3, 160, i == 0 ? 120 : 100);
    fill(&s->pictures[2], 3, 160, 100);
  }
}

static void free_samples(sheet_sample samples[SAMPLES]) {
  for (int i = 0; i < SAMPLES; i++) {
    for (int k = 0; k < PICTURES; k++) data_image_free(&samples[i].pictures[k]);
    free(samples[i].pictures);
    data_image_free(&samples[i].mask);
  }
}

static bool is_tone(const data_image *image, int x, int y, int tone) {
  const uint8_t *p = at(image, x, y);
  return p[0] == tone && p[1] == tone && p[2] == tone;
}

/* Columns and samples are counted from the last: `back` ones before it. */
static int column_of(const data_image *image, int back) {
  return image->width - 16 - BLOCK - back * (BLOCK + 10);
}
static int sample_of(const data_image *image, int back) {
  return image->height - 16 - BLOCK - back * (BLOCK + 10);
}

static void check_sheet(const data_image *sheet) {
  int real = column_of(sheet, 0), output = column_of(sheet, 1),
      mask = column_of(sheet, 3);
  int first = sample_of(sheet, 1), second = sample_of(sheet, 0);
  tap_ok(is_tone(sheet, real, first, 160) &&
             is_tone(sheet, real - 1, first, 255) &&
             is_tone(sheet, real + 2 * 30, first + 2 * 20, 100) &&
             is_tone(sheet, output + 2 * 30, first + 2 * 20, 120),
         "pictures are where they should be, each pixel enlarged");
  double light =
      128 * 128 - darkness(sheet, mask + 130, first, mask + 258, first + 128);
  tap_ok(light > 0.1 * 128 * 128 && light < 0.9 * 128 * 128,
         "the detail beside the mask has the object's border (%.0f)", light);
  int whole = 0;
  for (int y = 0; y < 128; y += 8)
    for (int x = 0; x < 128; x += 8)
      whole += memcmp(at(sheet, real + 130 + x, first + y),
                      at(sheet, real + 130 + x + 7, first + y + 7), 3) == 0;
  tap_ok(whole == 256, "a detail's pixels are 8 pixels wide and high");
  int below = first + 130;
  tap_ok(is_tone(sheet, output, below, 0) &&
             !is_tone(sheet, output + 2 * 30, below + 2 * 20, 0) &&
             is_tone(sheet, real + 2 * 30, below + 2 * 20, 255),
         "below the output its error, below the real image nothing");
  tap_ok(is_tone(sheet, output + 2 * 30, second + 130 + 2 * 20, 0),
         "an output that is right has none");
  /* 60 levels, the composite's, end at 64: the bar is bright, then dark */
  const uint8_t *top = at(sheet, mask + BLOCK - 4, below + 6);
  const uint8_t *bottom = at(sheet, mask + BLOCK - 4, below + 121);
  tap_ok(top[0] > 240 && bottom[0] < 20 &&
             darkness(sheet, mask + 100, below, mask + BLOCK - 20,
                      below + 128) > 50,
         "beside the errors is their scale, with numbers");
}

static void test_sheet(void) {
  sheet_sample samples[SAMPLES];
  static const char *const headings[] = {"composite", "output", "real"};
  static const char title[] = "unet after 2000 steps, test samples";
  make_samples(samples);
  snprintf(png_path, sizeof png_path, "%s/sheet.png", folder);
  tap_ok(sheet_write(png_path, title, PICTURES, headings, SAMPLES, samples) ==
             STATUS_OK,
         "a sheet is written");
  data_image back;
  tap_ok(data_image_read(png_path, &back) == STATUS_OK &&
             column_of(&back, 3) > 16 && sample_of(&back, 1) > 16,
         "and read, with all its columns and rows");
  check_sheet(&back);
  data_image_free(&back);
  tap_ok(sheet_write("/nonexistent/a.png", title, PICTURES, headings, SAMPLES,
                     samples) == STATUS_IO,
         "a missing folder is STATUS_IO");
  tap_ok(sheet_write(png_path, title, 0, NULL, 0, NULL) == STATUS_USAGE,
         "no pictures at all are refused");
  free_samples(samples);
}

static void test_error_scale(void) {
  size_t counts[ERROR_LEVELS] = {[0] = 1000, [3] = 10};
  tap_ok(error_map_end(counts) == 8, "the shortest scale ends at 8 levels");
  counts[20] = 40;
  counts[200] = 1;
  tap_ok(error_map_end(counts) == 32, "a single pixel does not stretch it");
  counts[200] = 5;
  tap_ok(error_map_end(counts) == 255, "several do");
}

/* ---- axes ---- */

static void test_axes(void) {
  plot_tick ticks[64];
  plot_axis axis = {0, 1, false};
  int count = plot_ticks(&axis, 6, ticks, 64);
  tap_ok(count == 6 && fabs(ticks[1].value - 0.2) < 1e-12,
         "0 to 1 is cut at 0.2");
  axis = (plot_axis){-3.7e4, 9.2e4, false};
  count = plot_ticks(&axis, 6, ticks, 64);
  tap_ok(count >= 2 && count <= 8 && ticks[0].value == -20000,
         "a range about zero has ticks (%d)", count);
  bool zero = false;
  for (int i = 0; i < count; i++) zero |= ticks[i].value == 0;
  tap_ok(zero, "of which zero is one");
  axis = (plot_axis){3e-4, 40, true};
  count = plot_ticks(&axis, 6, ticks, 64);
  int labelled = 0;
  for (int i = 0; i < count; i++) labelled += ticks[i].labelled;
  tap_ok(labelled == 5, "five decades have five labels (%d)", labelled);
  char text[32];
  plot_label(0.30000000000000004, 0.1, text, sizeof text);
  tap_ok(strcmp(text, "0.3") == 0, "a label is short: %s", text);
  plot_label(25000, 5000, text, sizeof text);
  tap_ok(strcmp(text, "25k") == 0, "thousands: %s", text);
  plot_label(2e-6, 1e-6, text, sizeof text);
  tap_ok(strcmp(text, "2e-06") == 0, "tiny: %s", text);
}

/* ---- curves ---- */

static FILE *new_log(const char *name) {
  snprintf(csv_path, sizeof csv_path, "%s/%s.csv", tap_scratch_folder(), name);
  snprintf(png_path, sizeof png_path, "%s/%s.png", folder, name);
  FILE *file = fopen(csv_path, "w");
  if (file == NULL) exit(1);
  return file;
}

/* Writes the picture and reads it; the share of ink in the upper frame. */
static double draw_log(FILE *file) {
  if (file != NULL) fclose(file);
  data_image image;
  if (curves_write(csv_path, NULL, png_path) != STATUS_OK ||
      data_image_read(png_path, &image) != STATUS_OK) {
    tap_note("%s", status_message());
    return -1;
  }
  double ink = 0;
  for (int y = 110; y < 470; y++)
    for (int x = 130; x < 1070; x++) {
      const uint8_t *p = at(&image, x, y);
      int low = p[0] < p[2] ? p[0] : p[2], high = p[0] < p[2] ? p[2] : p[0];
      ink += high - low > 40; /* coloured: a curve */
    }
  data_image_free(&image);
  return ink / (360.0 * 940);
}

static void write_rows(FILE *file, int first, int last, int every) {
  random_stream stream = random_stream_make(3, RANDOM_TEST, 5, 0);
  for (int i = first; i <= last; i += every) {
    double t = i / 20000.0;
    double l1 = 0.06 + 0.4 * exp(-6 * t), d = 0.7 + 0.25 * sin(9 * t);
    double noise = exp(0.18 * random_normal(&stream));
    double more = exp(0.12 * random_normal(&stream));
    fprintf(file, "%d,%d,%.3g,%.6g,%.6g,%.6g,%.6g,%.1f\n", i, i / 500,
            2e-4 * (1 - t), (l1 * 100 + 1.5) * noise, l1 * 100 * noise,
            d * more, 0.03 * more * more * more, 31.5);
  }
}

static const char header[] = "step,epoch,lr,loss_G,loss_G_L1,loss_D,loss_gp,"
                             "images_per_s\n";

static void test_curves(void) {
  FILE *file = new_log("curves");
  fputs(header, file);
  write_rows(file, 10, 20000, 10);
  double whole = draw_log(file);
  tap_ok(whole > 0.01 && whole < 0.4, "curves are drawn (%.3f)", whole);

  data_image image;
  tap_ok(data_image_read(png_path, &image) == STATUS_OK &&
             image.height > 2 * PLOT_HEIGHT,
         "the discriminator's have a diagram of their own");
  data_image_free(&image);

  file = new_log("linear");
  fputs("step,loss\n", file);
  for (int i = 1; i <= 400; i++)
    fprintf(file, "%d,%g\n", i, 2 + cos(i / 40.0) + 0.1 * sin(i * 1.7));
  double linear = draw_log(file);
  tap_ok(linear > 0.002, "a linear axis (%.4f)", linear);

  file = new_log("few");
  fputs(header, file);
  write_rows(file, 1000, 8000, 1000);
  tap_ok(draw_log(file) > 0.001, "a few rows are points");

  file = new_log("one");
  fputs(header, file);
  write_rows(file, 1000, 1000, 1);
  double one = draw_log(file);
  tap_ok(one > 1e-4 && one < 1e-3, "one row is a point a curve (%.5f)", one);

  file = new_log("none");
  fputs(header, file);
  tap_ok(draw_log(file) == 0, "no rows: an empty frame");

  file = new_log("no_loss");
  fputs("step,lr\n1,2\n2,3\n", file);
  tap_ok(draw_log(file) == 0, "no loss columns: an empty frame");
}

/* Two diagrams, over the same steps although the tables have others. */
static void test_validation(void) {
  char log_path[700], picture[700];
  FILE *file = new_log("validated");
  fputs(header, file);
  write_rows(file, 10, 20000, 10);
  fclose(file);
  snprintf(log_path, sizeof log_path, "%s", csv_path);
  snprintf(picture, sizeof picture, "%s", png_path);
  file = new_log("validation");
  fputs("step,mse,psnr,fmse,images\n", file);
  for (int i = 1000; i <= 25000; i += 1000)
    fprintf(file, "%d,%g,30,%g,8\n", i, 30 + 90 * exp(-i / 5000.0),
            320 + 700 * exp(-i / 5000.0));
  fclose(file);
  int width, height = 0, alone = 0;
  status result = curves_write(log_path, csv_path, picture);
  if (result == STATUS_OK)
    result = data_image_read_size(picture, &width, &height);
  tap_ok(result == STATUS_OK, "curves with those of a validation");
  result = curves_write(log_path, "/nonexistent.csv", picture);
  if (result == STATUS_OK)
    result = data_image_read_size(picture, &width, &alone);
  tap_ok(result == STATUS_OK && height > alone && alone > 0,
         "which may not be there (%d and %d pixels high)", height, alone);
}

static void test_odd_logs(void) {
  FILE *file = new_log("odd");
  fputs("step,loss_a,loss_b,loss_c\r\n", file);
  fputs("1,nan,inf,\r\n2,,-inf,1\r\n3,1.5,x,2\r\n\r\nfoo\r\n4,0,-7,3\r\n",
        file);
  fputs(",5,5,5\r\nnan,5,5,5\r\n5,1e308,1e300,-1e308\r\n6,2\r\n7,3,3,3,9,9\r\n",
        file);
  fputs("8,999999", file); /* the writer died here */
  tap_ok(draw_log(file) > 0, "NaN, infinities, holes and rubbish");
  csv_reader *table;
  double values[4];
  int rows = 0, eights = 0;
  if (csv_open(csv_path, &table) != STATUS_OK) exit(1);
  while (csv_next(table, values)) rows++, eights += values[0] == 8;
  csv_close(&table);
  tap_ok(rows == 11 && eights == 0, "a last line without its end is left out");

  file = new_log("resumed"); /* steps go back where a run was resumed */
  fputs(header, file);
  write_rows(file, 10, 9000, 10);
  write_rows(file, 8000, 20000, 10);
  tap_ok(draw_log(file) > 0.01, "steps that go back");

  file = new_log("zeros");
  fputs("step,loss\n", file);
  for (int i = 0; i < 300; i++) fprintf(file, "%d,0\n", i);
  tap_ok(draw_log(file) > 0, "nothing but zeros");

  file = new_log("empty");
  fclose(file);
  tap_ok(curves_write(csv_path, NULL, png_path) == STATUS_FORMAT &&
             strstr(status_message(), "empty.csv") != NULL,
         "an empty file is refused");
  file = new_log("other");
  fputs("a,b\n1,2\n", file);
  fclose(file);
  tap_ok(curves_write(csv_path, NULL, png_path) == STATUS_FORMAT,
         "a table without steps is refused");
  tap_ok(curves_write("/nonexistent.csv", NULL, png_path) == STATUS_IO,
         "a missing file is STATUS_IO");
}

static void test_huge(void) {
  FILE *file = new_log("huge");
  fputs("step,loss\n", file);
  random_stream stream = random_stream_make(4, RANDOM_TEST, 6, 0);
  for (int i = 0; i < 300000; i++)
    fprintf(file, "%d,%.5g\n", i,
            (1 + 0.3 * random_uniform(&stream)) * exp(-i / 1e5) +
                (i == 150000 ? 0.8 : 0));
  double ink = draw_log(file);
  tap_ok(ink > 0.01 && ink < 0.5, "300000 rows (%.3f)", ink);
}

int main(int argc, char **argv) {
  folder = argc > 1 ? argv[1] : tap_scratch_folder();
  test_shapes();
  test_text();
  test_sheet();
  test_error_scale();
  test_axes();
  test_curves();
  test_validation();
  test_odd_logs();
  test_huge();
  return tap_done();
}
