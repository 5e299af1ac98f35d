/* Which of a PyTorch file's dictionaries are weights, and their tensors. */
#ifndef HARMONIA_FOREIGN_TORCH_PARTS_H
#define HARMONIA_FOREIGN_TORCH_PARTS_H

#include "base/name_set.h"
#include "checkpoint/foreign/pickle.h"
#include "checkpoint/foreign/tensors.h"

/* The dictionary of tensors in what a file holds: itself or one that is nested
 * in dictionaries. Of several `part` names one, by its keys with slashes
 * between ("." is the outermost); otherwise STATUS_USAGE lists them. What an
 * optimizer numbers is none. */
status torch_find_part(const char *path, pickle_value *root, const char *part,
                       const pickle_items **dict);

/* A storage's key as a name; STATUS_FORMAT where it cannot be one. */
enum { TORCH_KEY_SIZE = 64 };
status torch_key(const char *path, pickle_text key, char name[TORCH_KEY_SIZE]);

/* Adds the tensors of a dictionary; what is none is named and passed over.
 * storages: the numbers of the file's storages by their keys. */
status torch_add_tensors(foreign_file *f, const pickle_items *dict,
                         const name_set *storages);

#endif
