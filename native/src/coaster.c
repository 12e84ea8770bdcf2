/* The coaster segmenter; docs/events.md says what its events mean. In C to keep up with archives.
 *
 * Spikes are taken out of the load, and the rest is averaged into bins of about 20 ms. Three questions are
 * asked of each bin. Did a force come or go that no liquid makes: then the glass is disturbed until the trace
 * runs straight again. Does the slope over some span lie above the flow limit for certain: then a flow has
 * begun. Has it fallen: then a flow has ended. Each boundary of flow is then found by fitting a ramp of flow
 * to the trace around it, because the flow crosses its limit where the trace shows nothing yet.
 * Bit for bit the twin of host/dexkit/segment/reference/coaster.py. */
#include <math.h>   // fabs, sqrt, isfinite
#include <string.h> // memmove
#include "segmenter.h"

#define GRAVITY_N_PER_G 0.00980665
#define BINS_PER_S 50.0 /* at most; samples are averaged into bins */
#define RING 512        /* bins remembered */
#define MAX_TAPS 5
#define SPIKE_N 0.03 /* a single sample that stands out by less is noise */
#define NOISE_FLOOR_N 0.0003
#define NOISE_MEMORY_S 1.5
#define NOISE_START 12 /* bins until the noise is known well enough to bound its own measurement */
#define BEND 1.954     /* mean of |x0 - 2 x1 + x2| of white noise of deviation 1 */

#define FASTEST_N_S (180.0 * GRAVITY_N_PER_G) /* nobody pours faster; a steeper rise is a hand's */
#define FORCE 0.6                             /* part of disturbed_n that the smoothed trace must show */
#define LEAST_N 0.001                         /* a disturbance below this is not a force */
#define LOOKBACK_S 0.25                       /* a force comes or goes within this */
#define SETTLE_S 0.35                         /* straight for so long: the disturbance is over */
#define SETTLE_N 0.01
#define LEAN_S 6.0 /* a hand that leans on the glass is remembered so long */

#define CERTAIN 4.5 /* standard deviations that make a slope certain */
#define N_SCALES 4
static const double SCALES_S[N_SCALES] = {0.2, 0.4, 0.8, 1.6}; /* spans over which a slope is taken */
#define LEAST_N_S (0.4 * GRAVITY_N_PER_G)                      /* a slope this near the limit is not certain */
#define CONFIRM_S 0.3                                          /* between suspecting a boundary and fitting it */
#define LATEST_S 0.25 /* a flow that comes back at the very end of a pause is seen by then */

#define FIT 192 /* bins that a ramp is fitted to, at most */
#define N_STARTS 24
#define N_RAMPS 6
static const double RAMPS_S[N_RAMPS] = {0.03, 0.12, 0.25, 0.45, 0.75, 1.2}; /* lengths of the ramp tried */
#define N_PUSHES 3
static const double PUSHES_S[N_PUSHES] = {0.0, 0.06, 0.12}; /* a stream pushes like the liquid of this time */
#define PUSH_DOUBT 8.0                                      /* how slowly the push is believed */
#define QUIET_N_S (0.35 * GRAVITY_N_PER_G)                  /* drift, creep and drips beside a flow */
#define SHARP_S 0.1                                         /* a boundary this uncertain has quality 0.5 */

enum { IDLE, ONSET, FLOW, ENDING };

/* One ramp that was fitted: squared error, place of the crossing in bins, flow, which push. */
typedef struct trial {
    double error, place, flow;
    int push;
} trial;

