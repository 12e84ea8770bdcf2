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

/* A new segmenter, or NULL: unknown object, rate not in 10..10000 Hz, wrong number of settings or one that
 * is negative or not finite, no memory.
 * settings: the object's dk_*_settings as n doubles, in the order of the schema. */
DK_API DK_CHECK dk_segmenter *dk_segmenter_new(enum dk_object object, double rate_hz,
                                               const double *settings, size_t n_settings);
DK_API void dk_segmenter_free(dk_segmenter *segmenter);

/* Takes rows (n_rows x columns, row by row) and appends the events that became known.
 * Returns the rows taken: fewer than n_rows when the events are full; empty them and go on with the rest.
 * A value that is not finite is a sample that was not measured; a cup or coaster begins with its first measured
 * load. */
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

/* Free bytes of payload, and one free item, with which dk_decoder_push always takes the next frame. */
#define DK_PAYLOAD_ROOM 16384

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

/* Whether to deliver duplicates too (at first no), for those who keep the order themselves: a decoder remembers only so
 * many gaps, and takes a frame that fills a forgotten one for a duplicate. */
DK_API void dk_decoder_duplicates(dk_decoder *decoder, int deliver);

/* Takes bytes in any chunking and appends the blocks of the frames that they complete.
 * Returns the bytes taken: fewer than n when the blocks are full; empty them and go on with the rest. */
DK_API DK_CHECK size_t dk_decoder_push(dk_decoder *decoder, const uint8_t *bytes, size_t n,
                                       dk_blocks *blocks);

/* The bytes have ended: a frame still open is too short. */
DK_API void dk_decoder_finish(dk_decoder *decoder);

DK_API dk_frame_counts dk_decoder_counts(const dk_decoder *decoder);

/* CRC-32 (IEEE) of n bytes; portable: by tables even where the processor can do better. */
DK_API uint32_t dk_crc32(const uint8_t *bytes, size_t n, int portable);
/* ---- Filters: biquad cascades over interleaved channels ------------------------------------------------ */

typedef struct dk_filter dk_filter;

/* A filter at rest. sections: n x (b0, b1, b2, a1, a2) with a0 = 1, 1 to 32; channels: 1 to 1024.
 * NULL: a size or number out of range, a pole not inside the unit circle, no memory. */
DK_API DK_CHECK dk_filter *dk_filter_new(const double *sections, size_t n_sections, size_t channels);
DK_API void dk_filter_free(dk_filter *filter);

/* Puts the filter into the state that a constant row (channels) leaves in the end. */
DK_API void dk_filter_settle(dk_filter *filter, const float *row);

/* Takes rows (n_rows x channels) and writes as many to out, which may be the very same memory. A value that
 * is not finite, or beyond 1e30, was not measured: the channel's last value is held. portable: without the
 * processor's wide registers; the bits are the same. */
DK_API void dk_filter_push(dk_filter *filter, const float *rows, float *out, size_t n_rows, int portable);

/* ---- Smoothness and tremor: one number of one movement ------------------------------------------------ */

/* Why there is no number; 0 when there is one. host/dexkit/score/smoothness_reference.py has the words. */
enum dk_reason {
    DK_MEASURABLE = 0,
    DK_TOO_SHORT = 1,
    DK_NOT_MEASURED = 2, /* a sample is not finite, or beyond what any sensor gives */
    DK_NO_MOVEMENT = 3,
    DK_NO_BAND = 4,
    DK_NO_ACCELERATION = 5,
    DK_NO_PEAK = 6,
    DK_WHOLE_BAND_NEEDED = 7 /* ask again with decimation 1 */
};

/* Tables for the SPARC of speeds of like length; never written to after _new, so any thread may use them. */
typedef struct dk_arc dk_arc;

/* size: 16 times the next power of two of the samples; decimation: a power of two, the largest that leaves
 * at least 40 Hz, or 1. NULL: no such size or decimation, no memory. */
DK_API DK_CHECK dk_arc *dk_arc_new(size_t size, size_t decimation);
DK_API void dk_arc_free(dk_arc *arc);
/* Doubles of scratch that dk_sparc needs. */
DK_API size_t dk_arc_scratch(const dk_arc *arc);
/* Spectral arc length of a speed; returns enum dk_reason and leaves *sparc alone when it is not 0. */
DK_API DK_CHECK int dk_sparc(const dk_arc *arc, const double *speed, size_t n, double rate_hz,
                             double *scratch, double *sparc);

/* Dimensionless jerk of a speed; returns enum dk_reason. */
DK_API DK_CHECK int dk_dlj(const double *speed, size_t n, double rate_hz, double *dlj);

/* Log dimensionless jerk of accelerations and angular velocities, both n x 3; returns enum dk_reason. */
DK_API DK_CHECK int dk_ldlj_a(const double *accel_ms2, const double *gyro_rads, size_t n, double rate_hz,
                              double *ldlj);

/* Tables for the tremor of signals of one rate; never written to after _new. */
typedef struct dk_welch dk_welch;

/* What a signal says about tremor; docs in host/dexkit/score/smoothness_reference.py. */
typedef struct dk_tremor_found {
    double frequency_hz;
    double amplitude;
    double occurrence; /* share of the windows, 0 .. 1 */
    double band_rms;
} dk_tremor_found;

/* half: samples of half a window, which is 1 s; bins: of the spectrum, up to 13.5 Hz. NULL: no such sizes. */
DK_API DK_CHECK dk_welch *dk_welch_new(size_t half, size_t bins);
DK_API void dk_welch_free(dk_welch *welch);
/* Doubles of scratch that dk_tremor needs for a signal of n samples. */
DK_API size_t dk_welch_scratch(const dk_welch *welch, size_t n);
/* Tremor in a signal (n x axes); spectra: (n / half - 1) x bins, the power spectral density of each window.
 * Returns enum dk_reason; with DK_NO_PEAK only occurrence and band_rms are there. */
DK_API DK_CHECK int dk_tremor(const dk_welch *welch, const double *signal, size_t n, size_t axes,
                              double rate_hz, double *scratch, double *spectra, dk_tremor_found *found);

#endif
