/* Files of weights that other programs wrote: PyTorch's (.pth, .pt, also as
 * they were before 1.6) and safetensors. */
#ifndef HARMONIA_FOREIGN_H
#define HARMONIA_FOREIGN_H

#include "checkpoint/checkpoint.h"

typedef struct foreign_file foreign_file;

/* Opens a file of one of these formats, which its first bytes tell; of any
 * other *out is NULL. part: which dictionary of several; "": there is one.
 * STATUS_FORMAT says what is damaged or refused, STATUS_USAGE which parts there
 * are. */
status foreign_open(const char *path, const char *part, foreign_file **out);
void foreign_close(foreign_file **file);

/* All tensors in the order of their names; each name is there once. */
size_t foreign_count(const foreign_file *file);
const ckpt_array *foreign_array(const foreign_file *file, size_t index);
/* All numbers of one as `type`. */
status foreign_read(foreign_file *file, size_t index, ckpt_type type,
                    void *values);

/* Texts that the file has besides, in no order. */
size_t foreign_note_count(const foreign_file *file);
void foreign_note(const foreign_file *file, size_t index, const char **key,
                  const char **text);

#endif