typedef struct state {
    double limit, force, dt, pause;
    int per_bin, taps, scales[N_SCALES], lookback, settle, confirm, latest;
    int64_t index; /* of the row being taken */
    double last;   /* value measured last */
    double window[MAX_TAPS];
    int in_window, summed;
    double sum;
    double x[RING];
    int64_t b; /* newest bin */
    double noise, sway;
    int64_t swayed;
    int state, scale;
    int64_t alarm, look;    /* bin in which a boundary was suspected, bin in which to look closer */
    int64_t since, turn;    /* first bin after the last disturbance, after the last boundary of flow */
    double flow;
    double off, off_quality; /* end of flow that may still be a pause; negative when there is none */
    int disturbed;
    int64_t foot; /* first bin of the disturbance; then the level before it and its largest force */
    double level, peak;
    int held; /* 1 while a hand leans, -1 while the glass is away; then the level before that, and when */
    double held_level;
    int64_t held_bin;
    double against[N_PUSHES];     /* what the boundaries so far say against each push */
    double place, spread, fitted; /* what a fit found */
    double y[FIT];
    trial tried[N_PUSHES * N_RAMPS * N_STARTS];
    dk_events *events;
} state;

static inline double larger(double a, double b) { return b > a ? b : a; }
static inline double smaller(double a, double b) { return b < a ? b : a; }
static inline int64_t later(int64_t a, int64_t b) { return b > a ? b : a; }
static inline int64_t sooner(int64_t a, int64_t b) { return b < a ? b : a; }
static inline double at(const state *s, int64_t b) { return s->x[b & (RING - 1)]; }
static inline double sigma(const state *s) { return larger(larger(s->noise, s->sway), NOISE_FLOOR_N); }

/* Seconds as a number of bins, at least least. */
static int bins(const state *s, double seconds, int least)
{
    int n = (int)(seconds / s->dt + 0.5);
    return n > least ? n : least;
}

static void init(void *memory, double rate_hz, const double *settings)
{
    state *s = memory;
    s->limit = settings[0] * GRAVITY_N_PER_G; /* flows are newtons a second from here on */
    s->force = FORCE * larger(settings[3], LEAST_N);
    int per_bin = (int)(rate_hz / BINS_PER_S + 0.5);
    s->per_bin = per_bin > 1 ? per_bin : 1;
    s->dt = s->per_bin / rate_hz;
    s->taps = rate_hz >= 150.0 ? 5 : rate_hz >= 40.0 ? 3 : 1;
    s->pause = settings[2] / s->dt;
    for (int k = 0; k < N_SCALES; k++)
        s->scales[k] = bins(s, SCALES_S[k], 4);
    s->lookback = bins(s, LOOKBACK_S, 2);
    s->settle = bins(s, SETTLE_S, 6);
    s->confirm = bins(s, CONFIRM_S, 2);
    s->latest = bins(s, LATEST_S, 1);
    s->b = -1;
    s->off = -1.0;
}

/* Says an event at a place given in bins. */
static void say(state *s, int kind, double bin_place, double quality)
{
    int64_t index = (int64_t)((bin_place + 0.5) * s->per_bin + s->taps / 2);
    dk_events_add(s->events, kind, 0, sooner(index, s->index), s->index, quality);
}

static void say_off(state *s)
{
    say(s, DK_RECEIVE_OFF, s->off, s->off_quality);
    s->off = -1.0;
}

/* Follows the bins' noise by their bends, which flow and drift do not have; sway by wider bends. */
static void measure_noise(state *s)
{
    int64_t b = s->b;
    double slowly = s->dt / NOISE_MEMORY_S;
    if (b < 2)
        return;
    double bend = fabs(at(s, b) - 2.0 * at(s, b - 1) + at(s, b - 2)) / BEND;
    double gain = larger(1.0 / (double)(b - 1), slowly);
    if (b > NOISE_START)
        bend = smaller(bend, 3.0 * s->noise + NOISE_FLOOR_N);
    s->noise += (s->disturbed ? 0.1 * gain : gain) * (bend - s->noise);
    if (s->state == IDLE && !s->disturbed && b >= NOISE_START && b - 8 >= later(s->since, s->turn)) {
        bend = fabs(at(s, b) - 2.0 * at(s, b - 4) + at(s, b - 8)) / BEND;
        s->swayed++;
        if (s->swayed > NOISE_START)
            bend = smaller(bend, 3.0 * larger(s->sway, s->noise) + NOISE_FLOOR_N);
        s->sway += larger(1.0 / (double)s->swayed, slowly) * (bend - s->sway);
    }
}

