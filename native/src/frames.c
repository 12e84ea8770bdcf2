/* Bytes from a board to verified blocks; docs/protocol.md describes the frame. In C because whole archives and
 * fast replays go through it: a frame costs some tens of nanoseconds here and a thousand in Python.
 *
 * Frames are taken in small batches, in steps that each keep the processor busy on many frames at once: copy
 * (take), then undo the COBS stuffing, then check, then deliver (flush).
 */
#include <stdlib.h> // calloc, free
#include <string.h> // memchr, memcpy, memmove, memset
#include "crc32.h"
#include "dexkit.h"

enum {
    HEADER_BYTES = 16,
    CRC_BYTES = 4,
    FRAME_MIN = HEADER_BYTES + CRC_BYTES,
    FRAME_MAX = HEADER_BYTES + DK_PAYLOAD_BYTES + CRC_BYTES,
    STUFFED_MAX = FRAME_MAX + (FRAME_MAX + 253) / 254,
    WIDTH = 16, /* bytes copied and checked at a time; buffers that are overrun have as much to spare */
    BATCH_FRAMES = 64,
    BATCH_BYTES = 8192,
    HOLES = 64 /* gaps remembered, so that a frame from behind is known as late or as duplicate */
};

/* A frame on its way: it ends where its slot ends, and zeros that do not change the CRC come before it. */
typedef struct slot {
    uint16_t start, end; /* in decoder.bytes */
    uint16_t length;     /* of the frame; 0 once it is found to be no COBS */
    uint8_t first_code;
} slot;

typedef struct hole {
    uint32_t first, count;
    uint8_t stream;
} hole;

struct dk_decoder {
    dk_frame_counts counts;
    dk_crc32_blocks *crc;
    struct {
        uint32_t next;
        uint8_t started;
    } streams[DK_STREAMS];
    hole holes[HOLES];
    size_t n_holes;
    size_t n_slots, n_bytes;
    slot slots[BATCH_FRAMES];
    uint8_t bytes[BATCH_BYTES + WIDTH];
    size_t n_open; /* bytes of the frame that began in an earlier push; more than STUFFED_MAX: too long */
    uint8_t open[STUFFED_MAX + WIDTH];
};

static const uint32_t row_bytes[DK_STREAMS] = DK_ROW_BYTES;

dk_decoder *dk_decoder_new(void)
{
    dk_decoder *d = calloc(1, sizeof *d);
    if (d)
        d->crc = dk_crc32_best();
    return d;
}

void dk_decoder_free(dk_decoder *decoder)
{
    free(decoder);
}

dk_frame_counts dk_decoder_counts(const dk_decoder *decoder)
{
    return decoder->counts;
}

static uint32_t little_endian(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Copies n bytes in whole widths: up to WIDTH - 1 bytes more are read and written. */
static inline void copy_wide(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i += WIDTH)
        memcpy(to + i, from + i, WIDTH);
}

/* ---- Sequences ------------------------------------------------------------------------------------------ */

static void forget_hole(dk_decoder *d, size_t i)
{
    d->n_holes--;
    memmove(&d->holes[i], &d->holes[i + 1], (d->n_holes - i) * sizeof(hole));
}

static void remember_hole(dk_decoder *d, uint8_t stream, uint32_t first, uint32_t count)
{
    if (count == 0)
        return;
    if (d->n_holes == HOLES)
        forget_hole(d, 0);
    d->holes[d->n_holes++] = (hole){.first = first, .count = count, .stream = stream};
}

/* True when a frame from behind fills a hole; the hole shrinks or is split. */
static int fill_hole(dk_decoder *d, uint8_t stream, uint32_t sequence)
{
    for (size_t i = 0; i < d->n_holes; i++) {
        hole h = d->holes[i];
        uint32_t before = sequence - h.first;
        if (h.stream == stream && before < h.count) {
            forget_hole(d, i);
            remember_hole(d, stream, h.first, before);
            remember_hole(d, stream, sequence + 1, h.count - before - 1);
            return 1;
        }
    }
    return 0;
}

