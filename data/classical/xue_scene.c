/* What of a picture is measured: its part around the foreground, the regions,
 * and the maps that need neighbours. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "data/classical/xue_internal.h"

double xue_scale(int width, int height) {
  return (double)width * height / (256.0 * 256.0);
}

/* ---- the part ---- */

typedef struct box {
  int x0, y0, x1, y1; /* [x0, x1) x [y0, y1) */
} box;

static box bounding_box(const xue_picture *p) {
  box b = {p->width, p->height, 0, 0};
  for (int y = 0; y < p->height; y++)
    for (int x = 0; x < p->width; x++) {
      if (p->mask[(size_t)y * (size_t)p->width + (size_t)x] < 128) continue;
      if (x < b.x0) b.x0 = x;
      if (x >= b.x1) b.x1 = x + 1;
      if (y < b.y0) b.y0 = y;
      if (y >= b.y1) b.y1 = y + 1;
    }
  return b;
}

static box grow(box b, const xue_picture *p) {
  int dx = b.x1 - b.x0, dy = b.y1 - b.y0;
  return (box){b.x0 > dx ? b.x0 - dx : 0, b.y0 > dy ? b.y0 - dy : 0,
               b.x1 + dx < p->width ? b.x1 + dx : p->width,
               b.y1 + dy < p->height ? b.y1 + dy : p->height};
}

/* ---- erosion by a disk ----
 *
 * A pixel stays if the nearest pixel outside the region is farther than the
 * radius. What lies beyond the part's edges is no outside, as in MATLAB's
 * imerode. The distance transform of Meijster, Roerdink and Hesselink (2000):
 * along columns, then along rows by the lower envelope of parabolas, so that
 * the time does not grow with the radius. */

typedef struct envelope {
  int *apex;     /* columns of the parabolas */
  double *start; /* where each begins to be the lowest */
} envelope;

static void column_distances(const bool *region, int width, int height, int x,
                             int *out) {
  const int far = 1 << 20;
  int distance = far;
  for (int y = 0; y < height; y++) {
    size_t i = (size_t)y * (size_t)width + (size_t)x;
    distance = !region[i] ? 0 : distance < far ? distance + 1 : far;
    out[i] = distance;
  }
  distance = far;
  for (int y = height - 1; y >= 0; y--) {
    size_t i = (size_t)y * (size_t)width + (size_t)x;
    distance = !region[i] ? 0 : distance < far ? distance + 1 : far;
    if (distance < out[i]) out[i] = distance;
  }
}

static void erode_row(bool *row, const int *column, int width, double radius,
                      envelope e) {
  int count = 0;
  for (int x = 0; x < width; x++) {
    double height = (double)column[x] * column[x] + (double)x * x, from = 0;
    for (; count > 0; count--) {
      int a = e.apex[count - 1];
      from = (height - (double)column[a] * column[a] - (double)a * a) /
             (2.0 * (x - a));
      if (from > e.start[count - 1]) break;
    }
    e.start[count] = count == 0 ? -INFINITY : from;
    e.apex[count++] = x;
  }
  for (int x = 0, at = 0; x < width; x++) {
    while (at + 1 < count && e.start[at + 1] <= x) at++;
    double dx = x - e.apex[at], dy = column[e.apex[at]];
    row[x] = row[x] && dx * dx + dy * dy > radius * radius;
  }
}

static status erode(bool *region, int width, int height, int radius) {
  int *column = NULL;
  envelope e = {NULL, NULL};
  status result;
  if (radius == 0) return STATUS_OK;
  TRY_OR(done, MEMORY_NEW((size_t)width * (size_t)height, "erosion", &column));
  TRY_OR(done, MEMORY_NEW((size_t)width, "erosion", &e.apex));
  TRY_OR(done, MEMORY_NEW((size_t)width, "erosion", &e.start));
  for (int x = 0; x < width; x++)
    column_distances(region, width, height, x, column);
  for (int y = 0; y < height; y++) {
    size_t first = (size_t)y * (size_t)width;
    erode_row(region + first, column + first, width, radius, e);
  }
done:
  memory_free(column);
  memory_free(e.apex);
  memory_free(e.start);
  return result;
}

