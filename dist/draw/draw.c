/* Drawing on a canvas: shapes, pictures, text. */
#include "dist/draw/draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static uint8_t *pixel_at(const data_image *canvas, int x, int y) {
  size_t row = (size_t)y * (size_t)canvas->width;
  return canvas->pixels + 3 * (row + (size_t)x);
}

static void set_pixel(uint8_t *pixel, draw_colour colour) {
  pixel[0] = colour.r, pixel[1] = colour.g, pixel[2] = colour.b;
}

status draw_canvas(int width, int height, draw_colour colour, data_image *out) {
  TRY(data_image_create(width, height, 3, out));
  draw_rectangle(out, 0, 0, width, height, colour);
  return STATUS_OK;
}

/* ---- shapes ---- */

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

void draw_rectangle(data_image *canvas, int x, int y, int width, int height,
                    draw_colour colour) {
  int right = least(x + width, canvas->width);
  int bottom = least(y + height, canvas->height);
  for (int py = most(y, 0); py < bottom; py++)
    for (int px = most(x, 0); px < right; px++)
      set_pixel(pixel_at(canvas, px, py), colour);
}

void draw_frame(data_image *canvas, int x, int y, int width, int height,
                draw_colour colour) {
  draw_rectangle(canvas, x, y, width, 1, colour);
  draw_rectangle(canvas, x, y + height - 1, width, 1, colour);
  draw_rectangle(canvas, x, y, 1, height, colour);
  draw_rectangle(canvas, x + width - 1, y, 1, height, colour);
}

static void blend(data_image *canvas, int x, int y, draw_colour colour,
                  double share) {
  if (share <= 0 || x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
    return;
  if (share > 1) share = 1;
  uint8_t *pixel = pixel_at(canvas, x, y);
  const uint8_t over[3] = {colour.r, colour.g, colour.b};
  for (int c = 0; c < 3; c++)
    pixel[c] = (uint8_t)(pixel[c] + share * ((double)over[c] - pixel[c]) + 0.5);
}

/* Keeps a coordinate where it can be an int. */
static double bounded(double x) { return x < -1e6 ? -1e6 : x > 1e6 ? 1e6 : x; }

/* Blends the pixels near the line whose major coordinate is `major`. `steep`:
 * the major axis is y. */
static void line_slice(data_image *canvas, int major, const double from[2],
                       const double along[2], double width, bool steep,
                       draw_colour colour) {
  double length2 = along[0] * along[0] + along[1] * along[1];
  double slope = along[0] != 0 ? along[1] / along[0] : 0;
  double centre = from[1] + slope * (major - from[0]);
  double reach = (width / 2 + 1) * sqrt(1 + slope * slope) + 1;
  int size = steep ? canvas->width : canvas->height;
  int first = most((int)floor(centre - reach), 0);
  int last = least((int)ceil(centre + reach), size - 1);
  for (int minor = first; minor <= last; minor++) {
    double dx = major - from[0], dy = minor - from[1];
    double t = length2 > 0 ? (dx * along[0] + dy * along[1]) / length2 : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double distance = hypot(dx - t * along[0], dy - t * along[1]);
    double share = width / 2 + 0.5 - distance;
    blend(canvas, steep ? minor : major, steep ? major : minor, colour, share);
  }
}

void draw_line(data_image *canvas, double x0, double y0, double x1, double y1,
               double width, draw_colour colour) {
  if (!isfinite(x0 + y0 + x1 + y1)) return;
  x0 = bounded(x0), y0 = bounded(y0), x1 = bounded(x1), y1 = bounded(y1);
  bool steep = fabs(y1 - y0) > fabs(x1 - x0);
  double from[2] = {steep ? y0 : x0, steep ? x0 : y0};
  double along[2] = {(steep ? y1 : x1) - from[0], (steep ? x1 : y1) - from[1]};
  double low = fmin(from[0], from[0] + along[0]) - width / 2 - 1;
  double high = fmax(from[0], from[0] + along[0]) + width / 2 + 1;
  int size = steep ? canvas->height : canvas->width;
  int last = least((int)ceil(high), size - 1);
  for (int major = most((int)floor(low), 0); major <= last; major++)
    line_slice(canvas, major, from, along, width, steep, colour);
}

void draw_disc(data_image *canvas, double x, double y, double radius,
               draw_colour colour) {
  draw_line(canvas, x, y, x, y, 2 * radius, colour);
}

/* ---- pictures and text ---- */

void draw_picture(data_image *canvas, int x, int y, const data_image *source,
                  int scale) {
  draw_picture_part(canvas, x, y, source, 0, 0, source->width, source->height,
                    scale);
}

void draw_picture_part(data_image *canvas, int x, int y,
                       const data_image *source, int left, int top, int width,
                       int height, int scale) {
  int channels = source->channels;
  for (int sy = 0; sy < height; sy++)
    for (int sx = 0; sx < width; sx++) {
      size_t at =
          (size_t)(top + sy) * (size_t)source->width + (size_t)(left + sx);
      const uint8_t *p = source->pixels + at * (size_t)channels;
      draw_colour colour = {p[0], p[channels == 3 ? 1 : 0],
                            p[channels == 3 ? 2 : 0]};
      draw_rectangle(canvas, x + sx * scale, y + sy * scale, scale, scale,
                     colour);
    }
}

void draw_text(data_image *canvas, int x, int y, int scale, draw_colour colour,
               const char *text) {
  for (; *text != '\0'; text++, x += DRAW_FONT_WIDTH * scale) {
    const uint8_t *rows = draw_glyph((unsigned char)*text);
    for (int row = 0; row < DRAW_FONT_HEIGHT; row++)
      for (int column = 0; column < 5; column++)
        if (rows[row] >> (4 - column) & 1)
          draw_rectangle(canvas, x + column * scale, y + row * scale, scale,
                         scale, colour);
  }
}

int draw_text_width(const char *text, int scale) {
  int length = (int)strlen(text);
  return length == 0 ? 0 : (length * DRAW_FONT_WIDTH - 1) * scale;
}

void draw_text_within(data_image *canvas, int x, int y, int width, int scale,
                      draw_colour colour, const char *text) {
  char cut[256];
  int room = (width / scale + 1) / DRAW_FONT_WIDTH;
  if (room > (int)sizeof cut - 1) room = (int)sizeof cut - 1;
  if ((int)strlen(text) <= room)
    snprintf(cut, sizeof cut, "%s", text);
  else if (room > 2)
    snprintf(cut, sizeof cut, "%.*s..", room - 2, text);
  else
    return;
  draw_text(canvas, x, y, scale, colour, cut);
}
