/* The peg tray on its load cell; tray.h says what it does. In C to keep up with archives. */
#include <math.h>   // fabs, floor, sqrt, fmin, INFINITY
#include <stdlib.h> // abs
#include "number.h"
#include "tray_times.h"

/* Length of a block: one period of 50 Hz. */
static const double BLOCK_S = 0.02;
/* A load cell for pegs says nothing beyond this; such samples are cut so that sums stay exact. */
static const double LIMIT_N = 100.0;
/* No converter is quieter. */
static const double QUIETEST_N = 0.0002;
/* Pegs weigh no less than 0.0035 N and no more than 0.055 N; a first step between is one peg. */
static const double LIGHTEST_N = 0.0035, HEAVIEST_N = 0.055;
/* How long a calm must last before a tray that stays as it is, or gains a peg, is believed. */
static const double SHORT_PATIENCE_S = 0.2;
/* Blocks over which the calm level is a plain mean; then it follows. */
enum { LEVEL_BLOCKS = 20 };

void tray_init(tray *t, double rate_hz)
{
    t->block = (int64_t)floor(BLOCK_S * rate_hz + 0.5);
    if (t->block < 1)
        t->block = 1;
    t->per_s = rate_hz / (double)t->block;
    double root = sqrt((double)(TRAY_WINDOW * t->block));
    t->calmest = 1.0 + 4.0 / root;
    t->calm_limit = 1.0 + 7.0 / root;
    t->first = t->began = t->settled = -1;
    t->noise_var = t->noise_n = t->alarm_n = INFINITY;
}

/* ---- Pegs -------------------------------------------------------------------------------------------- */

/* How many pegs the tray has gained in the episode; far more than there are is as good as none. */
static int whole_pegs(const tray *t)
{
    double change = t->calm_mean - t->level, size = fabs(change), pegs = 0.0;
    if (t->peg_n > 0.0)
        pegs = floor(size / t->peg_n + 0.5);
    else if (size >= LIGHTEST_N)
        pegs = floor(size / HEAVIEST_N) + 1.0;
    int whole = pegs < 99.0 ? (int)pegs : 99;
    return change > 0.0 ? whole : -whole;
}

/* How far the change is from whole pegs, in pegs. */
static double misfit(const tray *t, int pegs)
{
    return t->peg_n > 0.0 ? fabs((t->calm_mean - t->level) / t->peg_n - pegs) : 0.25;
}

/* Noise of a mean over this many blocks. */
static double mean_error_n(const tray *t, int blocks)
{
    return sqrt(t->noise_var / (double)(blocks * t->block));
}

/* Whether the change is half of the only one before: that one was two pegs. */
static int is_half(const tray *t, int pegs)
{
    double half = t->learnt == 1 ? fabs(t->calm_mean - t->level) / t->peg_n : 0.0;
    return abs(pegs) <= 1 && half >= 0.4 && half <= 0.6;
}

/* How long the calm must last before such a change is believed: a resting hand fidgets. */
static double patience_s(const tray *t, int pegs, int64_t out)
{
    if (abs(pegs) > TRAY_PEGS)
        return 10.0;
    double off = misfit(t, pegs);
    if (is_half(t, pegs))
        return 0.5;
    if (off > 0.4)
        return 3.0;
    if (t->peg_n == 0.0)
        return pegs == -1 || pegs == 0 ? 0.3 : 1.0;
    double sure = 0.15 + 4.0 * mean_error_n(t, TRAY_WINDOW) / t->peg_n;
    if (off > sure || pegs > dk_later(1, out) || pegs < -2)
        return 0.8;
    if (pegs > out)
        return 0.4;
    return pegs < 0 ? 0.14 : SHORT_PATIENCE_S;
}

/* Learns a peg's weight from steps of one or two. */
static void learn(tray *t, int pegs)
{
    if (pegs > 2)
        return;
    double each = fabs(t->calm_mean - t->level) / pegs;
    if (t->learnt < 8)
        t->learnt++;
    t->peg_n += (each - t->peg_n) / (double)t->learnt;
}

