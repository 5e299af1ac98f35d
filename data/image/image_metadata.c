/* What a PNG's chunks and a JPEG's segments say beside the pixels. The file is
 * walked through here rather than by the codecs: they look at the pixels only,
 * and each piece is either taken as it stands or left out. No length is
 * trusted; what is compressed is taken up to a limit. */
#include <string.h>

#include <zlib.h>

#include "base/crc32.h"
#include "data/image/image_internal.h"

enum {
  EXPANDED_BYTES_MAX = 1 << 24, /* of a compressed profile or text */
  KEYWORD_BYTES = 80,           /* of a PNG's text and profile, with its end */
  ICC_HEADER = 14,              /* "ICC_PROFILE", number and count */
  PNG_SIGNATURE = 8,
  PNG_CHUNK = 12 /* length, type and CRC */
};

static const char exif_name[] = "Exif",
                  xmp_name[] = "http://ns.adobe.com/xap/1.0/";
static const char icc_name[] = "ICC_PROFILE";

static uint32_t big_endian(const uint8_t *bytes, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; i++) value = value << 8 | bytes[i];
  return value;
}

/* The name and its closing zero. */
static bool begins(const data_bytes *part, const char *name) {
  size_t length = strlen(name) + 1;
  return part->size >= length && memcmp(part->data, name, length) == 0;
}

static data_bytes after(const data_bytes *part, size_t skipped) {
  return (data_bytes){part->data + skipped, part->size - skipped, 0};
}

/* The first of its kind counts. */
static status take(data_bytes *out, data_bytes part) {
  if (out->size > 0 || part.size == 0) return STATUS_OK;
  return image_bytes_append(out, part.data, part.size);
}

/* EXIF that cannot be read is damaged, unless there is another. */
static status take_exif(data_metadata *out, data_bytes tiff) {
  data_bytes copy = {0};
  if (out->exif.size > 0) return STATUS_OK;
  TRY(take(&copy, tiff));
  out->exif_damaged = !exif_is_sound(&copy);
  if (out->exif_damaged)
    image_bytes_free(&copy);
  else
    out->exif = copy;
  return STATUS_OK;
}

/* A JPEG's APP1, which programs store in PNG as well. Whether it is taken. */
static status take_app1(data_metadata *out, const data_bytes *part,
                        bool *taken) {
  *taken = true;
  if (begins(part, exif_name) && part->size > sizeof exif_name)
    return take_exif(out, after(part, sizeof exif_name + 1));
  if (begins(part, xmp_name))
    return take(&out->xmp, after(part, sizeof xmp_name));
  *taken = false;
  return STATUS_OK;
}

/* ---- JPEG ---- */

/* A profile's pieces, which may come in any order. */
typedef struct icc_pieces {
  data_bytes piece[256];
  unsigned count;
  bool damaged;
} icc_pieces;

static void note_icc(icc_pieces *icc, const data_bytes *part) {
  unsigned number = part->data[ICC_HEADER - 2];
  unsigned count = part->data[ICC_HEADER - 1];
  if (icc->count == 0) icc->count = count;
  if (number == 0 || number > count || count != icc->count ||
      icc->piece[number].size > 0 || part->size == ICC_HEADER)
    icc->damaged = true;
  else
    icc->piece[number] = after(part, ICC_HEADER);
}

static status join_icc(const icc_pieces *icc, data_metadata *out) {
  bool damaged = icc->damaged;
  for (unsigned i = 1; i <= icc->count; i++)
    damaged = damaged || icc->piece[i].size == 0;
  out->profile_damaged = damaged;
  for (unsigned i = 1; i <= icc->count && !damaged; i++)
    TRY(image_bytes_append(&out->profile, icc->piece[i].data,
                           icc->piece[i].size));
  return STATUS_OK;
}

static void take_jfif(data_metadata *out, const data_bytes *part) {
  enum { UNIT = 7, ACROSS = 8, DOWN = 10, END = 12 };
  if (!begins(part, "JFIF") || part->size < END || part->data[UNIT] > 2) return;
  out->density_unit = (data_density_unit)part->data[UNIT];
  out->density[0] = big_endian(part->data + ACROSS, 2);
  out->density[1] = big_endian(part->data + DOWN, 2);
}

