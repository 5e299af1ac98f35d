/* libdata: image files, resizing, colour, colour transfer, HCOCO folders, the
 * packed HDF5 data set, metrics. Knows neither networks nor MPI.
 *
 * Images are 8-bit, interleaved, rows from top to bottom: pixel (x, y),
 * channel c is at pixels[(y * width + x) * channels + c]. Functions that fill a
 * `data_image *out` allocate it (any former content is overwritten, not freed);
 * the caller frees it with data_image_free. On failure *out is all zeros.
 * Functions are safe to call from several threads at once unless they say
 * otherwise. */
#ifndef HARMONIA_DATA_H
#define HARMONIA_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* ---- images (image.c, image_png.c, image_jpeg.c) ---- */

typedef struct data_image {
  int width, height, channels; /* channels: 1 or 3 */
  uint8_t *pixels;
} data_image;

status data_image_create(int width, int height, int channels, data_image *out);
void data_image_free(data_image *image);

/* Reads a PNG (grey, RGB, palette, alpha; 1 to 16 bit), a JPEG (grey, YCbCr,
 * CMYK/YCCK as Adobe writes it) or a PPM or PGM (P6, P5), told apart by their
 * first bytes, as 3 channels (RGB), upright: turned as the EXIF orientation
 * says (damaged EXIF says nothing). 16-bit values are rounded to the nearest of
 * 8 bits; alpha is dropped, as Pillow's convert("RGB") does. Truncated and
 * foreign files are STATUS_FORMAT. "-" is standard input. */
status data_image_read(const char *path, data_image *out);

/* Only the size, upright, from the header. */
status data_image_read_size(const char *path, int *width, int *height);

/* By the path's ending: .png, .jpg or .jpeg (4:4:4 above quality 90, else
 * 4:2:0), .ppm or .pgm. "-" is standard output, as PNG; "jpg:-" and "ppm:-" as
 * these. Written by publish_bytes: a full disk never leaves half a file, a link
 * is followed. 1 or 3 channels. */
status data_image_write(const char *path, const data_image *image, int quality);

/* Whether data_image_write takes the path: asked before long work. */
status data_image_check(const char *path);

/* ---- pictures with all that their files say (picture.c) ---- */

typedef struct data_bytes {
  uint8_t *data;
  size_t size, capacity;
} data_bytes;

typedef enum data_density_unit {
  DATA_ASPECT, /* no unit: only the shape of a pixel */
  DATA_PER_INCH,
  DATA_PER_CENTIMETRE,
  DATA_PER_METRE
} data_density_unit;

/* What a file says beside its pixels; what is not there has size 0. */
typedef struct data_metadata {
  data_bytes profile; /* ICC */
  data_bytes exif;    /* from its TIFF header on; its orientation is 1 */
  data_bytes xmp;
  data_bytes others;   /* comments and the like, as they stand in the file */
  bool others_of_png;  /* others: a PNG's chunks; else a JPEG's segments */
  uint32_t density[2]; /* across and down; 0: not given */
  data_density_unit density_unit;
  bool profile_damaged, exif_damaged; /* they were there, and are left out */
  bool other_colours; /* others: a gamma or primaries that are not sRGB's */
  bool more_pictures; /* the file holds others: an animation, a gain map */
} data_metadata;

typedef struct data_picture {
  int width, height; /* upright, as viewers show it */
  int channels;      /* 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha */
  int bits;          /* 8, 16 in the machine's byte order, or 32: floats of 0
                        to 1 and beyond, which no file holds */
  bool palette;      /* the colours came from a palette */
  bool inks;         /* the colours came from CMYK: so does the profile */
  void *pixels;      /* interleaved, rows from top to bottom */
  data_metadata metadata;
} data_picture;

/* Black, without metadata; of the sizes that data_image_create takes. */
status data_picture_create(int width, int height, int channels, int bits,
                           data_picture *out);

