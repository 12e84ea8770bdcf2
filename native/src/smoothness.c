/* Dimensionless jerk and LDLJ-A of one movement. In C because they are computed for every reach of every
 * recording. The twin, host/dexkit/score/smoothness_reference.py, is the definition. */
#include <math.h>   // fabs, log, sin, cos, ceil
#include <string.h> // memcpy
#include "movement.h"

/* ---- Dimensionless jerk ------------------------------------------------------------------------------- */

DK_BODY int dlj_body(const double *speed, size_t n, double rate_hz, double *dlj)
{
    const facts seen = look(speed, n);
    if (seen.reason)
        return seen.reason;
    double lane[DK_LANES] = {0.0};
    size_t i = 0;
    for (; i + DK_LANES + 2 <= n; i += DK_LANES)
        for (int l = 0; l < DK_LANES; l++) {
            const double *v = speed + i + l;
            const double change = (v[2] - v[1]) - (v[1] - v[0]);
            lane[l] += change * change;
        }
    for (; i + 2 < n; i++) {
        const double change = (speed[i + 2] - speed[i + 1]) - (speed[i + 1] - speed[i]);
        lane[0] += change * change;
    }
    const double duration_s = (double)n / rate_hz;
    const double scale = rate_hz * rate_hz / seen.peak;
    *dlj = -(duration_s * duration_s * duration_s) * (dk_sum_lanes(lane) * scale * scale) / rate_hz;
    return DK_MEASURABLE;
}

static int dlj_plain(const double *speed, size_t n, double rate_hz, double *dlj)
{
    return dlj_body(speed, n, rate_hz, dlj);
}

DK_AVX2 static int dlj_avx2(const double *speed, size_t n, double rate_hz, double *dlj)
{
    return dlj_body(speed, n, rate_hz, dlj);
}

int dk_dlj(const double *speed, size_t n, double rate_hz, double *dlj)
{
    if (n < 3)
        return DK_TOO_SHORT;
    return dk_has_avx2() ? dlj_avx2(speed, n, rate_hz, dlj) : dlj_plain(speed, n, rate_hz, dlj);
}

/* ---- LDLJ-A ------------------------------------------------------------------------------------------- */

#define A_RATE_HZ 100.0
#define A_WIDTH_S 0.05
#define GRAVITY_MS2 9.80665

static int within(const double *values, size_t n)
{
    int wild = 0;
    for (size_t i = 0; i < n; i++)
        wild |= !(fabs(values[i]) <= LARGEST);
    return !wild;
}

int dk_ldlj_a(const double *accel_ms2, const double *gyro_rads, size_t n, double rate_hz, double *ldlj)
{
    if (!((double)n >= 2.0 + rate_hz / A_RATE_HZ) || !(rate_hz >= A_RATE_HZ))
        return DK_TOO_SHORT;
    if (!within(accel_ms2, 3 * n) || !within(gyro_rads, 3 * n))
        return DK_NOT_MEASURED;
    const size_t points = (size_t)((double)(n - 1) * A_RATE_HZ / rate_hz) + 1;
    const double width = A_WIDTH_S * rate_hz, turn = 6.283185307179586477 / width;
    const double step_cos = cos(turn), step_sin = sin(turn);
    double before[6] = {0.0}, squared = 0.0, rough = 0.0;
    double phase = -1.0, first_cos = 0.0, first_sin = 0.0;
    for (size_t point = 0; point < points; point++) {
        /* The Hann-weighted mean of what lies within half a width of the point. */
        const double centre = (double)point * rate_hz / A_RATE_HZ, start = ceil(centre - width / 2.0);
        if (start - centre != phase) {
            phase = start - centre;
            first_cos = cos(turn * phase);
            first_sin = sin(turn * phase);
        }
        double c = first_cos, s = first_sin, weights = 0.0, here[6] = {0.0};
        for (double index = start; index - centre < width / 2.0; index += 1.0) {
            if (index >= 0.0 && index < (double)n) {
                const double weight = 0.5 + 0.5 * c;
                const double *a = accel_ms2 + 3 * (size_t)index, *w = gyro_rads + 3 * (size_t)index;
                weights += weight;
                for (int axis = 0; axis < 3; axis++) {
                    here[axis] += weight * a[axis];
                    here[axis + 3] += weight * w[axis];
                }
            }
            const double next = c * step_cos - s * step_sin;
            s = s * step_cos + c * step_sin;
            c = next;
        }
        double mid[6];
        for (int i = 0; i < 6; i++) {
            here[i] /= weights;
            mid[i] = (here[i] + before[i]) / 2.0;
        }
        for (int axis = 0; axis < 3; axis++)
            squared += here[axis] * here[axis];
        for (int axis = 0; axis < 3 && point > 0; axis++) {
            const int y = (axis + 1) % 3, z = (axis + 2) % 3;
            const double turned = mid[y] * mid[z + 3] - mid[z] * mid[y + 3];
            const double jerk = (here[axis] - before[axis]) * A_RATE_HZ - turned;
            rough += jerk * jerk;
        }
        memcpy(before, here, sizeof before);
    }
    squared = squared / (double)points - GRAVITY_MS2 * GRAVITY_MS2;
    rough /= A_RATE_HZ;
    if (!(squared > 0.0))
        return DK_NO_ACCELERATION;
    if (!(rough > SMALLEST))
        return DK_NO_MOVEMENT;
    *ldlj = -log((double)(points - 1) / A_RATE_HZ) + log(squared) - log(rough);
    return DK_MEASURABLE;
}
