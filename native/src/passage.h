/* A buttonhole or a peg's hole: an entry contact, behind it a seated contact, and what they tell together.
 * In C with the segmenters of the button board and the pegboard, which share it. */
#ifndef DK_PASSAGE_H
#define DK_PASSAGE_H

#include "contact.h"

/* What happens at a passage, as the object calls it. */
typedef struct passage_kinds {
    int entered, seated, left, unseated;
} passage_kinds;

/* How the contacts of all passages of an object are judged, and what their events are called. */
typedef struct passage_rule {
    contact_rule entry, seated;
    passage_kinds kind;
} passage_rule;

typedef struct passage {
    contact entry, seated;
    int64_t left;        /* sample of a leaving that only counts if the seated contact stays open; or DK_NEVER */
    double left_quality;
    int8_t was_entered;  /* the present or last stay in the entry was seen to begin */
    int8_t was_seated;   /* ... and has reached the seat */
} passage;

/* The passage before its first row. */
void passage_init(passage *p);

/* The sample at which the passage must be looked at next if no contact changes before. */
int64_t passage_due(const passage *p, const passage_rule *rule);

/* Says what has become known at sample now. */
void passage_step(passage *p, const passage_rule *rule, int channel, int64_t now, dk_events *events);

/* The stream has ended after sample `last`: says what can be said of changes still open. */
void passage_finish(passage *p, const passage_rule *rule, int channel, int64_t last, dk_events *events);

#endif
