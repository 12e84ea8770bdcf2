/* What every measure of a movement asks of its signal first. */
#ifndef DK_MOVEMENT_H
#define DK_MOVEMENT_H

#include <math.h> // fabs
#include "dexkit.h"
#include "wide.h"

/* Beyond this no sensor measures; within it no square or sum of a measure leaves the range of a double. */
#define LARGEST 1e60
#define SMALLEST 1e-60

typedef struct facts {
    double peak; /* largest magnitude */
    int negative;
    int reason;
} facts;

/* Peak, sign and usability of a signal of at least one sample. */
DK_BODY facts look(const double *signal, size_t n)
{
    double high[DK_LANES], low[DK_LANES];
    int wild = 0;
    for (int l = 0; l < DK_LANES; l++)
        high[l] = low[l] = signal[0];
    for (size_t i = 0; i < n; i++)
        wild |= !(fabs(signal[i]) <= LARGEST);
    size_t i = 0;
    for (; i + DK_LANES <= n; i += DK_LANES)
        for (int l = 0; l < DK_LANES; l++) {
            high[l] = signal[i + l] > high[l] ? signal[i + l] : high[l];
            low[l] = signal[i + l] < low[l] ? signal[i + l] : low[l];
        }
    for (; i < n; i++) {
        high[0] = signal[i] > high[0] ? signal[i] : high[0];
        low[0] = signal[i] < low[0] ? signal[i] : low[0];
    }
    for (int l = 1; l < DK_LANES; l++) {
        high[0] = high[l] > high[0] ? high[l] : high[0];
        low[0] = low[l] < low[0] ? low[l] : low[0];
    }
    facts seen = {.negative = low[0] < 0.0, .reason = DK_MEASURABLE};
    seen.peak = high[0] > -low[0] ? high[0] : -low[0];
    if (wild)
        seen.reason = DK_NOT_MEASURED;
    else if (high[0] == low[0] || seen.peak < SMALLEST)
        seen.reason = DK_NO_MOVEMENT;
    return seen;
}

#endif
