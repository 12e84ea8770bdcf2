/* The cup segmenter; docs/events.md says what its events mean. In C to keep up with archives.
 *
 * The story: the foot force is freed of spikes. Two levels are tracked, the zero (which drifts) and the
 * weight. A force that leaves its level opens an excursion; when the excursion is over it is a bump, a failed
 * lift, a lift or a put, and only then a ramp is fitted to the samples behind, which says when it happened.
 * While the cup is in the air, pour.c watches the liquid.
 */
#include <float.h>  // FLT_MAX
#include <string.h> // memcpy
#include "pour.h"
#include "ramp.h"
#include "segmenter.h"

enum { RING = 4096, FOOT = 0, INNER = 1, AX = 2, AY = 3, AZ = 4 };

static const double PART = 0.65;    /* of a ramp that is fitted: its foot's side; the far side tells little */
static const double LEAST_N = 0.05; /* no cup is lighter; keeps divisions safe */

typedef struct state {
    dk_cup_settings set;
    double rate;
    int64_t index; /* of the newest row; contact lives two samples earlier */
    float held[DK_CUP_COLUMNS]; /* the newest measured value of each column */
    dk_despike foot;
    dk_pour pour;

    int started, standing, zero_known;
    double zero, weight, noise; /* N; noise is the mean distance of the quiet force from its level */
    int64_t begin, last_out;    /* of the excursion, first and last sample outside; begin < 0: none */
    double sum, size, in_air;   /* of the excursion: of all deviations, the largest, evidence for the air */
    int64_t put_at;
    double ring[RING];
} state;

static double at(const state *s, int64_t i) { return s->ring[i & (RING - 1)]; }

static int64_t samples(const state *s, double seconds) { return (int64_t)(seconds * s->rate); }

/* The sample this long before i, as far as the ring remembers. */
static int64_t before(const state *s, int64_t i, double seconds)
{
    int64_t n = samples(s, seconds), first = i - (n < RING - 8 ? n : RING - 8);
    return first > 0 ? first : 0;
}

static double mean(const state *s, int64_t from, int64_t to)
{
    double sum = 0.0;
    for (int64_t i = from; i < to; i++)
        sum += at(s, i);
    return sum / (double)(to - from);
}

/* How much the force still changes: the difference between the halves of the last 0.1 s. */
static double change(const state *s, int64_t i)
{
    int64_t from = before(s, i, 0.1), middle = (from + i + 1) / 2;
    return middle > from ? fabs(mean(s, from, middle) - mean(s, middle, i + 1)) : 0.0;
}

static int64_t foot_of(const state *s, int64_t from, int64_t to, double low, double high, int side,
                       double *quality)
{
    dk_ramp ramp = {s->ring, RING - 1, from, to, low, high, side};
    double misfit, foot = dk_ramp_foot(&ramp, &misfit) + 0.5;
    *quality = 1.0 / (1.0 + 5.0 * misfit);
    double last = (double)(to - 1), first = dk_larger(0.0, (double)from - s->rate);
    return (int64_t)(foot < first ? first : foot > last ? last : foot);
}

/* ---- From standing to the air --------------------------------------------------------------------------- */

/* The cup has been in the air for a while: the lift is the end of the last fall from the weight. */
static void lift(state *s, int64_t i, dk_events *events)
{
    double high = s->zero + s->weight, quality;
    double low = dk_smaller(high - LEAST_N, mean(s, before(s, i, 0.06), i + 1));
    int64_t first = before(s, i, 1.5), k = i;
    while (k > first && at(s, k) < low + PART * (high - low))
        k--;
    int64_t index = foot_of(s, k, i + 1, low, high, -1, &quality);
    double doubt = dk_smaller(1.0, fabs(low - s->zero) / s->weight * (s->zero_known ? 2.0 : 1.0));
    dk_events_add(events, DK_LIFT, 0, index, s->index, quality * (1.0 - doubt));
    s->standing = 0, s->zero = low, s->zero_known = 1, s->begin = -1;
    dk_pour_lifted(&s->pour, s->held[INNER], s->held[AZ]);
}

