/* The coaster segmenter; docs/events.md says what its events mean. In C to keep up with archives.
 *
 * Spikes are taken out of the load, and the rest is averaged into bins of about 20 ms. Three questions are
 * asked of each bin. Did a force come or go that no liquid makes: then the glass is disturbed until the trace
 * runs straight again. Does the slope over some span lie above the flow limit for certain: then a flow has
 * begun. Has it fallen: then a flow has ended. Each boundary of flow is then found by fitting a ramp of flow
 * to the trace around it, because the flow crosses its limit where the trace shows nothing yet.
 * Bit for bit the twin of host/dexkit/segment/reference/coaster.py. */
#include <math.h>   // fabs, isfinite
#include <string.h> // memcpy
#include "flow_fit.h"
#include "number.h"
#include "segmenter.h"

#define GRAVITY_N_PER_G 0.00980665
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

#define SHARP_S 0.1 /* a boundary this uncertain has quality 0.5 */

enum { IDLE, ONSET, FLOW, ENDING };

typedef struct state {
    double limit, force, pause;
    int scales[N_SCALES], lookback, settle, confirm, latest;
    int64_t index; /* of the row being taken */
    double last;   /* value measured last */
    dk_trace trace;
    dk_flow_fit fit;
    dk_events *events;
    int state;
    int64_t alarm, look; /* bin in which a boundary was suspected, bin in which to look closer */
    int scale;           /* span in bins that gave it away */
    int64_t since, turn; /* first bin after the last disturbance, after the last boundary of flow */
    double flow;
    double off, off_quality; /* end of flow that may still be a pause; negative when there is none */
    int disturbed;
    int64_t foot;       /* first bin of the disturbance */
    double level, peak; /* level before it, its largest force */
    int held;           /* 1 while a hand leans, -1 while the glass is away */
    double held_level;  /* level before that */
    int64_t held_bin;   /* bin in which it was seen */
} state;

static inline double at(const state *s, int64_t b)
{
    return dk_trace_at(&s->trace, b);
}

static void init(void *memory, double rate_hz, const double *settings)
{
    state *s = memory;
    dk_trace *t = &s->trace;
    dk_coaster_settings set;
    memcpy(&set, settings, sizeof set);
    dk_trace_init(t, rate_hz);
    s->limit = set.flow_g_s * GRAVITY_N_PER_G; /* flows are newtons a second from here on */
    s->force = FORCE * dk_larger(set.disturbed_n, LEAST_N);
    s->pause = set.pause_s / t->dt;
    for (int k = 0; k < N_SCALES; k++)
        s->scales[k] = dk_trace_bins(t, SCALES_S[k], 4);
    s->lookback = dk_trace_bins(t, LOOKBACK_S, 2);
    s->settle = dk_trace_bins(t, SETTLE_S, 6);
    s->confirm = dk_trace_bins(t, CONFIRM_S, 2);
    s->latest = dk_trace_bins(t, LATEST_S, 1);
    s->off = -1.0;
}

/* Says an event at a place given in bins. */
static void say(state *s, int kind, double bin_place, double quality)
{
    int64_t index = dk_sooner(dk_trace_sample(&s->trace, bin_place), s->index);
    dk_events_add(s->events, kind, 0, index, s->index, quality);
}

static void say_off(state *s)
{
    say(s, DK_RECEIVE_OFF, s->off, s->off_quality);
    s->off = -1.0;
}

/* ---- Disturbances ------------------------------------------------------------------------------------ */

/* Certain when its force is large. */
static void say_disturbed(state *s)
{
    double force = dk_larger(s->peak, s->force);
    say(s, DK_DISTURBED, (double)s->foot, force / (force + s->force));
}

/* Begins a disturbance, and says so unless it may be the end of one that stayed. */
static void disturb(state *s, int64_t foot, double level, double peak)
{
    s->disturbed = 1;
    s->foot = foot;
    s->level = level;
    s->peak = peak;
    if (s->held > 0 && (double)(s->trace.b - s->held_bin) > LEAN_S / s->trace.dt)
        s->held = 0;
    if (s->held == 0)
        say_disturbed(s);
}

