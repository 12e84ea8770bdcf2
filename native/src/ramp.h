/* Spikes and ramps of a load cell: what the cup's segmenter needs to say when a force began or ended.
 * In C beside the segmenters that use it. */
#ifndef DK_RAMP_H
#define DK_RAMP_H

#include <math.h>   // fabs, sqrt
#include <stdint.h> // int64_t
#include "number.h"

/* In the form for which compilers need no branch; what is not a number stays so. */
static inline double dk_clip(double x, double limit) { return dk_larger(dk_smaller(x, limit), -limit); }
static inline float dk_upper(float a, float b) { return a > b ? a : b; }
static inline float dk_lower(float a, float b) { return a < b ? a : b; }

/* The median of v[0] .. v[4]: of the two middle ones of the first four and the fifth, the middle one. */
static inline float dk_median5(const float *v)
{
    float lo = dk_upper(dk_lower(v[0], v[1]), dk_lower(v[2], v[3]));
    float hi = dk_lower(dk_upper(v[0], v[1]), dk_upper(v[2], v[3]));
    return dk_upper(dk_lower(lo, hi), dk_lower(dk_upper(lo, hi), v[4]));
}

/* Five samples of a channel, and how far the middle one usually is from their median. */
typedef struct dk_despike {
    float last[5];
    double usual;
} dk_despike;

static inline void dk_despike_start(dk_despike *d, float x, double usual)
{
    for (int k = 0; k < 5; k++)
        d->last[k] = x;
    d->usual = usual;
}

/* The middle one of five samples, or their median where it was a spike: further off than six times what is
 * usual. share: of each sample in what is usual, 1 / rate. */
static inline double dk_despiked(double middle, double median, double share, double *usual)
{
    double off = fabs(middle - median);
    if (off > 6.0 * *usual) {
        *usual *= 1.0 + 5.0 * share; /* as if it were at the limit */
        return median;
    }
    *usual = (1.0 - share) * *usual + share * off;
    return middle;
}

/* Takes a sample; returns the one before the last, or the median where that one was a spike. */
static inline double dk_despike_next(dk_despike *d, float x, double rate_hz)
{
    float *v = d->last;
    v[0] = v[1], v[1] = v[2], v[2] = v[3], v[3] = v[4], v[4] = x;
    return dk_despiked(v[2], dk_median5(v), 1.0 / rate_hz, &d->usual);
}

/* Smooth steps from 0 to 1: straight, and with one, two, three derivatives that vanish at both ends. */
enum { DK_STEPS = 4 };

static inline double dk_step(int order, double u)
{
    if (u <= 0.0)
        return 0.0;
    if (u >= 1.0)
        return 1.0;
    switch (order) {
    case 0: return u;
    case 1: return u * u * (3.0 - 2.0 * u);
    case 2: return u * u * u * (10.0 + u * (6.0 * u - 15.0));
    default: return u * u * u * u * (35.0 + u * (u * (70.0 - 20.0 * u) - 84.0));
    }
}

static inline double dk_step_slope(int order, double u)
{
    if (u <= 0.0 || u >= 1.0)
        return 0.0;
    double v = u * (1.0 - u);
    switch (order) {
    case 0: return 1.0;
    case 1: return 6.0 * v;
    case 2: return 30.0 * v * v;
    default: return 140.0 * v * v * v;
    }
}

/* Some samples of a ring whose size is a power of two, and the ramp one expects in them. */
typedef struct dk_ramp {
    const double *ring;
    int64_t mask, from, to; /* samples from .. to - 1 */
    double low, high;       /* levels before and after */
    int side;               /* 1 rises from low to high, -1 falls from high to low */
} dk_ramp;

static inline double dk_ramp_at(const dk_ramp *r, int64_t i) { return r->ring[i & r->mask]; }

/* Least squares over foot and length of one order of step (Gauss and Newton); returns the sum of squares. */
static inline double dk_ramp_fit(const dk_ramp *r, int order, double *foot, double *length)
{
    double span = r->high - r->low;
    for (int round = 0;; round++) {
        double aa = 0.0, ab = 0.0, bb = 0.0, ar = 0.0, br = 0.0, sum = 0.0;
        for (int64_t i = r->from; i < r->to; i++) {
            double u = r->side * ((double)i - *foot) / *length;
            double rest = dk_ramp_at(r, i) - r->low - span * dk_step(order, u);
            double slope = span * dk_step_slope(order, u) / *length;
            double a = -r->side * slope, b = -u * slope;
            aa += a * a, ab += a * b, bb += b * b, ar += a * rest, br += b * rest, sum += rest * rest;
        }
        double det = aa * bb - ab * ab;
        if (round == 7 || !(det > 1e-9 * aa * bb))
            return sum;
        double later = dk_clip((ar * bb - br * ab) / det, 0.5 * *length);
        double longer = dk_clip((br * aa - ar * ab) / det, 0.5 * *length);
        if (fabs(later) < 0.01 && fabs(longer) < 0.01)
            return sum;
        *foot += later;
        *length = dk_larger(1.0, *length + longer);
    }
}

/* Where the ramp leaves its low level, in samples: the mean over the orders of step, each weighed by how well
 * it explains the samples. misfit: root of the mean square that the best one leaves, as part of the span.
 * Known ramp shapes win over thresholds: Botzer and Karniel 2009, 10.3389/neuro.20.002.2009. */
static inline double dk_ramp_foot(const dk_ramp *r, double *misfit)
{
    static const double quarter[DK_STEPS] = {0.25, 0.32635, 0.35944, 0.37857}; /* where a step is 1/4 */
    double span = r->high - r->low, t25 = -1.0, t50 = -1.0;
    if (span == 0.0) {
        *misfit = 1.0;
        return (double)r->from;
    }
    for (int64_t j = 0; j < r->to - r->from && t50 < 0.0; j++) {
        int64_t i = r->side > 0 ? r->from + j : r->to - 1 - j;
        double part = (dk_ramp_at(r, i) - r->low) / span;
        if (t25 < 0.0 && part >= 0.25)
            t25 = (double)i;
        if (part >= 0.5)
            t50 = (double)i;
    }
    double end = (double)(r->side > 0 ? r->to - 1 : r->from);
    t25 = t25 < 0.0 ? end : t25;
    t50 = t50 < 0.0 ? end : t50;
    double foot[DK_STEPS], sum[DK_STEPS], best = 0.0, n = (double)(r->to - r->from);
    for (int order = 0; order < DK_STEPS; order++) {
        double length = dk_larger(1.0, r->side * (t50 - t25) / (0.5 - quarter[order]));
        foot[order] = t25 - r->side * quarter[order] * length;
        switch (order) { /* constant orders, so that each fit is compiled for its own step */
        case 0: sum[order] = dk_ramp_fit(r, 0, &foot[order], &length); break;
        case 1: sum[order] = dk_ramp_fit(r, 1, &foot[order], &length); break;
        case 2: sum[order] = dk_ramp_fit(r, 2, &foot[order], &length); break;
        default: sum[order] = dk_ramp_fit(r, 3, &foot[order], &length);
        }
        best = order == 0 ? sum[0] : dk_smaller(best, sum[order]);
    }
    double weights = 0.0, feet = 0.0, noise = best / n + 1e-12;
    for (int order = 0; order < DK_STEPS; order++) {
        double worse = 1.0 + (sum[order] - best) / noise / 8.0, w = worse * worse * worse * worse;
        weights += 1.0 / (w * w), feet += foot[order] / (w * w);
    }
    *misfit = sqrt(best / n) / fabs(span);
    return feet / weights;
}

#endif
