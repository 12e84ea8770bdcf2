/* CRC-32 (IEEE) by carry-less multiplication, by the processor's own instruction, or by tables. In C because
 * the checksum decides how fast an archive can be decoded: the byte table alone would take most of the time. */
#include "crc32.h"
#include "dexkit.h"

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define DK_FOLDING 1
#include <immintrin.h> // _mm_clmulepi64_si128, _mm256_clmulepi64_epi128
#endif
#if defined(__ARM_FEATURE_CRC32) && !defined(__ARM_BIG_ENDIAN)
#define DK_INSTRUCTION 1
#include <arm_acle.h> // __crc32d
#include <string.h>   // memcpy
#endif

/* ---- Tables: eight bytes a step, for every machine ---------------------------------------------------- */

/* The register is linear: what a byte does to it is the exclusive-or of what its bits do. */
#define BYTE(b, c0, c1, c2, c3, c4, c5, c6, c7)                                                          \
    (((b) & 1 ? c0 : 0) ^ ((b) & 2 ? c1 : 0) ^ ((b) & 4 ? c2 : 0) ^ ((b) & 8 ? c3 : 0) ^                 \
     ((b) & 16 ? c4 : 0) ^ ((b) & 32 ? c5 : 0) ^ ((b) & 64 ? c6 : 0) ^ ((b) & 128 ? c7 : 0))
#define BYTES_4(b, ...)                                                                                  \
    BYTE(b, __VA_ARGS__), BYTE((b) + 1, __VA_ARGS__), BYTE((b) + 2, __VA_ARGS__), BYTE((b) + 3, __VA_ARGS__)
#define BYTES_16(b, ...)                                                                                 \
    BYTES_4(b, __VA_ARGS__), BYTES_4((b) + 4, __VA_ARGS__), BYTES_4((b) + 8, __VA_ARGS__),               \
        BYTES_4((b) + 12, __VA_ARGS__)
#define BYTES_64(b, ...)                                                                                 \
    BYTES_16(b, __VA_ARGS__), BYTES_16((b) + 16, __VA_ARGS__), BYTES_16((b) + 32, __VA_ARGS__),          \
        BYTES_16((b) + 48, __VA_ARGS__)
#define TABLE(...)                                                                                       \
    {                                                                                                    \
        BYTES_64(0, __VA_ARGS__), BYTES_64(64, __VA_ARGS__), BYTES_64(128, __VA_ARGS__),                 \
            BYTES_64(192, __VA_ARGS__)                                                                   \
    }

/* table[k][b]: the register after byte b and k zero bytes. The numbers are those of the single bits. */
static const uint32_t table[8][256] = {
    TABLE(0x77073096, 0xEE0E612C, 0x076DC419, 0x0EDB8832,
          0x1DB71064, 0x3B6E20C8, 0x76DC4190, 0xEDB88320),
    TABLE(0x191B3141, 0x32366282, 0x646CC504, 0xC8D98A08,
          0x4AC21251, 0x958424A2, 0xF0794F05, 0x3B83984B),
    TABLE(0x01C26A37, 0x0384D46E, 0x0709A8DC, 0x0E1351B8,
          0x1C26A370, 0x384D46E0, 0x709A8DC0, 0xE1351B80),
    TABLE(0xB8BC6765, 0xAA09C88B, 0x8F629757, 0xC5B428EF,
          0x5019579F, 0xA032AF3E, 0x9B14583D, 0xED59B63B),
    TABLE(0x3D6029B0, 0x7AC05360, 0xF580A6C0, 0x30704BC1,
          0x60E09782, 0xC1C12F04, 0x58F35849, 0xB1E6B092),
    TABLE(0xCB5CD3A5, 0x4DC8A10B, 0x9B914216, 0xEC53826D,
          0x03D6029B, 0x07AC0536, 0x0F580A6C, 0x1EB014D8),
    TABLE(0xA6770BB4, 0x979F1129, 0xF44F2413, 0x33EF4E67,
          0x67DE9CCE, 0xCFBD399C, 0x440B7579, 0x8816EAF2),
    TABLE(0xCCAA009E, 0x4225077D, 0x844A0EFA, 0xD3E51BB5,
          0x7CBB312B, 0xF9766256, 0x299DC2ED, 0x533B85DA),
};

uint32_t dk_crc32_byte(uint32_t reg, uint8_t byte)
{
    return reg >> 8 ^ table[0][(reg ^ byte) & 255];
}

static uint32_t one_by_table(uint32_t reg, const uint8_t *p, size_t n)
{
    for (const uint8_t *end = p + n; p < end; p += 8)
        reg = table[7][p[0] ^ (reg & 255)] ^ table[6][p[1] ^ (reg >> 8 & 255)] ^
              table[5][p[2] ^ (reg >> 16 & 255)] ^ table[4][p[3] ^ (reg >> 24)] ^ table[3][p[4]] ^
              table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
    return reg;
}

static void pair_by_table(uint32_t reg[2], const uint8_t *a, const uint8_t *b, size_t n)
{
    reg[0] = one_by_table(reg[0], a, n);
    reg[1] = one_by_table(reg[1], b, n);
}

/* ---- Carry-less multiplication: sixteen bytes a step --------------------------------------------------- */