/* Reads what data_image_read reads, with nothing left out: alpha (also of
 * tRNS) and 16 bits are kept. Fewer than 8 bits become 8, a palette and inks
 * become RGB. */
status data_picture_read(const char *path, data_picture *out);
void data_picture_free(data_picture *picture);

/* Grey becomes RGB, and its profile, if it can, one of RGB. */
status data_picture_colour(data_picture *picture);

/* A new image of an RGB picture: 8 bits, without alpha. */
status data_picture_see(const data_picture *picture, data_image *out);

enum { DATA_DROPPED_BYTES = 256 };

/* As data_image_write, with all that the format can hold. What it cannot is
 * listed in `dropped` ("alpha, 16 bits"), "" where nothing is lost. */
status data_picture_write(const char *path, const data_picture *picture,
                          int quality, char dropped[DATA_DROPPED_BYTES]);

/* ---- colour profiles (profile.c) ---- */

typedef struct data_profile data_profile;

/* What brings the colours of an ICC profile to sRGB and back. *out is NULL
 * where there is nothing to do: no profile, or that of sRGB (to two levels of
 * 255). A profile that cannot be used, or a program built without a library for
 * it, is STATUS_FORMAT. */
status data_profile_open(const data_bytes *icc, data_profile **out);
void data_profile_close(data_profile **profile); /* accepts NULL inside */

/* `count` colours of three values in [0,1]; `in` may be `out`. Colours that
 * sRGB does not have lie outside of [0,1]. Not from several threads. */
void data_profile_to_srgb(const data_profile *profile, const float *in,
                          float *out, size_t count);
void data_profile_from_srgb(const data_profile *profile, const float *in,
                            float *out, size_t count);

/* ---- resizing and masks (resize.c, mask*.c) ---- */

typedef enum data_filter {
  DATA_BILINEAR,  /* Pillow BILINEAR: triangle, widened when shrinking */
  DATA_BICUBIC,   /* Pillow BICUBIC: a = -0.5, widened when shrinking */
  DATA_NEAREST,   /* source index floor((i + 0.5) * from / to), Pillow's sum */
  DATA_CV_LINEAR, /* OpenCV INTER_LINEAR: two taps, no antialiasing */
} data_filter;

/* Equal to Pillow's 8-bit resampling: fixed-point coefficients (22 bits),
 * horizontal pass first, each pass rounded to 8 bits. */
status data_resize(const data_image *image, int width, int height,
                   data_filter filter, data_image *out);

/* Resizes the part [x0, x0+w) x [y0, y0+h) (Pillow's `box`, in pixels): a
 * widened filter also looks at what lies around it. DATA_CV_LINEAR takes the
 * part's edges to whole pixels and looks at nothing else, as OpenCV does after
 * cutting out. A part that is not inside of the image is STATUS_USAGE. */
status data_resize_box(const data_image *image, double x0, double y0, double w,
                       double h, int width, int height, data_filter filter,
                       data_image *out);

/* How a file is read as a mask. */
typedef struct data_mask_options {
  bool alpha;    /* its alpha channel is the mask */
  int threshold; /* 0: greys stay; else black and white: object is what has this
                    value or more in any channel (with `alpha`, in that), in
                    the file's own values, of 8 or 16 bits */
  bool warn;     /* log what is odd about its greys or alpha */
} data_mask_options;

/* Reads any image file (data_picture_read) as the mask of the picture `image`
 * of width x height pixels: one channel, white where the object is, which is
 * the file's alpha, or its grey (of colours Pillow's convert("L"): 299 R + 587
 * G + 114 B in 1000, in its fixed point). What would not give a mask is
 * STATUS_FORMAT, with what was found and the option that helps: colours, alpha
 * that tells of another object, class numbers, no pixel of 128 or more, none
 * below. A mask that is read has both. Another size is STATUS_MISFIT. */
status data_mask_read(const char *path, const data_mask_options *how,
                      const char *image, int width, int height,
                      data_image *out);

