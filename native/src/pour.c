/* When liquid begins and ends leaving a cup in the air. In C because it weighs many explanations per event.
 *
 * The inner load is mass times the specific force along the axis, plus a small offset. While nothing is poured
 * a Kalman filter learns mass and offset, always a little late so that a beginning pour is not learnt away.
 * How far the offset wanders from flight to flight is learnt as well, for load cells drift. A clipped CUSUM
 * watches for missing liquid; then every frame of the last moments is tried as the beginning of a flow, and the
 * mean over all of them, weighed by how well each explains the load, is the boundary. The end is found in the
 * same way, time reversed.
 *
 * Tilt says more and sooner than the load: liquid leaves when the tilt passes what the cup's shape and fill
 * allow, and stops when the cup has turned back a little. So each frame has a chance beforehand, from the tilt
 * or, regardless of the tilt, the same for all. Which of the two is believed is learnt from boundary to
 * boundary, and so is the tilt.
 */
#include "pour.h"
#include "tilt.h"

enum { MASK = DK_POUR_FRAMES - 1, SPANS = DK_POUR_SPANS, EVERY = 2 /* frames */ };

static const double SPAN_S[SPANS] = {0.0, 0.1, 0.2, 0.4}; /* time in which the flow grows to its full size */
static const double SPAN_CHANCE[2][SPANS] = {{0.35, 0.3, 0.2, 0.15}, {0.4, 0.3, 0.2, 0.1}}; /* of an end, a begin */
static const double LEARN_LATE_S = 0.35, WINDOW_S = 0.7;
static const double USUAL_KG_S = 0.08;     /* size of a flow */
static const double OFFSET_N = 0.02;       /* the offset moves with the tilt by about this */
static const double FLIGHT_S = 10.0;       /* a flight lasts about so long */
static const double MOST_N = 0.3;          /* an offset wanders no further in it */
static const double WIDE_DEG[2] = {1.0, 2.0}; /* how closely a boundary follows the tilt: end, begin */
static const double ANY_S = 0.75;          /* within about this a boundary comes that does not follow the tilt */
static const double UPRIGHT_DEG = 10.0;    /* but no flow begins below this, unless the cup is full */
static const double SURE_S = 0.1, WAIT_S = 0.14, CLOSE_S = 0.04;
static const double STILL[2] = {0.03, 0.02}; /* end, begin: told when "not yet" is less likely */

/* What has flowed u frames after the beginning of a flow that grows to 1 within span frames. */
static double flowed(double u, double span)
{
    if (u <= 0.0)
        return 0.0;
    return u < span ? u * u / (2.0 * span) : u - 0.5 * span;
}

void dk_pour_init(dk_pour *p, double rate_hz, double back_deg, double radius_mm, double height_mm)
{
    p->rate = rate_hz;
    p->per_frame = rate_hz > 150.0 ? (int64_t)(rate_hz * 0.01 + 0.5) : 1;
    p->frame_s = (double)p->per_frame / rate_hz;
    p->around = (int64_t)(0.04 / p->frame_s);
    p->radius_m = 0.001 * radius_mm, p->height_m = 0.001 * height_mm;
    p->brim[0] = (dk_brim){-back_deg, 0.5};
    p->brim[1] = (dk_brim){2.0, 0.5}; /* water bulges over a brim before it runs */
    p->inner.usual = 0.01;
    p->noise2 = 9e-4 / (double)p->per_frame;
    p->colour = 1.5, p->oo = 0.0025, p->wander = 1e-5;
    for (int u = 0; u < DK_POUR_FRAMES; u++)
        for (int j = 0; j < SPANS; j++)
            p->flowed[u][j] = flowed((double)u, SPAN_S[j] / p->frame_s);
}

void dk_pour_lifted(dk_pour *p, const float *values)
{
    double inner_n = values[0], az_ms2 = values[3];
    dk_despike_start(&p->inner, inner_n, p->inner.usual);
    p->late_z[0] = p->late_z[1] = az_ms2;
    dk_up_start(&p->up, values + 1);
    p->count = 0, p->sum_f = p->sum_x = p->sum_y = p->sum_u = p->sum_z = 0.0;
    p->mass = inner_n / 9.81, p->mm = 0.0025, p->mo = 0.0, p->oo += p->wander;
    p->noise2 = dk_larger(p->noise2, 2e-4 / (double)p->per_frame);
    p->colour = dk_larger(p->colour, 1.5), p->slow = 0.0;
    p->learnt = p->frames, p->held = 0, p->doubt = 0.0, p->pouring = 0;
}

