/* The coaster segmenter; docs/events.md says what its events mean. In C to keep up with archives. */
#include "segmenter.h"

typedef struct state {
    int64_t index; /* of the next row */
} state;

static void init(void *memory, double rate_hz, const double *settings)
{
    (void)memory, (void)rate_hz, (void)settings;
}

static size_t push(void *memory, const float *rows, size_t n_rows, dk_events *events)
{
    state *s = memory;
    (void)rows, (void)events;
    s->index += (int64_t)n_rows;
    return n_rows;
}

static void finish(void *memory, dk_events *events)
{
    (void)memory, (void)events;
}

const dk_segmenter_ops dk_coaster_ops = {
    .columns = DK_COASTER_COLUMNS,
    .n_settings = DK_COASTER_SETTINGS,
    .state_size = sizeof(state),
    .init = init,
    .push = push,
    .finish = finish,
};
