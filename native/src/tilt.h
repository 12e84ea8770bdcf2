/* Tilts of a cup, in degrees and with the same bits everywhere. In C beside pour.c, which asks often.
 * Bit for bit the twin of host/dexkit/segment/reference/tilt.py. */
#ifndef DK_TILT_H
#define DK_TILT_H

#include <math.h> // fabs, sqrt
#include "number.h"

static inline double dk_arc_deg(double cosine)
{
    double b = fabs(cosine);
    /* Abramowitz and Stegun 4.4.45: within 7e-5 rad; of our own for the same bits everywhere */
    double arc = sqrt(1.0 - b) * (1.5707288 + b * (-0.2121144 + b * (0.0742610 - 0.0187293 * b)));
    return (cosine < 0.0 ? 3.14159265358979 - arc : arc) * 57.2957795130823;
}

/* Tilt at which this much water, at rest, reaches the brim of a round cup. */
static inline double dk_spill_deg(double kg, double radius_m, double height_m)
{
    /* Which part of its bottom stays covered, for sixteenths of the fill that just covers it. */
    static const double COVERED[17] = {0.0,    0.1309, 0.2104, 0.2788, 0.3414, 0.4002, 0.4566, 0.5113, 0.5649,
                                       0.6177, 0.6701, 0.7225, 0.7753, 0.8287, 0.8834, 0.9401, 1.0};
    double radius = dk_larger(1e-6, radius_m), height = dk_larger(1e-6, height_m);
    double level = kg / (1000.0 * 3.14159265358979 * radius * radius) / height;
    level = dk_larger(0.0, dk_smaller(level, 1.0));
    double across = radius, up = height * (1.0 - level);
    if (level < 0.5) {
        double place = 32.0 * level;
        int k = place < 15.0 ? (int)place : 15;
        across = 2.0 * radius * (COVERED[k] + (place - k) * (COVERED[k + 1] - COVERED[k])), up = height;
    }
    return dk_arc_deg(across / sqrt(across * across + up * up));
}

/* Where up is, seen from the cup. A trembling hand shakes the accelerometer more than it tilts the cup; the
 * gyroscope carries the direction through that. It is believed when it foretells the turning seen so far. */
typedef struct dk_up {
    double carried[3], still[3]; /* slow means of the acceleration, with the turning and without */
    double wrong[2];             /* squares of what each foretells wrongly */
    double told[3];
} dk_up;

static inline void dk_up_start(dk_up *u, const float *a)
{
    for (int k = 0; k < 3; k++)
        u->carried[k] = u->still[k] = a[k];
    if (!(u->wrong[0] < 1e12 && u->wrong[1] < 1e12)) /* nonsense was measured: it is not held against it for ever */
        u->wrong[0] = u->wrong[1] = 0.0;
}

/* a: acceleration (m/s2), w: turning (rad/s); returns the direction, as long as gravity. */
static inline const double *dk_up_next(dk_up *u, const float *a, const float *w, double rate_hz)
{
    double share = 1.0 / (0.6 * rate_hz), fade = 1.0 - 1.0 / (20.0 * rate_hz);
    double x = u->carried[0], y = u->carried[1], z = u->carried[2];
    u->carried[0] -= (w[1] * z - w[2] * y) / rate_hz;
    u->carried[1] -= (w[2] * x - w[0] * z) / rate_hz;
    u->carried[2] -= (w[0] * y - w[1] * x) / rate_hz;
    u->wrong[0] *= fade, u->wrong[1] *= fade;
    for (int k = 0; k < 3; k++) {
        double off = a[k] - u->carried[k], off_still = a[k] - u->still[k];
        u->wrong[0] += off * off, u->wrong[1] += off_still * off_still;
        u->carried[k] += share * off, u->still[k] += share * off_still;
    }
    int believed = u->wrong[0] < 0.5 * u->wrong[1];
    for (int k = 0; k < 3; k++)
        u->told[k] = believed ? u->carried[k] : a[k];
    return u->told;
}

#endif
