/* Where a flow into a glass crosses its limit: a ramp of flow fitted to a stretch of the load. */
#ifndef DK_FLOW_FIT_H
#define DK_FLOW_FIT_H

#include "trace.h"

#define DK_FIT_BINS 192 /* bins that a ramp is fitted to, at most */
#define DK_FIT_STARTS 24
#define DK_FIT_RAMPS 6
#define DK_FIT_PUSHES 3

/* One ramp that was fitted: squared error, place of the crossing in bins, flow, which push. */
typedef struct dk_trial {
    double error, place, flow;
    int push;
} dk_trial;

typedef struct dk_flow_fit {
    double against[DK_FIT_PUSHES]; /* what the boundaries so far say against each push */
    double place, spread, flow;    /* found: bins from the quiet end, bins, N/s */
    double y[DK_FIT_BINS];
    dk_trial tried[DK_FIT_PUSHES * DK_FIT_RAMPS * DK_FIT_STARTS];
} dk_flow_fit;

/* Fits quiet, a ramp of flow, then flow over limit (N/s) to bins begin..end - 1 (at most DK_FIT_BINS), read
 * backwards when way is -1; returns whether there is such a flow. */
int dk_flow_fit_find(dk_flow_fit *f, const dk_trace *t, int64_t begin, int64_t end, int way, double limit);

/* Newtons of the falling stream's push for a flow in N/s, at most. */
double dk_flow_fit_push(double flow);

#endif
