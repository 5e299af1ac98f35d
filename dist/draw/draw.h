/* A small canvas for reports: rectangles, smooth lines, text, pictures. Draws
 * on 3-channel images; what falls outside is cut off. */
#ifndef HARMONIA_DRAW_H
#define HARMONIA_DRAW_H

#include "data/data.h"

typedef struct draw_colour {
  uint8_t r, g, b;
} draw_colour;

/* A canvas of one colour; free with data_image_free. */
status draw_canvas(int width, int height, draw_colour colour, data_image *out);

void draw_rectangle(data_image *canvas, int x, int y, int width, int height,
                    draw_colour colour);
/* The rectangle's edge, one pixel wide, inside of it. */
void draw_frame(data_image *canvas, int x, int y, int width, int height,
                draw_colour colour);

/* Anti-aliased; pixel centres are at whole numbers. Lines have round ends. */
void draw_line(data_image *canvas, double x0, double y0, double x1, double y1,
               double width, draw_colour colour);
void draw_disc(data_image *canvas, double x, double y, double radius,
               draw_colour colour);

/* `source` (1 or 3 channels) with each pixel `scale` times as large. */
void draw_picture(data_image *canvas, int x, int y, const data_image *source,
                  int scale);
/* Its part of width by height pixels from (left, top). */
void draw_picture_part(data_image *canvas, int x, int y,
                       const data_image *source, int left, int top, int width,
                       int height, int scale);

/* The font is fixed: a character and its spacing take DRAW_FONT_WIDTH by
 * DRAW_FONT_HEIGHT pixels at scale 1. Printable ASCII; what else there is in
 * the text shows as a box. (x, y): upper left. */
enum { DRAW_FONT_WIDTH = 6, DRAW_FONT_HEIGHT = 9 };
void draw_text(data_image *canvas, int x, int y, int scale, draw_colour colour,
               const char *text);
int draw_text_width(const char *text, int scale);
/* As draw_text, cut off with ".." to fit `width` pixels. */
void draw_text_within(data_image *canvas, int x, int y, int width, int scale,
                      draw_colour colour, const char *text);

/* Rows of a glyph, top to bottom; bit 4 is the leftmost of 5 columns. */
const uint8_t *draw_glyph(unsigned char character);

#endif