/* Counts a verified frame by its sequence; false for a duplicate. */
static int in_sequence(dk_decoder *d, dk_block *block)
{
    if (block->type == DK_MESSAGE_HELLO && block->sequence == 0) { /* the board has started anew */
        memset(d->streams, 0, sizeof d->streams);
        d->n_holes = 0;
    }
    uint32_t ahead = block->sequence - d->streams[block->stream].next;
    if (!d->streams[block->stream].started) {
        d->streams[block->stream].started = 1;
    } else if (ahead >= 0x80000000u) {
        if (!fill_hole(d, block->stream, block->sequence)) {
            d->counts.duplicate++;
            return 0;
        }
        block->late = 1;
        d->counts.late++;
        d->counts.missing--;
        return 1;
    } else if (ahead > 0) {
        d->counts.missing += ahead;
        remember_hole(d, block->stream, d->streams[block->stream].next, ahead);
    }
    d->streams[block->stream].next = block->sequence + 1;
    return 1;
}

/* ---- One batch ------------------------------------------------------------------------------------------ */

/* Undoes the stuffing where a full group of 254 bytes may occur; returns the frame's length, 0 for no COBS. */
static size_t unstuff_long(uint8_t *frame, size_t n, uint8_t code)
{
    size_t in = 0, out = 0;
    for (;;) {
        size_t run = code - 1u;
        if (run > n - in)
            return 0;
        memmove(frame + out, frame + in, run);
        in += run;
        out += run;
        if (in == n)
            break;
        uint8_t next = frame[in++]; /* before the zero, which may fall on it */
        if (code != 255)
            frame[out++] = 0;
        code = next;
    }
    memmove(frame + n - out, frame, out);
    memset(frame, 0, n - out);
    return out;
}

/* Undoes the stuffing in place; returns the frame's length, 0 for no COBS. */
static inline size_t unstuff(uint8_t *frame, size_t n, uint8_t code)
{
    if (n >= 254)
        return unstuff_long(frame, n, code);
    size_t next = code - 1u; /* short frames: every code stands where a zero was */
    while (next < n) {
        code = frame[next];
        frame[next] = 0;
        next += code;
    }
    return next == n ? n : 0;
}

/* True when the schema knows such a frame. */
static inline int known(const dk_block *block)
{
    if (block->type == DK_MESSAGE_SAMPLES)
        return block->stream > 0 && block->stream < DK_STREAMS &&
               block->length == block->rows * row_bytes[block->stream];
    return block->type >= DK_MESSAGE_HELLO && block->type < DK_MESSAGES && block->stream == 0 &&
           block->rows == 0;
}

static void deliver(dk_decoder *d, const uint8_t *frame, size_t length, dk_blocks *out)
{
    dk_block *block = &out->items[out->count];
    uint32_t kind = ~little_endian(frame);
    *block = (dk_block){
        .type = (uint8_t)kind,
        .stream = (uint8_t)(kind >> 8),
        .rows = (uint16_t)(kind >> 16),
        .sequence = little_endian(frame + 4),
        .tick_us = little_endian(frame + 8),
        .lost = little_endian(frame + 12),
        .offset = out->payload_count,
        .length = (uint32_t)(length - FRAME_MIN),
    };
    if (!known(block)) {
        d->counts.malformed++;
    } else if (in_sequence(d, block)) {
        copy_wide(out->payload + out->payload_count, frame + HEADER_BYTES, block->length);
        out->payload_count += block->length;
        out->count++;
        d->counts.good++;
    }
}

