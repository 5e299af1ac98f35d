/* Errors as colours, and their scale. */
#include "dist/draw/error_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/draw/draw.h"

enum { BAR = 14, TICK = 4, TICKS = 4, LARGE = 200 };

static int error_at(const data_image *a, const data_image *b, size_t pixel) {
  const uint8_t *p = a->pixels + 3 * pixel, *q = b->pixels + 3 * pixel;
  return (abs(p[0] - q[0]) + abs(p[1] - q[1]) + abs(p[2] - q[2]) + 1) / 3;
}

static size_t pixels_of(const data_image *image) {
  return (size_t)image->width * (size_t)image->height;
}

void error_map_count(const data_image *a, const data_image *b,
                     size_t counts[ERROR_LEVELS]) {
  for (size_t i = 0; i < pixels_of(a); i++) counts[error_at(a, b, i)]++;
}

int error_map_end(const size_t counts[ERROR_LEVELS]) {
  size_t all = 0, above = 0;
  for (int level = 1; level < ERROR_LEVELS; level++) all += counts[level];
  int end = ERROR_LEVELS - 1;
  while (end > 8 && 50 * (above + counts[end]) <= all) above += counts[end--];
  int power = 8;
  while (power < end) power *= 2;
  return power < ERROR_LEVELS ? power : ERROR_LEVELS - 1;
}

/* Brightness rises all the way, so that a grey print tells the same. */
static draw_colour heat(double share) {
  static const draw_colour stops[] = {{0, 0, 0},      {58, 12, 92},
                                      {150, 38, 102}, {226, 88, 52},
                                      {250, 172, 30}, {255, 252, 200}};
  enum { LAST = sizeof stops / sizeof stops[0] - 1 };
  double at = share >= 1 ? LAST : share * LAST;
  int k = at >= LAST ? LAST - 1 : (int)at;
  double t = at - k;
  draw_colour a = stops[k], b = stops[k + 1];
  return (draw_colour){(uint8_t)(a.r + t * (b.r - a.r) + 0.5),
                       (uint8_t)(a.g + t * (b.g - a.g) + 0.5),
                       (uint8_t)(a.b + t * (b.b - a.b) + 0.5)};
}

void error_map_draw(const data_image *a, const data_image *b, int end,
                    data_image *out) {
  for (size_t i = 0; i < pixels_of(a); i++) {
    draw_colour colour = heat((double)error_at(a, b, i) / end);
    memcpy(out->pixels + 3 * i, (uint8_t[]){colour.r, colour.g, colour.b}, 3);
  }
}

static const draw_colour ink = {34, 38, 46};

/* What the numbers count, in lines that end at `right`. */
static void draw_meaning(data_image *canvas, int right, int y, int height,
                         int text) {
  static const char *const lines[] = {"error: mean of", "the channels'",
                                      "differences", "from the real",
                                      "image, levels"};
  enum { LINES = sizeof lines / sizeof lines[0] };
  int line = (DRAW_FONT_HEIGHT + 3) * text;
  for (int i = 0; i < LINES; i++)
    draw_text(canvas, right - draw_text_width(lines[i], text),
              y + (height - LINES * line) / 2 + i * line, text, ink, lines[i]);
}

void error_map_scale(data_image *canvas, int x, int y, int width, int height,
                     int end) {
  int text = height >= LARGE ? 2 : 1, half = DRAW_FONT_HEIGHT * text / 2;
  int top = y + half, rows = height - 2 * half;
  int bar = x + width - BAR, numbers = bar - TICK - 2, widest = 0;
  for (int row = 0; row < rows; row++)
    draw_rectangle(canvas, bar, top + row, BAR, 1,
                   heat(1 - (double)row / (rows - 1)));
  for (int i = 0; i <= TICKS; i++) {
    char number[16];
    int at = top + (rows - 1) * i / TICKS;
    snprintf(number, sizeof number, "%d%s", end * (TICKS - i) / TICKS,
             i == 0 && end < ERROR_LEVELS - 1 ? "+" : "");
    int taken = draw_text_width(number, text);
    if (taken > widest) widest = taken;
    draw_rectangle(canvas, bar - TICK, at, TICK, 1, ink);
    draw_text(canvas, numbers - taken, at - half + text, text, ink, number);
  }
  draw_meaning(canvas, numbers - widest - 2 * text * DRAW_FONT_WIDTH, y, height,
               text);
}
