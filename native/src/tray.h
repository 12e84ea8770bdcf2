/* The peg tray on its load cell: counts the pegs that come and go, from one force. In C with the pegboard's
 * segmenter, of which it is the larger half. */
#ifndef DK_TRAY_H
#define DK_TRAY_H

#include <stdint.h> // int64_t

enum {
    TRAY_WINDOW = 5,    /* blocks over which calm is judged: whole periods of 50 and 60 Hz */
    TRAY_MEMORY = 4096, /* samples that can be looked at again; a power of two */
    TRAY_PEGS = 9,      /* pegs that belong to the board */
};

/* What the tray says of one peg: it came (+1) or was taken (-1); first contact or end of contact. */
typedef struct tray_peg {
    int sign;
    int64_t index;
    double quality;
} tray_peg;

/* All that the tray says at once. */
typedef struct tray_verdict {
    int n;
    tray_peg peg[TRAY_PEGS + 1];
} tray_verdict;

/* The tray is calm at a known level, or something happens: an episode begins. An episode ends when the force
 * has been calm again for long enough at a level that is a whole number of pegs away from the one before. */
typedef struct tray {
    int64_t block;     /* samples in a block, the grain in which the tray is judged */
    double per_s;      /* blocks in a second */
    double calmest;    /* noise over the variance of the calmest of some windows */
    double calm_limit; /* no calm window varies by more than this, over noise */
    int64_t first;     /* first sample measured, or -1 */
    double zero;       /* its value: sums are taken from here */
    int64_t n;         /* samples in the open block */
    double sum, square;
    double sums[TRAY_WINDOW], squares[TRAY_WINDOW]; /* of the last blocks, oldest first */
    int64_t blocks;    /* blocks done */
    double mean, var, trend; /* of the window */
    double noise_var, noise_n;
    int64_t heard;     /* calm windows that the noise rests on */
    double alarm_n;    /* a sample this far off the calm level begins an episode */
    int calm;          /* the level is known and nothing happens */
    double level;
    int64_t level_blocks; /* blocks that the level rests on; 0 before the first calm */
    int64_t began;     /* first sample of the episode */
    int64_t settled;   /* sample at which the present or last calm began to count */
    int64_t calm_blocks; /* length of the calm at the episode's end */
    double calm_mean;
    int64_t restless;  /* blocks since the last calm window */
    double peg_n;      /* weight of one peg; 0 while unknown */
    int64_t learnt;    /* steps that the weight rests on */
    tray_peg first_peg; /* what was said of the first of them */
    double memory[TRAY_MEMORY];
} tray;

/* The tray before its first sample; the memory is zeroed already. */
void tray_init(tray *t, double rate_hz);

/* Takes the force at sample now, while `out` pegs could come; fills the verdict, often with nothing. */
void tray_step(tray *t, double value, int64_t now, int64_t out, tray_verdict *verdict);

/* The force at sample now was not measured: the memory holds the one before, nothing is judged by it. */
void tray_hold(tray *t, int64_t now);

/* The stream has ended after sample `last`: says what a calm that had begun, but not lasted, tells. */
void tray_finish(tray *t, int64_t last, tray_verdict *verdict);

#endif
