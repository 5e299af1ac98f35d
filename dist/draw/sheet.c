/* Samples in a table: pictures, details, error maps. */
#include "dist/draw/sheet.h"

#include <stdio.h>

#include "dist/draw/draw.h"
#include "dist/draw/error_map.h"

enum {
  MARGIN = 16,
  GAP = 10,       /* between columns, and between samples */
  NEAR = 2,       /* between a picture and its detail or error */
  SMALLEST = 128, /* pixels a side that a picture takes */
  LARGEST_CELL = 256,
  LARGEST = 30000
};

static const draw_colour paper = {255, 255, 255}, ink = {34, 38, 46},
                         pale_ink = {104, 112, 124}, mark = {230, 60, 40};

typedef struct sheet {
  data_image canvas;
  int columns, rows;
  int size;             /* of pictures as they are given */
  int cell;             /* as they are drawn */
  int detail;           /* pixels a side that a detail shows */
  int pair;             /* width of picture and detail */
  int text;             /* scale of headings and labels */
  int left, top;        /* of the first cell */
  int error_end;        /* of the scale of errors */
  data_image error_map; /* room for one */
} sheet;

static int most(int a, int b) { return a > b ? a : b; }
static int least(int a, int b) { return a < b ? a : b; }

/* ---- where everything goes ---- */

static int longest_label(const sheet_sample *samples, int rows, int scale) {
  int width = 0;
  for (int i = 0; i < rows; i++) {
    width = most(width, draw_text_width(samples[i].label, scale));
    width = most(width, draw_text_width(samples[i].note, scale));
  }
  return width;
}

static int longest(const char *const *texts, int count, int scale) {
  int width = 0;
  for (int i = 0; i < count; i++)
    width = most(width, draw_text_width(texts[i], scale));
  return width;
}

static sheet arrange(int columns, const char *const *headings, int rows,
                     const sheet_sample *samples) {
  sheet s = {.columns = columns, .rows = rows, .text = 1};
  s.size = samples[0].mask.width;
  s.cell = s.size > LARGEST_CELL
               ? s.size / ((s.size + LARGEST_CELL - 1) / LARGEST_CELL)
               : s.size * ((SMALLEST + s.size - 1) / s.size);
  s.detail = most(1, least(s.size / 4, s.cell));
  s.pair = 2 * s.cell + NEAR;
  if (longest(headings, columns, 2) <= s.pair) s.text = 2;
  int labels = least(longest_label(samples, rows, s.text), s.pair);
  s.left = MARGIN + labels + GAP;
  s.top = MARGIN + 2 * DRAW_FONT_HEIGHT + MARGIN + s.text * DRAW_FONT_HEIGHT +
          GAP / 2;
  return s;
}

/* Column 0 is the mask's, 1 the first picture's. */
static int column_at(const sheet *s, int column) {
  return s->left + column * (s->pair + GAP);
}

static int row_at(const sheet *s, int row) {
  return s->top + row * (2 * s->cell + NEAR + GAP);
}

/* ---- details ---- */

/* Pixels of the part that differ from their right or lower neighbour. */
static int border_pixels(const data_image *mask, int x0, int y0, int side) {
  int count = 0, width = mask->width;
  for (int y = y0; y < y0 + side - 1; y++)
    for (int x = x0; x < x0 + side - 1; x++) {
      const uint8_t *p = mask->pixels + (size_t)y * (size_t)width + x;
      count += (p[0] < 128) != (p[1] < 128) || (p[0] < 128) != (p[width] < 128);
    }
  return count;
}

/* The part that has most of the object's border; without any the middle. */
static void find_detail(const data_image *mask, int side, int *left, int *top) {
  int step = most(1, side / 4), room = mask->width - side, found = 0;
  *left = *top = room / 2;
  for (int y = 0; y <= room; y += step)
    for (int x = 0; x <= room; x += step) {
      int count = border_pixels(mask, x, y, side);
      if (count > found) found = count, *left = x, *top = y;
    }
}

/* A picture at its place, and its detail, from (x, y) of the picture. */
static status draw_pair(sheet *s, int column, int top, const data_image *image,
                        int x, int y) {
  int left = column_at(s, column), zoom = s->cell / s->detail;
  draw_picture_part(&s->canvas, left + s->cell + NEAR, top, image, x, y,
                    s->detail, s->detail, zoom);
  if (s->size <= s->cell) {
    draw_picture(&s->canvas, left, top, image, s->cell / s->size);
    return STATUS_OK;
  }
  data_image small;
  TRY(data_resize(image, s->cell, s->cell, DATA_BICUBIC, &small));
  draw_picture(&s->canvas, left, top, &small, 1);
  data_image_free(&small);
  return STATUS_OK;
}