/* Slope (N/s) of the straight line through bins begin..end - 1, and its level at bin end - 1. */
static double line(const state *s, int64_t begin, int64_t end, double *level)
{
    double n = (double)(end - begin), middle = 0.5 * (n - 1.0), total = 0.0, moment = 0.0;
    for (int64_t k = begin; k < end; k++) {
        double value = at(s, k);
        total += value;
        moment += value * ((double)(k - begin) - middle);
    }
    double slope = moment / (n * (n * n - 1.0) / 12.0);
    *level = total / n + slope * middle;
    return slope / s->dt;
}

/* ---- Disturbances ------------------------------------------------------------------------------------ */

/* Certain when its force is large. */
static void say_disturbed(state *s)
{
    double force = larger(s->peak, s->force);
    say(s, DK_DISTURBED, (double)s->foot, force / (force + s->force));
}

/* Begins a disturbance, and says so unless it may be the end of one that stayed. */
static void disturb(state *s, int64_t foot, double level, double peak)
{
    s->disturbed = 1;
    s->foot = foot;
    s->level = level;
    s->peak = peak;
    if (s->held > 0 && (double)(s->b - s->held_bin) > LEAN_S / s->dt)
        s->held = 0;
    if (s->held == 0)
        say_disturbed(s);
}

/* Begins a disturbance at the first of these bins that leaves the straight line before them. */
static void find_foot(state *s, int64_t reach)
{
    int64_t b = s->b, end = later(s->since, b - reach), begin = later(s->since, end - s->settle);
    double level = at(s, begin), slope = 0.0;
    if (end - begin >= 3)
        slope = line(s, begin, end, &level);
    int flowing = s->state == FLOW || s->state == ENDING;
    slope = flowing ? smaller(larger(slope, 0.0), FASTEST_N_S) : 0.0;
    double tolerance = larger(4.0 * sigma(s), 0.01), peak = 0.0;
    int64_t foot = b;
    for (int64_t k = later(end - 2, begin); k <= b; k++) {
        double away = fabs(at(s, k) - (level + slope * s->dt * (double)(k - end + 1)));
        if (away > tolerance && foot == b)
            foot = k;
        peak = larger(peak, away);
    }
    if (s->state == ONSET) { /* what looked like liquid was the hand's first force */
        int64_t early = later(s->alarm - s->scale, s->since);
        level = at(s, early);
        while (early < foot && fabs(at(s, early) - level) <= tolerance)
            early++;
        foot = early;
        s->state = IDLE;
    }
    disturb(s, foot, level + slope * s->dt * (double)(foot - end + 1), peak);
}

/* Begins a disturbance when a force came or went faster than liquid can; returns whether it did. */
static int force_came(state *s)
{
    int64_t b = s->b;
    double newest = at(s, b), threshold = larger(s->force, 6.0 * sigma(s));
    if (s->state == FLOW || s->state == ENDING)
        threshold += PUSHES_S[N_PUSHES - 1] * s->flow;
    for (int64_t k = b - 1; k >= later(s->since, b - s->scales[N_SCALES - 1]); k--) {
        double change = newest - at(s, k);
        int64_t reach = b - k;
        int rises = reach <= s->lookback && change >= threshold + FASTEST_N_S * s->dt * (double)reach;
        if (change <= -threshold || rises) {
            find_foot(s, later(reach, s->lookback) + 2);
            return 1;
        }
    }
    return 0;
}

/* Tells a glass put back or a hand gone, which end what began, from something new. */
static void judge_step(state *s, double now)
{
    double step = now - s->level;
    int stays = fabs(step) >= s->force;
    if (s->held) {
        double close = larger(0.1 * fabs(s->held_level - s->level), s->force);
        if (fabs(now - s->held_level) < close || (s->held < 0 && step >= s->force)) {
            s->held = 0;
            return;
        }
        if (s->held > 0 && stays)
            return; /* the hand that leans moves */
        say_disturbed(s);
    }
    if (stays) {
        s->held = step > 0.0 ? 1 : -1;
        s->held_level = s->level;
        s->held_bin = s->b;
    }
}

