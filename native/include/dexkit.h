/* dexkit's C core: the public header, and the very text that cffi reads.
 *
 * Rules of the house: C11, no dependency, no allocation but in *_new, every length is given and checked,
 * every result that can fail must be looked at. Times are sample counts; seconds belong to the caller.
 */
#ifndef DEXKIT_H
#define DEXKIT_H

#include <stddef.h> // size_t
#include <stdint.h> // int64_t
#include "dk_schema.h"

#if defined(__GNUC__)
#define DK_CHECK __attribute__((warn_unused_result))
#define DK_API __attribute__((visibility("default")))
#else
#define DK_CHECK
#define DK_API
#endif

/* ---- Events ---------------------------------------------------------------------------------------- */

/* One event of one object: docs/events.md says what each kind means. */
typedef struct dk_event {
    int64_t index;       /* sample of the boundary */
    int64_t known_index; /* sample whose arrival made the event known; never before index */
    double quality;      /* 0 doubtful .. 1 certain */
    int32_t kind;        /* enum dk_event_kind */
    int32_t channel;     /* button or hole; -1 the tray; 0 where an object has one channel */
} dk_event;

/* Where a segmenter puts the events it finds. */
typedef struct dk_events {
    dk_event *items;
    size_t capacity;
    size_t count;
} dk_events;

/* Free places in dk_events that dk_segmenter_push needs before it takes a row, and finish needs in all. */
#define DK_EVENTS_PER_ROW 128

/* ---- Segmenters: one face, one implementation for each object ---------------------------------------- */

typedef struct dk_segmenter dk_segmenter;

/* Columns that a row of this object has; 0 for an unknown object. */
DK_API size_t dk_columns(enum dk_object object);

/* A new segmenter, or NULL: unknown object, rate not in 10..10000 Hz, wrong number of settings, no memory.
 * settings: the object's dk_*_settings as n doubles, in the order of the schema. */
DK_API DK_CHECK dk_segmenter *dk_segmenter_new(enum dk_object object, double rate_hz,
                                               const double *settings, size_t n_settings);
DK_API void dk_segmenter_free(dk_segmenter *segmenter);

/* Takes rows (n_rows x columns, row by row) and appends the events that became known.
 * Returns the rows taken: fewer than n_rows when the events are full; empty them and go on with the rest.
 * A value that is not finite is a sample that was not measured. */
DK_API DK_CHECK size_t dk_segmenter_push(dk_segmenter *segmenter, const float *rows, size_t n_rows,
                                         dk_events *events);

/* The stream has ended: appends what can be said of events still open. */
DK_API void dk_segmenter_finish(dk_segmenter *segmenter, dk_events *events);

/* ---- Frames: docs/protocol.md says what they are ----------------------------------------------------- */

/* One verified frame: its header, and where its payload lies. */
typedef struct dk_block {
    uint8_t type;      /* enum dk_message */
    uint8_t stream;    /* enum dk_stream, or 0 */
    uint16_t rows;
    uint32_t sequence;
    uint32_t tick_us;
    uint32_t lost;
    uint64_t offset;   /* of the payload in dk_blocks.payload */
    uint32_t length;   /* of the payload in bytes */
    uint32_t late;     /* 1 when it fills an earlier gap */
} dk_block;

/* Where a decoder puts what it finds. */
typedef struct dk_blocks {
    dk_block *items;
    size_t capacity;
    size_t count;
    uint8_t *payload;
    size_t payload_capacity;
    size_t payload_count;
} dk_blocks;

/* Free bytes of payload with which dk_decoder_push always takes the next frame. */
#define DK_PAYLOAD_ROOM 1088

/* What has become of the frames so far: each is counted once by the first five. */
typedef struct dk_frame_counts {
    uint64_t good;      /* delivered as blocks */
    uint64_t bad_crc;   /* the checksum is wrong */
    uint64_t too_short; /* shorter than a frame can be, or cut off by the end */
    uint64_t malformed; /* too long, not COBS, or verified but not what the schema says */
    uint64_t duplicate; /* verified and had been there already */
    uint64_t late;      /* good ones that filled an earlier gap */
    uint64_t missing;   /* skipped by a sequence and not come since */
} dk_frame_counts;

typedef struct dk_decoder dk_decoder;

/* A new decoder, or NULL without memory. */
DK_API DK_CHECK dk_decoder *dk_decoder_new(void);
DK_API void dk_decoder_free(dk_decoder *decoder);

/* Takes bytes in any chunking and appends the blocks of the frames that they complete.
 * Returns the bytes taken: fewer than n when the blocks are full; empty them and go on with the rest. */
DK_API DK_CHECK size_t dk_decoder_push(dk_decoder *decoder, const uint8_t *bytes, size_t n,
                                       dk_blocks *blocks);

/* The bytes have ended: a frame still open is too short. */
DK_API void dk_decoder_finish(dk_decoder *decoder);

DK_API dk_frame_counts dk_decoder_counts(const dk_decoder *decoder);

/* CRC-32 (IEEE) of n bytes; portable: by tables even where the processor can do better. */
DK_API uint32_t dk_crc32(const uint8_t *bytes, size_t n, int portable);

#endif
