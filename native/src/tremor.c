/* Tremor between 3 and 12 Hz. In C because it is computed for every hold of every recording. The twin,
 * host/dexkit/score/smoothness_reference.py, is the definition; this file computes the same numbers with less
 * work:
 *
 * Only the bins up to 13.5 Hz are computed, each half window once. A whole window's bin is the sum of its
 * halves' (the second with alternating sign), the mean is gone when bin 0 is zero, and Hann's window is a
 * sum of three neighbouring bins. Within a half window cos and sin are symmetric about its middle, so that
 * it is folded there first. */
#include <math.h>   // cos, sin, sqrt, log, log10, fabs, nearbyint
#include <stdlib.h> // malloc, free, qsort
#include <string.h> // memset, memcpy
#include "movement.h"

#define BAND_LOW_HZ 3.0
#define BAND_HIGH_HZ 12.0
#define PEAK_HZ 1.0
#define OVER_MEDIAN 3.0
#define OVER_MEDIAN_WINDOW 10.0
#define OVER_VALLEY 2.0
#define ROUNDING 1e-20

struct dk_welch {
    size_t half;   /* samples of half a window */
    size_t bins;   /* of the spectrum */
    size_t folded; /* samples of a folded half window, made a multiple of DK_LANES */
    double *cosine, *sine; /* [bins + 1][folded] */
    double tables[];
};

size_t dk_welch_scratch(const dk_welch *welch, size_t n)
{
    return 2 * welch->folded + 2 * (welch->bins + 1) * (n / welch->half) + 2 * welch->bins;
}

dk_welch *dk_welch_new(size_t half, size_t bins)
{
    if (half < 2 || half > 1u << 20 || bins < 2 || bins > half)
        return NULL;
    const size_t folded = (half / 2 + DK_LANES) / DK_LANES * DK_LANES, table = (bins + 1) * folded;
    dk_welch *welch = calloc(1, sizeof *welch + 2 * table * sizeof(double));
    if (!welch)
        return NULL;
    welch->half = half;
    welch->bins = bins;
    welch->folded = folded;
    welch->cosine = welch->tables;
    welch->sine = welch->tables + table;
    for (size_t k = 0; k <= bins; k++)
        for (size_t j = 0; j <= half / 2; j++) {
            const double angle = 3.14159265358979324 * (double)(k * j % (2 * half)) / (double)half;
            welch->cosine[k * folded + j] = cos(angle);
            welch->sine[k * folded + j] = sin(angle);
        }
    return welch;
}

void dk_welch_free(dk_welch *welch)
{
    free(welch);
}

/* Bins of one half window of one axis, as pairs (real, imaginary). */
DK_BODY void half_window(const dk_welch *welch, const double *signal, size_t axes, double level,
                         double *restrict even, double *restrict odd, double *restrict bin)
{
    const size_t half = welch->half, folded = welch->folded;
    even[0] = odd[0] = signal[0] - level;
    for (size_t j = 1; j <= half / 2; j++) {
        const double front = signal[j * axes] - level, back = signal[(half - j) * axes] - level;
        even[j] = front + back;
        odd[j] = front - back;
    }
    if (half % 2 == 0) /* the middle meets itself */
        even[half / 2] = odd[half / 2] = signal[half / 2 * axes] - level;
    for (size_t k = 0; k <= welch->bins; k++) {
        bin[2 * k] = dk_dot(welch->cosine + k * folded, k % 2 ? odd : even, folded);
        bin[2 * k + 1] = -dk_dot(welch->sine + k * folded, k % 2 ? even : odd, folded);
    }
}

/* Adds one axis's power spectral density of every window to spectra [windows][bins]. */
DK_BODY void add_axis(const dk_welch *welch, const double *signal, size_t n, size_t axes, double scale,
                      double *scratch, double *spectra)
{
    const size_t bins = welch->bins, row = 2 * (bins + 1), halves = n / welch->half;
    double *even = scratch, *odd = even + welch->folded, *half_bins = odd + welch->folded;
    memset(even, 0, 2 * welch->folded * sizeof(double));
    for (size_t h = 0; h < halves; h++)
        half_window(welch, signal + h * welch->half * axes, axes, signal[0], even, odd, half_bins + h * row);
    for (size_t w = 0; w + 1 < halves; w++) {
        const double *one = half_bins + w * row, *two = one + row;
        double before_re = 0.0, before_im = 0.0, re = 0.0, im = 0.0; /* bins k - 1 and k; bin 0 is the mean */
        for (size_t k = 0; k < bins; k++) {
            const double sign = k % 2 ? 1.0 : -1.0; /* of bin k + 1: -1 when k + 1 is odd */
            const double after_re = one[2 * k + 2] + sign * two[2 * k + 2];
            const double after_im = one[2 * k + 3] + sign * two[2 * k + 3];
            if (k == 0)
                before_re = after_re, before_im = -after_im; /* bin -1 mirrors bin 1 */
            const double hann_re = 0.5 * re - 0.25 * (before_re + after_re);
            const double hann_im = 0.5 * im - 0.25 * (before_im + after_im);
            spectra[w * bins + k] += (k ? scale : 0.5 * scale) * (hann_re * hann_re + hann_im * hann_im);
            before_re = k ? re : 0.0, before_im = k ? im : 0.0;
            re = after_re, im = after_im;
        }
    }
}

static void spectra_plain(const dk_welch *welch, const double *signal, size_t n, size_t axes, double scale,
                          double *scratch, double *spectra)
{
    for (size_t axis = 0; axis < axes; axis++)
        add_axis(welch, signal + axis, n, axes, scale, scratch, spectra);
}

