/* The pegboard's segmenter: nine holes, and the tray. docs/events.md says what its events mean. In C to keep
 * up with archives. */
#include <string.h> // memcmp, memcpy
#include "ledger.h"
#include "passage.h"
#include "tray.h"

enum { HOLES = 9, CONTACTS = 2 * HOLES, TRAY = -1 };
_Static_assert(DK_PEGBOARD_COLUMNS == CONTACTS + 1, "barriers, then the tray");

typedef struct state {
    int64_t index; /* of the next row */
    int64_t due;   /* row at which a hole is to be looked at even if no barrier changes */
    passage_rule hole_rule;
    passage hole[HOLES];
    float before[CONTACTS]; /* the last row's barriers */
    tray tray;
    ledger ledger;
} state;

static void init(void *memory, double rate_hz, const double *settings)
{
    state *s = memory;
    dk_pegboard_settings set;
    memcpy(&set, settings, sizeof set);
    int64_t bounce = contact_longer_than(set.bounce_s, rate_hz);
    int64_t finger = contact_longer_than(set.finger_s, rate_hz);
    contact_rule barrier = {.bounce = bounce, .run = {bounce, finger}};
    s->hole_rule = (passage_rule){
        .entry = barrier,
        .seated = barrier,
        .kind = {DK_ENTER, DK_SEAT, DK_BOUNCE, DK_UNSEAT},
    };
    for (int i = 0; i < HOLES; i++)
        passage_init(&s->hole[i]);
    s->due = DK_NEVER;
    tray_init(&s->tray, rate_hz);
    ledger_init(&s->ledger, rate_hz);
}

static void read_barriers(state *s, const float *row)
{
    for (int i = 0; i < HOLES; i++) {
        contact_read(&s->hole[i].entry, &s->hole_rule.entry, row[i], s->index);
        contact_read(&s->hole[i].seated, &s->hole_rule.seated, row[HOLES + i], s->index);
    }
    memcpy(s->before, row, sizeof s->before);
}

/* Enters the events from `from` on in the ledger of the pegs. */
static void keep_ledger(ledger *l, const dk_events *events, size_t from)
{
    for (size_t i = from; i < events->count; i++) {
        const dk_event *event = &events->items[i];
        if (event->kind == DK_UNSEAT || event->kind == DK_ENTER)
            ledger_at_work(l, event->index);
        if (event->kind == DK_PICK || event->kind == DK_UNSEAT)
            ledger_leaves(l, event->index);
        else if (event->kind == DK_RETURN || event->kind == DK_SEAT)
            ledger_arrives(l, event->index);
    }
}

/* Says what has become known of the holes at this row, and finds when to look again. */
static void step_holes(state *s, dk_events *events)
{
    size_t from = events->count;
    s->due = DK_NEVER;
    for (int i = 0; i < HOLES; i++) {
        passage_step(&s->hole[i], &s->hole_rule, i, s->index, events);
        int64_t due = passage_due(&s->hole[i], &s->hole_rule);
        if (due < s->due)
            s->due = due;
    }
    keep_ledger(&s->ledger, events, from);
}

static void say_verdict(state *s, const tray_verdict *verdict, int64_t now, dk_events *events)
{
    size_t from = events->count;
    for (int i = 0; i < verdict->n; i++) {
        const tray_peg *peg = &verdict->peg[i];
        dk_events_add(events, peg->sign > 0 ? DK_RETURN : DK_PICK, TRAY, peg->index, now, peg->quality);
    }
    keep_ledger(&s->ledger, events, from);
}

static void step_tray(state *s, float force_n, dk_events *events)
{
    if (!isfinite(force_n)) {
        tray_hold(&s->tray, s->index);
        return;
    }
    tray_verdict verdict;
    tray_step(&s->tray, (double)force_n, s->index, ledger_out(&s->ledger), &verdict);
    if (verdict.n > 0)
        say_verdict(s, &verdict, s->index, events);
}

static void step_ledger(state *s, dk_events *events)
{
    int64_t overdue = ledger_overdue(&s->ledger, s->index);
    if (overdue >= 0)
        dk_events_add(events, DK_MISSING, TRAY, overdue, s->index, 0.5);
}

static size_t push(void *memory, const float *rows, size_t n_rows, dk_events *events)
{
    state *s = memory;
    size_t taken = 0;
    for (; taken < n_rows && dk_events_have_room(events); taken++) {
        const float *row = rows + taken * DK_PEGBOARD_COLUMNS;
        int changed = memcmp(row, s->before, sizeof s->before) != 0 || s->index == 0;
        if (changed)
            read_barriers(s, row);
        if (changed || s->index >= s->due)
            step_holes(s, events);
        step_tray(s, row[CONTACTS], events);
        step_ledger(s, events);
        s->index++;
    }
    return taken;
}

static void finish(void *memory, dk_events *events)
{
    state *s = memory;
    for (int i = 0; i < HOLES; i++)
        passage_finish(&s->hole[i], &s->hole_rule, i, s->index - 1, events);
    tray_verdict verdict;
    tray_finish(&s->tray, s->index - 1, &verdict);
    say_verdict(s, &verdict, s->index - 1, events);
}

const dk_segmenter_ops dk_pegboard_ops = {
    .columns = DK_PEGBOARD_COLUMNS,
    .n_settings = DK_PEGBOARD_SETTINGS,
    .state_size = sizeof(state),
    .init = init,
    .push = push,
    .finish = finish,
};
