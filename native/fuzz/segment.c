/* Fuzz target: samples to one segmenter, whole and in pieces; both must say the same, and every event must make
 * sense. Built once for each object: -DOBJECT=DK_OBJECT_CUP and so on. In C because libFuzzer is.
 *
 * The bytes are a small programme that writes the samples, so that a few of them already make contacts flicker
 * and loads jump: rate, settings, size of pieces, then instructions of three bytes (what, which column, how much).
 */
#include <math.h>   // NAN, INFINITY
#include <stdlib.h> // abort
#include <string.h> // memcmp
#include "dexkit.h"

#ifndef OBJECT
#define OBJECT DK_OBJECT_CUP
#endif

enum { ROWS = 600, COLUMNS = 32, EVENTS = 8192, SETTINGS = 32 };

static float samples[ROWS * COLUMNS];

/* Runs the programme; returns the number of rows written. */
static size_t write_samples(const uint8_t *bytes, size_t n, size_t columns)
{
    float value[COLUMNS] = {0}, slope[COLUMNS] = {0};
    size_t row = 0;
    for (; n >= 3 && row < ROWS; bytes += 3, n -= 3) {
        size_t column = bytes[1] % columns, rows = 1;
        float much = (float)(int8_t)bytes[2];
        switch (bytes[0] % 8) {
        case 0: value[column] = value[column] > 0.5f ? 0.0f : 1.0f; break; /* a contact */
        case 1: value[column] += much / 16.0f; break;                      /* a step */
        case 2: slope[column] = much / 128.0f; break;                      /* a ramp */
        case 3: value[column] = much; break;
        case 4: value[column] = (float[]){NAN, INFINITY, 1e30f, -0.0f}[bytes[2] % 4]; break;
        case 5: value[column] += much / 1024.0f; break; /* a little noise */
        case 6: rows = bytes[2]; break;                 /* time passes */
        default: memset(slope, 0, sizeof slope); break;
        }
        for (size_t k = 0; k < rows && row < ROWS; k++, row++)
            for (size_t c = 0; c < columns; c++)
                samples[row * columns + c] = value[c] += slope[c];
    }
    return row;
}

static size_t segment(dk_event *found, double rate_hz, const double *settings, size_t n_settings, size_t columns,
                      size_t rows, size_t piece)
{
    dk_events events = {.items = found, .capacity = EVENTS};
    dk_segmenter *segmenter = dk_segmenter_new(OBJECT, rate_hz, settings, n_settings);
    if (!segmenter)
        abort();
    for (size_t at = 0; at < rows;) {
        size_t part = rows - at < piece ? rows - at : piece, room = EVENTS - events.count;
        if (room < DK_EVENTS_PER_ROW) /* more events than anyone could act on: enough seen */
            break;
        at += dk_segmenter_push(segmenter, samples + at * columns, part, &events);
    }
    if (EVENTS - events.count >= DK_EVENTS_PER_ROW)
        dk_segmenter_finish(segmenter, &events);
    dk_segmenter_free(segmenter);
    return events.count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const size_t settings_of[] = {0, DK_CUP_SETTINGS, DK_COASTER_SETTINGS, DK_BUTTON_BOARD_SETTINGS,
                                         DK_PEGBOARD_SETTINGS};
    static const double rates_hz[] = {10, 25, 80, 100, 200, 208, 320, 1000};
    static dk_event whole[EVENTS], pieces[EVENTS];
    size_t columns = dk_columns(OBJECT), n_settings = settings_of[OBJECT];
    double settings[SETTINGS], rate_hz;
    if (n < 2 + n_settings || columns > COLUMNS)
        return 0;
    rate_hz = rates_hz[bytes[0] % 8];
    for (size_t i = 0; i < n_settings; i++)
        settings[i] = bytes[2 + i] * bytes[2 + i] / 4096.0; /* 0 to 16, mostly small */
    size_t piece = 1 + bytes[1];
    size_t rows = write_samples(bytes + 2 + n_settings, n - 2 - n_settings, columns);
    size_t count = segment(whole, rate_hz, settings, n_settings, columns, rows, ROWS);
    size_t again = segment(pieces, rate_hz, settings, n_settings, columns, rows, piece);
    if (count != again || memcmp(whole, pieces, count * sizeof(dk_event)))
        abort();
    for (size_t i = 0; i < count; i++) {
        const dk_event *e = &whole[i];
        if (e->index < 0 || e->known_index < e->index || e->known_index > (int64_t)rows ||
            !(e->quality >= 0.0 && e->quality <= 1.0) || (i && e->known_index < e[-1].known_index))
            abort();
    }
    return 0;
}
