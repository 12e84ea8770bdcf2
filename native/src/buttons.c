/* The button board's segmenter: finger contact, and five buttonholes. docs/events.md says what its events
 * mean. In C to keep up with archives. */
#include <string.h> // memcmp, memcpy
#include "number.h"
#include "passage.h"

enum { BUTTONS = 5, CONTACTS = 3 * BUTTONS };
_Static_assert(DK_BUTTON_BOARD_COLUMNS == CONTACTS + 1, "contacts, then the panel");

typedef struct state {
    int64_t index; /* of the next row */
    int64_t due;   /* row at which something is to be done even if no contact changes */
    contact_rule touch_rule;
    passage_rule button_rule;
    contact touch[BUTTONS];
    passage button[BUTTONS];
    float before[CONTACTS]; /* the last row's contacts */
} state;

static void init(void *memory, double rate_hz, const double *settings)
{
    state *s = memory;
    dk_button_board_settings set;
    memcpy(&set, settings, sizeof set);
    int64_t bounce = contact_longer_than(set.bounce_s, rate_hz);
    int64_t no_glitch = contact_longer_than(set.glitch_s, rate_hz);
    s->touch_rule = (contact_rule){
        .bounce = bounce,
        .run = {contact_at_least(set.touch_gap_s, rate_hz), no_glitch},
    };
    s->button_rule = (passage_rule){
        .entry = {.bounce = bounce, .run = {bounce, no_glitch}},
        .seated = {.bounce = bounce,
                   .run = {bounce, contact_longer_than(set.slip_flicker_s, rate_hz)},
                   .settle = {contact_at_least(set.reseat_s, rate_hz) - 1, 0}},
        .kind = {DK_ENTRY, DK_SEATED, DK_SLIP, DK_OPENED},
    };
    for (int i = 0; i < BUTTONS; i++)
        passage_init(&s->button[i]);
    s->due = DK_NEVER;
}

static void read_contacts(state *s, const float *row)
{
    for (int i = 0; i < BUTTONS; i++) {
        contact_read(&s->touch[i], &s->touch_rule, row[i], s->index);
        contact_read(&s->button[i].entry, &s->button_rule.entry, row[BUTTONS + i], s->index);
        contact_read(&s->button[i].seated, &s->button_rule.seated, row[2 * BUTTONS + i], s->index);
    }
    memcpy(s->before, row, sizeof s->before);
}

/* Says what has become known at this row, and finds when to look again. */
static void step(state *s, dk_events *events)
{
    s->due = DK_NEVER;
    for (int i = 0; i < BUTTONS; i++) {
        contact *touch = &s->touch[i];
        if (contact_settles(touch, &s->touch_rule, s->index) && touch->state)
            dk_events_add(events, DK_TOUCH, i, touch->first, s->index, contact_quality(touch, s->index));
        passage_step(&s->button[i], &s->button_rule, i, s->index, events);
        s->due = dk_sooner(s->due, contact_due(touch, &s->touch_rule));
        s->due = dk_sooner(s->due, passage_due(&s->button[i], &s->button_rule));
    }
}

static size_t push(void *memory, const float *rows, size_t n_rows, dk_events *events)
{
    state *s = memory;
    size_t taken = 0;
    for (; taken < n_rows && dk_events_have_room(events); taken++) {
        const float *row = rows + taken * DK_BUTTON_BOARD_COLUMNS;
        int changed = memcmp(row, s->before, sizeof s->before) != 0 || s->index == 0;
        if (changed)
            read_contacts(s, row);
        if (changed || s->index >= s->due)
            step(s, events);
        s->index++;
    }
    return taken;
}

static void finish(void *memory, dk_events *events)
{
    state *s = memory;
    for (int i = 0; i < BUTTONS; i++)
        passage_finish(&s->button[i], &s->button_rule, i, s->index - 1, events);
}

const dk_segmenter_ops dk_button_board_ops = {
    .columns = DK_BUTTON_BOARD_COLUMNS,
    .n_settings = DK_BUTTON_BOARD_SETTINGS,
    .state_size = sizeof(state),
    .init = init,
    .push = push,
    .finish = finish,
};
