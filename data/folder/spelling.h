/* Names that people take for the same. Private to libdata. */
#ifndef HARMONIA_DATA_SPELLING_H
#define HARMONIA_DATA_SPELLING_H

#include <stdbool.h>

/* A name's key takes at most three times its bytes. */
enum { SPELLING_LONGEST = 300, SPELLING_ROOM = 4 * SPELLING_LONGEST };

/* Two names have the same key where they differ at most in the case of the
 * ending (".JPG") and in whether letters with marks are one character or
 * several (Unicode's forms NFC and NFD). False for a name that is too long for
 * a file. */
bool spelling_key(const char *name, char key[SPELLING_ROOM]);

#endif