void dk_pour_stood(dk_pour *p, int64_t index, dk_events *events)
{
    double moved = p->offset - p->landed;
    p->wander += 0.3 * (dk_smaller(MOST_N * MOST_N, moved * moved) - p->wander);
    p->landed = p->offset;
    if (p->pouring) /* the end was not seen */
        dk_events_add(events, DK_POUR_OFF, 0, index > 2 ? index - 2 : 0, index, 0.0);
    p->pouring = 0;
}

/* ---- Tilt ----------------------------------------------------------------------------------------------- */

/* Angle between axis and vertical (degrees), over up to around frames on each side. */
static double measure_tilt(const dk_pour *p, int64_t frame)
{
    int64_t h = dk_sooner(dk_sooner(p->around, p->frames - 1 - frame), frame);
    const double *to = p->way[(frame + h + 1) & MASK], *from = p->way[(frame - h) & MASK];
    double x = to[0] - from[0], y = to[1] - from[1], z = to[2] - from[2], all = sqrt(x * x + y * y + z * z);
    return dk_arc_deg(all > 0.0 ? dk_clip(z / all, 1.0) : 1.0);
}

static double tilt_deg(const dk_pour *p, int64_t frame)
{
    return frame + p->around < p->frames ? p->tilt[frame & MASK] : measure_tilt(p, frame);
}

/* ---- Explanations --------------------------------------------------------------------------------------- */

/* Normal equations of load = mass * z + offset. */
typedef struct normal {
    double zz, z1, n, fz, f1;
} normal;

static normal normal_of(const dk_pour *p, int64_t from, int64_t to, normal sums)
{
    for (int64_t k = from; k < to; k++) {
        double z = p->z[k & MASK], f = p->f[k & MASK];
        sums.zz += z * z, sums.z1 += z, sums.n += 1.0, sums.fz += f * z, sums.f1 += f;
    }
    return sums;
}

/* One flow that explains the load of a window. */
typedef struct flow {
    double gain; /* squares that it explains, in units of the noise */
    double rate; /* kg per frame */
    double mass; /* kg on the flat side */
    double odds; /* Occam's factor: how much of the sizes that were possible the load leaves possible */
} flow;

/* The flows that begin (side 1) or end (-1) at frame edge, one for each span; gain < 0: none. The spans lie
 * side by side so that the compiler can take them at once. sums are over frames from .. to - 1. */
static void explain(const dk_pour *p, int64_t from, int64_t to, int64_t edge, int side, const normal *sums,
                    flow found[SPANS])
{
    double hz[SPANS] = {0.0}, h1[SPANS] = {0.0}, hh[SPANS] = {0.0}, hf[SPANS] = {0.0};
    for (int64_t k = side > 0 ? edge : from; k < (side > 0 ? to : edge); k++) {
        double z = p->z[k & MASK], f = p->f[k & MASK];
        const double *gone = p->flowed[side > 0 ? k - edge : edge - k];
        for (int j = 0; j < SPANS; j++) {
            double h = z * gone[j];
            hz[j] += z * h, h1[j] += h, hh[j] += h * h, hf[j] += h * f;
        }
    }
    double det = sums->zz * sums->n - sums->z1 * sums->z1, noise2 = p->noise2 * dk_larger(p->colour, 1.0);
    double usual = USUAL_KG_S * p->frame_s, few = noise2 / (usual * usual);
    for (int j = 0; j < SPANS; j++) {
        found[j].gain = -1.0;
        if (!(det > 0.0))
            continue;
        double by_mass = (hz[j] * sums->n - h1[j] * sums->z1) / det;
        double by_offset = (h1[j] * sums->zz - hz[j] * sums->z1) / det;
        double own = hh[j] - by_mass * hz[j] - by_offset * h1[j]; /* what mass and offset cannot explain */
        double evidence = hf[j] - by_mass * sums->fz - by_offset * sums->f1;
        if (!(own > 1e-6 * hh[j]) || !(-side * evidence > 0.0))
            continue;
        found[j].gain = evidence * evidence / (own + few) / noise2;
        found[j].odds = sqrt(few / (own + few));
        found[j].rate = -side * evidence / own;
        found[j].mass = (sums->fz * sums->n - sums->f1 * sums->z1) / det - by_mass * evidence / own;
    }
}

