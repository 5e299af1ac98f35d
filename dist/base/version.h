#ifndef HARMONIA_VERSION_H
#define HARMONIA_VERSION_H

/* Kept in checkpoints and data sets, printed by `harmonia --version`. */
#define HARMONIA_VERSION "0.1.0"

#endif
