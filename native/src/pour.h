/* When liquid begins and ends leaving a cup in the air; see pour.c. */
#ifndef DK_POUR_H
#define DK_POUR_H

#include "ramp.h"
#include "segmenter.h"
#include "tilt.h"

enum { DK_POUR_FRAMES = 128, DK_POUR_SPANS = 4 };

/* Where with the tilt a flow usually begins or ends, and how far that can be trusted. */
typedef struct dk_brim {
    double deg, trust;
} dk_brim;

/* Samples are gathered into frames of about 10 ms; a frame is the mean of its samples. */
typedef struct dk_pour {
    double rate, frame_s, radius_m, height_m;
    dk_brim brim[2]; /* degrees: of an end behind the crest, of a begin beyond what cup and fill allow */
    int64_t per_frame, frames, around; /* samples in a frame, frames so far, frames on each side of a tilt */
    double flowed[DK_POUR_FRAMES][DK_POUR_SPANS]; /* after so many frames, for each span of growth */
    dk_despike inner;
    double late_z[2];                        /* so that the acceleration is as late as the despiked force */
    dk_up up;                                /* where up is, seen from the cup */
    int64_t count;                           /* samples in the open frame, and their sums */
    double sum_f, sum_x, sum_y, sum_u, sum_z;
    double f[DK_POUR_FRAMES], z[DK_POUR_FRAMES]; /* inner load (N), acceleration along the axis (m/s2) */
    double way[DK_POUR_FRAMES][3];               /* running sums of where up is, for the tilt */
    double tilt[DK_POUR_FRAMES];                 /* degrees, of frames that have enough on both sides */

    double mass, offset;                  /* kg and N: load = mass * z + offset */
    double mm, mo, oo, noise2;            /* their covariance; variance of a frame's load */
    double wander, landed;                /* N2: square of the offset's way in a flight; N: offset after it */
    double slow, colour;                  /* slow part of what is left over; how much more than white noise */
    int64_t learnt, held;                 /* first frame not yet learnt; frames that learning has been held */
    double doubt;                         /* clipped CUSUM against "all liquid is still there" */

    int pouring;
    int64_t on;                           /* frame of pour_on */
    double left, flow, most, crest;       /* kg now, kg/s now and at most, largest tilt so far */
} dk_pour;

void dk_pour_init(dk_pour *p, double rate_hz, double back_deg, double radius_mm, double height_mm);
/* The cup has left the table, with this row. */
void dk_pour_lifted(dk_pour *p, const float *values);
/* A row in the air: inner load, acceleration, turning. While the foot touches something no pour begins. */
void dk_pour_row(dk_pour *p, int64_t index, const float *values, int touching, dk_events *events);
/* The cup stands again. */
void dk_pour_stood(dk_pour *p, int64_t index, dk_events *events);

#endif