/* Back at its weight: how long and which way says what it was. */
static void back(state *s, double band, dk_events *events)
{
    double quality = s->size / (s->size + band);
    if ((double)(s->last_out + 1 - s->begin) < s->set.bump_s * s->rate)
        dk_events_add(events, DK_BUMP, 0, s->begin, s->index, quality);
    else if (s->sum < 0.0)
        dk_events_add(events, DK_FAILED_LIFT, 0, s->begin, s->index, quality);
    s->begin = -1;
}

static void standing(state *s, int64_t i, double y, dk_events *events)
{
    double off = y - s->zero - s->weight, band = dk_larger(dk_larger(5.0 * s->noise, 0.04 * s->weight), 0.04);
    if (s->begin < 0) {
        if (fabs(off) <= band) { /* what moves slowly is the zero, what moves faster is the weight */
            double step = off / (0.3 * s->rate), drift = dk_clip(step, s->set.drift_n_s / s->rate);
            s->zero += drift, s->weight = dk_larger(LEAST_N, s->weight + step - drift);
            s->noise += (fabs(off) - s->noise) / (0.5 * s->rate);
            return;
        }
        s->begin = i, s->sum = 0.0, s->size = 0.0, s->in_air = 0.0;
    }
    s->sum += off, s->size = dk_larger(s->size, fabs(off));
    if (fabs(off) > band)
        s->last_out = i;
    else if ((double)(i - s->last_out) >= 0.04 * s->rate) {
        back(s, band, events);
        return;
    }
    /* The nearer to zero, the sooner it is believed; while no air has been felt the zero is but a guess. */
    double age_s = (double)(i - s->begin) / s->rate, part = (y - s->zero) / s->weight;
    double needed_s = 0.12 + (s->zero_known ? 15.0 : 6.0) * dk_larger(part - 0.04, 0.0);
    s->in_air = part > 0.4 ? 0.0 : s->in_air + 1.0 / s->rate / needed_s;
    if (s->in_air >= 1.0 && age_s >= s->set.bump_s)
        lift(s, i, events);
    else if (part > 0.4 && age_s > 0.1 && (age_s > 3.0 || (double)(i - s->put_at) < s->rate) &&
             change(s, i) < dk_larger(3.0 * s->noise, 0.03 * s->weight)) {
        s->weight = dk_larger(LEAST_N, mean(s, before(s, i, 0.1), i + 1) - s->zero); /* new, or still settling */
        s->begin = -1;
    }
}

/* ---- From the air to standing --------------------------------------------------------------------------- */

static double touch_n(const state *s) { return dk_larger(dk_larger(6.0 * s->noise, 0.1 * s->weight), 0.1); }

/* The foot of the rise whose first sample above touch is start: fitted up to its first peak or plateau. */
static int64_t rise(const state *s, int64_t start, int64_t from, int64_t to, double low, double high,
                    double *quality)
{
    double peak = low, droop = dk_larger(0.05 * (high - low), 4.0 * s->noise);
    int64_t k = start, top = start;
    for (; k < to; k++) {
        double y = at(s, k);
        if (y > peak)
            peak = y, top = k;
        if (y > low + PART * (high - low) || y < peak - droop)
            break;
    }
    if (peak < low + PART * (high - low))
        high = dk_larger(low + LEAST_N, peak), k = top;
    int64_t first = before(s, start, 0.25);
    return foot_of(s, first > from ? first : from, k + 1, low, high, 1, quality);
}

/* The cup stands: the put is the first of its contacts, those that a bounce leads to included. */
static void put(state *s, int64_t i, dk_events *events)
{
    double low = s->zero, high = dk_larger(low + LEAST_N, mean(s, before(s, i, 0.08), i + 1));
    double touch = low + dk_larger(5.0 * s->noise, 0.05 * (high - low)), quality;
    int64_t first = before(s, s->begin, 0.25), oldest = before(s, i, 1e9), start = i, index;
    first = first > oldest ? first : oldest;
    for (;;) {
        while (start > first && at(s, start - 1) > touch)
            start--;
        int64_t end = start - 1; /* of the contact before this one */
        while (end > first && at(s, end) <= touch)
            end--;
        index = rise(s, start, end > first ? end : first, i, low, high, &quality);
        if (end <= first || (double)(index - end) > (s->set.bounce_s + 0.01) * s->rate)
            break;
        start = end;
    }
    dk_events_add(events, DK_PUT, 0, index, s->index, quality);
    s->standing = 1, s->weight = dk_larger(LEAST_N, high - low), s->begin = -1, s->put_at = i;
    dk_pour_stood(&s->pour, s->index, events);
}

