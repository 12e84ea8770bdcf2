/* A buttonhole or a peg's hole; docs/events.md says what the events mean. In C for both segmenters. */
#include "number.h"
#include "passage.h"

void passage_init(passage *p)
{
    p->left = DK_NEVER;
}

/* When a leaving counts: the seated contact, which may have flickered, has been open for a whole bounce. */
static int64_t left_due(const passage *p, const passage_rule *rule)
{
    if (p->left == DK_NEVER || p->seated.raw)
        return DK_NEVER;
    return p->seated.since + rule->seated.bounce;
}

int64_t passage_due(const passage *p, const passage_rule *rule)
{
    int64_t contacts = dk_sooner(contact_due(&p->entry, &rule->entry), contact_due(&p->seated, &rule->seated));
    return dk_sooner(contacts, left_due(p, rule));
}

static void say(const contact *c, int kind, int channel, int64_t now, dk_events *events)
{
    dk_events_add(events, kind, channel, c->first, now, contact_quality(c, now));
}

static void say_left(passage *p, const passage_rule *rule, int channel, int64_t now, dk_events *events)
{
    dk_events_add(events, rule->kind.left, channel, p->left, now, p->left_quality);
    p->left = DK_NEVER;
}

static void seated_changed(passage *p, const passage_rule *rule, int channel, int64_t now, dk_events *events)
{
    say(&p->seated, p->seated.state ? rule->kind.seated : rule->kind.unseated, channel, now, events);
    if (p->seated.state) {
        p->was_seated = 1;
        p->left = DK_NEVER;
    }
}

static void entry_changed(passage *p, const passage_rule *rule, int channel, int64_t now, dk_events *events)
{
    if (p->entry.state) {
        if (p->left != DK_NEVER)
            say_left(p, rule, channel, now, events);
        say(&p->entry, rule->kind.entered, channel, now, events);
        p->was_entered = 1;
        p->was_seated = p->seated.state;
    } else if (p->was_entered && !p->was_seated) {
        p->left = p->entry.first;
        p->left_quality = contact_quality(&p->entry, now);
    }
}

void passage_step(passage *p, const passage_rule *rule, int channel, int64_t now, dk_events *events)
{
    if (contact_settles(&p->seated, &rule->seated, now))
        seated_changed(p, rule, channel, now, events);
    if (contact_settles(&p->entry, &rule->entry, now))
        entry_changed(p, rule, channel, now, events);
    if (left_due(p, rule) <= now)
        say_left(p, rule, channel, now, events);
}

void passage_finish(passage *p, const passage_rule *rule, int channel, int64_t last, dk_events *events)
{
    contact *seat = &p->seated;
    if (seat->state && !seat->raw && last - seat->since >= rule->seated.bounce) {
        seat->state = 0; /* open for longer than a bounce, though not yet for good */
        seated_changed(p, rule, channel, last, events);
    }
    if (p->left != DK_NEVER)
        say_left(p, rule, channel, last, events);
}