/* Begins a disturbance at the first of these bins that leaves the straight line before them. */
static void find_foot(state *s, int64_t reach)
{
    int64_t b = s->trace.b, end = dk_later(s->since, b - reach), begin = dk_later(s->since, end - s->settle);
    double level = at(s, begin), slope = 0.0;
    if (end - begin >= 3)
        slope = dk_trace_line(&s->trace, begin, end, &level);
    int flowing = s->state == FLOW || s->state == ENDING;
    slope = flowing ? dk_smaller(dk_larger(slope, 0.0), FASTEST_N_S) : 0.0;
    double tolerance = dk_larger(4.0 * dk_trace_sigma(&s->trace), 0.01), peak = 0.0;
    int64_t foot = dk_later(end - 2, begin);
    for (int64_t k = foot; k <= b; k++)
        peak = dk_larger(peak, fabs(at(s, k) - (level + slope * s->trace.dt * (double)(k - end + 1))));
    if (flowing) /* the flow itself bends a little */
        tolerance = dk_larger(tolerance, 0.1 * peak);
    while (foot < b && fabs(at(s, foot) - (level + slope * s->trace.dt * (double)(foot - end + 1))) <= tolerance)
        foot++;
    if (s->state == ONSET) { /* what looked like liquid was the hand's first force */
        int64_t early = dk_later(s->alarm - s->scale, s->since);
        level = at(s, early);
        while (early < foot && fabs(at(s, early) - level) <= tolerance)
            early++;
        foot = early;
        s->state = IDLE;
    }
    disturb(s, foot, level + slope * s->trace.dt * (double)(foot - end + 1), peak);
}