/* Grey to {0,255}. THRESHOLD: 255 where value >= 128. DITHER: Pillow's
 * convert("1"), Floyd-Steinberg, equal to it bit for bit. */
typedef enum data_binarize { DATA_THRESHOLD, DATA_DITHER } data_binarize;
status data_mask_binarize(const data_image *grey, data_binarize how,
                          data_image *out);

/* Edges (mask_edge.c): each value becomes the greatest, or the mean, of those
 * within `pixels` of it across and down; beyond the border a mask goes on as at
 * it. 0 to 1000 pixels. */
status data_mask_grow(data_image *mask, int pixels);
status data_mask_feather(data_image *mask, int pixels);

/* A grey mask as a network of size x size pixels sees it, in {0,255}: its
 * nearest pixels, 255 where >= 128, as `pack` has them. Parts of the object
 * that the nearest pixels miss - a pole, a wire, a dot - take the pixels of
 * which they cover most. A mask that has object and background keeps both. */
status data_mask_shrink(const data_image *mask, int size, data_image *out);

/* ---- cut-outs (paste.c) ---- */

/* Where a cut-out comes to lie in a picture: its upper left corner, which may
 * be outside, and how many times as wide and high it becomes. */
typedef struct data_placing {
  int x, y;
  double scale;
} data_placing;

/* Of "X,Y" and "S"; "" is 0,0 and 1. STATUS_USAGE says "<where>at: ..." or
 * "<where>scale: ...". */
status data_placing_read(const char *where, const char *at, const char *scale,
                         data_placing *out);

typedef struct data_cutout {
  const char *path;            /* for messages */
  const data_picture *picture; /* RGB */
  const data_profile *profile; /* of its colours, or NULL */
  const data_image *mask;      /* its alpha; NULL: the picture has its own */
  data_placing at;
} data_cutout;

/* Lays the cut-out over an RGB picture that was read from `path`, by alpha, in
 * the picture's bits and colours. It is resized as Pillow does (bicubic, with
 * colours weighted by alpha), but not rounded in between. *mask: its alpha in
 * the picture, which has object and background as data_mask_read's have, else
 * STATUS_MISFIT; pixels where it is 0 keep their values. *placed (may be NULL):
 * the cut-out alone, RGBA of the picture's size and bits, 0 around it. Works on
 * a few rows at a time. On failure the picture may be changed, and nothing is
 * to be freed. */
status data_picture_paste(const data_cutout *cutout, const char *path,
                          const data_profile *profile, int threads,
                          data_picture *picture, data_image *mask,
                          data_picture *placed);

/* ---- colour (colour.c) ---- */

/* As Python's colorsys; all in [0,1], h in [0,1), grey has h = s = 0. */
void data_rgb_to_hsv(const double rgb[3], double hsv[3]);
void data_hsv_to_rgb(const double hsv[3], double rgb[3]);

/* Bytes to the networks' range: (byte / 255 - 0.5) / 0.5, in float. */
float data_byte_to_net(uint8_t byte);
/* Back, as the published test does: (x + 1) / 2 * 255, truncated, float
 * arithmetic, clamped to [0,255]. */
uint8_t data_net_to_byte(float value);
/* The same, rounded to nearest. */
uint8_t data_net_to_byte_rounded(float value);

/* ---- colour transfer (transfer_*.c) ---- */

typedef enum data_transfer_method {
  DATA_GCT,    /* global, l-alpha-beta (Reinhard 2001) */
  DATA_GCTRGB, /* global, correlated RGB (Xiao & Ma 2006) */
  DATA_HGM,    /* cumulative histograms in YCbCr */
  DATA_IDT,    /* N-dimensional pdf transfer and regrain (Pitie 2007) */
  DATA_MKL,    /* linear Monge-Kantorovitch map in RGB (Pitie & Kokaram 2007) */
  DATA_TRANSFER_METHODS
} data_transfer_method;