/* About exp(-x / 2), with more room for surprises. */
static double likely(double x)
{
    double w = 1.0 / (1.0 + x / 32.0);
    w *= w, w *= w, w *= w;
    return w * w;
}

/* The chances of a boundary before the load is asked, for a row of frames. */
typedef struct chance {
    double any[DK_POUR_FRAMES + 1];     /* in this frame, whatever the tilt */
    double tilted[DK_POUR_FRAMES + 1];  /* because the tilt passes the brim in this frame */
    double beyond[DK_POUR_FRAMES + 1];  /* the tilt there, in degrees beyond the limit */
    double none;                        /* not yet */
} chance;

/* side 1: begins while the tilt rises beyond limit; -1: ends while it falls behind its crest since limit. */
static void expect(const dk_pour *p, int64_t first, int64_t last, int side, double limit, chance *c)
{
    const dk_brim *b = &p->brim[side > 0];
    double wide = WIDE_DEG[side > 0], left = 1.0, tilt = tilt_deg(p, first), before = tilt - limit;
    for (int64_t k = first; k <= last; k++) {
        tilt = tilt_deg(p, dk_sooner(k, p->frames - 1));
        if (side < 0)
            limit = dk_larger(limit, tilt);
        double now = tilt - limit, middle = 0.5 * (now + before), off = (middle - b->deg) / wide;
        double passed = 0.3989 / wide * likely(off * off) * dk_larger(0.0, side * (now - before));
        passed = dk_smaller(passed, left), left -= passed;
        c->tilted[k - first] = b->trust * passed, c->beyond[k - first] = middle;
        c->any[k - first] = side > 0 && tilt < UPRIGHT_DEG ? 0.0 : (1.0 - b->trust) * p->frame_s / ANY_S;
        before = now;
    }
    c->none = b->trust * left + (1.0 - b->trust);
}

/* A boundary between flow and no flow: the mean over all explanations. */
typedef struct edge {
    double at, spread; /* frames: mean and standard deviation */
    double none;       /* chance that it has not come yet */
    double tilted;     /* chance that it came because of the tilt, and degrees beyond the limit there */
    double beyond;
    flow best;
} edge;

/* Tries the frames first .. last as boundary. An end at frame to means: not yet. */
static edge find_edge(const dk_pour *p, int64_t from, int64_t to, int64_t first, int64_t last, int side,
                      const normal *sums, const chance *c)
{
    flow tried[DK_POUR_FRAMES + 1][SPANS];
    edge found = {(double)last, 0.0, 1.0, 0.0, 0.0, {0.0, 0.0, 0.0, 0.0}};
    double most = 0.0, heaviest = 0.0, all = 0.0, frames = 0.0, squares = 0.0, tilted = 0.0, beyond = 0.0;
    for (int64_t at = first; at <= last; at++) {
        explain(p, from, to, at, side, sums, tried[at - first]);
        for (int j = 0; j < SPANS; j++)
            most = dk_larger(most, tried[at - first][j].gain);
    }
    double none = side > 0 ? c->none * likely(most) : 0.0;
    for (int64_t at = first; at <= last; at++) {
        int64_t k = at - first;
        double before = at == to ? c->none : c->any[k] + c->tilted[k], sum = 0.0;
        for (int j = 0; j < (at == to ? 1 : SPANS); j++) {
            const flow *one = &tried[k][j];
            if (one->gain < 0.0)
                continue;
            double w = likely(most - one->gain) * one->odds * SPAN_CHANCE[side > 0][j];
            sum += w;
            if (w * before > heaviest)
                heaviest = w * before, found.best = *one;
        }
        if (at == to) {
            none = sum * before;
            continue;
        }
        double w = sum * before, because = sum * c->tilted[k];
        all += w, frames += w * (double)k, squares += w * (double)k * (double)k;
        tilted += because, beyond += because * c->beyond[k];
    }
    if (!(all > 0.0))
        return found;
    double mean = frames / all;
    found.at = (double)first + mean, found.spread = sqrt(dk_larger(0.0, squares / all - mean * mean));
    found.none = none / (none + all), found.tilted = tilted / all;
    found.beyond = tilted > 0.0 ? beyond / tilted : 0.0;
    return found;
}