static void say(tray_verdict *verdict, int sign, int64_t index, double quality)
{
    verdict->peg[verdict->n++] = (tray_peg){sign, index, quality};
}

/* Says a pick or a return for each peg, and learns from them. */
static void judge(tray *t, int pegs, int64_t now, tray_verdict *verdict)
{
    int64_t index[TRAY_PEGS];
    int n = abs(pegs), before = verdict->n, sign = pegs > 0 ? 1 : -1;
    if (n == 0 || n > TRAY_PEGS)
        return;
    double quality = dk_larger(0.0, 1.0 - 2.0 * misfit(t, pegs));
    learn(t, n);
    if (pegs > 0)
        tray_landings(t, pegs, now, index);
    else
        index[0] = tray_contact_end(t, now);
    for (int i = 0; i < n; i++) {
        int64_t at = index[pegs > 0 ? i : 0];
        say(verdict, sign, at < now ? at : now, quality);
    }
    if (t->learnt == 1)
        t->first_peg = verdict->peg[before];
}

/* Judges the episode; first says the peg that the very first change had hidden, if this one shows it. */
static void judge_all(tray *t, int pegs, int64_t now, tray_verdict *verdict)
{
    if (is_half(t, pegs)) {
        verdict->peg[verdict->n++] = t->first_peg;
        t->peg_n *= 0.5;
        pegs = t->calm_mean > t->level ? 1 : -1;
    }
    judge(t, pegs, now, verdict);
}

/* ---- Block by block ---------------------------------------------------------------------------------- */

static void begin_episode(tray *t, int64_t now)
{
    t->calm = 0;
    t->began = now;
    t->calm_blocks = 0;
}

static void settle(tray *t, int64_t now)
{
    t->calm = 1;
    t->settled = now;
    t->level = t->calm_mean;
    t->level_blocks = t->calm_blocks < LEVEL_BLOCKS ? t->calm_blocks : LEVEL_BLOCKS;
}

static void end_block(tray *t)
{
    for (int i = 1; i < TRAY_WINDOW; i++) {
        t->sums[i - 1] = t->sums[i];
        t->squares[i - 1] = t->squares[i];
    }
    t->sums[TRAY_WINDOW - 1] = t->sum;
    t->squares[TRAY_WINDOW - 1] = t->square;
    t->n = 0;
    t->sum = t->square = 0.0;
    t->blocks++;
}

static void measure_window(tray *t)
{
    const double *a = t->sums, *b = t->squares;
    double samples = (double)(TRAY_WINDOW * t->block);
    double mean = (a[0] + a[1] + a[2] + a[3] + a[4]) / samples;
    t->mean = t->zero + mean;
    t->var = dk_larger((b[0] + b[1] + b[2] + b[3] + b[4]) / samples - mean * mean, 0.0);
    t->trend = fabs((a[3] + a[4]) - (a[0] + a[1])) / (2.0 * (double)t->block);
}

static int window_is_calm(const tray *t)
{
    return t->var <= t->calm_limit * t->noise_var && t->trend <= 4.5 * mean_error_n(t, 2);
}

/* Learns the noise from calm windows; before any, from the calmest of the first half second. */
static void measure_noise(tray *t)
{
    double floor_var = QUIETEST_N * QUIETEST_N;
    t->restless++;
    if (t->level_blocks == 0 && (t->blocks == TRAY_WINDOW || (double)t->blocks < 0.5 * t->per_s)) {
        t->noise_var = fmin(t->noise_var, dk_larger(t->calmest * t->var, floor_var));
    } else if (t->var < 0.25 * t->noise_var) {
        t->noise_var += 0.2 * (t->var - t->noise_var);
    } else if (window_is_calm(t)) {
        if (t->heard < 50)
            t->heard++;
        t->noise_var += (t->var - t->noise_var) / (double)(t->heard + 4);
        t->restless = 0;
    } else if ((double)t->restless > 5.0 * t->per_s) {
        t->noise_var *= 1.02;
    }
    t->noise_var = dk_larger(t->noise_var, floor_var);
    t->noise_n = sqrt(t->noise_var);
    t->alarm_n = 5.0 * t->noise_n;
}

