/* Correlated colour temperature. Private to libdata. */
#ifndef HARMONIA_DATA_CCT_H
#define HARMONIA_DATA_CCT_H

/* Robertson, "Computation of correlated color temperature and distribution
 * temperature", JOSA 58 (1968): between the 31 isotherms of Wyszecki and
 * Stiles, Color Science, table 1(3.11). `mired` is 10^6 / temperature in K, 10
 * to 600; `tint` the distance from the Planckian locus in CIE 1960 (u, v),
 * times -3000, as Adobe's DNG counts it. (x, y) is CIE 1931. */
void cct_from_xy(double x, double y, double *mired, double *tint);

/* Back; isotherms beyond the table's ends are extrapolated. */
void cct_to_xy(double mired, double tint, double *x, double *y);

#endif
