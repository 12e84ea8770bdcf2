/* What each object's segmenter gives to the common face in segmenter.c. */
#ifndef DK_SEGMENTER_H
#define DK_SEGMENTER_H

#include "dexkit.h"

typedef struct dk_segmenter_ops {
    size_t columns;
    size_t n_settings;
    size_t state_size;
    int waits; /* rows before the first measured value of column 0 are passed over: a zero would be a lie */
    /* state is zeroed memory of state_size bytes. */
    void (*init)(void *state, double rate_hz, const double *settings);
    /* Takes all n_rows unless the events run short of DK_EVENTS_PER_ROW free places; returns rows taken. */
    size_t (*push)(void *state, const float *rows, size_t n_rows, dk_events *events);
    void (*finish)(void *state, dk_events *events);
} dk_segmenter_ops;

extern const dk_segmenter_ops dk_cup_ops;
extern const dk_segmenter_ops dk_coaster_ops;
extern const dk_segmenter_ops dk_button_board_ops;
extern const dk_segmenter_ops dk_pegboard_ops;

/* True while one more row may be taken. */
static inline int dk_events_have_room(const dk_events *events)
{
    return events->capacity - events->count >= DK_EVENTS_PER_ROW;
}

static inline void dk_events_add(dk_events *events, int kind, int channel, int64_t index,
                                 int64_t known_index, double quality)
{
    if (events->count < events->capacity) {
        dk_event *event = &events->items[events->count++];
        event->index = index;
        event->known_index = known_index;
        event->quality = quality;
        event->kind = kind;
        event->channel = channel;
    }
}

#endif