/* `whole`: with marker and length; `part`: what is behind them. */
static status take_segment(data_metadata *out, icc_pieces *icc, int marker,
                           data_bytes whole, const data_bytes *part) {
  enum { APP0 = 0xe0, APP1, APP2, APP13 = 0xed, COMMENT = 0xfe };
  bool taken = false;
  if (marker == APP0) take_jfif(out, part);
  if (marker == APP2 && begins(part, icc_name) && part->size >= ICC_HEADER)
    note_icc(icc, part);
  if (marker == APP2 && begins(part, "MPF")) out->more_pictures = true;
  if (marker == APP1) TRY(take_app1(out, part, &taken));
  if (marker == COMMENT || marker == APP13 || (marker == APP1 && !taken))
    return image_bytes_append(&out->others, whole.data, whole.size);
  return STATUS_OK;
}

/* The next marker from *at on, with *at behind it; -1: there is none. */
static int next_marker(const data_bytes *file, size_t *at) {
  while (*at + 1 < file->size) {
    int byte = file->data[(*at)++];
    if (byte != 0xff) continue;
    int marker = file->data[*at];
    if (marker == 0 || marker == 0xff) continue; /* stuffed, or filled */
    (*at)++;
    return marker;
  }
  return -1;
}

/* Up to the pixels. */
static status walk_jpeg(const data_bytes *file, icc_pieces *icc,
                        data_metadata *out) {
  enum { TEM = 0x01, RST0 = 0xd0, EOI = 0xd9, SOS = 0xda };
  size_t at = 2;
  for (int marker; (marker = next_marker(file, &at)) >= 0;) {
    if (marker == TEM || (marker >= RST0 && marker < EOI)) continue;
    if (marker == EOI || marker == SOS || file->size - at < 2) break;
    size_t length = big_endian(file->data + at, 2);
    if (length < 2 || length > file->size - at) break;
    data_bytes whole = {file->data + at - 2, length + 2, 0};
    data_bytes part = {file->data + at + 2, length - 2, 0};
    TRY(take_segment(out, icc, marker, whole, &part));
    at += length;
  }
  return STATUS_OK;
}

static status read_jpeg(const data_bytes *file, data_metadata *out) {
  icc_pieces icc = {.count = 0};
  TRY(walk_jpeg(file, &icc, out));
  return join_icc(&icc, out);
}

/* ---- PNG ---- */

/* False where it is damaged or too large; what was expanded may be there. */
static status inflate_into(data_bytes part, data_bytes *out, bool *good) {
  z_stream stream = {.next_in = part.data, .avail_in = (uInt)part.size};
  uint8_t piece[16384];
  *good = false;
  if (inflateInit(&stream) != Z_OK)
    return status_error(STATUS_MEMORY, "a picture's text: no memory");
  status result = STATUS_OK;
  int code = Z_OK;
  while (code == Z_OK && result == STATUS_OK &&
         out->size <= EXPANDED_BYTES_MAX) {
    stream.next_out = piece;
    stream.avail_out = sizeof piece;
    code = inflate(&stream, Z_NO_FLUSH);
    if (code == Z_OK || code == Z_STREAM_END)
      result = image_bytes_append(out, piece, sizeof piece - stream.avail_out);
  }
  inflateEnd(&stream);
  *good = code == Z_STREAM_END && out->size <= EXPANDED_BYTES_MAX;
  return result;
}

/* Length of the keyword that a text or profile begins with; 0: none. */
static size_t keyword_length(const data_bytes *part) {
  size_t room = part->size < KEYWORD_BYTES ? part->size : KEYWORD_BYTES;
  const uint8_t *end = room > 0 ? memchr(part->data, '\0', room) : NULL;
  return end != NULL ? (size_t)(end - part->data) : 0;
}