/* "gct", "gctrgb", "hgm", "idt", "mkl". */
const char *data_transfer_name(data_transfer_method method);

/* Gives the foreground of `target` (mask >= 128) the colours of the foreground
 * of `reference`. `out` has target's size; its background is target's, also
 * for hgm (the original leaves a YCbCr round trip there). `seed` feeds idt's
 * rotations. Masks have their image's size and one channel. A region with too
 * few pixels (below 16) is STATUS_FORMAT. */
status data_transfer(data_transfer_method method, const data_image *target,
                     const data_image *target_mask, const data_image *reference,
                     const data_image *reference_mask, uint64_t seed,
                     data_image *out);

/* A list of methods to draw from; one named twice is drawn twice as often. */
enum { DATA_METHODS_MAX = 16, DATA_JITTER = DATA_TRANSFER_METHODS };
typedef struct data_methods {
  int list[DATA_METHODS_MAX]; /* transfers, or DATA_JITTER */
  int count;
} data_methods;
/* Of "gct,hgm", with `jitter` also the word "jitter". STATUS_USAGE names
 * `option`. */
status data_methods_read(const char *option, const char *text, bool jitter,
                         data_methods *out);

/* ---- composites made while training goes on (recolour.c) ----
 *
 * Gives foregrounds of images of one size new colours; works in memory of its
 * own and allocates nothing but what DATA_IDT frees again. One thread at a
 * time. */
typedef struct data_recolour data_recolour;
status data_recolour_create(int size, data_recolour **out);
void data_recolour_destroy(data_recolour **recolour);
/* Bytes that one has. */
size_t data_recolour_bytes(int size);

/* Keeps the foreground (mask >= 128) of an image [S,S,3] for transfers. */
void data_recolour_reference(data_recolour *r, const uint8_t *image,
                             const uint8_t *mask);
/* `out`, which is not `image`: the image with the colours of its foreground
 * changed by a transfer from the reference kept last, or by DATA_JITTER. What
 * is drawn follows from `seed`. DATA_IDT is without its regrain here. Where the
 * target or the reference has fewer pixels than transfers want (16) it is
 * jittered. STATUS_MEMORY. */
status data_recolour_run(data_recolour *r, int method, uint64_t seed,
                         const uint8_t *image, const uint8_t *mask,
                         uint8_t *out);

/* ---- HCOCO folders (hcoco.c) ---- */

typedef enum data_split {
  DATA_TRAIN,
  DATA_TEST,
  DATA_VALIDATION, /* may be empty, as any of them */
  DATA_SPLITS
} data_split;
/* "train", "test", "validation" */
const char *data_split_name(data_split split);
/* False where it is the name of none. */
bool data_split_find(const char *name, data_split *split);

/* One composite of a folder. Paths are relative to the folder. */
typedef struct data_entry {
  char *composite; /* composite_images/c<image>_<object>_<k>.jpg */
  char *mask;      /* masks/c<image>_<object>.png */
  char *real;      /* real_images/c<image>.jpg */
  data_split split;
} data_entry;

typedef struct data_folder {
  char *path; /* the folder that holds composite_images, masks, real_images */
  data_entry *entries; /* by split, each in the order of its list */
  size_t count;
  size_t split_count[DATA_SPLITS];
} data_folder;

/* Opens an HCOCO folder, or the iHarmony4 folder that holds it. Lists:
 * <NAME>_train.txt (NAME: the folder's own), HCOCO_train.txt or the only other
 * *_train.txt in the folder (bare names), else IHD_train.txt (lines
 * "HCOCO/composite_images/<name>") in it or in its parent, of which the
 * folder's own lines are taken; the same for test and validation. Lists may be
 * missing, but not all: their splits are empty then. Names are parsed from the
 * right: mask = name less its last field, real = name less its last two.
 * Files may end in .png, .jpg or .jpeg, a composite also in another of these
 * than its list says. Only names are read here: no image is opened. No list at
 * all, a list that is empty, repeats a name, names a file that is not there or
 * what is not of that form are errors that name the list and the line. */
