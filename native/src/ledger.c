/* The pegs on their way; ledger.h says what that is. In C with the pegboard's segmenter. */
#include <math.h> // fabs, floor
#include "ledger.h"

/* Seconds by which everything about a transfer is known, the tray's verdict last. */
static const double VERDICT_S = 1.5;
/* A usual transfer, and how far from it one usually is, before any has been seen. */
static const double USUAL_S = 1.5, SPREAD_S = 0.75;

void ledger_init(ledger *l, double rate_hz)
{
    l->verdict = (int64_t)floor(VERDICT_S * rate_hz);
    l->usual = USUAL_S * rate_hz;
    l->spread = SPREAD_S * rate_hz;
}

int64_t ledger_out(const ledger *l)
{
    return l->n + l->missing;
}

void ledger_leaves(ledger *l, int64_t now)
{
    if (l->unseen > 0)
        l->unseen--;
    else if (l->n < TRAY_PEGS)
        l->since[l->n++] = now;
}

static void learn(ledger *l, int64_t transfer)
{
    if (l->transfers < 8)
        l->transfers++;
    double off = (double)(transfer > 0 ? transfer : 0) - l->usual;
    l->usual += off / (double)(l->transfers + 1);
    l->spread += (fabs(off) - l->spread) / (double)(l->transfers + 1);
}

void ledger_arrives(ledger *l, int64_t now)
{
    if (l->n > 0)
        learn(l, now - l->since[--l->n]);
    else if (l->missing > 0)
        l->missing--;
    else if (l->unseen < TRAY_PEGS)
        l->unseen++;
}

void ledger_at_work(ledger *l, int64_t now)
{
    int64_t newest = l->n > 0 ? l->since[l->n - 1] : now;
    for (int64_t i = 0; i < l->n; i++)
        if (l->since[i] == newest)
            l->since[i] = now;
}

int64_t ledger_overdue(ledger *l, int64_t now)
{
    if (l->n == 0)
        return -1;
    double rare = l->usual + 4.0 * l->spread, twice = 2.0 * l->usual;
    int64_t since = l->since[0] + (int64_t)floor(rare > twice ? rare : twice);
    if (now < since + l->verdict)
        return -1;
    l->n--;
    for (int64_t i = 0; i < l->n; i++)
        l->since[i] = l->since[i + 1];
    if (l->missing < TRAY_PEGS)
        l->missing++;
    return since;
}
