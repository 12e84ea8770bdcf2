/* Bytes from a board to verified blocks; docs/protocol.md describes the frame. In C because whole archives and
 * fast replays go through it: a frame costs some tens of nanoseconds here and a thousand in Python.
 *
 * Frames are taken in small batches, in steps that keep the processor busy on many frames at once: copy (take),
 * undo the stuffing, check, deliver (flush). A frame of usual length has its own slot of fixed size:
 *
 *     | START zeros, the last one for the first COBS code | frame | zeros |
 *
 * Zeros before the frame do not change the CRC, so it can be taken in whole blocks, and two frames together. Zeros
 * behind it stop the chain of COBS codes by themselves, wherever it ends: code 0 leads nowhere. So several chains
 * can be followed side by side.
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
    WIDTH = 16,  /* bytes copied and checked at a time; buffers that are overrun have as much to spare */
    START = 256, /* where a frame begins in its slot, its first code just before; no code leads further than 255 */
    SLOT_STUFFED_MAX = 254, /* bytes of a frame that has no full group */
    BATCH = 8, /* whole groups of LANES; more would not stay in the nearest cache beside what comes in and goes out */
    LANES = 8, /* chains followed side by side */
    HOLES = 64 /* gaps remembered, so that a frame from behind is known as late or as duplicate */
};

#define NOT_STARTED ((uint64_t)1 << 32) /* as a next sequence: no frame of this stream has come yet */

typedef uint8_t slot[3 * START];

typedef struct hole {
    uint32_t first, count;
    uint8_t stream;
} hole;

struct dk_decoder {
    dk_frame_counts counts;
    int duplicates; /* delivered too */
    dk_crc32_pair *crc;
    uint32_t residue[FRAME_MAX + 1]; /* register after a good frame of that length that began with zero */
    uint64_t next_sequence[DK_STREAMS];
    hole holes[HOLES];
    size_t n_holes;
    size_t n_slots, limit;  /* of the batch; 0: there is no room to deliver */
    uint16_t length[BATCH]; /* of the frame in each slot */
    uint16_t filled[BATCH]; /* bytes of each slot, from the first code on, that may not be zero */
    slot slots[BATCH];
    uint8_t long_frame[WIDTH + STUFFED_MAX + WIDTH];
    size_t n_open; /* bytes of the frame that began in an earlier push; more than STUFFED_MAX: too long */
    uint8_t open[STUFFED_MAX + WIDTH];
};

#ifdef __BYTE_ORDER__
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers are copied as they are");
#endif
static const uint32_t row_bytes[DK_STREAMS] = DK_ROW_BYTES;

dk_decoder *dk_decoder_new(void)
{
    dk_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->crc = dk_crc32_best();
    for (size_t stream = 0; stream < DK_STREAMS; stream++)
        d->next_sequence[stream] = NOT_STARTED;
    uint32_t ones = 0xFFFFFFFF; /* what the register begins with, carried over the frame: the CRC is linear */
    for (size_t length = 0; length <= FRAME_MAX; length++, ones = dk_crc32_byte(ones, 0))
        d->residue[length] = DK_CRC32_RESIDUE ^ ones;
    return d;
}

void dk_decoder_free(dk_decoder *decoder)
{
    free(decoder);
}

void dk_decoder_duplicates(dk_decoder *decoder, int deliver)
{
    decoder->duplicates = deliver;
}