/* A change of the window's mean that is more than noise. */
static double step_n(const tray *t)
{
    double peg = t->peg_n > 0.0 ? 0.45 * t->peg_n : LIGHTEST_N;
    return dk_larger(peg, 5.0 * mean_error_n(t, TRAY_WINDOW));
}

/* Lets the calm level follow drift, unless the window has left it; `leaving` is the block before the window. */
static void follow(tray *t, double leaving, int64_t now)
{
    if (fabs(t->mean - t->level) > step_n(t)) {
        begin_episode(t, now - TRAY_WINDOW * t->block);
        return;
    }
    if (t->level_blocks < LEVEL_BLOCKS)
        t->level_blocks++;
    t->level += (leaving - t->level) / (double)t->level_blocks;
}

static void lengthen_calm(tray *t)
{
    if (t->calm_blocks == 0 || fabs(t->mean - t->calm_mean) > step_n(t)) {
        t->calm_blocks = TRAY_WINDOW;
        t->calm_mean = t->mean;
        return;
    }
    t->calm_blocks++;
    double newest = t->zero + t->sums[TRAY_WINDOW - 1] / (double)t->block;
    t->calm_mean += (newest - t->calm_mean) / (double)t->calm_blocks;
}

/* Measures the calm at the end of an episode; when it is long enough, says what the episode was. */
static void await_calm(tray *t, int64_t now, int64_t out, tray_verdict *verdict)
{
    if (!window_is_calm(t)) {
        t->calm_blocks = 0;
        return;
    }
    lengthen_calm(t);
    if (t->level_blocks == 0) {
        if ((double)t->calm_blocks >= SHORT_PATIENCE_S * t->per_s && (double)t->blocks >= 0.5 * t->per_s)
            settle(t, now);
        return;
    }
    int pegs = whole_pegs(t);
    if ((double)t->calm_blocks < patience_s(t, pegs, out) * t->per_s)
        return;
    judge_all(t, pegs, now, verdict);
    settle(t, now);
}

void tray_step(tray *t, double value, int64_t now, int64_t out, tray_verdict *verdict)
{
    verdict->n = 0;
    value = value < -LIMIT_N ? -LIMIT_N : value > LIMIT_N ? LIMIT_N : value;
    if (t->first < 0) {
        t->first = now;
        t->zero = value;
    }
    t->memory[now & (TRAY_MEMORY - 1)] = value;
    if (t->calm && fabs(value - t->level) > t->alarm_n)
        begin_episode(t, now);
    double above = value - t->zero;
    t->sum += above;
    t->square += above * above;
    if (++t->n < t->block)
        return;
    double leaving = t->zero + t->sums[0] / (double)t->block;
    end_block(t);
    if (t->blocks < TRAY_WINDOW)
        return;
    measure_window(t);
    measure_noise(t);
    if (t->calm)
        follow(t, leaving, now);
    else
        await_calm(t, now, out, verdict);
}

void tray_hold(tray *t, int64_t now)
{
    t->memory[now & (TRAY_MEMORY - 1)] = t->memory[(now - 1) & (TRAY_MEMORY - 1)];
}

void tray_finish(tray *t, int64_t last, tray_verdict *verdict)
{
    verdict->n = 0;
    if (t->calm || t->level_blocks == 0 || t->calm_blocks == 0)
        return;
    int pegs = whole_pegs(t);
    int believed = patience_s(t, pegs, TRAY_PEGS) <= SHORT_PATIENCE_S;
    t->calm = 1;
    if (believed)
        judge_all(t, pegs, last, verdict);
}