static void airborne(state *s, int64_t i, double y, dk_events *events)
{
    double off = y - s->zero, touch = touch_n(s), stand = dk_larger(2.0 * touch, 0.3);
    if (s->begin < 0) {
        if (off <= touch) {
            s->zero += dk_clip(off, touch) / (0.3 * s->rate);
            return;
        }
        s->begin = i, s->size = 0.0;
    }
    s->size = dk_larger(s->size, off);
    double age_s = (double)(i - s->begin) / s->rate;
    if (off > touch)
        s->last_out = i;
    else if ((double)(i - s->last_out) > (s->set.bounce_s + 0.15) * s->rate) { /* the air again */
        if ((double)(s->last_out + 1 - s->begin) < s->set.bump_s * s->rate)
            dk_events_add(events, DK_BUMP, 0, s->begin, s->index, s->size / (s->size + touch));
        s->begin = -1;
        return;
    }
    if (off > stand && age_s > 0.12 && change(s, i) < dk_larger(3.0 * s->noise, 0.05 * off))
        put(s, i, events);
}

/* ---- The stream ----------------------------------------------------------------------------------------- */

/* The first 0.2 s say whether the cup stands; its zero is then only a guess. */
static void begin(state *s, int64_t i)
{
    double level = mean(s, 0, i + 1);
    s->started = 1, s->standing = level > s->set.light_n;
    if (s->standing) {
        s->weight = level;
    } else {
        s->zero = level, s->zero_known = 1;
        dk_pour_lifted(&s->pour, s->held[INNER], s->held[AZ]);
    }
}

static void row(state *s, dk_events *events)
{
    if (s->index == 0)
        dk_despike_start(&s->foot, s->held[FOOT], 0.02);
    double clean = dk_despike_next(&s->foot, s->held[FOOT], s->rate), y = s->foot.median;
    int64_t i = s->index - 2;
    if (i < 0)
        return;
    s->ring[i & (RING - 1)] = clean;
    if (!s->started) {
        if ((double)i >= 0.2 * s->rate)
            begin(s, i);
    } else if (s->standing) {
        standing(s, i, y, events);
    } else {
        airborne(s, i, y, events);
    }
    if (s->started && !s->standing)
        dk_pour_row(&s->pour, s->index, s->held + INNER, events);
}

static void init(void *memory, double rate_hz, const double *settings)
{
    state *s = memory;
    memcpy(&s->set, settings, sizeof s->set);
    s->rate = rate_hz;
    s->begin = -1;
    s->noise = 0.02;
    s->put_at = -(int64_t)(10.0 * rate_hz);
    dk_pour_init(&s->pour, rate_hz, s->set.back_deg);
}

static size_t push(void *memory, const float *rows, size_t n_rows, dk_events *events)
{
    state *s = memory;
    size_t n = 0;
    for (; n < n_rows && dk_events_have_room(events); n++, rows += DK_CUP_COLUMNS) {
        for (int k = 0; k < DK_CUP_COLUMNS; k++)
            s->held[k] = fabsf(rows[k]) <= FLT_MAX ? rows[k] : s->held[k];
        row(s, events);
        s->index++;
    }
    return n;
}

/* An excursion that is still open but already clear enough is told. */
static void finish(void *memory, dk_events *events)
{
    state *s = memory;
    int64_t i = s->index - 3;
    if (!s->started || s->begin < 0 || i < s->begin)
        return;
    s->index--;
    double age_s = (double)(i - s->begin) / s->rate;
    if (s->standing && s->in_air >= 0.5 && age_s >= s->set.bump_s)
        lift(s, i, events);
    else if (!s->standing && age_s >= s->set.bump_s && at(s, i) - s->zero > 2.0 * touch_n(s))
        put(s, i, events);
    s->index++;
}

const dk_segmenter_ops dk_cup_ops = {
    .columns = DK_CUP_COLUMNS,
    .n_settings = DK_CUP_SETTINGS,
    .state_size = sizeof(state),
    .init = init,
    .push = push,
    .finish = finish,
};
