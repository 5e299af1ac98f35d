/* Lines of tab-separated tables, as people and spreadsheets write them. Private
 * to libdata. */
#ifndef HARMONIA_DATA_FIELDS_H
#define HARMONIA_DATA_FIELDS_H

enum { FIELDS_MAX = 64 };

/* Cuts a line into its fields, in place, without blanks around them and the
 * quotes that spreadsheets put around some: how many. */
int fields_cut(char *line, char *fields[FIELDS_MAX]);

/* The place of the field that says `name`; -1: there is none. */
int fields_find(char *const *fields, int count, const char *name);

#endif
