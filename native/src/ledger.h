/* The pegs on their way, and how long this person usually takes. In C with the pegboard's segmenter. */
#ifndef DK_LEDGER_H
#define DK_LEDGER_H

#include "tray.h"

/* Pegs that are neither in the tray nor in a hole: in a hand until they are out for too long. */
typedef struct ledger {
    int64_t verdict;      /* samples by which everything about a transfer is known */
    double usual, spread; /* samples of a transfer, and how far from it this person usually is */
    int64_t transfers;
    int64_t since[TRAY_PEGS]; /* when each peg in a hand left its place; the newest last */
    int64_t n;            /* how many these are */
    int64_t missing;
    int64_t unseen;       /* pegs that arrived without having been seen to leave */
} ledger;

void ledger_init(ledger *l, double rate_hz);

/* The pegs that could arrive. */
int64_t ledger_out(const ledger *l);

/* A peg leaves its place; one that has already arrived elsewhere is settled. */
void ledger_leaves(ledger *l, int64_t now);

/* A peg arrives: the one that left last, else a missing one. */
void ledger_arrives(ledger *l, int64_t now);

/* The peg that left last, and any taken with it, is in a hand that works at a hole. */
void ledger_at_work(ledger *l, int64_t now);

/* Takes one peg as missing that is out for longer than usual; says since when it is, or -1. */
int64_t ledger_overdue(ledger *l, int64_t now);

#endif
