/* Throws damaged frames at the decoder and knows what must come out. In C because it has to throw 10^8 of them in
 * minutes. Usage: frames <damaged frames> <seed>; one line of counts each second on stderr, the last on stdout.
 *
 * A frame's content follows from its stream and sequence, so a delivered block can be checked without remembering
 * what was sent. What lies between two zeros of the damaged bytes and is equal to what was sent is intact: exactly
 * the intact ones must be delivered, and what is missing, late or duplicate follows from their sequences alone.
 */
#include <inttypes.h> // PRIu64
#include <stdio.h>    // printf
#include <stdlib.h>   // malloc, strtod, exit
#include <string.h>   // memcpy
#include <time.h>     // clock
#include "dexkit.h"
#include "random.h"

enum { EPISODE = 48, FRAME_ROOM = 1200, BYTES = EPISODE * 3 * FRAME_ROOM, PIECE_MAX = 4096 };

typedef struct content {
    uint8_t bytes[16 + DK_PAYLOAD_BYTES + 4];
    size_t length; /* with the CRC */
} content;

static const uint32_t row_bytes[DK_STREAMS] = DK_ROW_BYTES;
static uint32_t crc_table[256];

static uint64_t damaged, intact, delivered, wrong, out_of_step, miscounted, largest_gap;

/* ---- What is sent ------------------------------------------------------------------------------------------- */

/* An own, plain CRC: what is tested may not check itself. */
static uint32_t plain_crc(const uint8_t *bytes, size_t n)
{
    uint32_t crc = 0xFFFFFFFF;
    if (!crc_table[1])
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int k = 0; k < 8; k++)
                c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
            crc_table[i] = c;
        }
    for (size_t i = 0; i < n; i++)
        crc = crc >> 8 ^ crc_table[(crc ^ bytes[i]) & 255];
    return ~crc;
}

