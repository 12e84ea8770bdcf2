/* SPARC, the spectral arc length of a speed. In C because it was most of the time of scoring an archive again.
 * The twin, host/dexkit/score/smoothness_reference.py, is the definition; this file computes the same number
 * with less work:
 *
 * SPARC needs the spectrum up to 10 Hz only, on a grid 16 times finer than the signal is long. So the speed
 * is smoothed and thinned to 40 Hz or a little more, transformed as 16 short transforms, one for each
 * fraction of the grid, and divided by the smoothing's own response. */
#include <math.h>   // sqrt, fabs, exp, sin, cos
#include <stdint.h> // uintptr_t
#include <stdlib.h> // malloc, free
#include <string.h> // memset, memcpy
#include "fft.h"
#include "movement.h"

/* Length of the smoothing kernel in thinned samples, and its steepness: where the thinned rate is at least
 * 40 Hz, four times the band, its aliases fall to the rounding of a double and its response stays near 1. */
#define KERNEL_SPAN 16
#define KERNEL_STEEPNESS (3.14159265358979324 * KERNEL_SPAN * 0.75)
#define CUTOFF_HZ 10.0
#define THRESHOLD 0.05

struct dk_arc {
    size_t size;       /* of the padded spectrum, as if nothing were thinned */
    size_t decimation; /* samples that become one */
    size_t taps;       /* of the kernel; 0 without decimation */
    size_t length;     /* of each of the DK_FFT_LANES transforms */
    size_t most;       /* longest signal */
    size_t rows;       /* complex samples that the longest thinned signal has */
    double *kernel;    /* [taps] */
    dk_complex lane;   /* [rows][DK_FFT_LANES]: the turn of each row in each lane */
    dk_complex turn;   /* [length]: for the short transforms */
    dk_complex half;   /* [grid + 1]: parts the spectra of even and odd samples */
    double *level;     /* [grid + 1]: one over the kernel's response */
    double tables[];
};

static size_t arc_grid(const dk_arc *arc)
{
    return arc->length * DK_FFT_LANES;
}

/* Rows of the thinned signal: as pairs (even, odd) of samples. */
static size_t arc_rows(const dk_arc *arc, size_t n)
{
    const size_t thinned = (n + arc->taps + arc->decimation - 1) / arc->decimation;
    return (thinned + 1) / 2;
}

/* Doubles of a table that leave the next one at the start of a line of the cache. */
static size_t whole_lines(size_t doubles)
{
    return (doubles + 7) / 8 * 8;
}

static double *at_line(double *memory)
{
    return (double *)(((uintptr_t)memory + 63) / 64 * 64);
}

typedef struct arc_work {
    dk_complex data, other; /* [grid] */
    double *thinned;        /* [2 rows] */
    double *magnitude;      /* [grid + 1] */
    double *padded;         /* the signal between zeros */
} arc_work;

static arc_work arc_work_in(const dk_arc *arc, double *scratch)
{
    const size_t grid = arc_grid(arc);
    arc_work work;
    work.data.re = at_line(scratch);
    work.data.im = work.data.re + grid;
    work.other.re = work.data.im + grid;
    work.other.im = work.other.re + grid;
    work.thinned = work.other.im + grid;
    work.magnitude = work.thinned + whole_lines(2 * arc->rows);
    work.padded = work.magnitude + whole_lines(grid + 1);
    return work;
}

size_t dk_arc_scratch(const dk_arc *arc)
{
    const size_t padded = arc->most + 2 * arc->taps + arc->decimation, grid = arc_grid(arc);
    return 8 + 4 * grid + whole_lines(2 * arc->rows) + whole_lines(grid + 1) + padded;
}

/* Smooths and thins the signal; what is beyond its ends is zero. */
DK_BODY void arc_thin(const dk_arc *arc, const double *signal, size_t n, const arc_work *work)
{
    const size_t count = 2 * arc_rows(arc, n);
    if (!arc->taps) {
        memcpy(work->thinned, signal, n * sizeof *signal);
        memset(work->thinned + n, 0, (count - n) * sizeof *signal);
        return;
    }
    memset(work->padded, 0, arc->taps * sizeof *signal);
    memcpy(work->padded + arc->taps, signal, n * sizeof *signal);
    memset(work->padded + arc->taps + n, 0, (arc->taps + arc->decimation) * sizeof *signal);
    for (size_t i = 0; i < count; i++)
        work->thinned[i] = dk_dot(arc->kernel, work->padded + i * arc->decimation, arc->taps);
}

