/* The common face of the four segmenters. In C because archives are scored again whole, and because the
 * same few lines then serve every language that can call C. */
#include <float.h>  // FLT_MAX
#include <math.h>   // fabsf
#include <stdlib.h> // calloc, free
#include "segmenter.h"

struct dk_segmenter {
    const dk_segmenter_ops *ops;
    int64_t passed_over; /* rows before the first measured one */
    int begun;
    double state[]; /* doubles, so that the state is aligned */
};

static const dk_segmenter_ops *ops_of(enum dk_object object)
{
    switch (object) {
    case DK_OBJECT_CUP: return &dk_cup_ops;
    case DK_OBJECT_COASTER: return &dk_coaster_ops;
    case DK_OBJECT_BUTTON_BOARD: return &dk_button_board_ops;
    case DK_OBJECT_PEGBOARD: return &dk_pegboard_ops;
    }
    return NULL;
}

size_t dk_columns(enum dk_object object)
{
    const dk_segmenter_ops *ops = ops_of(object);
    return ops ? ops->columns : 0;
}

dk_segmenter *dk_segmenter_new(enum dk_object object, double rate_hz, const double *settings,
                               size_t n_settings)
{
    const dk_segmenter_ops *ops = ops_of(object);
    if (!ops || !(rate_hz >= 10.0 && rate_hz <= 10000.0) || n_settings != ops->n_settings)
        return NULL;
    for (size_t i = 0; i < n_settings; i++)
        if (!(settings[i] >= 0.0 && isfinite(settings[i])))
            return NULL;
    dk_segmenter *segmenter = calloc(1, sizeof *segmenter + ops->state_size);
    if (!segmenter)
        return NULL;
    segmenter->ops = ops;
    ops->init(segmenter->state, rate_hz, settings);
    return segmenter;
}

void dk_segmenter_free(dk_segmenter *segmenter)
{
    free(segmenter);
}

/* An object counts from the first row it was given; the caller from the first row of the stream. */
static void count_from_the_start(const dk_segmenter *segmenter, dk_events *events, size_t first)
{
    for (size_t k = first; k < events->count; k++) {
        events->items[k].index += segmenter->passed_over;
        events->items[k].known_index += segmenter->passed_over;
    }
}

size_t dk_segmenter_push(dk_segmenter *segmenter, const float *rows, size_t n_rows, dk_events *events)
{
    size_t skipped = 0, before = events->count;
    while (!segmenter->begun && skipped < n_rows) {
        segmenter->begun = !segmenter->ops->waits || fabsf(rows[skipped * segmenter->ops->columns]) <= FLT_MAX;
        skipped += !segmenter->begun;
    }
    segmenter->passed_over += (int64_t)skipped;
    if (skipped == n_rows)
        return n_rows;
    rows += skipped * segmenter->ops->columns;
    size_t taken = segmenter->ops->push(segmenter->state, rows, n_rows - skipped, events);
    count_from_the_start(segmenter, events, before);
    return skipped + taken;
}

void dk_segmenter_finish(dk_segmenter *segmenter, dk_events *events)
{
    size_t before = events->count;
    segmenter->ops->finish(segmenter->state, events);
    count_from_the_start(segmenter, events, before);
}