/* ---- the scene ---- */

/* Eroded by shares of the bounding box's shorter side. */
static const double eroded_share[2] = {0.03, 0.15};

static status make_regions(const xue_picture *picture, int shorter,
                           xue_scene *scene) {
  size_t count = (size_t)scene->width * (size_t)scene->height;
  for (int r = 0; r < 2; r++) {
    TRY(MEMORY_NEW(count, "a region", &scene->inside[r]));
    for (int y = 0; y < scene->height; y++)
      for (int x = 0; x < scene->width; x++) {
        uint8_t mask =
            picture->mask[(size_t)(y + scene->y) * (size_t)picture->width +
                          (size_t)(x + scene->x)];
        scene->inside[r][(size_t)y * (size_t)scene->width + (size_t)x] =
            (mask >= 128) == (r == 0);
      }
    TRY(erode(scene->inside[r], scene->width, scene->height,
              (int)(shorter * eroded_share[r])));
  }
  return STATUS_OK;
}

status xue_scene_make(const xue_picture *picture, xue_scene *out) {
  box tight = bounding_box(picture);
  INVARIANT(tight.x1 > tight.x0, "a mask without foreground");
  box part = grow(tight, picture);
  *out = (xue_scene){.x = part.x0,
                     .y = part.y0,
                     .width = part.x1 - part.x0,
                     .height = part.y1 - part.y0,
                     .scale = xue_scale(picture->width, picture->height)};
  int width = tight.x1 - tight.x0, height = tight.y1 - tight.y0;
  status result = make_regions(picture, width < height ? width : height, out);
  if (result != STATUS_OK) xue_scene_free(out);
  return result;
}

void xue_scene_free(xue_scene *scene) {
  memory_free(scene->inside[0]);
  memory_free(scene->inside[1]);
  *scene = (xue_scene){0};
}

/* ---- blur ---- */

/* One line of `length` values, `stride` apart. */
static void blur_line(float *values, int length, size_t stride,
                      const double *kernel, int radius, double *line) {
  for (int i = -radius; i < length + radius; i++) {
    int from = i < 0 ? 0 : i >= length ? length - 1 : i;
    line[i + radius] = values[(size_t)from * stride];
  }
  for (int i = 0; i < length; i++) {
    double sum = 0;
    for (int k = 0; k <= 2 * radius; k++) sum += kernel[k] * line[i + k];
    values[(size_t)i * stride] = (float)sum;
  }
}

static void make_kernel(double sigma, int radius, double *kernel) {
  double total = 0;
  for (int k = -radius; k <= radius; k++)
    total += kernel[k + radius] = exp(-k * k / (2 * sigma * sigma));
  for (int k = 0; k <= 2 * radius; k++) kernel[k] /= total;
}

status xue_blur(float *values, int width, int height, int channels,
                double sigma) {
  int radius = (int)ceil(3 * sigma);
  int longer = width > height ? width : height;
  size_t w = (size_t)width, h = (size_t)height, n = (size_t)channels;
  double *kernel = NULL, *line = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW(2 * (size_t)radius + 1, "a blur", &kernel));
  TRY_OR(done, MEMORY_NEW((size_t)(longer + 2 * radius), "a blur", &line));
  make_kernel(sigma, radius, kernel);
  for (size_t c = 0; c < n; c++) {
    for (size_t y = 0; y < h; y++)
      blur_line(values + y * w * n + c, width, n, kernel, radius, line);
    for (size_t x = 0; x < w; x++)
      blur_line(values + x * n + c, height, w * n, kernel, radius, line);
  }
done:
  memory_free(kernel);
  memory_free(line);
  return result;
}

status xue_contrast_map(const float *luminance, int width, int height,
                        float *out) {
  const double sigma = 1.5, least = 1 / 255.0 / 12.92;
  size_t count = (size_t)width * (size_t)height;
  memcpy(out, luminance, count * sizeof *out);
  TRY(xue_blur(out, width, height, 1, sigma));
  for (size_t i = 0; i < count; i++)
    out[i] = (float)(fabs((double)luminance[i] - out[i]) / fmax(out[i], least));
  return STATUS_OK;
}