/* Whether a boundary can be told: it is sure, and known closely or as closely as waiting is worth. */
static int settled(const dk_pour *p, const edge *e, int side)
{
    double since_s = ((double)(p->frames - 1) - e->at) * p->frame_s, spread_s = e->spread * p->frame_s;
    return e->none < STILL[side > 0] && since_s >= SURE_S &&
           (spread_s < CLOSE_S || since_s - 0.5 * spread_s >= WAIT_S);
}

/* Learns from a boundary how far the tilt can be trusted, and where its brim is. */
static void believe(dk_brim *b, const edge *e)
{
    b->trust = dk_larger(0.05, dk_smaller(0.97, e->tilted));
    b->deg += 0.1 * e->tilted * (e->beyond - b->deg);
}

static void tell(const dk_pour *p, int kind, double frame, int64_t index, double quality, dk_events *events)
{
    double ago = ((double)(p->frames - 1) - frame + 0.5) * (double)p->per_frame; /* to the frame's middle */
    double at = (double)(index - 2) - ago + 1.0;
    dk_events_add(events, kind, 0, at > 0.0 ? (int64_t)at : 0, index, quality);
}

/* ---- Before the pour ------------------------------------------------------------------------------------ */

/* Load that mass and offset do not explain, and its variance. */
static double left_over(const dk_pour *p, double f, double z, double *variance)
{
    *variance = dk_larger(p->noise2, p->noise2 + z * z * p->mm + 2.0 * z * p->mo + p->oo);
    return f - p->mass * z - p->offset;
}

static void learn(dk_pour *p, double f, double z)
{
    double variance, e = left_over(p, f, z, &variance);
    e = dk_clip(e, 3.0 * sqrt(variance));
    double by_mass = p->mm * z + p->mo, by_offset = p->mo * z + p->oo;
    p->mass += by_mass * e / variance, p->offset += by_offset * e / variance;
    p->mm -= by_mass * by_mass / variance, p->mo -= by_mass * by_offset / variance;
    p->oo += p->wander * p->frame_s / FLIGHT_S - by_offset * by_offset / variance;
    p->noise2 = dk_larger(1e-9, p->noise2 + (dk_smaller(e * e, 9.0 * p->noise2) - p->noise2) * p->frame_s);
    p->slow += (e - p->slow) * p->frame_s / 0.1;
    double colour = p->slow * p->slow * (0.2 / p->frame_s - 1.0) / p->noise2; /* 1 for white noise */
    p->colour += (dk_smaller(colour, 20.0) - p->colour) * p->frame_s;
}

static void before_pour(dk_pour *p, double f, double z, int64_t index, int touching, dk_events *events)
{
    int64_t n = p->frames, late = (int64_t)(LEARN_LATE_S / p->frame_s);
    if (n - p->learnt <= late)
        return;
    double variance, e = left_over(p, f, z, &variance);
    p->doubt = dk_larger(0.0, p->doubt + dk_clip((z > 0.0 ? -e : e) / sqrt(variance), 4.0) - 0.4);
    if (p->doubt < 3.0) {
        for (; n - p->learnt > late; p->learnt++)
            learn(p, p->f[p->learnt & MASK], p->z[p->learnt & MASK]);
        p->held = 0;
        return;
    }
    if ((double)++p->held * p->frame_s > 1.0) /* no flow explains it: the mass must be learnt anew */
        p->mm += 1e-4, p->oo += 1e-4, p->doubt = 0.0;
    if (touching || p->held % EVERY != 1)
        return;
    double any_oo = p->oo + OFFSET_N * OFFSET_N, det = p->mm * any_oo - p->mo * p->mo;
    if (!(det > 0.0))
        return;
    double mm = p->noise2 * any_oo / det, mo = -p->noise2 * p->mo / det,
           oo = p->noise2 * p->mm / det;
    normal known = {mm, mo, oo, mm * p->mass + mo * p->offset, mo * p->mass + oo * p->offset};
    int64_t from = n - p->learnt < MASK - 16 ? p->learnt : n - (MASK - 16);
    normal sums = normal_of(p, from, n, known);
    chance begins;
    expect(p, from, n - 3, 1, dk_spill_deg(p->mass, p->radius_m, p->height_m), &begins);
    edge on = find_edge(p, from, n, from, n - 3, 1, &sums, &begins);
    if (!settled(p, &on, 1))
        return;
    believe(&p->brim[1], &on);
    p->pouring = 1, p->on = (int64_t)on.at, p->doubt = 0.0;
    p->flow = p->most = on.best.rate / p->frame_s;
    p->left = on.best.mass - on.best.rate * ((double)(n - 1) - on.at);
    p->crest = tilt_deg(p, p->on);
    tell(p, DK_POUR_ON, on.at, index, 1.0 - on.none, events);
}

