/* A load as bins of about 20 ms: spikes taken out, noise measured. In C as part of the coaster segmenter.
 * Bit for bit the twin of host/dexkit/segment/reference/trace.py. */
#include "trace.h"
#include <math.h>   // fabs, sqrt
#include <string.h> // memmove
#include "number.h"

#define BINS_PER_S 50.0 /* at most; samples are averaged into bins */
#define SPIKE_N 0.03    /* a single sample that stands out by less is noise */
#define NOISE_FLOOR_N 0.0003
#define NOISE_MEMORY_S 1.5
#define NOISE_START 12 /* bins until the noise is known well enough to bound its own measurement */
#define BEND 1.954     /* mean of |x0 - 2 x1 + x2| of white noise of deviation 1 */
#define FEW 14.0       /* how much wider a slope's deviation is for noise known from few bends (Student's t) */

void dk_trace_init(dk_trace *t, double rate_hz)
{
    int per_bin = (int)(rate_hz / BINS_PER_S + 0.5);
    t->per_bin = per_bin > 1 ? per_bin : 1;
    t->dt = t->per_bin / rate_hz;
    t->taps = rate_hz >= 149.0 ? 5 : rate_hz >= 39.0 ? 3 : 1;
    t->b = -1;
    t->few = 1.0;
}

int dk_trace_bins(const dk_trace *t, double seconds, int least)
{
    int n = (int)(seconds / t->dt + 0.5);
    return n > least ? n : least;
}

double dk_trace_sigma(const dk_trace *t)
{
    return dk_larger(dk_larger(t->noise, t->sway), NOISE_FLOOR_N);
}

static double median(const double *window, int n)
{
    double sorted[DK_TRACE_TAPS];
    for (int i = 0; i < n; i++) {
        int k = i;
        for (; k > 0 && sorted[k - 1] > window[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = window[i];
    }
    return sorted[n / 2];
}

int dk_trace_take(dk_trace *t, double value)
{
    t->window[t->in_window++] = value;
    if (t->in_window < t->taps)
        return 0;
    double here = t->window[t->taps / 2], usual = median(t->window, t->taps);
    memmove(t->window, t->window + 1, (size_t)--t->in_window * sizeof *t->window);
    double spike = dk_larger(SPIKE_N, 5.0 * t->noise * sqrt(t->per_bin));
    t->sum += fabs(here - usual) <= spike ? here : usual;
    if (++t->summed < t->per_bin)
        return 0;
    t->b++;
    t->x[t->b & (DK_TRACE_RING - 1)] = t->sum / t->per_bin;
    t->sum = 0.0;
    t->summed = 0;
    return 1;
}

void dk_trace_measure(dk_trace *t, int disturbed, int calm)
{
    int64_t b = t->b;
    double slowly = t->dt / NOISE_MEMORY_S;
    if (b < 2)
        return;
    double bend = fabs(dk_trace_at(t, b) - 2.0 * dk_trace_at(t, b - 1) + dk_trace_at(t, b - 2)) / BEND;
    double gain = dk_larger(1.0 / (double)(b - 1), slowly);
    t->few = 1.0 + FEW * (gain - slowly);
    if (b > NOISE_START)
        bend = dk_smaller(bend, 3.0 * t->noise + NOISE_FLOOR_N);
    t->noise += (disturbed ? 0.1 * gain : gain) * (bend - t->noise);
    if (!calm || b < NOISE_START)
        return;
    bend = fabs(dk_trace_at(t, b) - 2.0 * dk_trace_at(t, b - 4) + dk_trace_at(t, b - 8)) / BEND;
    t->swayed++;
    if (t->swayed > NOISE_START)
        bend = dk_smaller(bend, 3.0 * dk_larger(t->sway, t->noise) + NOISE_FLOOR_N);
    t->sway += dk_larger(1.0 / (double)t->swayed, slowly) * (bend - t->sway);
}

double dk_trace_line(const dk_trace *t, int64_t begin, int64_t end, double *level)
{
    double n = (double)(end - begin), middle = 0.5 * (n - 1.0), total = 0.0, moment = 0.0;
    for (int64_t k = begin; k < end; k++) {
        double value = dk_trace_at(t, k);
        total += value;
        moment += value * ((double)(k - begin) - middle);
    }
    double slope = moment / (n * (n * n - 1.0) / 12.0);
    *level = total / n + slope * middle;
    return slope / t->dt;
}

double dk_trace_slope_sigma(const dk_trace *t, double n)
{
    return t->few * dk_trace_sigma(t) / t->dt * sqrt(12.0 / (n * (n * n - 1.0)));
}