DK_AVX2 static void spectra_avx2(const dk_welch *welch, const double *signal, size_t n, size_t axes,
                                 double scale, double *scratch, double *spectra)
{
    for (size_t axis = 0; axis < axes; axis++)
        add_axis(welch, signal + axis, n, axes, scale, scratch, spectra);
}

/* ---- Peaks -------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Lowest value on the way from a peak to higher ground or to the end, step +1 or -1. */
static double valley(const double *psd, size_t bins, size_t peak, int step)
{
    double lowest = psd[peak];
    for (size_t k = peak + (size_t)step; k < bins && psd[k] <= psd[peak]; k += (size_t)step)
        lowest = psd[k] < lowest ? psd[k] : lowest;
    return lowest;
}

/* The highest peak among bins first .. last, or 0; sorted: room for bins values. */
static size_t highest_peak(const double *psd, size_t bins, size_t first, size_t last, double over_median,
                           double *sorted)
{
    const size_t count = last - first + 1;
    memcpy(sorted, psd + first, count * sizeof(double));
    qsort(sorted, count, sizeof(double), ascending);
    const double median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0;
    double floor = over_median * median;
    for (size_t k = 0; k < bins; k++)
        floor = ROUNDING * psd[k] > floor ? ROUNDING * psd[k] : floor;
    size_t best = 0;
    for (size_t k = first; k <= last; k++)
        if (psd[k] > psd[k - 1] && psd[k] >= psd[k + 1] && psd[k] > floor) {
            const double left = valley(psd, bins, k, -1), right = valley(psd, bins, k, 1);
            if (psd[k] > OVER_VALLEY * (left > right ? left : right) && (!best || psd[k] > psd[best]))
                best = k;
        }
    return best;
}

static int usable(const double *signal, size_t n, size_t axes)
{
    double peak = 0.0;
    int wild = 0, changes = 0;
    for (size_t i = 0; i < n * axes; i++) {
        const double size = fabs(signal[i]);
        wild |= !(size <= LARGEST);
        peak = size > peak ? size : peak;
    }
    for (size_t i = axes; i < n * axes; i++)
        changes |= signal[i] != signal[i - axes];
    return wild ? DK_NOT_MEASURED : changes && peak >= SMALLEST ? DK_MEASURABLE : DK_NO_MOVEMENT;
}

int dk_tremor(const dk_welch *welch, const double *signal, size_t n, size_t axes, double rate_hz,
              double *scratch, double *spectra, dk_tremor_found *found)
{
    const size_t half = welch->half, bins = welch->bins, windows = n / half < 2 ? 0 : n / half - 1;
    const double step_hz = rate_hz / (double)(2 * half);
    const size_t first = (size_t)nearbyint(BAND_LOW_HZ / step_hz), reach = (size_t)nearbyint(PEAK_HZ / step_hz);
    const size_t last = (size_t)nearbyint(BAND_HIGH_HZ / step_hz);
    if (windows == 0 || axes == 0)
        return DK_TOO_SHORT;
    if (!(step_hz > 0.1) || reach == 0 || first <= reach || last + reach >= bins)
        return DK_TOO_SHORT; /* windows far from 2 s, or bins that do not hold the band */
    const int reason = usable(signal, n, axes);
    if (reason)
        return reason;
    /* Mean of Hann's window squared is 3/8; one-sided. */
    const double scale = 2.0 / (rate_hz * 0.375 * (double)(2 * half));
    memset(spectra, 0, windows * bins * sizeof(double));
    if (dk_has_avx2())
        spectra_avx2(welch, signal, n, axes, scale, scratch, spectra);
    else
        spectra_plain(welch, signal, n, axes, scale, scratch, spectra);

    double *psd = scratch, *sorted = scratch + bins;
    for (size_t k = 0; k < bins; k++) {
        psd[k] = 0.0;
        for (size_t w = 0; w < windows; w++)
            psd[k] += spectra[w * bins + k];
        psd[k] /= (double)windows;
    }
    double power = 0.0;
    for (size_t k = first; k <= last; k++)
        power += psd[k];
    found->band_rms = sqrt(power * step_hz);
    found->occurrence = 0.0;
    if (!(found->band_rms > SMALLEST))
        return DK_NO_MOVEMENT;
    const size_t peak = highest_peak(psd, bins, first, last, OVER_MEDIAN, sorted);
    if (!peak)
        return DK_NO_PEAK;
    power = 0.0;
    for (size_t k = peak - reach; k <= peak + reach; k++)
        power += psd[k];
    found->amplitude = sqrt(2.0 * power * step_hz);
    /* A parabola through the logarithms of three bins finds the top of Hann's main lobe between bins. */
    double height[3];
    for (size_t i = 0; i < 3; i++) {
        const double value = psd[peak - 1 + i];
        height[i] = log(value > SMALLEST * SMALLEST ? value : SMALLEST * SMALLEST);
    }
    const double curve = height[0] - 2.0 * height[1] + height[2];
    const double offset = curve < 0.0 ? 0.5 * (height[0] - height[2]) / curve : 0.0;
    found->frequency_hz = ((double)peak + offset) * step_hz;
    size_t there = 0;
    for (size_t w = 0; w < windows; w++) {
        const size_t k = highest_peak(spectra + w * bins, bins, first, last, OVER_MEDIAN_WINDOW, sorted);
        there += k && (k > peak ? k - peak : peak - k) <= reach;
    }
    found->occurrence = (double)there / (double)windows;
    return DK_MEASURABLE;
}
