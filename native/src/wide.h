/* How a hot loop gets wider registers where the processor has them, in a library built for any processor.
 *
 * A body marked DK_BODY is compiled twice: once as it is, once inside a function marked DK_AVX2, and
 * dk_has_avx2() chooses at run time. No multiply-add is fused and no sum is reordered by the compiler, so
 * both give the same bits: the processor decides the speed, never the number. */
#ifndef DK_WIDE_H
#define DK_WIDE_H

#if defined(__GNUC__) && defined(__x86_64__)
#define DK_AVX2 __attribute__((target("avx2")))
#define dk_has_avx2() __builtin_cpu_supports("avx2")
#else
#define DK_AVX2
#define dk_has_avx2() 0
#endif

#if defined(__GNUC__)
#define DK_BODY static inline __attribute__((always_inline))
#else
#define DK_BODY static inline
#endif

/* A few neighbouring doubles that are computed with as one, where the compiler knows such a type. */
#if defined(__GNUC__)
typedef double dk_pack __attribute__((vector_size(32), aligned(8), may_alias));
#define DK_PACK 4
#else
typedef double dk_pack;
#define DK_PACK 1
#endif

/* Sums are kept in this many lanes and folded at the end: an order that every width of register can keep. */
#define DK_LANES 16

DK_BODY double dk_sum_lanes(const double *lane)
{
    double sum[DK_LANES / 2];
    for (int l = 0; l < 8; l++)
        sum[l] = lane[l] + lane[l + 8];
    for (int l = 0; l < 4; l++)
        sum[l] += sum[l + 4];
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* Sum of n values, n a multiple of DK_LANES. */
DK_BODY double dk_sum(const double *a, size_t n)
{
    double lane[DK_LANES] = {0.0};
    for (size_t i = 0; i < n; i += DK_LANES)
        for (int l = 0; l < DK_LANES; l++)
            lane[l] += a[i + l];
    return dk_sum_lanes(lane);
}

/* Dot product of n values, n a multiple of DK_LANES. */
DK_BODY double dk_dot(const double *a, const double *b, size_t n)
{
    double lane[DK_LANES] = {0.0};
    for (size_t i = 0; i < n; i += DK_LANES)
        for (int l = 0; l < DK_LANES; l++)
            lane[l] += a[i + l] * b[i + l];
    return dk_sum_lanes(lane);
}

#endif
