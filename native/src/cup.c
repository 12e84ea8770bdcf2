/* The cup segmenter; docs/events.md says what its events mean. In C to keep up with archives.
 *
 * The story: the foot force is freed of spikes. Two levels are tracked, the zero (which drifts) and the
 * weight. A force that leaves its level opens an excursion; when the excursion is over it is a bump, a failed
 * lift, a lift or a put, and only then a ramp is fitted to the samples behind, which says when it happened.
 * While the cup is in the air, pour.c watches the liquid. An archive is mostly quiet, so quiet stretches have
 * tight loops of their own.
 */
#include <float.h>  // FLT_MAX
#include <string.h> // memcpy
#include "pour.h"
#include "ramp.h"
#include "segmenter.h"

/* A block of rows is freed of spikes at once, so the ring runs ahead of the story by up to a block. */
enum { BLOCK = 64, RING = 4096, REACH = RING - BLOCK - 8, FOOT = 0, INNER = 1, LIQUID = 7 /* columns */ };

static const double PART = 0.65;    /* of a ramp that is fitted: its foot's side; the far side tells little */
static const double LEAST_N = 0.05; /* no cup is lighter; keeps divisions safe */
static const double BORNE = 0.15;   /* of the weight: more than drift and tremor bring */
static const double SEEN_S = 0.01, SOFT_S = 0.03; /* so much longer is a bounce seen, and one to a soft landing */
static const double MOST_NOISE = 0.03; /* of the weight: a cup that is being filled changes, but not by noise */

typedef struct state {
    dk_cup_settings set;
    double rate;
    int64_t index;      /* of the next row; contact lives two samples earlier than its row */
    float foot[4];      /* the newest of the foot's force */
    float held[LIQUID]; /* the newest measured inner load, acceleration, turning; no load yet: NaN */
    double usual;       /* how far a sample usually is from the median around it */
    dk_pour pour;

    int started, standing, zero_known, watched; /* watched: the liquid, in the air */
    double zero, weight, noise; /* N; noise is the mean distance of the quiet force from its level */
    double level;               /* where the force of a standing cup is: zero + weight */
    int64_t begin, last_out;    /* of the excursion, first and last sample outside; begin < 0: none */
    double sum, size, in_air;   /* of the excursion: of all deviations, the largest, evidence for the air */
    int64_t put_at;
    double ring[RING];
} state;

static double at(const state *s, int64_t i) { return s->ring[i & (RING - 1)]; }

static int airborne(const state *s) { return s->started && !s->standing; }

static int64_t samples(const state *s, double seconds) { return (int64_t)(seconds * s->rate); }

