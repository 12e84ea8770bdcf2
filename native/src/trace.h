/* A load as bins of about 20 ms: spikes taken out, noise measured. */
#ifndef DK_TRACE_H
#define DK_TRACE_H

#include <stdint.h> // int64_t

#define DK_TRACE_RING 512 /* bins remembered */
#define DK_TRACE_TAPS 5

typedef struct dk_trace {
    double dt; /* seconds per bin */
    int per_bin, taps;
    double window[DK_TRACE_TAPS];
    int in_window, summed;
    double sum;
    double x[DK_TRACE_RING];
    int64_t b; /* newest bin; -1 before the first */
    double noise, sway;
    double few; /* how much wider doubt is while the noise is known from few bins */
    int64_t swayed;
} dk_trace;

void dk_trace_init(dk_trace *t, double rate_hz);

/* Takes one sample; returns whether a bin became full. */
int dk_trace_take(dk_trace *t, double value);

/* Follows the noise of the newest bin: disturbed bins count little; sway only where nothing happens. */
void dk_trace_measure(dk_trace *t, int disturbed, int calm);

/* Seconds as a number of bins, at least least. */
int dk_trace_bins(const dk_trace *t, double seconds, int least);

/* Noise of a bin (standard deviation, N). */
double dk_trace_sigma(const dk_trace *t);

/* Slope (N/s) of the straight line through bins begin..end - 1, and its level at bin end - 1. */
double dk_trace_line(const dk_trace *t, int64_t begin, int64_t end, double *level);

/* Standard deviation (N/s) of the slope over n bins, wider while noise is hardly known. */
double dk_trace_slope_sigma(const dk_trace *t, double n);

static inline double dk_trace_at(const dk_trace *t, int64_t b)
{
    return t->x[b & (DK_TRACE_RING - 1)];
}

/* Sample at a place given in bins. */
static inline int64_t dk_trace_sample(const dk_trace *t, double place)
{
    return (int64_t)((place + 0.5) * t->per_bin + t->taps / 2);
}

#endif
