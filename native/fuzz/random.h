/* Random numbers for the fuzz drivers: xorshift64*, so that one seed replays a run on every machine. In C because
 * hundreds of millions of frames are made from it. */
#ifndef DK_FUZZ_RANDOM_H
#define DK_FUZZ_RANDOM_H

#include <stdint.h> // uint64_t

static uint64_t random_state = 1;

static inline void random_seed(uint64_t seed)
{
    random_state = (seed + 1) * 0x9E3779B97F4A7C15u | 1;
}

static inline uint64_t random_next(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545F4914F6CDD1Du;
}

/* A number from 0 to below - 1. */
static inline uint32_t random_below(uint32_t below)
{
    return (uint32_t)((random_next() >> 32) * below >> 32);
}

#endif