dk_frame_counts dk_decoder_counts(const dk_decoder *decoder)
{
    return decoder->counts;
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

/* Counts a frame that is not the next of its stream; false for a duplicate. */
static int out_of_sequence(dk_decoder *d, dk_block *block)
{
    uint64_t next = d->next_sequence[block->stream];
    uint32_t ahead = block->sequence - (uint32_t)next;
    if (block->type == DK_MESSAGE_HELLO && block->sequence == 0) { /* the board has started anew */
        for (size_t stream = 0; stream < DK_STREAMS; stream++)
            d->next_sequence[stream] = NOT_STARTED;
        d->n_holes = 0;
    } else if (next != NOT_STARTED && ahead >= 0x80000000u) {
        if (!fill_hole(d, block->stream, block->sequence)) {
            d->counts.duplicate++;
            return 0;
        }
        block->late = 1;
        d->counts.late++;
        d->counts.missing--;
        return 1;
    } else if (next != NOT_STARTED) {
        d->counts.missing += ahead;
        remember_hole(d, block->stream, (uint32_t)next, ahead);
    }
    d->next_sequence[block->stream] = (uint32_t)(block->sequence + 1);
    return 1;
}

/* Counts a verified frame by its sequence; false for a duplicate. */
static inline int in_sequence(dk_decoder *d, dk_block *block)
{
    if (block->sequence != d->next_sequence[block->stream] || block->type == DK_MESSAGE_HELLO)
        return out_of_sequence(d, block);
    d->next_sequence[block->stream] = (uint32_t)(block->sequence + 1);
    return 1;
}

/* ---- One batch ------------------------------------------------------------------------------------------ */

/* Undoes the stuffing of n bytes where a full group of 254 may occur, and moves the frame to their end, zeros before
 * it. Returns the frame's length, 0 for no COBS. */
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

/* Undoes the stuffing of LANES frames: every code stands where a zero was. One chain alone would wait for memory
 * at each step. `end`: where each chain has ended. */
static void unstuff_slots(slot *slots, const uint8_t **end)
{
    uint8_t *at[LANES];
    unsigned codes;
    for (size_t k = 0; k < LANES; k++)
        at[k] = slots[k] + START - 1;
    do {
        codes = 0;
        for (size_t k = 0; k < LANES; k++)
            for (size_t step = 0; step < 4; step++) { /* stores that follow each other into one line cost less */
                size_t code = *at[k];
                *at[k] = 0;
                at[k] += code;
            }
        for (size_t k = 0; k < LANES; k++)
            codes |= *at[k];
    } while (codes);
    for (size_t k = 0; k < LANES; k++)
        end[k] = at[k];
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

static inline void deliver(dk_decoder *d, const uint8_t *frame, size_t length, dk_blocks *out)
{
    dk_block *block = &out->items[out->count];
    memcpy(block, frame, HEADER_BYTES); /* dk_block begins as the frame does */
    block->offset = out->payload_count;
    block->length = (uint32_t)(length - FRAME_MIN);
    block->late = 0;
    if (!known(block)) {
        d->counts.malformed++;
    } else {
        int fresh = in_sequence(d, block);
        if (!fresh && !d->duplicates)
            return;
        copy_wide(out->payload + out->payload_count, frame + HEADER_BYTES, block->length);
        out->payload_count += block->length;
        out->count++;
        d->counts.good += (uint64_t)fresh;
    }
}

static inline size_t whole_widths(size_t n)
{
    return (n + WIDTH - 1) / WIDTH * WIDTH;
}

/* Delivers what is good in the batch, and begins a new one. */
static void flush(dk_decoder *d, dk_blocks *out)
{
    const uint8_t *end[BATCH];
    uint32_t reg[BATCH] = {0};
    for (size_t i = 0; i < d->n_slots; i += LANES)
        unstuff_slots(&d->slots[i], &end[i]);
    for (size_t i = 0; i < d->n_slots; i += 2) { /* with zeros before the shorter one */
        const uint8_t *a = d->slots[i] + START + d->length[i];
        const uint8_t *b = d->slots[i + 1] + START + d->length[i + 1];
        size_t n = whole_widths(d->length[i] > d->length[i + 1] ? d->length[i] : d->length[i + 1]);
        d->crc(&reg[i], a - n, b - n, n);
    }
    for (size_t i = 0; i < d->n_slots; i++) {
        const uint8_t *frame = d->slots[i] + START;
        if (end[i] != frame + d->length[i])
            d->counts.malformed++;
        else if (reg[i] != d->residue[d->length[i]])
            d->counts.bad_crc++;
        else
            deliver(d, frame, d->length[i], out);
    }
    size_t places = out->capacity - out->count;
    d->n_slots = 0;
    d->limit = places < BATCH ? places : BATCH;
    if (out->payload_capacity - out->payload_count < DK_PAYLOAD_ROOM)
        d->limit = 0;
}

/* Takes the n bytes before a zero that are too many for a slot; with a free slot there is also room for them. */
static void take_long(dk_decoder *d, const uint8_t *bytes, size_t n, dk_blocks *out)
{
    uint8_t *stuffed = d->long_frame + WIDTH;
    uint32_t reg[2] = {0};
    size_t length = 0;
    flush(d, out);
    if (n <= STUFFED_MAX) {
        memcpy(stuffed, bytes + 1, n - 1);
        length = unstuff_long(stuffed, n - 1, bytes[0]);
    }
    const uint8_t *end = stuffed + n - 1, *start = end - whole_widths(length);
    if (length == 0 || length > FRAME_MAX) {
        d->counts.malformed++;
        return;
    }
    d->crc(reg, start, start, whole_widths(length));
    if (reg[0] == d->residue[length])
        deliver(d, end - length, length, out);
    else
        d->counts.bad_crc++;
    flush(d, out);
}

/* Takes what lies before the first of n bytes that is zero, when it is short enough for a slot; there is a free one.
 * Returns the number of bytes, more than SLOT_STUFFED_MAX when they are too many. */
static inline size_t take(dk_decoder *d, const uint8_t *bytes, size_t n)
{
    const uint8_t *zero = memchr(bytes, 0, n <= SLOT_STUFFED_MAX ? n : SLOT_STUFFED_MAX + 1);
    if (!zero)
        return SIZE_MAX;
    size_t taken = (size_t)(zero - bytes), i = d->n_slots;
    if (taken <= FRAME_MIN) {
        d->counts.too_short += taken > 0;
        return taken;
    }
    uint8_t *place = d->slots[i] + START - 1;
    memcpy(place, bytes, taken);
    if (taken < d->filled[i])
        memset(place + taken, 0, d->filled[i] - taken);
    d->filled[i] = (uint16_t)taken;
    d->length[i] = (uint16_t)(taken - 1);
    d->n_slots++;
    return taken;
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
    flush(d, blocks);
    if (n == 0 || d->limit == 0)
        return 0;
    if (d->n_open) {
        const uint8_t *zero = memchr(bytes, 0, n);
        at = zero ? (size_t)(zero - bytes) : n;
        keep_open(d, bytes, at++);
        if (!zero)
            return n;
        d->open[d->n_open] = 0;
        if (take(d, d->open, d->n_open + 1) > SLOT_STUFFED_MAX)
            take_long(d, d->open, d->n_open, blocks);
        d->n_open = 0;
    }
    while (at < n) {
        if (d->n_slots == d->limit)
            flush(d, blocks);
        if (d->limit == 0)
            return at;
        size_t taken = take(d, bytes + at, n - at);
        if (taken > SLOT_STUFFED_MAX) {
            const uint8_t *zero = memchr(bytes + at, 0, n - at);
            if (!zero) {
                keep_open(d, bytes + at, n - at);
                break;
            }
            taken = (size_t)(zero - bytes) - at;
            take_long(d, bytes + at, taken, blocks);
        }
        at += taken + 1;
    }
    flush(d, blocks);
    return n;
}

void dk_decoder_finish(dk_decoder *decoder)
{
    decoder->counts.too_short += decoder->n_open > 0;
    decoder->n_open = 0;
}