status data_folder_open(const char *path, data_folder *out);
void data_folder_close(data_folder *folder);

/* ---- pictures with their masks (pairs.c) ---- */

/* Paths; `mask` and `cutout` are "" where there is none. A cut-out is to be
 * laid into the image first: then the mask is the cut-out's. */
typedef struct data_pair {
  char *image, *mask, *output, *cutout;
  data_placing at;
} data_pair;
typedef struct data_pairs {
  data_pair *pairs;
  size_t count, room;
} data_pairs;

/* The pictures of a folder, whose outputs are of the same name in the folder
 * `out`. Of HCOCO's (composite_images, masks) those of its lists; of any other
 * folder NAME.png, .jpg or .jpeg with NAME_mask.png, .jpg or .jpeg, in the
 * order of their names. STATUS_FORMAT where there is no picture. */
status data_pairs_of_folder(const char *folder, const char *out,
                            data_pairs *pairs);
/* A tab-separated list with the columns image, mask and output in its header,
 * others ignored; paths that begin with no / are below the list's folder. mask
 * may be missing; output as well where `out` is not "": then as above, with the
 * name of the cut-out where there is one. Of cut-outs the columns are cutout,
 * background (in the place of image), and at and scale (data_placing_read),
 * which may be missing or empty. STATUS_FORMAT names the line. */
status data_pairs_of_list(const char *path, const char *out, data_pairs *pairs);
void data_pairs_free(data_pairs *pairs);

/* ---- validation (hold_out.c) ----
 *
 * Scenes of the training split can be held out for validation, with all that
 * shows them: `validation` below 1 is a share of them, from 1 on their number,
 * 0 none. Which ones follows from their names alone: those whose hash is
 * least. So that other options or more composites change nothing. */

/* scenes[i]: what sample i shows, or NULL where it is not of the training
 * split; held_out[i] is set for those that are chosen. STATUS_MISFIT where
 * nothing would be left to train on. */
status data_hold_out(const char *const *scenes, size_t count, double validation,
                     bool *held_out);

/* ---- making folders (compose.c) ---- */

typedef struct data_compose_options {
  const char *photos; /* folder with index.tsv and {train,test}/NAME.jpg+.png */
  const char *out;    /* the HCOCO-layout folder to make */
  data_mask_options mask;
  const char *methods; /* comma-separated names of transfers */
  int per_image;       /* composites a photograph */
  uint64_t seed;
  double max_fmse;   /* redraw the reference above this fMSE; 0: never */
  double validation; /* scenes taken from the training split: data_hold_out */
  int quality;       /* of the JPEGs written */
  int threads;       /* 0: all cores */
  bool strict;       /* the same scene in two splits is an error */
} data_compose_options;

/* Deterministic in the options but `threads`. Safe to interrupt and run again:
 * files that are there and whole are kept. Logs progress. */
status data_compose(const data_compose_options *options);

/* ---- the packed data set (pack.c, set.c; format in set_format.h) ---- */

typedef struct data_pack_options {
  const char *folder; /* HCOCO folder */
  const char *out;    /* F.h5 */
  int size;           /* pixels a side */
  data_filter filter;
  data_mask_options mask;
  data_binarize binarize; /* what mask.threshold leaves grey */
  double validation; /* scenes taken from the training split: data_hold_out */
  bool skip_bad;     /* leave out samples that cannot be read, listing them */
  bool strict;       /* the same image in two splits is an error */
  int compression;   /* gzip level 0 to 9 */
  int threads;       /* 0: all cores */
} data_pack_options;