/* Undoes the stuffing of the batch, checks it and delivers what is good. */
static void flush(dk_decoder *d, dk_blocks *out)
{
    for (size_t i = 0; i < d->n_slots; i++) {
        slot *s = &d->slots[i];
        s->length = (uint16_t)unstuff(d->bytes + s->end - s->length, s->length, s->first_code);
        uint8_t *frame = d->bytes + s->end - s->length;
        for (size_t k = 0; k < 4 && s->length; k++)
            frame[k] = (uint8_t)~frame[k]; /* so the CRC's register may begin with zero before any zeros */
    }
    for (size_t i = 0; i < d->n_slots; i++) {
        const slot *s = &d->slots[i];
        if (s->length == 0 || s->length > FRAME_MAX)
            d->counts.malformed++;
        else if (d->crc(0, d->bytes + s->start, s->end - s->start) != DK_CRC32_RESIDUE)
            d->counts.bad_crc++;
        else
            deliver(d, d->bytes + s->end - s->length, s->length, out);
    }
    d->n_slots = d->n_bytes = 0;
}

/* Takes the n bytes between two zeros into the batch, `after` more bytes may be read behind them.
 * False when there is no room. */
static inline int take(dk_decoder *d, const uint8_t *bytes, size_t n, size_t after, const dk_blocks *out)
{
    if (n <= FRAME_MIN) {
        d->counts.too_short += n > 0;
        return 1;
    }
    if (n > STUFFED_MAX) {
        d->counts.malformed++;
        return 1;
    }
    size_t length = n - 1, space = (length + WIDTH - 1) / WIDTH * WIDTH;
    if (d->n_slots == BATCH_FRAMES || d->n_bytes + space > BATCH_BYTES ||
        out->count + d->n_slots >= out->capacity ||
        out->payload_count + d->n_bytes + space + WIDTH > out->payload_capacity)
        return 0;
    uint8_t *start = d->bytes + d->n_bytes, *frame = start + space - length;
    memset(start, 0, WIDTH);
    if (after >= WIDTH)
        copy_wide(frame, bytes + 1, length);
    else
        memcpy(frame, bytes + 1, length);
    d->slots[d->n_slots++] = (slot){
        .start = (uint16_t)d->n_bytes,
        .end = (uint16_t)(d->n_bytes + space),
        .length = (uint16_t)length,
        .first_code = bytes[0],
    };
    d->n_bytes += space;
    return 1;
}

/* ---- The face ------------------------------------------------------------------------------------------- */

/* Keeps the bytes of a frame that goes on in the next push. */
static void keep_open(dk_decoder *d, const uint8_t *bytes, size_t n)
{
    size_t room = d->n_open < STUFFED_MAX ? STUFFED_MAX - d->n_open : 0;
    memcpy(d->open + d->n_open, bytes, n < room ? n : room);
    d->n_open = n > room ? STUFFED_MAX + 1 : d->n_open + n;
}

size_t dk_decoder_push(dk_decoder *decoder, const uint8_t *bytes, size_t n, dk_blocks *blocks)
{
    dk_decoder *d = decoder;
    size_t at = 0;
    if (n == 0 || blocks->count == blocks->capacity ||
        blocks->payload_capacity - blocks->payload_count < DK_PAYLOAD_ROOM)
        return 0;
    if (d->n_open) {
        const uint8_t *zero = memchr(bytes, 0, n);
        size_t part = zero ? (size_t)(zero - bytes) : n;
        keep_open(d, bytes, part);
        if (!zero)
            return n;
        (void)take(d, d->open, d->n_open, WIDTH, blocks); /* the batch is empty and there is room */
        flush(d, blocks);
        d->n_open = 0;
        at = part + 1;
    }
    for (const uint8_t *zero; at < n && (zero = memchr(bytes + at, 0, n - at)); at = (size_t)(zero - bytes) + 1) {
        const uint8_t *start = bytes + at;
        size_t length = (size_t)(zero - start), after = n - at - length;
        if (!take(d, start, length, after, blocks)) {
            flush(d, blocks);
            if (!take(d, start, length, after, blocks))
                return at;
        }
    }
    flush(d, blocks);
    if (at < n)
        keep_open(d, bytes + at, n - at);
    return n;
}

void dk_decoder_finish(dk_decoder *decoder)
{
    decoder->counts.too_short += decoder->n_open > 0;
    decoder->n_open = 0;
}