/* ---- During the pour ------------------------------------------------------------------------------------ */

/* A rough mass and flow, good enough to say that the flow has dropped. */
static int flow_drops(dk_pour *p, double f, double z)
{
    double trust = z * z / (z * z + 25.0), expected = p->left - p->flow * p->frame_s;
    double e = ((f - p->offset) * z - expected * z * z) / (z * z + 1.0);
    p->left = expected + 0.25 * trust * e;
    p->flow -= 0.035 * trust * e / p->frame_s;
    p->most = dk_larger(p->most, p->flow);
    return p->flow < 0.3 * p->most;
}

static void during_pour(dk_pour *p, double f, double z, int64_t index, dk_events *events)
{
    int64_t n = p->frames, from = n - (int64_t)(WINDOW_S / p->frame_s), seen = n - 1 - p->around;
    from = from > p->on ? from : p->on;
    from = from > n - (MASK - 16) ? from : n - (MASK - 16);
    double now_deg = tilt_deg(p, n - 1 - p->around / 2);
    if (seen > p->on)
        p->crest = dk_larger(p->crest, tilt_deg(p, seen));
    int drops = flow_drops(p, f, z);
    int64_t first = from + (int64_t)(0.06 / p->frame_s);
    if (!(drops || p->crest - now_deg > 3.0) || n % EVERY != 0 || first >= n)
        return;
    double oo = p->noise2 / (p->oo + OFFSET_N * OFFSET_N), crest = 0.0;
    normal known = {1e-9, 0.0, oo, 0.0, oo * p->offset}, sums = normal_of(p, from, n, known);
    for (int64_t k = from; k <= first; k++)
        crest = dk_larger(crest, tilt_deg(p, k));
    chance ends;
    expect(p, first, n, -1, crest, &ends);
    edge off = find_edge(p, from, n, first, n, -1, &sums, &ends);
    if (!settled(p, &off, -1))
        return;
    believe(&p->brim[0], &off);
    p->pouring = 0;
    p->mass = off.best.mass, p->mm = 1e-5, p->mo = 0.0, p->learnt = (int64_t)off.at + 1, p->held = 0;
    tell(p, DK_POUR_OFF, off.at, index, 1.0 - off.none, events);
}

/* ---- Samples to frames ---------------------------------------------------------------------------------- */

void dk_pour_row(dk_pour *p, int64_t index, const float *values, int touching, dk_events *events)
{
    p->sum_f += dk_despike_next(&p->inner, values[0], p->rate);
    const double *up = dk_up_next(&p->up, values + 1, values + 4, p->rate);
    p->sum_x += up[0], p->sum_y += up[1], p->sum_u += up[2], p->sum_z += p->late_z[0];
    p->late_z[0] = p->late_z[1], p->late_z[1] = values[3];
    if (++p->count < p->per_frame)
        return;
    double n = (double)p->per_frame, f = p->sum_f / n, z = p->sum_z / n;
    const double *way = p->way[p->frames & MASK];
    double *next = p->way[(p->frames + 1) & MASK];
    next[0] = way[0] + p->sum_x, next[1] = way[1] + p->sum_y, next[2] = way[2] + p->sum_u;
    p->f[p->frames & MASK] = f, p->z[p->frames & MASK] = z;
    p->frames++;
    int64_t seen = p->frames - 1 - p->around;
    if (seen >= 0)
        p->tilt[seen & MASK] = measure_tilt(p, seen);
    p->count = 0, p->sum_f = p->sum_x = p->sum_y = p->sum_u = p->sum_z = 0.0;
    if (p->pouring)
        during_pour(p, f, z, index, events);
    else
        before_pour(p, f, z, index, touching, events);
}
