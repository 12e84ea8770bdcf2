/* Contacts and light barriers that bounce: when a change has happened, and since when. In C, and in a header,
 * because every row of every board passes through it.
 *
 * A contact is watched at its edges only; between two edges nothing is to be done before `due`. */
#ifndef DK_CONTACT_H
#define DK_CONTACT_H

#include <math.h>   // floor, isfinite
#include <stdint.h> // int64_t, INT64_MAX
#include "segmenter.h"

#define DK_NEVER INT64_MAX

/* How long a contact must be closed [1] or open [0] before it counts, in samples. */
typedef struct contact_rule {
    int64_t bounce;    /* edges up to this far apart may be one bounce */
    int64_t run[2];    /* least unbroken stay in the new state */
    int64_t settle[2]; /* least time from the first edge */
} contact_rule;

/* One contact. All zero, it has not been measured yet. */
typedef struct contact {
    int64_t first;  /* first edge of the bounce that a change away from `state` began with */
    int64_t since;  /* last edge */
    int64_t agreed; /* samples in the new state between first and since */
    int8_t seen;    /* has been measured */
    int8_t raw;     /* as it is now */
    int8_t state;   /* as it counts */
} contact;

/* Whole samples in limit_s seconds; a limit beyond all recordings is cut. */
static inline int64_t contact_samples(double limit_s, double rate_hz)
{
    double samples = floor(limit_s * rate_hz + 1e-9);
    return samples < 1e12 ? (int64_t)samples : (int64_t)1e12;
}

/* Samples that no stay of at most limit_s seconds can fill, wherever the samples fall. */
static inline int64_t contact_longer_than(double limit_s, double rate_hz)
{
    return contact_samples(limit_s, rate_hz) + 2;
}

/* Samples that a stay of at least limit_s seconds fills. */
static inline int64_t contact_at_least(double limit_s, double rate_hz)
{
    int64_t samples = contact_samples(limit_s, rate_hz);
    return samples > 1 ? samples : 1;
}

/* The contact reads `closed` at sample now, for the first time or unlike before. */
static inline void contact_edge(contact *c, const contact_rule *rule, int closed, int64_t now)
{
    if (!c->seen) {
        c->seen = 1;
        c->raw = c->state = (int8_t)closed;
        c->since = now;
        c->first = now - rule->bounce - 1;
        return;
    }
    if (c->raw != c->state) {
        c->agreed += now - c->since;
    } else if (now - c->first > rule->bounce) {
        c->first = now;
        c->agreed = 0;
    }
    c->raw = (int8_t)closed;
    c->since = now;
}

/* The contact's reading at sample now; one that is not finite keeps the one before. */
static inline void contact_read(contact *c, const contact_rule *rule, float value, int64_t now)
{
    if (isfinite(value) && (!c->seen || c->raw != (value >= 0.5f)))
        contact_edge(c, rule, value >= 0.5f, now);
}

/* The sample at which the contact's present reading begins to count, if it stays. */
static inline int64_t contact_due(const contact *c, const contact_rule *rule)
{
    if (c->raw == c->state)
        return DK_NEVER;
    int64_t run = c->since + rule->run[c->raw] - 1, settle = c->first + rule->settle[c->raw];
    return run > settle ? run : settle;
}

/* Share of the samples since the first edge that agree with the new state: 1 for a clean edge. */
static inline double contact_quality(const contact *c, int64_t now)
{
    return (double)(c->agreed + now - c->since + 1) / (double)(now - c->first + 1);
}

/* Lets the present reading count when it is due; true when the contact has thereby changed. */
static inline int contact_settles(contact *c, const contact_rule *rule, int64_t now)
{
    if (contact_due(c, rule) > now)
        return 0;
    c->state = c->raw;
    return 1;
}

#endif