static void put(uint8_t *to, uint32_t value, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

/* The one frame with this stream and sequence. */
static void write_content(content *c, uint8_t stream, uint32_t sequence)
{
    uint64_t x = ((uint64_t)sequence << 8 | stream) * 0x9E3779B97F4A7C15u;
    uint32_t kind = (uint32_t)(x >> 58); /* of 64: long, full of zeros, without zeros */
    uint32_t rows = 1 + (uint32_t)(x >> 32) % (kind < 3 ? 250 : 8);
    size_t payload = rows * row_bytes[stream];
    if (payload > DK_PAYLOAD_BYTES) {
        rows = DK_PAYLOAD_BYTES / row_bytes[stream];
        payload = rows * row_bytes[stream];
    }
    put(c->bytes, DK_MESSAGE_SAMPLES, 1);
    put(c->bytes + 1, stream, 1);
    put(c->bytes + 2, rows, 2);
    put(c->bytes + 4, sequence, 4);
    put(c->bytes + 8, (uint32_t)x, 4);
    put(c->bytes + 12, kind & 1 ? (uint32_t)(x >> 20) : 0, 4);
    for (size_t i = 0; i < payload; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint8_t byte = (uint8_t)(x >> 24);
        c->bytes[16 + i] = kind % 4 == 0 ? byte & 1 : kind % 4 == 1 ? byte | 1 : byte;
    }
    c->bytes[16 + payload - 1] = 0; /* a full group at the very end could be written in two ways */
    put(c->bytes + 16 + payload, plain_crc(c->bytes, 16 + payload), 4);
    c->length = 16 + payload + 4;
}

/* Writes a frame as it goes over the wire, its zero included; returns its length. */
static size_t stuff(uint8_t *to, const content *c)
{
    size_t code_at = 0, at = 1;
    for (size_t i = 0; i < c->length; i++) {
        if (c->bytes[i])
            to[at++] = c->bytes[i];
        if (!c->bytes[i] || at - code_at == 255) {
            to[code_at] = (uint8_t)(at - code_at);
            code_at = at++;
        }
    }
    to[code_at] = (uint8_t)(at - code_at);
    to[at++] = 0;
    return at;
}

/* Damages a frame of n bytes in place, its zero included; returns its new length. */
static size_t damage(uint8_t *frame, size_t n)
{
    size_t at = random_below((uint32_t)n), count;
    switch (random_below(8)) {
    case 0: /* a bit */
    case 1:
        frame[at] ^= (uint8_t)(1 << random_below(8));
        return n;
    case 2: /* a byte */
        frame[at] ^= (uint8_t)(1 + random_below(255));
        return n;
    case 3: /* a burst */
        count = 1 + random_below(20);
        for (size_t i = at; i < n && i < at + count; i++)
            frame[i] = (uint8_t)random_next();
        frame[at] ^= (uint8_t)(1 + random_below(255));
        return n;
    case 4: /* bytes lost, up to all but one */
        count = 1 + random_below((uint32_t)(n - at < 20 ? n - at : 20));
        if (count == n)
            count--;
        memmove(frame + at, frame + at + count, n - at - count);
        return n - count;
    case 5: /* bytes too many */
        count = 1 + random_below(20);
        memmove(frame + at + count, frame + at, n - at);
        for (size_t i = 0; i < count; i++)
            frame[at + i] = (uint8_t)(1 + random_below(255));
        return n + count;
    case 6: /* a zero too many */
        memmove(frame + at + 1, frame + at, n - at);
        frame[at] = 0;
        return n + 1;
    default: /* the ending zero lost */
        return n - 1;
    }
}

/* ---- One episode ---------------------------------------------------------------------------------------------- */

typedef struct sent {
    uint32_t sequence;
    uint8_t stream;
} sent;

static uint8_t wire[BYTES], originals[EPISODE][FRAME_ROOM];
static size_t n_wire, n_expected, lengths[EPISODE];
static sent all[EPISODE], expected[EPISODE];

/* Writes frames with gaps, repetitions and damage. */
static void write_episode(void)
{
    static const uint32_t starts[] = {0, 0xFFFFFFF0u, 0x7FFFFFF8u};
    uint32_t next[DK_STREAMS], kinds = 1 + random_below(3);
    for (size_t s = 0; s < DK_STREAMS; s++)
        next[s] = random_below(2) ? (uint32_t)random_next() : starts[random_below(3)];
    n_wire = 0;
    for (int k = 0; k < EPISODE; k++) {
        uint8_t stream = (uint8_t)(1 + random_below(DK_STREAMS - 1) % kinds);
        uint32_t sequence = next[stream], roll = random_below(100), gap = 0;
        if (roll < 4)
            gap = 1 + random_below(5);
        else if (roll < 6)
            gap = 65530 + random_below(1 << 20);
        else if (roll < 7)
            gap = random_below(0x1000000u);
        else if (roll < 12)
            sequence -= 1 + random_below(6); /* from behind: late, or there already */
        sequence += gap;
        if (gap > largest_gap)
            largest_gap = gap;
        if (roll < 7 || roll >= 12)
            next[stream] = sequence + 1;
        content c;
        write_content(&c, stream, sequence);
        all[k] = (sent){sequence, stream};
        size_t n = lengths[k] = stuff(originals[k], &c);
        memcpy(wire + n_wire, originals[k], n);
        if (random_below(100) < 65) {
            n = damage(wire + n_wire, n);
            damaged++;
        }
        n_wire += n;
    }
}

/* Finds the frames that came through the damage. */
static void find_intact(void)
{
    size_t from = 0;
    n_expected = 0;
    for (size_t at = 0, end; at < n_wire; at = end + 1) {
        for (end = at; end < n_wire && wire[end]; end++)
            continue;
        for (size_t k = from; k < EPISODE && end < n_wire; k++)
            if (lengths[k] == end + 1 - at && !memcmp(wire + at, originals[k], lengths[k])) {
                expected[n_expected++] = all[k];
                from = k + 1;
                break;
            }
    }
}

/* What the decoder should count for the intact frames: worked out on sets, without its holes. */
static dk_frame_counts expected_counts(uint8_t *is_new)
{
    dk_frame_counts counts = {0};
    for (size_t s = 1; s < DK_STREAMS; s++) {
        uint32_t first = 0, span = 0; /* sequences first .. first + span - 1 have been spoken of */
        uint64_t distinct = 0;
        for (size_t i = 0; i < n_expected; i++) {
            if (expected[i].stream != s)
                continue;
            int known = 0;
            for (size_t j = 0; j < i && !known; j++)
                known = expected[j].stream == s && expected[j].sequence == expected[i].sequence;
            if (span == 0)
                first = expected[i].sequence;
            uint32_t place = expected[i].sequence - first;
            if (place >= 0xFFFFFF00u) /* from before the first that arrived: nobody misses it */
                known = 1;
            is_new[i] = !known;
            if (known) {
                counts.duplicate++;
                continue;
            }
            counts.late += place < span;
            distinct++;
            counts.good++;
            if (place >= span)
                span = place + 1;
        }
        counts.missing += span - distinct;
    }
    return counts;
}

/* Pushes the wire in pieces, each that ends where its memory ends, into blocks of any size. */
static dk_frame_counts decode_episode(dk_block *items, size_t *n_items)
{
    dk_decoder *decoder = dk_decoder_new();
    static uint8_t payload[DK_PAYLOAD_ROOM + DK_PAYLOAD_BYTES];
    dk_block place[EPISODE];
    static uint8_t *memory;
    if (!memory)
        memory = malloc(PIECE_MAX);
    if (!decoder || !memory)
        exit(2);
    uint32_t longest = random_below(16) ? 32u << random_below(8) : 3;
    *n_items = 0;
    for (size_t at = 0; at < n_wire;) {
        size_t n = 1 + random_below(longest);
        if (n > n_wire - at)
            n = n_wire - at;
        uint8_t *bytes = memory + PIECE_MAX - n;
        memcpy(bytes, wire + at, n);
        for (size_t taken = 0; taken < n;) {
            size_t capacity = 1 + random_below(EPISODE), room = DK_PAYLOAD_ROOM + random_below(DK_PAYLOAD_BYTES);
            dk_blocks out = {
                .items = place + EPISODE - capacity, /* these, too, end where their memory ends */
                .capacity = capacity,
                .payload = payload + sizeof payload - room,
                .payload_capacity = room,
            };
            taken += dk_decoder_push(decoder, bytes + taken, n - taken, &out);
            for (size_t i = 0; i < out.count; i++) {
                content c;
                const dk_block *b = &out.items[i];
                if (*n_items == EPISODE || b->stream == 0 || b->stream >= DK_STREAMS) {
                    wrong++;
                    continue;
                }
                write_content(&c, b->stream, b->sequence);
                wrong += memcmp(b, c.bytes, 16) || b->length + 20 != c.length ||
                         memcmp(out.payload + b->offset, c.bytes + 16, b->length);
                items[(*n_items)++] = *b;
            }
        }
        at += n;
    }
    dk_decoder_finish(decoder);
    dk_frame_counts counts = dk_decoder_counts(decoder);
    dk_decoder_free(decoder);
    return counts;
}

static void run_episode(void)
{
    dk_block items[EPISODE];
    uint8_t is_new[EPISODE] = {0};
    size_t n_items, at = 0;
    write_episode();
    find_intact();
    dk_frame_counts want = expected_counts(is_new), got = decode_episode(items, &n_items);
    for (size_t i = 0; i < n_expected; i++) /* in step: every intact frame, in its order */
        if (is_new[i]) {
            int there = at < n_items && items[at].sequence == expected[i].sequence &&
                        items[at].stream == expected[i].stream;
            out_of_step += !there;
            at += there;
        }
    wrong += n_items > at ? n_items - at : 0; /* delivered and never sent, or twice */
    miscounted += got.good != want.good || got.duplicate != want.duplicate || got.late != want.late ||
                  got.missing != want.missing;
    intact += n_expected;
    delivered += n_items;
}

static void report(FILE *to)
{
    fprintf(to,
            "damaged=%" PRIu64 " intact=%" PRIu64 " delivered=%" PRIu64 " wrong=%" PRIu64 " out_of_step=%" PRIu64
            " miscounted=%" PRIu64 " largest_gap=%" PRIu64 "\n",
            damaged, intact, delivered, wrong, out_of_step, miscounted, largest_gap);
    fflush(to);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: frames <damaged frames> <seed>\n");
        return 2;
    }
    double frames = strtod(argv[1], NULL);
    random_seed(strtoull(argv[2], NULL, 10));
    time_t last = time(NULL);
    while ((double)damaged < frames) {
        run_episode();
        if (time(NULL) != last) {
            last = time(NULL);
            report(stderr);
        }
    }
    report(stdout);
    return wrong || out_of_step || miscounted;
}
