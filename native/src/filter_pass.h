/* One pass of rows through up to four biquads, for one width of register; filter.c includes this once for
 * each width and says before:
 *   WIDTH   channels that one register holds
 *   NAME(x) x with the width in its name
 *   TARGET  attribute of the functions
 * Coefficients, state and samples are what filter.c says they are. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpsabi" /* wide registers by value: inline everywhere, so no ABI */
typedef float NAME(pack) __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int32_t NAME(mask) __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
#define WHERE(yes, a, b) ((NAME(pack))(((NAME(mask))(a) & (yes)) | ((NAME(mask))(b) & ~(yes))))
#else
typedef float NAME(pack);
typedef int NAME(mask);
#define WHERE(yes, a, b) ((yes) ? (a) : (b))
#endif
#define AT(place) (*(NAME(pack) *)(uintptr_t)(place))

/* One row through sections first .. end - 1. */
DK_BODY NAME(pack) NAME(through)(const section *sections, size_t first, size_t end, NAME(pack) x,
                                 NAME(pack) *s1, NAME(pack) *s2)
{
    for (size_t k = first; k < end; k++) {
        const section *c = &sections[k];
        const NAME(pack) y = AT(c->b0) * x + s1[k];
        s1[k] = (AT(c->b1) * x + s2[k]) - AT(c->a1) * y;
        s2[k] = AT(c->b2) * x - AT(c->a2) * y;
        x = y;
    }
    return x;
}

/* A row as it came; at the entry, the last measured value where it was not measured. */
DK_BODY NAME(pack) NAME(take)(const int entry, const float *row, NAME(pack) *last)
{
    const NAME(pack) x = AT(row);
    const NAME(mask) measured = (x <= LARGEST) & (x >= -LARGEST);
    return entry ? (*last = WHERE(measured, x, *last)) : x;
}

/* Takes rows of WIDTH channels through `count` sections; count and entry (these are the first sections) are
 * constants where this is called. While a row is in the second half of the sections the next one is in the
 * first half, so that neither waits for the other. */
DK_BODY void NAME(run)(const size_t count, const int entry, const section *sections,
                       float (*state)[2][LANES], float *held, const float *in, float *out, size_t rows,
                       size_t in_stride, size_t out_stride)
{
    const size_t half = (count + 1) / 2;
    NAME(pack) s1[PASS], s2[PASS], last = AT(held);
    if (rows == 0)
        return;
    for (size_t k = 0; k < count; k++) {
        s1[k] = AT(state[k][0]);
        s2[k] = AT(state[k][1]);
    }
    NAME(pack) x = NAME(take)(entry, in, &last);
    NAME(pack) between = NAME(through)(sections, 0, half, x, s1, s2);
    for (size_t row = 1; row < rows; row++) {
        x = NAME(take)(entry, in + row * in_stride, &last);
        AT(out + (row - 1) * out_stride) = NAME(through)(sections, half, count, between, s1, s2);
        between = NAME(through)(sections, 0, half, x, s1, s2);
    }
    AT(out + (rows - 1) * out_stride) = NAME(through)(sections, half, count, between, s1, s2);
    AT(held) = last;
    for (size_t k = 0; k < count; k++) {
        AT(state[k][0]) = s1[k];
        AT(state[k][1]) = s2[k];
    }
}

/* Takes rows of LANES channels through all sections, PASS at a time. */
TARGET static void NAME(pass)(dk_filter *filter, size_t b, const float *in, float *out, size_t rows,
                              size_t in_stride, size_t out_stride)
{
    for (size_t k = 0; k < filter->sections; k += PASS) {
        const size_t count = filter->sections - k;
        for (size_t lane = 0; lane < LANES; lane += WIDTH) {
            /* The coefficients of all lanes are equal: those of the first WIDTH serve every part. */
            const section *sections = filter->section + k;
            float(*state)[2][LANES] = (float(*)[2][LANES])(filter->state[b * filter->sections + k][0] + lane);
            float *held = filter->held[b] + lane, *to = out + lane;
            const float *from = (k ? out : in) + lane;
            const size_t stride = k ? out_stride : in_stride;
#define RUN(n, entry) NAME(run)(n, entry, sections, state, held, from, to, rows, stride, out_stride)
            if (k == 0)
                switch (count) {
                case 1: RUN(1, 1); break;
                case 2: RUN(2, 1); break;
                case 3: RUN(3, 1); break;
                default: RUN(4, 1);
                }
            else
                switch (count) {
                case 1: RUN(1, 0); break;
                case 2: RUN(2, 0); break;
                case 3: RUN(3, 0); break;
                default: RUN(4, 0);
                }
#undef RUN
        }
    }
}

#undef AT
#undef WHERE
#undef TARGET
#undef NAME
#undef WIDTH