/* Ends the disturbance when the trace has run straight, and not down, for a while. */
static void wait_for_rest(state *s)
{
    int64_t b = s->b, begin = b - s->settle + 1;
    if (begin <= s->foot)
        return;
    double n = s->settle, level, slope = line(s, begin, b + 1, &level);
    double doubt = CERTAIN * sigma(s) / s->dt * sqrt(12.0 / (n * (n * n - 1.0)));
    if (slope < -2.0 * s->limit - doubt || slope > FASTEST_N_S)
        return;
    double tolerance = larger(4.5 * sigma(s), SETTLE_N);
    for (int64_t k = begin; k <= b; k++)
        if (fabs(at(s, k) - (level + slope * s->dt * (double)(k - b))) > tolerance)
            return;
    s->disturbed = 0;
    s->since = b - s->settle / 2;
    if (s->state == ENDING)
        s->state = FLOW;
    judge_step(s, level - slope * s->dt * (double)(b - begin));
}

/* ---- Where the flow crosses the limit ---------------------------------------------------------------- */

/* Believes the pushes a little more or less, and averages the places that fit about as well as the best. */
static int weigh(state *s, int n_tried, const double *best_of, double variance, int n)
{
    double best = -1.0, least = -1.0;
    for (int j = 0; j < N_PUSHES; j++)
        if (best_of[j] >= 0.0 && (best < 0.0 || best_of[j] < best))
            best = best_of[j];
    if (best < 0.0)
        return 0;
    double unit = larger(variance, best / n);
    for (int k = 0; k < n_tried; k++) {
        double doubted = s->tried[k].error / unit + s->against[s->tried[k].push];
        if (least < 0.0 || doubted < least)
            least = doubted;
    }
    double total = 0.0, place = 0.0, square = 0.0, flow = 0.0;
    for (int k = 0; k < n_tried; k++) {
        const trial *t = &s->tried[k];
        double weight = 1.0 - (t->error / unit + s->against[t->push] - least) / 9.0;
        if (weight > 0.0) {
            total += weight;
            place += weight * t->place;
            square += weight * t->place * t->place;
            flow += weight * t->flow;
        }
    }
    s->place = place / total;
    s->fitted = flow / total;
    s->spread = sqrt(larger(0.0, square / total - s->place * s->place));
    double likeliest = -1.0;
    for (int j = 0; j < N_PUSHES; j++) {
        s->against[j] += best_of[j] < 0.0 ? 4.0 : smaller((best_of[j] - best) / unit / PUSH_DOUBT, 4.0);
        if (likeliest < 0.0 || s->against[j] < likeliest)
            likeliest = s->against[j];
    }
    for (int j = 0; j < N_PUSHES; j++)
        s->against[j] = smaller(s->against[j] - likeliest, 30.0);
    return 1;
}

/* Fits quiet, a ramp of flow, then flow to bins begin..end - 1, read backwards when way is -1.
 *
 * For each push, ramp length and start the level and the two flows follow by least squares, the quiet flow
 * held near zero by QUIET_N_S. The place of the crossing is the mean over all that fit about as well as the
 * best, each with its weight. Returns whether there is a flow; then place, spread (bins), fitted (N/s). */
