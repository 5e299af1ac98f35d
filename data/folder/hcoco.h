/* Private to libdata: a folder listed although files of it are not there. */
#ifndef HARMONIA_DATA_HCOCO_H
#define HARMONIA_DATA_HCOCO_H

#include "data/data.h"

/* As data_folder_open; with `lenient`, a composite, mask or real image that is
 * not there keeps the name it should have, and reading it will fail. Lists must
 * be well-formed all the same. */
status data_folder_scan(const char *path, bool lenient, data_folder *out);

#endif