/* Decodes, resizes and stores a folder. Streams; killed at any moment, it is
 * continued by the same call with the same options (OUT.partial holds what is
 * done: the disk needs room for twice the result); a finished file of the same
 * options and lists is STATUS_OK at once, one of others is refused, not
 * overwritten. The file's bytes depend on neither threads nor interruptions.
 * Samples that cannot be read, whose three images differ in size, whose mask
 * data_mask_read refuses or has no object left among the nearest pixels are an
 * error, or with skip_bad left out, warned of and listed in OUT.skipped.txt. A
 * real image in two splits, or under two names, is warned of (`strict`:
 * STATUS_MISFIT). Logs progress with rate and time left. */
status data_pack(const data_pack_options *options);

typedef struct data_synth_options {
  const char *out; /* F.h5 */
  /* A folder, made if need be, for NAME.png, NAME_mask.png and NAME_real.png of
   * each scene as well; NULL: none. */
  const char *pictures;
  int size, train_count, test_count, validation_count;
  uint64_t seed;
  int threads;
} data_synth_options;

/* Procedural scenes (gradients, textures, lit shapes, photographic noise) with
 * one object each, recoloured by the transfers of this library: a packed data
 * set out of nothing. Deterministic. */
status data_synth(const data_synth_options *options);

/* An open packed data set. Threads may read one set at the same time: they take
 * turns in HDF5, by the process-wide lock of hdf5/hdf5_lock.h. */
typedef struct data_set data_set;

typedef struct data_set_info {
  int size;                        /* pixels a side; 0: of files */
  size_t count;                    /* composites, by split */
  size_t split_begin[DATA_SPLITS]; /* first sample of a split */
  size_t split_count[DATA_SPLITS];
  size_t reals, masks; /* distinct real images and masks */
  char identity[65];   /* SHA-256 of protocol, sizes, names and pixels, hex */
  char protocol[256];  /* size, filter and binarization, as text */
} data_set_info;

/* Opens and checks: format, version, finished, dimensions, index ranges, the
 * index against its fingerprint. Read-only and without file locks, so that all
 * ranks may have the same file open. */
status data_set_open(const char *path, data_set **out);
void data_set_close(data_set **set);
const data_set_info *data_set_describe(const data_set *set);

/* Sample `index` (of all samples): composite and real are size*size*3 bytes,
 * mask is size*size bytes of 0 or 255. Any pointer may be NULL. Allocates
 * nothing (HDF5 does, and frees it). Damaged pixels are STATUS_FORMAT. */
status data_set_read(data_set *set, size_t index, uint8_t *composite,
                     uint8_t *mask, uint8_t *real);

/* The files of an HCOCO folder (data_folder_open) as a data set that is not
 * packed: nothing is decoded before it is read, and images keep the sizes of
 * their files: the set's is 0, its identity "". Masks are black and white. Only
 * data_set_read_images reads it. */
status data_set_open_files(const char *path, data_set **out);
/* Sample `index` of any data set. Files that cannot be read, or whose sizes
 * differ, are errors that name them, as of data_pack. */
status data_set_read_images(data_set *set, size_t index, data_image *composite,
                            data_image *mask, data_image *real);

/* What the samples [0, count) show, as numbers below the result; those of which
 * it is not known have one together. 0: the set does not tell. */
uint32_t data_set_categories(const data_set *set, size_t count, uint32_t *out);

/* The composite's file name (owned by the set). */
const char *data_set_name(const data_set *set, size_t index);

/* ---- writing a packed data set (set_write.c) ----
 *
 * For `pack` and `synth`. Pixels are compressed into chunks first, by as many
 * threads as one likes; the chunks are then added from one thread at a time.
 *
 *   data_set_writer_open(path, &attributes, &writer)
 *   data_chunk_make(pixels, size, 3, level, &chunk)        any thread
 *   data_set_writer_add_real(writer, &chunk, &real)        in order
 *   data_set_writer_add_mask(writer, &chunk, &mask)
 *   data_set_writer_add_composite(writer, name, split, real, mask, &chunk)
 *   data_set_writer_commit(&writer)
 *
 * The file's bytes follow from the calls alone. */