static int fit(state *s, int64_t begin, int64_t end, int way)
{
    int n = (int)(end - begin), n_tried = 0;
    if (n < 6)
        return 0;
    double dt = s->dt, variance = sigma(s) * sigma(s), *y = s->y;
    double base = way > 0 ? at(s, begin) : at(s, end - 1);
    for (int i = 0; i < n; i++)
        y[i] = way > 0 ? at(s, begin + i) - base : base - at(s, end - 1 - i);
    double mean_t = 0.5 * dt * (n - 1), mean_y = 0.0, ty = 0.0, yy = 0.0;
    double tt = dt * dt * n * ((double)n * n - 1.0) / 12.0 + variance / (QUIET_N_S * QUIET_N_S);
    for (int i = 0; i < n; i++)
        mean_y += y[i] / n;
    for (int i = 0; i < n; i++) {
        ty += (dt * i - mean_t) * (y[i] - mean_y);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
    }
    double best_of[N_PUSHES];
    for (int j = 0; j < N_PUSHES; j++) {
        best_of[j] = -1.0;
        for (int m = 0; m < N_RAMPS; m++) {
            double ramp = RAMPS_S[m] / dt;
            for (int k = 0; k < N_STARTS; k++) {
                double t0 = k * (n - 3.0) / N_STARTS, sum_r = 0.0, tr = 0.0, rr = 0.0, ry = 0.0;
                for (int i = (int)t0 + 1; i < n; i++) {
                    double past = i - t0, r;
                    if (past < ramp)
                        r = past / ramp * (0.5 * dt * past + way * PUSHES_S[j]);
                    else
                        r = dt * (past - 0.5 * ramp) + way * PUSHES_S[j];
                    sum_r += r;
                    tr += r * (dt * i - mean_t);
                    rr += r * r;
                    ry += r * (y[i] - mean_y);
                }
                rr -= sum_r * sum_r / n;
                double determinant = tt * rr - tr * tr;
                if (!(determinant > 1e-9 * tt * rr))
                    continue;
                double quiet = (ty * rr - ry * tr) / determinant, more = (ry * tt - ty * tr) / determinant;
                double place = more > 0.0 ? t0 + ramp * (s->limit - quiet) / more : n;
                if (quiet >= s->limit || quiet + more <= s->limit || place >= n)
                    continue;
                double error = larger(yy - quiet * ty - more * ry, 0.0);
                s->tried[n_tried++] = (trial){error, place, quiet + more, j};
                if (best_of[j] < 0.0 || error < best_of[j])
                    best_of[j] = error;
            }
        }
    }
    return weigh(s, n_tried, best_of, variance, n);
}

/* ---- Flow -------------------------------------------------------------------------------------------- */

/* Finds where the flow began; a force that came and then stopped growing is a hand's. */
static void begin_flow(state *s)
{
    int64_t b = s->b, wide = later(s->scale, bins(s, 0.4, 1));
    int64_t first = later(later(s->since, s->alarm - 2 * wide - bins(s, 0.4, 1)), b - FIT + 1);
    first = later(first, sooner(s->turn - 2, s->alarm - 3));
    if (!fit(s, first, sooner(b + 1, s->alarm + s->confirm), 1)) {
        s->state = IDLE;
        return;
    }
    double on = (double)first + s->place;
    int64_t start = later((int64_t)on, s->since), middle = (start + b) / 2;
    double rise = at(s, b) - at(s, start);
    if (rise > s->force || s->held) {
        if (b < s->alarm + 2 * s->confirm) {
            s->look = b + s->confirm;
            return;
        }
        double level, slope = line(s, middle, b + 1, &level);
        if (at(s, middle) - at(s, start) > 0.75 * rise && slope < 4.0 * s->limit) {
            if (b < s->alarm + 3 * s->confirm && rise > 0.0) {
                s->look = b + s->confirm;
                return;
            }
            s->state = IDLE;
            if (s->held == 0)
                disturb(s, (int64_t)on, at(s, first), rise);
            return;
        }
    }
    s->state = FLOW;
    s->turn = (int64_t)on + 1;
    s->flow = s->fitted;
    s->held = 0;
    if (s->off >= 0.0 && on - s->off < s->pause) {
        s->off = -1.0; /* only a pause */
        return;
    }
    if (s->off >= 0.0)
        say_off(s);
    say(s, DK_RECEIVE_ON, on, SHARP_S / (SHARP_S + s->spread * s->dt));
}

/* Finds where the flow ended, if it did; said once it cannot be a pause any more. */
static void end_flow(state *s)
{
    int64_t b = s->b;
    int64_t first = later(later(s->since, s->alarm - s->scale / 2 - bins(s, 0.4, 1)), b - FIT + 1);
    if (fit(s, first, b + 1, -1)) {
        s->off = (double)b - s->place;
        s->off_quality = SHARP_S / (SHARP_S + s->spread * s->dt);
    } else {
        int64_t begin = later(later(s->since, s->turn), b - FIT + 1);
        double level, slope;
        if (b - begin < 3) {
            s->state = FLOW;
            return;
        }
        slope = line(s, begin, b + 1, &level);
        if (s->since <= s->turn || slope >= s->limit) {
            s->state = FLOW;
            s->flow = larger(slope, s->limit);
            return;
        }
        s->off = (double)later(s->foot, s->turn); /* it ended unseen, while the glass was disturbed */
        s->off_quality = 0.3;
    }
    s->state = IDLE;
    s->turn = (int64_t)s->off + 2;
}