static status take_iccp(data_metadata *out, const data_bytes *part) {
  size_t name = keyword_length(part);
  bool good = false;
  if (out->profile.size > 0) return STATUS_OK;
  if (name > 0 && part->size > name + 2 && part->data[name + 1] == 0)
    TRY(inflate_into(after(part, name + 2), &out->profile, &good));
  if (!good) image_bytes_free(&out->profile);
  out->profile_damaged = !good;
  return STATUS_OK;
}

/* -1: none. */
static int hex_digit(int c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 'a' ^ 'A';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ImageMagick's text of a JPEG's segment: a line feed, its name, a line feed,
 * its length, and the bytes in hexadecimal digits. */
static void decode_profile(data_bytes *text) {
  size_t at = 0, size = 0, lines = 0;
  while (at < text->size && lines < 3) lines += text->data[at++] == '\n';
  int high = -1;
  for (; at < text->size; at++) {
    int digit = hex_digit(text->data[at]);
    if (digit < 0) continue;
    if (high >= 0) text->data[size++] = (uint8_t)(high << 4 | digit);
    high = high >= 0 ? -1 : digit;
  }
  text->size = size;
}

static bool is_app1_text(const data_bytes *part) {
  static const char *const names[] = {
      "Raw profile type exif", "Raw profile type APP1", "Raw profile type xmp"};
  for (int i = 0; i < 3; i++)
    if (begins(part, names[i])) return true;
  return false;
}

/* EXIF and XMP as text; XMP may stand there without a JPEG's name of it. */
static status take_profile_text(data_metadata *out, bool compressed,
                                const data_bytes *part) {
  data_bytes bytes = {0};
  bool good = true, taken;
  status result = STATUS_OK;
  data_bytes text = after(part, keyword_length(part) + 1);
  if (compressed && text.size > 1)
    result = inflate_into(after(&text, 1), &bytes, &good);
  else if (!compressed)
    result = take(&bytes, text);
  if (result == STATUS_OK && good) {
    decode_profile(&bytes);
    result = take_app1(out, &bytes, &taken);
    if (result == STATUS_OK && !taken && begins(part, "Raw profile type xmp"))
      result = take(&out->xmp, bytes);
  }
  image_bytes_free(&bytes);
  return result;
}

/* Keyword, whether compressed, method, language, translated keyword, text. */
static status take_xmp_text(data_metadata *out, const data_bytes *part) {
  size_t at = keyword_length(part) + 1;
  if (part->size < at + 2) return STATUS_OK;
  bool compressed = part->data[at] != 0, good;
  at += 2;
  for (int i = 0; i < 2; i++) {
    const uint8_t *end = memchr(part->data + at, '\0', part->size - at);
    if (end == NULL) return STATUS_OK;
    at = (size_t)(end - part->data) + 1;
  }
  if (out->xmp.size > 0) return STATUS_OK;
  if (!compressed) return take(&out->xmp, after(part, at));
  TRY(inflate_into(after(part, at), &out->xmp, &good));
  if (!good) image_bytes_free(&out->xmp);
  return STATUS_OK;
}

static status take_text(data_metadata *out, const char *type, data_bytes whole,
                        const data_bytes *part) {
  if (strcmp(type, "iTXt") == 0 && begins(part, "XML:com.adobe.xmp"))
    return take_xmp_text(out, part);
  if (strcmp(type, "iTXt") != 0 && is_app1_text(part))
    return take_profile_text(out, strcmp(type, "zTXt") == 0, part);
  return image_bytes_append(&out->others, whole.data, whole.size);
}

static void take_phys(data_metadata *out, const data_bytes *part) {
  if (part->size != 9 || part->data[8] > 1) return;
  out->density_unit = part->data[8] == 1 ? DATA_PER_METRE : DATA_ASPECT;
  out->density[0] = big_endian(part->data, 4);
  out->density[1] = big_endian(part->data + 4, 4);
}

/* Whether it is what a picture of sRGB would say, to a thousandth. */
static bool says_srgb(const char *type, const data_bytes *part) {
  enum { PARTS = 100000, NEAR = PARTS / 1000 };
  static const int gamma[] = {45455};
  static const int primaries[] = {31270, 32900, 64000, 33000,
                                  30000, 60000, 15000, 6000};
  bool is_gamma = strcmp(type, "gAMA") == 0;
  const int *want = is_gamma ? gamma : primaries;
  size_t count = is_gamma ? 1 : 8;
  if ((!is_gamma && strcmp(type, "cHRM") != 0) || part->size != 4 * count)
    return false;
  for (size_t i = 0; i < count; i++) {
    int64_t off = (int64_t)big_endian(part->data + 4 * i, 4) - want[i];
    if (off > NEAR || off < -NEAR) return false;
  }
  return true;
}

/* Some programs put a JPEG's name of it in front. */
static status take_exif_chunk(data_metadata *out, const data_bytes *part) {
  bool taken;
  if (begins(part, exif_name)) return take_app1(out, part, &taken);
  return take_exif(out, *part);
}

static status take_chunk(data_metadata *out, const char *type, data_bytes whole,
                         const data_bytes *part, bool *srgb) {
  static const char *const kept[] = {"cHRM", "gAMA", "cICP", "mDCV",
                                     "mDCv", "cLLI", "cLLi"};
  if (strcmp(type, "iCCP") == 0) return take_iccp(out, part);
  if (strcmp(type, "eXIf") == 0) return take_exif_chunk(out, part);
  if (strcmp(type + 1, "TXt") == 0 || strcmp(type, "tEXt") == 0)
    return take_text(out, type, whole, part);
  if (strcmp(type, "pHYs") == 0) take_phys(out, part);
  if (strcmp(type, "sRGB") == 0) {
    *srgb = true;
    return image_bytes_append(&out->others, whole.data, whole.size);
  }
  if (strcmp(type, "acTL") == 0) out->more_pictures = true;
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
    if (strcmp(type, kept[i]) != 0) continue;
    if (!says_srgb(type, part)) out->other_colours = true;
    return image_bytes_append(&out->others, whole.data, whole.size);
  }
  return STATUS_OK;
}