/* One compressed image: what HDF5 stores as a chunk. */
typedef struct data_chunk {
  uint8_t *bytes; /* deflate stream and Fletcher32 */
  size_t length;
  uint32_t crc;        /* CRC-32 of the pixels */
  uint32_t foreground; /* one channel: pixels of 255; else 0 */
} data_chunk;

/* Compresses size*size*channels bytes; channels is 3 (an image) or 1 (a mask,
 * bytes 0 and 255 only). `compression` 0 to 9. Free with data_chunk_free. */
status data_chunk_make(const uint8_t *pixels, int size, int channels,
                       int compression, data_chunk *out);
void data_chunk_free(data_chunk *chunk); /* accepts zeros */

/* The sensible compression level (measured: see set_write.c). */
enum { DATA_SET_COMPRESSION = 3 };

typedef struct data_set_attributes {
  int size;                   /* pixels a side */
  size_t reals, masks, count; /* exactly how many will be added */
  int compression;            /* only recorded */
  const char *protocol;       /* how pixels were made: below 256 bytes */
  const char *source;         /* the source folder's name, or "synth" */
  const char *listing;        /* fingerprint of the source, or NULL */
  size_t skipped;             /* samples of the source left out */
} data_set_attributes;

typedef struct data_set_writer data_set_writer;

/* Begins PATH.tmp; a former one is overwritten. A link is followed: PATH is
 * then where it leads. */
status data_set_writer_open(const char *path,
                            const data_set_attributes *attributes,
                            data_set_writer **out);

/* Adds an image; `*index` (may be NULL) is its number, counted from 0 in the
 * order of the calls. The chunk stays the caller's. */
status data_set_writer_add_real(data_set_writer *writer,
                                const data_chunk *chunk, size_t *index);
status data_set_writer_add_mask(data_set_writer *writer,
                                const data_chunk *chunk, size_t *index);

/* Adds a sample made of real number `real` and mask number `mask` (which may
 * be added later). Samples come by split, in the order of data_split. Names
 * are distinct and below 256 bytes. */
status data_set_writer_add_composite(data_set_writer *writer, const char *name,
                                     data_split split, size_t real, size_t mask,
                                     const data_chunk *chunk);

/* Once, at any time: what the real images show, numbers below their count;
 * UINT32_MAX where that is not known. */
status data_set_writer_categorise(data_set_writer *writer,
                                  const uint32_t *categories);

/* Writes the index and the attributes, flushes to disk and renames PATH.tmp to
 * PATH, replacing a former file. The writer is gone afterwards in any case; on
 * failure PATH.tmp is removed. */
status data_set_writer_commit(data_set_writer **writer);

/* Gives up: removes PATH.tmp. Accepts NULL. */
void data_set_writer_abort(data_set_writer **writer);

/* ---- numbers for others (numbers.c) ---- */

/* A dataset of floats, and an attribute of the file: a text, or else a number.
 */
typedef struct data_numbers {
  const char *name;
  int rank; /* 1 to 4 */
  size_t shape[4];
  const float *values;
} data_numbers;
typedef struct data_remark {
  const char *name, *text;
  double number;
} data_remark;

typedef struct data_numbers_file {
  const data_numbers *arrays;
  const data_remark *remarks;
  size_t count, remark_count;
} data_numbers_file;

/* As HDF5, whole or not at all. */
status data_numbers_write(const char *path, const data_numbers_file *contents);

/* ---- metrics (metrics.c, ssim.c) ---- */

typedef enum data_background {
  DATA_BG_AS_IS, /* the output as it is */
  DATA_BG_GT,    /* background replaced by the real image's */
  DATA_BG_MASKED /* background error counted as zero; unlike DATA_BG_GT, the
                    range of the output stays that of the output as it is */
} data_background;

typedef enum data_psnr_range {
  DATA_RANGE_PRED,       /* max - min of the output (DoveNet) */
  DATA_RANGE_TARGET_MAX, /* max of the real image (iDIH) */
  DATA_RANGE_255
} data_psnr_range;