/* Suspects that a flow begins or ends, and looks closer a little later. */
static void watch_flow(state *s)
{
    int64_t b = s->b;
    if (s->state == ONSET || s->state == ENDING) {
        if (b >= s->look) {
            if (s->state == ONSET)
                begin_flow(s);
            else
                end_flow(s);
        }
        return;
    }
    for (int k = 0; k < N_SCALES; k++) {
        int found, n = s->scales[k];
        if (b - n + 1 < later(s->since, s->turn))
            return;
        double level, slope = line(s, b - n + 1, b + 1, &level);
        double doubt = CERTAIN * sigma(s) / s->dt * sqrt(12.0 / (n * ((double)n * n - 1.0)));
        if (s->state == IDLE)
            found = slope - larger(doubt, LEAST_N_S) > s->limit;
        else
            found = slope + 0.7 * doubt < larger(1.4 * s->limit, 0.3 * s->flow) ||
                    (n == s->scales[N_SCALES - 1] && slope < s->limit);
        if (found) {
            s->state = s->state == IDLE ? ONSET : ENDING;
            s->alarm = b;
            s->scale = n;
            s->look = b + s->confirm;
            return;
        }
    }
}

/* ---- Samples to bins --------------------------------------------------------------------------------- */

/* Asks the three questions of the newest bin. */
static void take_bin(state *s)
{
    measure_noise(s);
    if (s->b >= s->settle) {
        if (s->disturbed)
            wait_for_rest(s);
        else if (!force_came(s))
            watch_flow(s);
    }
    if (s->off >= 0.0 && s->state == IDLE && (double)s->b >= s->off + s->pause + s->latest)
        say_off(s);
}

static double median(const double *window, int n)
{
    double sorted[MAX_TAPS];
    for (int i = 0; i < n; i++) {
        int k = i;
        for (; k > 0 && sorted[k - 1] > window[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = window[i];
    }
    return sorted[n / 2];
}

/* Takes one sample: a single one that stands out is replaced by its neighbours' median. */
static void take(state *s, double value)
{
    s->window[s->in_window++] = value;
    if (s->in_window < s->taps)
        return;
    double here = s->window[s->taps / 2], usual = median(s->window, s->taps);
    memmove(s->window, s->window + 1, (size_t)--s->in_window * sizeof *s->window);
    double spike = larger(SPIKE_N, 5.0 * s->noise * sqrt(s->per_bin));
    s->sum += fabs(here - usual) <= spike ? here : usual;
    if (++s->summed == s->per_bin) {
        s->b++;
        s->x[s->b & (RING - 1)] = s->sum / s->per_bin;
        s->sum = 0.0;
        s->summed = 0;
        take_bin(s);
    }
}

static size_t push(void *memory, const float *rows, size_t n_rows, dk_events *events)
{
    state *s = memory;
    size_t taken = 0;
    s->events = events;
    for (; taken < n_rows && dk_events_have_room(events); taken++, s->index++) {
        if (isfinite(rows[taken]))
            s->last = rows[taken];
        take(s, s->last);
    }
    return taken;
}

static void finish(void *memory, dk_events *events)
{
    state *s = memory;
    s->events = events;
    if (s->off >= 0.0) { /* found, though a pause can no longer be ruled out */
        s->index--;
        say_off(s);
        s->index++;
    }
}

const dk_segmenter_ops dk_coaster_ops = {
    .columns = DK_COASTER_COLUMNS,
    .n_settings = DK_COASTER_SETTINGS,
    .state_size = sizeof(state),
    .init = init,
    .push = push,
    .finish = finish,
};