/* Spreads the signal into one transform for each fraction of the grid, folding what is longer. */
DK_BODY void arc_spread(const dk_arc *arc, size_t rows, const arc_work *work)
{
    const size_t grid = arc_grid(arc);
    for (size_t row = 0; row < rows; row++) {
        const double even = work->thinned[2 * row], odd = work->thinned[2 * row + 1];
        const double *restrict c = arc->lane.re + row * DK_FFT_LANES;
        const double *restrict s = arc->lane.im + row * DK_FFT_LANES;
        double *restrict re = work->data.re + (row & (arc->length - 1)) * DK_FFT_LANES;
        double *restrict im = work->data.im + (row & (arc->length - 1)) * DK_FFT_LANES;
        if (row < arc->length)
            for (int l = 0; l < DK_FFT_LANES; l++) {
                re[l] = even * c[l] - odd * s[l];
                im[l] = even * s[l] + odd * c[l];
            }
        else
            for (int l = 0; l < DK_FFT_LANES; l++) {
                re[l] += even * c[l] - odd * s[l];
                im[l] += even * s[l] + odd * c[l];
            }
    }
    if (rows < arc->length) {
        const size_t done = rows * DK_FFT_LANES;
        memset(work->data.re + done, 0, (grid - done) * sizeof(double));
        memset(work->data.im + done, 0, (grid - done) * sizeof(double));
    }
}

/* Magnitudes of bins 0 .. last of the real signal's spectrum, last <= grid. */
DK_BODY void arc_magnitudes(const dk_arc *arc, dk_complex z, size_t last, double *restrict magnitude)
{
    const size_t grid = arc_grid(arc);
    const double *restrict re = z.re, *restrict im = z.im, *restrict level = arc->level;
    const double *restrict c = arc->half.re, *restrict s = arc->half.im;
    magnitude[0] = fabs(re[0] + im[0]) * level[0];
    const size_t end = last < grid ? last + 1 : grid;
    for (size_t k = 1; k < end; k++) {
        const double ar = re[k], ai = im[k], br = re[grid - k], bi = im[grid - k];
        const double er = ar + br, ei = ai - bi; /* twice the even samples' spectrum */
        const double qr = ai + bi, qi = br - ar; /* twice the odd samples' */
        const double yr = er + (qr * c[k] - qi * s[k]), yi = ei + (qr * s[k] + qi * c[k]);
        magnitude[k] = sqrt(yr * yr + yi * yi) * 0.5 * level[k];
    }
    if (last >= grid)
        magnitude[grid] = fabs(re[0] - im[0]) * level[grid];
}

DK_BODY void arc_spectrum(const dk_arc *arc, const double *signal, size_t n, size_t last, arc_work *work)
{
    arc_thin(arc, signal, n, work);
    arc_spread(arc, arc_rows(arc, n), work);
    arc_magnitudes(arc, dk_fft(work->data, work->other, arc->length, arc->turn), last, work->magnitude);
}

/* Length of the curve through steps + 1 magnitudes scaled to the highest; spare [steps + DK_LANES]. */
DK_BODY double arc_length(const double *restrict magnitude, size_t steps, double scale,
                          double *restrict spare)
{
    const double along = 1.0 / (double)steps;
    for (size_t k = 0; k < steps; k++) {
        const double up = (magnitude[k + 1] - magnitude[k]) * scale;
        spare[k] = sqrt(along * along + up * up);
    }
    for (size_t k = steps; k % DK_LANES; k++)
        spare[k] = 0.0;
    return dk_sum(spare, (steps + DK_LANES - 1) / DK_LANES * DK_LANES);
}

DK_BODY int sparc_body(const dk_arc *arc, const double *speed, size_t n, double rate_hz, double *scratch,
                       double *sparc)
{
    const facts seen = look(speed, n);
    if (seen.reason)
        return seen.reason;
    /* Without a negative value the spectrum is highest at zero; otherwise its maximum may be anywhere. */
    if (seen.negative && arc->decimation > 1)
        return DK_WHOLE_BAND_NEEDED;
    arc_work work = arc_work_in(arc, scratch);
    const size_t grid = arc_grid(arc);
    const double step_hz = rate_hz / (double)arc->size;
    size_t band = (size_t)(CUTOFF_HZ / step_hz);
    while ((double)band * step_hz > CUTOFF_HZ)
        band--;
    while ((double)(band + 1) * step_hz <= CUTOFF_HZ)
        band++;
    if (band > grid)
        return DK_TOO_SHORT; /* a rate below 20 Hz */
    arc_spectrum(arc, speed, n, seen.negative ? grid : band, &work);
    const double *magnitude = work.magnitude;
    double highest = magnitude[0];
    if (seen.negative)
        for (size_t k = 1; k <= grid; k++)
            highest = magnitude[k] > highest ? magnitude[k] : highest;
    size_t first = 0, last = band;
    while (first < last && magnitude[first] / highest < THRESHOLD)
        first++;
    while (last > first && magnitude[last] / highest < THRESHOLD)
        last--;
    if (first == last)
        return DK_NO_BAND;
    *sparc = -arc_length(magnitude + first, last - first, 1.0 / highest, work.data.re);
    return DK_MEASURABLE;
}