typedef struct data_scores {
  double mse;      /* mean of squared differences, levels 0-255 */
  double psnr;     /* 10 log10(R^2 / mse), R by data_psnr_range; inf at mse 0 */
  double psnr_255; /* the same with R = 255 */
  double fmse;     /* squared error inside the mask / (3 * foreground pixels);
                      0 without one */
  double ssim;     /* Gaussian window 11, sigma 1.5, zero padding, range 255 */
  double fssim;    /* mean of the same map inside the mask; 0 without one */
  double share;    /* foreground pixels / pixels */
} data_scores;

/* output and real: height*width*3 floats in levels 0 to 255 (not necessarily
 * whole); mask: height*width bytes, foreground where >= 128. Sums in double.
 * `scratch` has data_metrics_scratch(width, height) floats. */
size_t data_metrics_scratch(int width, int height);
void data_metrics(const float *output, const float *real, const uint8_t *mask,
                  int width, int height, data_background background,
                  data_psnr_range range, float *scratch, data_scores *out);
/* The first of these scores alone. */
double data_mse(const float *output, const float *real, const uint8_t *mask,
                int width, int height, data_background background);

/* ---- classical harmonizers (lalonde.c, xue.c) ----
 *
 * composite has 3 channels, mask one and the same size (else STATUS_MISFIT);
 * any size. Foreground is mask >= 128: what is measured there and outside
 * decides the change of colour; it is then made in proportion to the mask, so
 * that pixels of mask 0 keep their bytes. Where nothing can be compared - no
 * foreground, no background - `out` is a copy of the composite. Deterministic;
 * safe to call from several threads. */

/* Lalonde and Efros, "Using color compatibility for assessing image realism",
 * ICCV 2007, section 5: colours of foreground and background as 50 clusters
 * each in CIE L*a*b*, brought together by the earth mover's distance. `seed`
 * draws the first centres of the clusters. */
status data_lalonde(const data_image *composite, const data_image *mask,
                    uint64_t seed, data_image *out);

/* Xue, Agarwala, Dorsey and Rushmeier, "Understanding and improving the realism
 * of image composites", SIGGRAPH 2012: local contrast, luminance, colour
 * temperature and saturation of the foreground are matched to the background's
 * one after the other, each at the zone of its distribution (top, low, mean)
 * that a model expects to agree in natural images. A foreground below 500
 * pixels of a 256 x 256 image (in proportion at other sizes) is left as it is.
 *
 * data_xue_zero needs no model: the mean is matched always (contrast: the top,
 * as with a model). */
typedef struct data_xue_model data_xue_model;
status data_xue_zero(const data_image *composite, const data_image *mask,
                     data_image *out);
status data_xue(const data_xue_model *model, const data_image *composite,
                const data_image *mask, data_image *out);

/* Fits the model on the real images and masks of a data set's training split
 * (natural pairs of foreground and background; at most the 4125 of the paper,
 * evenly taken) and writes it to `path`, whole or not at all. Nine random
 * forests of 500 trees: three goals, three zones. Logs progress, and the error
 * rate of 10-fold cross-validation. The result follows from set and seed alone,
 * whatever `threads` (0: all cores). Fewer than 20 pairs are STATUS_MISFIT. */
status data_xue_model_fit(data_set *set, uint64_t seed, int threads,
                          const char *path);

/* `identity` (data_set_info) refuses a model of another data set with
 * STATUS_MISFIT; NULL takes any. A damaged file is STATUS_FORMAT. */
status data_xue_model_open(const char *path, const char *identity,
                           data_xue_model **out);
void data_xue_model_free(data_xue_model **model); /* accepts *model NULL */

/* Cross-validation's error rate; goal 0 luminance, 1 colour temperature, 2
 * saturation; zone 0 top, 1 low, 2 mean. */
double data_xue_model_error(const data_xue_model *model, int goal, int zone);

#endif
