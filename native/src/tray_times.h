/* When a hand left the tray, and when each peg came down. In C with tray.c, which asks. */
#ifndef DK_TRAY_TIMES_H
#define DK_TRAY_TIMES_H

#include "tray.h"

/* The sample after the last one that is away from the calm at the end, and not alone. */
int64_t tray_contact_end(const tray *t, int64_t now);

/* The first contact of each peg that has come. */
void tray_landings(const tray *t, int pegs, int64_t now, int64_t *found);

#endif