static int sparc_plain(const dk_arc *arc, const double *speed, size_t n, double rate_hz, double *scratch,
                       double *sparc)
{
    return sparc_body(arc, speed, n, rate_hz, scratch, sparc);
}

DK_AVX2 static int sparc_avx2(const dk_arc *arc, const double *speed, size_t n, double rate_hz,
                              double *scratch, double *sparc)
{
    return sparc_body(arc, speed, n, rate_hz, scratch, sparc);
}

int dk_sparc(const dk_arc *arc, const double *speed, size_t n, double rate_hz, double *scratch, double *sparc)
{
    if (n < 2 || n > arc->most || !(rate_hz > 0.0))
        return DK_TOO_SHORT;
    return dk_has_avx2() ? sparc_avx2(arc, speed, n, rate_hz, scratch, sparc)
                         : sparc_plain(arc, speed, n, rate_hz, scratch, sparc);
}

dk_arc *dk_arc_new(size_t size, size_t decimation)
{
    const size_t lanes = DK_FFT_LANES;
    if (size < 2 * lanes || size > (size_t)1 << 26 || size & (size - 1) || decimation == 0 ||
        decimation & (decimation - 1) || decimation > size / (2 * lanes))
        return NULL;
    dk_arc shape = {.size = size, .decimation = decimation, .most = size / lanes};
    shape.taps = decimation > 1 ? KERNEL_SPAN * decimation : 0;
    shape.taps = (shape.taps + DK_LANES - 1) / DK_LANES * DK_LANES;
    shape.length = size / (2 * lanes * decimation);
    shape.rows = arc_rows(&shape, shape.most);
    const size_t grid = arc_grid(&shape);
    const size_t bins = whole_lines(grid + 1), turns = whole_lines(shape.length);
    const size_t doubles = 8 + shape.taps + 2 * shape.rows * lanes + 2 * turns + 3 * bins;
    dk_arc *arc = malloc(sizeof *arc + doubles * sizeof(double));
    if (!arc)
        return NULL;
    *arc = shape;
    arc->kernel = at_line(arc->tables);
    arc->lane.re = arc->kernel + arc->taps;
    arc->lane.im = arc->lane.re + arc->rows * lanes;
    arc->turn.re = arc->lane.im + arc->rows * lanes;
    arc->turn.im = arc->turn.re + turns;
    arc->half.re = arc->turn.im + turns;
    arc->half.im = arc->half.re + bins;
    arc->level = arc->half.im + bins;

    dk_turns(arc->turn, arc->length, arc->length);
    dk_turns(arc->half, grid + 1, 2 * grid);
    for (size_t row = 0; row < arc->rows; row++)
        for (size_t l = 0; l < lanes; l++) {
            const double angle = 6.283185307179586477 * (double)(row * l % grid) / (double)grid;
            arc->lane.re[row * lanes + l] = cos(angle);
            arc->lane.im[row * lanes + l] = -sin(angle);
        }
    for (size_t k = 0; k <= grid; k++)
        arc->level[k] = 1.0;
    if (!arc->taps)
        return arc;

    /* Exponential of a semicircle: nearly the best kernel of its length (Barnett et al. 2019, SIAM J Sci
     * Comput 41:C479). */
    for (size_t i = 0; i < arc->taps; i++) {
        const double place = (2.0 * (double)i + 1.0) / (double)arc->taps - 1.0;
        arc->kernel[i] = exp(KERNEL_STEEPNESS * (sqrt(1.0 - place * place) - 1.0));
    }
    /* The spectrum of one lone sample is 1 everywhere: what comes out is the kernel's response. */
    double *scratch = malloc(dk_arc_scratch(arc) * sizeof(double));
    if (!scratch) {
        free(arc);
        return NULL;
    }
    arc_work work = arc_work_in(arc, scratch);
    const double lone[2] = {1.0, 0.0};
    arc_spectrum(arc, lone, arc->most < 2 ? arc->most : 2, grid, &work);
    for (size_t k = 0; k <= grid; k++)
        arc->level[k] = 1.0 / work.magnitude[k];
    free(scratch);
    return arc;
}

void dk_arc_free(dk_arc *arc)
{
    free(arc);
}