/* The sample this long before i, as far as the ring remembers. */
static int64_t before(const state *s, int64_t i, double seconds)
{
    int64_t n = samples(s, seconds), first = i - (n < REACH ? n : REACH);
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

/* The row with which sample i becomes known. */
static int64_t known(int64_t i) { return i + 2; }

/* The cup has been in the air for a while: the lift is the end of the last fall from the weight. */
static void lift(state *s, int64_t i, dk_events *events)
{
    double high = s->level, quality;
    double low = dk_smaller(high - LEAST_N, mean(s, before(s, i, 0.06), i + 1));
    int64_t first = before(s, i, 1.5), k = i;
    while (k > first && at(s, k) < low + PART * (high - low))
        k--;
    int64_t index = foot_of(s, k, i + 1, low, high, -1, &quality);
    double doubt = dk_smaller(1.0, fabs(low - s->zero) / s->weight * (s->zero_known ? 2.0 : 1.0));
    dk_events_add(events, DK_LIFT, 0, index, known(i), quality * (1.0 - doubt));
    s->standing = 0, s->zero = low, s->zero_known = 1, s->begin = -1;
}

/* Back at its weight: how long and which way says what it was. */
static void back(state *s, int64_t i, double band, dk_events *events)
{
    double quality = s->size / (s->size + band);
    if ((double)(s->last_out + 1 - s->begin) < s->set.bump_s * s->rate)
        dk_events_add(events, DK_BUMP, 0, s->begin, known(i), quality);
    else if (s->sum < 0.0)
        dk_events_add(events, DK_FAILED_LIFT, 0, s->begin, known(i), quality);
    s->begin = -1;
}

/* A standing cup's weight has a level, and is never less than a cup. */
static void set_level(state *s, double level)
{
    s->level = level, s->weight = dk_larger(LEAST_N, level - s->zero);
}

static double band_n(double noise, double weight)
{
    return dk_larger(dk_larger(5.0 * noise, 0.04 * weight), 0.04);
}

/* Takes samples up to the first of n that leaves its level, and returns how many. What moves slowly is the
 * zero, what moves faster is the weight. Most samples end here: their state is kept in locals. */
static int64_t stand_quietly(state *s, const double *y, int64_t n)
{
    const double pace = 1.0 / (0.3 * s->rate), most = s->set.drift_n_s / s->rate, share = 1.0 / (0.5 * s->rate);
    double zero = s->zero, level = s->level, weight = s->weight, noise = s->noise;
    int64_t k = 0;
    for (; k < n; k++) {
        double off = y[k] - level, size = fabs(off);
        if (!(size <= band_n(noise, weight)))
            break;
        zero += dk_clip(pace * off, most), level = (1.0 - pace) * level + pace * y[k];
        weight = dk_larger(LEAST_N, level - zero);
        noise = dk_smaller((1.0 - share) * noise + share * size, MOST_NOISE * weight);
    }
    s->zero = zero, s->level = level, s->weight = weight, s->noise = noise;
    return k;
}

/* A sample of an excursion, which may be its first or its last. */
static void stand(state *s, int64_t i, double y, dk_events *events)
{
    double off = y - s->level, band = band_n(s->noise, s->weight);
    if (s->begin < 0)
        s->begin = i, s->sum = 0.0, s->size = 0.0, s->in_air = 0.0;
    s->sum += off, s->size = dk_larger(s->size, fabs(off));
    if (fabs(off) > band)
        s->last_out = i;
    else if ((double)(i - s->last_out) >= 0.04 * s->rate) {
        back(s, i, band, events);
        return;
    }
    /* The nearer to zero, the sooner it is believed. While no air has been felt the zero is but a guess: then
     * patience must tell a lift from one that failed. */
    double age_s = (double)(i - s->begin) / s->rate, part = (y - s->zero) / s->weight;
    double near = dk_larger(part - 0.04, 0.0), needed_s = s->zero_known ? 0.12 + 15.0 * near : 0.6 + 6.0 * near;
    s->in_air = part > 0.4 ? 0.0 : s->in_air + 1.0 / s->rate / needed_s;
    if (s->in_air >= 1.0 && age_s >= s->set.bump_s)
        lift(s, i, events);
    else if (part > 0.4 && age_s > 0.1 && (age_s > 3.0 || (double)(i - s->put_at) < s->rate) &&
             change(s, i) < dk_larger(3.0 * s->noise, 0.03 * s->weight)) {
        set_level(s, mean(s, before(s, i, 0.1), i + 1)); /* a new weight, or still settling */
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

/* The cup stands: the put is the first of its contacts, those that a bounce leads to included. A bounce that
 * seems too long leads to it only from a contact that bore some of the cup. */
static void put(state *s, int64_t i, dk_events *events)
{
    double low = s->zero, high = dk_larger(low + LEAST_N, mean(s, before(s, i, 0.08), i + 1));
    double touch = low + dk_larger(5.0 * s->noise, 0.05 * (high - low)), quality, then = 0.0;
    int64_t first = before(s, s->begin, 0.25), oldest = before(s, i, 1e9), start = i, index, touched = -1;
    first = first > oldest ? first : oldest;
    for (;;) {
        double borne = low;
        for (; start > first && at(s, start - 1) > touch; start--)
            borne = dk_larger(borne, at(s, start - 1));
        if (touched >= 0 && borne < low + BORNE * (high - low)) {
            index = touched, quality = then;
            break;
        }
        int64_t end = start - 1; /* of the contact before this one */
        while (end > first && at(s, end) <= touch)
            end--;
        index = rise(s, start, end > first ? end : first, i, low, high, &quality);
        double away = (double)(index - end);
        if (end <= first || away > (s->set.bounce_s + SOFT_S) * s->rate)
            break;
        touched = away > (s->set.bounce_s + SEEN_S) * s->rate ? index : -1, then = quality;
        start = end;
    }
    dk_events_add(events, DK_PUT, 0, index, known(i), quality);
    s->standing = 1, s->watched = 0, s->begin = -1, s->put_at = i;
    set_level(s, high);
    dk_pour_stood(&s->pour, known(i), events);
}

/* Takes samples up to the first of n that touches, and returns how many. */
static int64_t fly_quietly(state *s, const double *y, int64_t n)
{
    const double pace = 1.0 / (0.3 * s->rate), touch = touch_n(s);
    double zero = s->zero;
    int64_t k = 0;
    for (; k < n && y[k] - zero <= touch; k++)
        zero = dk_larger((1.0 - pace) * zero + pace * y[k], zero - pace * touch);
    s->zero = zero;
    return k;
}

/* A sample of a touch, which may be its first or its last. */
static void fly(state *s, int64_t i, double y, dk_events *events)
{
    double off = y - s->zero, touch = touch_n(s), stand = dk_larger(2.0 * touch, 0.3);
    if (s->begin < 0)
        s->begin = i, s->size = 0.0;
    s->size = dk_larger(s->size, off);
    double age_s = (double)(i - s->begin) / s->rate;
    if (off > touch)
        s->last_out = i;
    else if ((double)(i - s->last_out) > (s->set.bounce_s + 0.15) * s->rate) { /* the air again */
        if ((double)(s->last_out + 1 - s->begin) < s->set.bump_s * s->rate)
            dk_events_add(events, DK_BUMP, 0, s->begin, known(i), s->size / (s->size + touch));
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
    if (s->standing)
        set_level(s, level);
    else
        s->zero = level, s->zero_known = 1;
}

/* Takes a sample, or a quiet stretch of up to n; returns how many. */
static int64_t contact(state *s, int64_t i, const double *y, int64_t n, dk_events *events)
{
    int64_t quiet = 0;
    if (!s->started) {
        if ((double)i >= 0.2 * s->rate)
            begin(s, i);
    } else if (s->standing) {
        quiet = s->begin < 0 ? stand_quietly(s, y, n) : 0;
        if (quiet == 0)
            stand(s, i, *y, events);
    } else {
        quiet = s->begin < 0 ? fly_quietly(s, y, n) : 0;
        if (quiet == 0)
            fly(s, i, *y, events);
    }
    return quiet > 0 ? quiet : 1;
}

/* The foot's force of a block without what was not measured and without spikes; medians go to y. */
static void clean(state *s, const float *rows, int64_t n, double *y)
{
    float x[BLOCK + 4] = {0.0f}, middle[BLOCK];
    memcpy(x, s->foot, sizeof s->foot);
    for (int64_t k = 0; k < n; k++) {
        float value = rows[k * DK_CUP_COLUMNS + FOOT];
        x[k + 4] = fabsf(value) <= FLT_MAX ? value : x[k + 3];
    }
    if (s->index == 0)
        x[0] = x[1] = x[2] = x[3] = x[4];
    memcpy(s->foot, x + n, sizeof s->foot);
    for (int k = 0; k < BLOCK; k++)
        middle[k] = dk_median5(x + k);
    double usual = s->usual, share = 1.0 / s->rate;
    for (int64_t k = 0; k < n; k++) {
        y[k] = middle[k];
        s->ring[(s->index - 2 + k) & (RING - 1)] = dk_despiked(x[k + 2], y[k], share, &usual);
    }
    s->usual = usual;
}

/* Takes the last measured inner load, acceleration and turning out of n rows, where there are any. */
static void hold(state *s, const float *rows, int64_t n)
{
    for (int c = 0; c < LIQUID; c++)
        for (int64_t k = n - 1; k >= 0; k--)
            if (fabsf(rows[k * DK_CUP_COLUMNS + INNER + c]) <= FLT_MAX) {
                s->held[c] = rows[k * DK_CUP_COLUMNS + INNER + c];
                break;
            }
}

static void block(state *s, const float *rows, int64_t n, dk_events *events)
{
    double y[BLOCK];
    clean(s, rows, n, y);
    int64_t first = s->index < 2 ? 2 - s->index : 0; /* the first two rows have no sample */
    first = first < n ? first : n;
    hold(s, rows, first);
    for (int64_t k = first, to; k < n; k = to) {
        int flew = airborne(s);
        to = k + contact(s, s->index + k - 2, y + k, n - k, events);
        if (airborne(s) && !flew) {
            hold(s, rows + k * DK_CUP_COLUMNS, 1);
            s->watched = !isnan(s->held[0]);
            dk_pour_lifted(&s->pour, s->held);
        }
        for (; s->watched && k < to; k++) {
            hold(s, rows + k * DK_CUP_COLUMNS, 1);
            dk_pour_row(&s->pour, s->index + k, s->held, s->begin >= 0, events);
        }
        hold(s, rows + k * DK_CUP_COLUMNS, to - k);
    }
    s->index += n;
}

static void init(void *memory, double rate_hz, const double *settings)
{
    state *s = memory;
    memcpy(&s->set, settings, sizeof s->set);
    s->rate = rate_hz;
    s->begin = -1;
    s->noise = s->usual = 0.02;
    s->held[0] = NAN;
    s->put_at = -(int64_t)(10.0 * rate_hz);
    dk_pour_init(&s->pour, rate_hz, s->set.back_deg, s->set.radius_mm, s->set.height_mm);
}

/* Of a contact and of the liquid a row tells at most one event each, so that a block needs no more places. */
_Static_assert(2 * BLOCK <= DK_EVENTS_PER_ROW, "the events of a block have room");

static size_t push(void *memory, const float *rows, size_t n_rows, dk_events *events)
{
    state *s = memory;
    size_t n = 0;
    while (n < n_rows && dk_events_have_room(events)) {
        size_t some = n_rows - n < BLOCK ? n_rows - n : BLOCK;
        block(s, rows + n * DK_CUP_COLUMNS, (int64_t)some, events);
        n += some;
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
    double age_s = (double)(i - s->begin) / s->rate;
    if (s->standing && s->in_air >= 0.5 && age_s >= s->set.bump_s)
        lift(s, i, events);
    else if (!s->standing && age_s >= s->set.bump_s && at(s, i) - s->zero > 2.0 * touch_n(s))
        put(s, i, events);
}

const dk_segmenter_ops dk_cup_ops = {
    .columns = DK_CUP_COLUMNS,
    .n_settings = DK_CUP_SETTINGS,
    .state_size = sizeof(state),
    .waits = 1,
    .init = init,
    .push = push,
    .finish = finish,
};