/* Begins a disturbance when a force came or went faster than liquid can; returns whether it did. */
static int force_came(state *s)
{
    int64_t b = s->trace.b;
    double newest = at(s, b), threshold = dk_larger(s->force, 7.5 * dk_trace_sigma(&s->trace));
    if (s->state == FLOW || s->state == ENDING)
        threshold += dk_flow_fit_push(s->flow);
    for (int64_t k = b - 1; k >= dk_later(s->since, b - s->scales[N_SCALES - 1]); k--) {
        double change = newest - at(s, k);
        int64_t reach = b - k;
        int rises = reach <= s->lookback && change >= threshold + FASTEST_N_S * s->trace.dt * (double)reach;
        if (change <= -threshold || rises) {
            find_foot(s, dk_later(reach, s->lookback) + 2);
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
        double close = dk_larger(0.1 * fabs(s->held_level - s->level), s->force);
        if (fabs(now - s->held_level) < close || (s->held < 0 && step >= s->force)) {
            s->held = 0;
            return;
        }
        if (s->held > 0)
            return; /* the hand that leans moves */
        say_disturbed(s);
    }
    if (stays) {
        s->held = step > 0.0 ? 1 : -1;
        s->held_level = s->level;
        s->held_bin = s->trace.b;
    }
}

/* Ends the disturbance when the trace has run straight, and not down, for a while. */
static void wait_for_rest(state *s)
{
    int64_t b = s->trace.b, begin = b - s->settle + 1;
    if (begin <= s->foot)
        return;
    double level, slope = dk_trace_line(&s->trace, begin, b + 1, &level);
    double doubt = CERTAIN * dk_trace_slope_sigma(&s->trace, s->settle);
    if (slope < -2.0 * s->limit - doubt || slope > FASTEST_N_S)
        return;
    double tolerance = dk_larger(4.5 * dk_trace_sigma(&s->trace), SETTLE_N);
    for (int64_t k = begin; k <= b; k++)
        if (fabs(at(s, k) - (level + slope * s->trace.dt * (double)(k - b))) > tolerance)
            return;
    s->disturbed = 0;
    s->since = b - s->settle / 2;
    if (s->state == ENDING)
        s->state = FLOW;
    judge_step(s, level - slope * s->trace.dt * (double)(b - begin));
}

/* ---- Flow -------------------------------------------------------------------------------------------- */

/* Finds where the flow began; a force that came and then stopped growing is a hand's. */
static void begin_flow(state *s)
{
    if (s->held && s->trace.b < s->alarm + 4 * s->confirm)
        return; /* a hand is likelier than a pour: a pour lasts */
    int64_t b = s->trace.b, rising = s->alarm - s->scale + 1;
    double level, slope = dk_trace_line(&s->trace, rising, b + 1, &level);
    if (slope <= CERTAIN * dk_trace_slope_sigma(&s->trace, (double)(b + 1 - rising))) {
        s->state = IDLE; /* chance: what came since took it back */
        return;
    }
    int64_t wide = dk_later(s->scale, dk_trace_bins(&s->trace, 0.4, 1));
    int64_t first = dk_later(dk_later(s->since, s->alarm - 2 * wide - dk_trace_bins(&s->trace, 0.4, 1)), b - DK_FIT_BINS + 1);
    first = dk_later(first, dk_sooner(s->turn - 2, s->alarm - 3));
    if (!dk_flow_fit_find(&s->fit, &s->trace, first, dk_sooner(b + 1, s->alarm + s->confirm), 1, s->limit)) {
        s->state = IDLE;
        return;
    }
    double on = (double)first + s->fit.place;
    int64_t start = dk_later((int64_t)on, s->since), middle = (start + b) / 2;
    double rise = at(s, b) - at(s, start);
    if (rise > s->force || s->held) {
        if (b < s->alarm + 2 * s->confirm) {
            s->look = b + s->confirm;
            return;
        }
        slope = dk_trace_line(&s->trace, middle, b + 1, &level);
        int stopped = at(s, middle) - at(s, start) > 0.75 * rise && slope < 4.0 * s->limit;
        if (stopped && !s->held && b < s->alarm + 3 * s->confirm && rise > 0.0) {
            s->look = b + s->confirm;
            return;
        }
        if (stopped || (s->held && slope < s->limit)) {
            s->state = IDLE;
            if (!s->held)
                disturb(s, (int64_t)on, at(s, first), rise);
            return;
        }
    }
    s->state = FLOW;
    s->turn = (int64_t)on + 1;
    s->flow = s->fit.flow;
    s->held = 0;
    if (s->off >= 0.0 && on - s->off < s->pause) {
        s->off = -1.0; /* only a pause */
        return;
    }
    if (s->off >= 0.0)
        say_off(s);
    say(s, DK_RECEIVE_ON, on, SHARP_S / (SHARP_S + s->fit.spread * s->trace.dt));
}

/* Finds where the flow ended, if it did; said once it cannot be a pause any more. */
static void end_flow(state *s)
{
    int64_t b = s->trace.b;
    int64_t first = dk_later(dk_later(s->since, s->alarm - s->scale / 2 - dk_trace_bins(&s->trace, 0.4, 1)), b - DK_FIT_BINS + 1);
    if (dk_flow_fit_find(&s->fit, &s->trace, first, b + 1, -1, s->limit)) {
        s->off = (double)b - s->fit.place;
        s->off_quality = SHARP_S / (SHARP_S + s->fit.spread * s->trace.dt);
    } else {
        int64_t begin = dk_later(dk_later(s->since, s->turn), b - DK_FIT_BINS + 1);
        double level, slope;
        if (b - begin < 3) {
            s->state = FLOW;
            return;
        }
        slope = dk_trace_line(&s->trace, begin, b + 1, &level);
        if (s->since <= s->turn || slope >= s->limit) {
            s->state = FLOW;
            s->flow = dk_larger(slope, s->limit);
            return;
        }
        s->off = (double)dk_later(s->foot, s->turn); /* it ended unseen, while the glass was disturbed */
        s->off_quality = 0.3;
    }
    s->state = IDLE;
    s->turn = (int64_t)s->off + 2;
}

/* Suspects that a flow begins or ends, and looks closer a little later. */
static void watch_flow(state *s)
{
    int64_t b = s->trace.b;
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
        if (b - n + 1 < dk_later(s->since, s->turn))
            return;
        double level, slope = dk_trace_line(&s->trace, b - n + 1, b + 1, &level);
        double doubt = CERTAIN * dk_trace_slope_sigma(&s->trace, n);
        if (s->state == IDLE)
            found = slope - dk_larger(doubt, LEAST_N_S) > s->limit;
        else
            found = slope + 0.7 * doubt < dk_larger(1.4 * s->limit, 0.3 * s->flow) ||
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
    int64_t b = s->trace.b;
    int calm = s->state == IDLE && !s->disturbed && b - 8 >= dk_later(s->since, s->turn);
    dk_trace_measure(&s->trace, s->disturbed, calm);
    if (b >= s->settle) {
        if (s->disturbed)
            wait_for_rest(s);
        else if (!force_came(s))
            watch_flow(s);
    }
    if (s->off >= 0.0 && s->state == IDLE && (double)b >= s->off + s->pause + s->latest)
        say_off(s);
}

static size_t push(void *memory, const float *rows, size_t n_rows, dk_events *events)
{
    state *s = memory;
    size_t taken = 0;
    s->events = events;
    for (; taken < n_rows && dk_events_have_room(events); taken++, s->index++) {
        if (isfinite(rows[taken]))
            s->last = rows[taken];
        if (dk_trace_take(&s->trace, s->last))
            take_bin(s);
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
    .waits = 1,
    .init = init,
    .push = push,
    .finish = finish,
};