/* ---- samples ---- */

static void draw_label(sheet *s, int top, const sheet_sample *sample) {
  const char *const lines[] = {sample->label, sample->note};
  int room = s->left - MARGIN - GAP, height = (DRAW_FONT_HEIGHT + 3) * s->text;
  for (int i = 0; i < 2; i++) {
    int width = least(draw_text_width(lines[i], s->text), room);
    draw_text_within(&s->canvas, MARGIN + room - width,
                     top + s->cell - height + i * height, room, s->text,
                     i == 0 ? ink : pale_ink, lines[i]);
  }
}

static status draw_sample(sheet *s, int row, const sheet_sample *sample) {
  int x, y, top = row_at(s, row), below = top + s->cell + NEAR;
  const data_image *real = &sample->pictures[s->columns - 1];
  find_detail(&sample->mask, s->detail, &x, &y);
  draw_label(s, top, sample);
  TRY(draw_pair(s, 0, top, &sample->mask, x, y));
  int side = most(3, s->detail * s->cell / s->size);
  draw_frame(&s->canvas, column_at(s, 0) + x * s->cell / s->size,
             top + y * s->cell / s->size, side, side, mark);
  error_map_scale(&s->canvas, column_at(s, 0), below, s->pair, s->cell,
                  s->error_end);
  for (int i = 0; i < s->columns; i++) {
    const data_image *picture = &sample->pictures[i];
    TRY(draw_pair(s, i + 1, top, picture, x, y));
    if (picture == real) continue;
    error_map_draw(picture, real, s->error_end, &s->error_map);
    TRY(draw_pair(s, i + 1, below, &s->error_map, x, y));
  }
  return STATUS_OK;
}

static void draw_heading(sheet *s, int column, const char *text) {
  int width = draw_text_width(text, s->text);
  int shift = width < s->pair ? (s->pair - width) / 2 : 0;
  int above = s->top - GAP / 2 - s->text * (DRAW_FONT_HEIGHT - 1);
  draw_text_within(&s->canvas, column_at(s, column) + shift, above, s->pair,
                   s->text, ink, text);
}

static status draw_all(sheet *s, const char *title, const char *const *headings,
                       const sheet_sample *samples) {
  size_t counts[ERROR_LEVELS] = {0};
  char first[64];
  for (int i = 0; i < s->rows; i++)
    for (int k = 0; k < s->columns - 1; k++)
      error_map_count(&samples[i].pictures[k],
                      &samples[i].pictures[s->columns - 1], counts);
  s->error_end = error_map_end(counts);
  draw_text_within(&s->canvas, MARGIN, MARGIN, s->canvas.width - 2 * MARGIN, 2,
                   ink, title);
  snprintf(first, sizeof first, "mask, detail x%d", s->cell / s->detail);
  draw_heading(s, 0, first);
  for (int i = 0; i < s->columns; i++) draw_heading(s, i + 1, headings[i]);
  for (int i = 0; i < s->rows; i++) TRY(draw_sample(s, i, &samples[i]));
  return STATUS_OK;
}

status sheet_write(const char *path, const char *title, int columns,
                   const char *const *headings, int rows,
                   const sheet_sample *samples) {
  if (columns < 1 || rows < 1)
    return status_error(STATUS_USAGE, "%s: a sheet of %d by %d pictures", path,
                        columns, rows);
  sheet s = arrange(columns, headings, rows, samples);
  int width = column_at(&s, columns + 1) - GAP + MARGIN;
  int height = row_at(&s, rows) - GAP + MARGIN;
  if (width > LARGEST || height > LARGEST)
    return status_error(STATUS_USAGE,
                        "%s: a sheet of %d by %d pixels is too large", path,
                        width, height);
  TRY(draw_canvas(width, height, paper, &s.canvas));
  status result = data_image_create(s.size, s.size, 3, &s.error_map);
  if (result == STATUS_OK) result = draw_all(&s, title, headings, samples);
  if (result == STATUS_OK) result = data_image_write(path, &s.canvas, 95);
  data_image_free(&s.error_map);
  data_image_free(&s.canvas);
  return result;
}
