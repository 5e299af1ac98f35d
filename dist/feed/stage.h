/* Copies of the data set on the nodes' own disks (option --stage). */
#ifndef HARMONIA_STAGE_H
#define HARMONIA_STAGE_H

#include "data/data.h"
#include "dist/ranks/cluster.h"

enum { STAGE_PATH = 1000 };

/* Collective, and agreed upon. Makes `folder`/NAME on every node, NAME being
 * the file name of `path`, by the first rank of the node: a copy that is there
 * already is kept; else the file is copied, or, where the node cannot open it,
 * its bytes come from rank 0. The copy is made under another name, flushed to
 * disk, checked and renamed: any number of runs may do so at once. `info` is
 * that of the data set at `path`, which rank 0 can open. staged: the copy's
 * path, STAGE_PATH bytes. Failures name the option, the folder and its node. */
status stage_data_set(const cluster *c, const char *path, const char *folder,
                      const data_set_info *info, char *staged);

#endif
