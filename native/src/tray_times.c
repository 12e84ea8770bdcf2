/* When a hand left the tray, and when each peg came down: looked up in the remembered samples after an episode.
 * In C with tray.c, which asks. */
#include <math.h> // ceil, fabs, floor, fmin, INFINITY
#include "number.h"
#include "tray_times.h"

static double recall(const tray *t, int64_t sample)
{
    return t->memory[sample & (TRAY_MEMORY - 1)];
}

/* Samples in so many seconds. */
static int64_t samples_in(const tray *t, double seconds)
{
    return (int64_t)floor(seconds * (double)t->block * t->per_s);
}

/* Samples of a spike: what is over within 5 ms stands alone. */
static int64_t lone(const tray *t)
{
    return dk_later(1, (int64_t)ceil(0.005 * (double)t->block * t->per_s - 1e-9));
}

/* The first sample to look at: a little before the episode, if still remembered. */
static int64_t oldest(const tray *t, int64_t now)
{
    int64_t before = t->began - samples_in(t, 0.15);
    return dk_later(dk_later(before, t->settled), dk_later(now - TRAY_MEMORY + 1, t->first));
}

/* Where a step from the level before to the level after fits best. */
static int64_t change_point(const tray *t, int64_t now)
{
    double middle = 0.5 * (t->level + t->calm_mean);
    double sign = t->calm_mean > t->level ? 1.0 : -1.0;
    double total = 0.0, least = 0.0;
    int64_t best = oldest(t, now);
    for (int64_t sample = best; sample <= now; sample++) {
        total += sign * (recall(t, sample) - middle);
        if (total < least) {
            least = total;
            best = sample + 1;
        }
    }
    return best;
}

static int is_away(const tray *t, int64_t sample)
{
    return fabs(recall(t, sample) - t->calm_mean) > 3.5 * t->noise_n;
}

int64_t tray_contact_end(const tray *t, int64_t now)
{
    int64_t alone = lone(t), first = oldest(t, now) + 2 * alone;
    for (int64_t sample = now; sample >= first; sample--) {
        for (int64_t other = alone; is_away(t, sample) && other <= 2 * alone; other++)
            if (is_away(t, sample - other))
                return sample + 1;
    }
    return change_point(t, now);
}

/* The first sample above the calm before that does not stand alone. */
static int64_t contact_begin(const tray *t, int64_t now)
{
    int64_t near = samples_in(t, 0.12), alone = lone(t), candidate = -1;
    double limit = 3.0 * t->noise_n;
    int strong = 0;
    for (int64_t sample = oldest(t, now); sample <= now; sample++) {
        double above = recall(t, sample) - t->level;
        if (above <= limit)
            continue;
        if (candidate >= 0 && sample - candidate < alone)
            continue;
        if (candidate >= 0 && sample - candidate <= (strong ? near : 2 * alone))
            return candidate;
        if (candidate < 0 || sample - candidate > near || !strong) {
            candidate = sample;
            strong = above > t->alarm_n;
        }
    }
    return change_point(t, now);
}

/* Whether a hand lay in the tray for most of the time from begin to end. */
static int is_pressed(const tray *t, int64_t begin, int64_t end)
{
    if ((double)(end - begin) < 0.15 * (double)t->block * t->per_s)
        return 0;
    double low = fmin(t->level, t->calm_mean) - t->alarm_n;
    double high = dk_larger(t->level, t->calm_mean) + t->alarm_n;
    int64_t pressed = 0;
    for (int64_t sample = begin; sample < end; sample++) {
        double value = recall(t, sample);
        pressed += value < low || value > high;
    }
    return (double)pressed > 0.6 * (double)(end - begin);
}

/* Where the force, smoothed over two blocks, passes this share of the change for good. */
static int64_t passing(const tray *t, double share, int64_t begin, int64_t now)
{
    int64_t width = 2 * t->block, below = begin;
    double limit = (double)width * (t->level + share * (t->calm_mean - t->level));
    double total = 0.0;
    for (int64_t sample = begin; sample <= now; sample++) {
        total += recall(t, sample);
        if (sample - begin >= width) {
            total -= recall(t, sample - width);
            if (total < limit)
                below = sample;
        }
    }
    return dk_later(begin, below + 1 - t->block);
}

/* How much more the force rises to this sample than to the one before; 0 for a spike. */
static double bend(const tray *t, int64_t sample)
{
    double before = recall(t, sample - 2), last = recall(t, sample - 1);
    double this = recall(t, sample), following = recall(t, sample + 1);
    if (fabs(following - last) < 0.3 * fabs(this - last))
        return 0.0;
    return (this - last) - (last - before);
}

/* When a peg first came down, after the last one, that weighs on the tray from `weighs` on. */
static int64_t first_blow(const tray *t, int64_t last, int64_t weighs)
{
    int64_t air = samples_in(t, 0.13), apart = samples_in(t, 0.04);
    for (int64_t sample = dk_later(last + apart, weighs - air); sample < weighs; sample++)
        if (bend(t, sample) > 12.0 * t->noise_n)
            return sample;
    return dk_later(last, weighs);
}

/* The mean size of bends from begin to end, those above twice the mean left out. */
static double usual_bend(const tray *t, int64_t begin, int64_t end)
{
    double limit = INFINITY;
    for (int pass = 0; pass < 2; pass++) {
        double total = 0.0;
        int64_t counted = 0;
        for (int64_t sample = begin; sample < end; sample++) {
            double size = fabs(bend(t, sample));
            if (size <= limit) {
                total += size;
                counted++;
            }
        }
        limit = 2.0 * total / (double)dk_later(counted, 1);
    }
    return 0.5 * limit;
}

static int is_apart(int64_t sample, const int64_t *found, int n, int64_t apart)
{
    for (int i = 0; i < n; i++)
        if (sample - found[i] <= apart && found[i] - sample <= apart)
            return 0;
    return 1;
}

static void sort(int64_t *values, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && values[j - 1] > values[j]; j--) {
            int64_t swap = values[j];
            values[j] = values[j - 1];
            values[j - 1] = swap;
        }
}

/* The strongest blows under a hand, one for each peg; without any, where the hand began. A blow is a sudden
 * bend of the force upwards that does not go back with the next sample. */
static void blows(const tray *t, int pegs, int64_t begin, int64_t end, int64_t *found)
{
    int64_t edge = samples_in(t, 0.06), apart = samples_in(t, 0.04);
    double limit = dk_larger(9.0 * usual_bend(t, begin + edge, end - edge), 5.0 * t->noise_n);
    int n = 0;
    while (n < pegs) {
        int64_t best = -1;
        double strongest = limit;
        for (int64_t sample = begin + edge; sample < end - edge; sample++) {
            double size = bend(t, sample);
            if (size > strongest && is_apart(sample, found, n, apart)) {
                best = sample;
                strongest = size;
            }
        }
        if (best < 0)
            break;
        found[n++] = best;
        limit = dk_larger(limit, 0.4 * strongest);
    }
    int64_t rest = n > 0 ? found[0] : begin;
    while (n < pegs)
        found[n++] = rest;
    sort(found, pegs);
}

void tray_landings(const tray *t, int pegs, int64_t now, int64_t *found)
{
    int64_t begin = contact_begin(t, now), end = tray_contact_end(t, now);
    if (is_pressed(t, begin, end)) {
        blows(t, pegs, begin, end, found);
        return;
    }
    found[0] = begin;
    for (int j = 1; j < pegs; j++)
        found[j] = first_blow(t, found[j - 1], passing(t, (j + 0.5) / pegs, begin, now));
}