/* Also behind the pixels. A chunk whose CRC is wrong is left out. */
static status read_png(const data_bytes *file, data_metadata *out) {
  size_t at = PNG_SIGNATURE;
  bool srgb = false;
  out->others_of_png = true;
  while (at < file->size && file->size - at >= PNG_CHUNK) {
    size_t length = big_endian(file->data + at, 4);
    if (length > file->size - at - PNG_CHUNK) break;
    data_bytes whole = {file->data + at, length + PNG_CHUNK, 0};
    data_bytes part = {file->data + at + 8, length, 0};
    char type[5] = {0};
    memcpy(type, file->data + at + 4, 4);
    bool ancillary = (type[0] & 0x20) != 0;
    if (ancillary && crc32_add(0, part.data - 4, length + 4) ==
                         big_endian(part.data + length, 4))
      TRY(take_chunk(out, type, whole, &part, &srgb));
    at += whole.size;
  }
  if (srgb || out->profile.size > 0) out->other_colours = false;
  return STATUS_OK;
}

/* ---- either ---- */

status image_metadata_read(const data_bytes *file, data_metadata *out) {
  *out = (data_metadata){.others_of_png = false};
  bool jpeg = file->size > 1 && file->data[0] == 0xff;
  bool png = file->size > 1 && file->data[0] == 0x89;
  if (!jpeg && !png) return STATUS_OK;
  status result = (jpeg ? read_jpeg : read_png)(file, out);
  if (result != STATUS_OK) image_metadata_free(out);
  return result;
}

void image_metadata_settle(data_metadata *metadata, bool lying) {
  exif_settle(&metadata->exif, lying);
  xmp_settle(&metadata->xmp);
  if (!lying) return;
  uint32_t across = metadata->density[0];
  metadata->density[0] = metadata->density[1];
  metadata->density[1] = across;
}

void image_metadata_free(data_metadata *metadata) {
  image_bytes_free(&metadata->profile);
  image_bytes_free(&metadata->exif);
  image_bytes_free(&metadata->xmp);
  image_bytes_free(&metadata->others);
  *metadata = (data_metadata){.others_of_png = false};
}
