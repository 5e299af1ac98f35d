/* Pictures in a table with headings. */
#include "dist/draw/sheet.h"

#include <string.h>

#include "dist/draw/draw.h"

enum { MARGIN = 16, GAP = 6, WANTED_CELL = 128, LARGEST = 30000 };

static const draw_colour paper = {255, 255, 255}, ink = {34, 38, 46},
                         pale_ink = {104, 112, 124}, empty = {238, 240, 243},
                         edge = {206, 210, 216};

typedef struct sheet {
  int columns, rows;
  int cell_width, cell_height; /* enlarged */
  int scale;                   /* of cells */
  int text;                    /* scale of headings and labels */
  int left, top;               /* of the first cell */
} sheet;

static int longest(const char *const *texts, int count, int scale) {
  int width = 0;
  for (int i = 0; texts != NULL && i < count; i++) {
    int this = draw_text_width(texts[i], scale);
    if (this > width) width = this;
  }
  return width;
}

/* Where everything goes. */
static sheet arrange(const char *title, int columns,
                     const char *const *headings, int rows,
                     const char *const *row_labels, const data_image *cells) {
  sheet s = {.columns = columns, .rows = rows, .scale = 1, .text = 1};
  for (int i = 0; i < rows * columns; i++) {
    if (cells[i].width > s.cell_width) s.cell_width = cells[i].width;
    if (cells[i].height > s.cell_height) s.cell_height = cells[i].height;
  }
  if (s.cell_width == 0) s.cell_width = s.cell_height = WANTED_CELL;
  int larger = s.cell_width > s.cell_height ? s.cell_width : s.cell_height;
  while (larger * s.scale < WANTED_CELL) s.scale++;
  s.cell_width *= s.scale, s.cell_height *= s.scale;
  if (longest(headings, columns, 2) <= s.cell_width) s.text = 2;
  int labels = longest(row_labels, rows, s.text);
  if (labels > 2 * s.cell_width) labels = 2 * s.cell_width;
  s.left = MARGIN + (labels > 0 ? labels + 2 * GAP : 0);
  s.top = MARGIN;
  if (title != NULL) s.top += 2 * DRAW_FONT_HEIGHT + MARGIN;
  if (headings != NULL) s.top += s.text * DRAW_FONT_HEIGHT + GAP;
  return s;
}

static void draw_cell(data_image *canvas, const sheet *s, int column, int row,
                      const data_image *cell) {
  int x = s->left + column * (s->cell_width + GAP);
  int y = s->top + row * (s->cell_height + GAP);
  if (cell->width == 0 || cell->pixels == NULL) {
    draw_rectangle(canvas, x, y, s->cell_width, s->cell_height, empty);
    draw_frame(canvas, x, y, s->cell_width, s->cell_height, edge);
    return;
  }
  int width = cell->width * s->scale, height = cell->height * s->scale;
  draw_picture(canvas, x + (s->cell_width - width) / 2,
               y + (s->cell_height - height) / 2, cell, s->scale);
}

static void draw_texts(data_image *canvas, const sheet *s, const char *title,
                       const char *const *headings,
                       const char *const *row_labels) {
  if (title != NULL)
    draw_text_within(canvas, MARGIN, MARGIN, canvas->width - 2 * MARGIN, 2, ink,
                     title);
  int above = s->top - GAP - s->text * DRAW_FONT_HEIGHT + s->text;
  for (int i = 0; headings != NULL && i < s->columns; i++) {
    int width = draw_text_width(headings[i], s->text);
    int shift = width < s->cell_width ? (s->cell_width - width) / 2 : 0;
    draw_text_within(canvas, s->left + i * (s->cell_width + GAP) + shift, above,
                     s->cell_width, s->text, ink, headings[i]);
  }
  int room = s->left - MARGIN - 2 * GAP;
  for (int i = 0; row_labels != NULL && i < s->rows; i++) {
    int width = draw_text_width(row_labels[i], s->text);
    int shift = width < room ? room - width : 0;
    int y = s->top + i * (s->cell_height + GAP) +
            (s->cell_height - 7 * s->text) / 2;
    draw_text_within(canvas, MARGIN + shift, y, room, s->text, pale_ink,
                     row_labels[i]);
  }
}

status sheet_write(const char *path, const char *title, int columns,
                   const char *const *headings, int rows,
                   const char *const *row_labels, const data_image *cells) {
  if (columns < 1 || rows < 1)
    return status_error(STATUS_USAGE, "%s: a sheet of %d by %d pictures", path,
                        columns, rows);
  sheet s = arrange(title, columns, headings, rows, row_labels, cells);
  long width = s.left + (long)columns * (s.cell_width + GAP) - GAP + MARGIN;
  long height = s.top + (long)rows * (s.cell_height + GAP) - GAP + MARGIN;
  if (width > LARGEST || height > LARGEST)
    return status_error(STATUS_USAGE,
                        "%s: a sheet of %ld by %ld pixels is too large", path,
                        width, height);
  data_image canvas;
  TRY(draw_canvas((int)width, (int)height, paper, &canvas));
  draw_texts(&canvas, &s, title, headings, row_labels);
  for (int i = 0; i < rows * columns; i++)
    draw_cell(&canvas, &s, i % columns, i / columns, &cells[i]);
  status result = data_image_write(path, &canvas, 95);
  data_image_free(&canvas);
  return result;
}