#ifdef DK_FOLDING
/* V. Gopal et al., "Fast CRC computation for generic polynomials using PCLMULQDQ", Intel 2009, with bits
 * reflected. The constants are powers of x modulo the polynomial: x^160 and x^96 carry 128 bits over the next
 * block, x^96 also the older half of the last 128 over the newer. What is left are 96 bits; the multiple of the
 * polynomial that is equal in the older 64, found with its inverse modulo x^64, leaves the register. */
#define OVER_OLDER 0x1751997D0
#define OVER_NEWER 0x0CCAA009E
#define POLYNOMIAL 0x1DB710641
#define INVERSE 0xB4E5B025F7011641

__attribute__((target("pclmul,sse4.1"))) static uint32_t one_by_folding(uint32_t reg, const uint8_t *p, size_t n)
{
    const __m128i over_block = _mm_set_epi64x(OVER_NEWER, OVER_OLDER);
    const __m128i barrett = _mm_set_epi64x(POLYNOMIAL, (long long)INVERSE);
    if (n == 0)
        return reg;
    __m128i x = _mm_xor_si128(_mm_loadu_si128((const void *)p), _mm_cvtsi32_si128((int)reg));
    for (const uint8_t *end = p + n, *next = p + 16; next < end; next += 16) {
        __m128i older = _mm_clmulepi64_si128(x, over_block, 0x00);
        __m128i newer = _mm_clmulepi64_si128(x, over_block, 0x11);
        x = _mm_xor_si128(_mm_xor_si128(older, newer), _mm_loadu_si128((const void *)next));
    }
    x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, over_block, 0x10));
    __m128i quotient = _mm_clmulepi64_si128(x, barrett, 0x00);
    x = _mm_xor_si128(x, _mm_clmulepi64_si128(quotient, barrett, 0x10));
    return (uint32_t)_mm_extract_epi32(x, 2);
}

static void pair_by_folding(uint32_t reg[2], const uint8_t *a, const uint8_t *b, size_t n)
{
    reg[0] = one_by_folding(reg[0], a, n);
    reg[1] = one_by_folding(reg[1], b, n);
}

/* As one_by_folding, in the halves of a register. */
__attribute__((target("vpclmulqdq,avx2"))) static void pair_by_wide_folding(uint32_t reg[2], const uint8_t *a,
                                                                          const uint8_t *b, size_t n)
{
    const __m256i over_block = _mm256_set_epi64x(OVER_NEWER, OVER_OLDER, OVER_NEWER, OVER_OLDER);
    const __m256i barrett =
        _mm256_set_epi64x(POLYNOMIAL, (long long)INVERSE, POLYNOMIAL, (long long)INVERSE);
    if (n == 0)
        return;
    __m256i x = _mm256_xor_si256(_mm256_loadu2_m128i((const void *)b, (const void *)a),
                                 _mm256_set_epi32(0, 0, 0, (int)reg[1], 0, 0, 0, (int)reg[0]));
    for (size_t i = 16; i < n; i += 16) {
        __m256i older = _mm256_clmulepi64_epi128(x, over_block, 0x00);
        __m256i newer = _mm256_clmulepi64_epi128(x, over_block, 0x11);
        x = _mm256_xor_si256(_mm256_xor_si256(older, newer),
                             _mm256_loadu2_m128i((const void *)(b + i), (const void *)(a + i)));
    }
    x = _mm256_xor_si256(_mm256_srli_si256(x, 8), _mm256_clmulepi64_epi128(x, over_block, 0x10));
    __m256i quotient = _mm256_clmulepi64_epi128(x, barrett, 0x00);
    x = _mm256_xor_si256(x, _mm256_clmulepi64_epi128(quotient, barrett, 0x10));
    reg[0] = (uint32_t)_mm256_extract_epi32(x, 2);
    reg[1] = (uint32_t)_mm256_extract_epi32(x, 6);
}
#endif

/* ---- The processor's own instruction (ARM) -------------------------------------------------------------- */

#ifdef DK_INSTRUCTION
static void pair_by_instruction(uint32_t reg[2], const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word[2];
        memcpy(&word[0], a + i, 8);
        memcpy(&word[1], b + i, 8);
        reg[0] = __crc32d(reg[0], word[0]);
        reg[1] = __crc32d(reg[1], word[1]);
    }
}
#endif

dk_crc32_pair *dk_crc32_best(void)
{
#if defined(DK_FOLDING)
    if (__builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx2"))
        return pair_by_wide_folding;
    if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"))
        return pair_by_folding;
#elif defined(DK_INSTRUCTION)
    return pair_by_instruction;
#endif
    return pair_by_table;
}

uint32_t dk_crc32(const uint8_t *bytes, size_t n, int portable)
{
    dk_crc32_pair *pair = portable ? pair_by_table : dk_crc32_best();
    size_t odd = n % 16;
    uint32_t reg = 0xFFFFFFFFu;
    for (size_t i = 0; i < odd; i++)
        reg = dk_crc32_byte(reg, bytes[i]);
    uint32_t both[2] = {reg, reg};
    pair(both, bytes + odd, bytes + odd, n - odd);
    return ~both[0];
}
