/* Biquad cascades over interleaved channels. In C because a load cell is filtered before anything is seen in
 * it; eight channels go side by side through wide registers, and a row's four sections overlap with the
 * next row's, which is what hides the latency of the feedback.
 *
 * Transposed direct form II in float32, no fused multiply-add, always the same order: every width of
 * register, every chunking and the Python twin give the same bits. */
#include <stdlib.h> // calloc, free
#include <string.h> // memcpy
#include "dexkit.h"
#include "wide.h"

#define LANES 8
/* Coefficients start at a line of the cache: read across two, they would take half as long again. */
#define LINE 64
/* Sections computed in one pass over the samples: their state stays in registers. */
#define PASS 4
/* Beyond this no sensor measures: such a sample, like NaN, was not measured. */
#define LARGEST 1e30f

typedef struct section {
    float b0[LANES], b1[LANES], b2[LANES], a1[LANES], a2[LANES];
} section;

struct dk_filter {
    size_t channels, blocks, sections;
    section *section;        /* [sections] */
    float (*held)[LANES];    /* [blocks]: last measured value */
    float (*state)[2][LANES]; /* [blocks][sections] */
    float tables[];
};

#define WIDTH 4
#define NAME(x) x##_plain
#define TARGET
#include "filter_pass.h" // run_plain, pass_plain

#define WIDTH 8
#define NAME(x) x##_avx2
#define TARGET DK_AVX2
#include "filter_pass.h" // run_avx2, pass_avx2

/* Rows that are copied at a time where the channels do not fill all lanes. */
#define SOME_ROWS 64

void dk_filter_push(dk_filter *filter, const float *rows, float *out, size_t n_rows, int portable)
{
    const size_t channels = filter->channels;
    const int wide = !portable && dk_has_avx2();
    for (size_t b = 0; b < filter->blocks; b++) {
        const float *from = rows + b * LANES;
        float *to = out + b * LANES;
        const size_t width = channels - b * LANES;
        if (width >= LANES) {
            (wide ? pass_avx2 : pass_plain)(filter, b, from, to, n_rows, channels, channels);
            continue;
        }
        for (size_t row = 0; row < n_rows; row += SOME_ROWS) {
            float some[SOME_ROWS][LANES] = {{0.0f}};
            const size_t count = n_rows - row < SOME_ROWS ? n_rows - row : SOME_ROWS;
            for (size_t i = 0; i < count; i++)
                for (size_t l = 0; l < width; l++)
                    some[i][l] = from[(row + i) * channels + l];
            (wide ? pass_avx2 : pass_plain)(filter, b, some[0], some[0], count, LANES, LANES);
            for (size_t i = 0; i < count; i++)
                for (size_t l = 0; l < width; l++)
                    to[(row + i) * channels + l] = some[i][l];
        }
    }
}

void dk_filter_settle(dk_filter *filter, const float *row)
{
    for (size_t channel = 0; channel < filter->channels; channel++) {
        const size_t b = channel / LANES, l = channel % LANES;
        float x = row[channel] <= LARGEST && row[channel] >= -LARGEST ? row[channel] : 0.0f;
        filter->held[b][l] = x;
        for (size_t k = 0; k < filter->sections; k++) {
            const section *c = &filter->section[k];
            float(*state)[LANES] = filter->state[b * filter->sections + k];
            const float gain = ((c->b0[l] + c->b1[l]) + c->b2[l]) / ((1.0f + c->a1[l]) + c->a2[l]);
            const float y = gain * x;
            state[0][l] = y - c->b0[l] * x;
            state[1][l] = c->b2[l] * x - c->a2[l] * y;
            x = y;
        }
    }
}

dk_filter *dk_filter_new(const double *sections, size_t n_sections, size_t channels)
{
    if (n_sections < 1 || n_sections > 32 || channels < 1 || channels > 1024)
        return NULL;
    for (size_t k = 0; k < n_sections; k++) {
        const double *c = sections + 5 * k;
        for (int i = 0; i < 5; i++)
            if (!(c[i] >= -1e6 && c[i] <= 1e6))
                return NULL;
        if (!(c[4] < 1.0 && c[4] > -1.0 && c[3] < 1.0 + c[4] && c[3] > -1.0 - c[4]))
            return NULL; /* a pole outside the unit circle */
    }
    const size_t blocks = (channels + LANES - 1) / LANES;
    const size_t floats = LANES * (5 * n_sections + blocks + 2 * blocks * n_sections);
    dk_filter *filter = calloc(1, sizeof *filter + LINE + floats * sizeof(float));
    if (!filter)
        return NULL;
    filter->channels = channels;
    filter->blocks = blocks;
    filter->sections = n_sections;
    const size_t past = (uintptr_t)filter->tables % LINE;
    filter->section = (section *)(void *)((char *)filter->tables + (LINE - past) % LINE);
    filter->held = (float(*)[LANES])(filter->section + n_sections);
    filter->state = (float(*)[2][LANES])(filter->held + blocks);
    for (size_t k = 0; k < n_sections; k++)
        for (size_t l = 0; l < LANES; l++) {
            const double *c = sections + 5 * k;
            filter->section[k].b0[l] = (float)c[0];
            filter->section[k].b1[l] = (float)c[1];
            filter->section[k].b2[l] = (float)c[2];
            filter->section[k].a1[l] = (float)c[3];
            filter->section[k].a2[l] = (float)c[4];
        }
    return filter;
}

void dk_filter_free(dk_filter *filter)
{
    free(filter);
}
