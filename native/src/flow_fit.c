/* Where a flow into a glass crosses its limit: a ramp of flow fitted to a stretch of the load. In C because
 * each boundary tries some hundred ramps. Bit for bit the twin of host/dexkit/segment/reference/flow_fit.py.
 *
 * For each push, ramp length and start the level and the two flows follow by least squares, the quiet flow
 * held near zero. The place of the crossing is the mean over all ramps that fit about as well as the best, each
 * with its weight. The falling stream pushes on the glass like the liquid of a certain time, its speed over g;
 * that belongs to the set-up, so every boundary says a little about it to the later ones. */
#include "flow_fit.h"
#include <math.h> // sqrt
#include "number.h"

static const double RAMPS_S[DK_FIT_RAMPS] = {0.03, 0.12, 0.25, 0.45, 0.75, 1.2}; /* lengths tried */
static const double PUSHES_S[DK_FIT_PUSHES] = {0.0, 0.06, 0.12};                 /* pushes tried */
#define PUSH_DOUBT 8.0                   /* how slowly the push is believed */
#define QUIET_N_S (0.35 * 0.00980665) /* drift, creep and drips beside a flow */

double dk_flow_fit_push(double flow)
{
    return PUSHES_S[DK_FIT_PUSHES - 1] * flow;
}

/* Averages the places, and believes the pushes a little more or less; returns whether anything fits. */
static int weigh(dk_flow_fit *f, int n_tried, const double *best_of, double variance, int n)
{
    double best = -1.0, least = -1.0, likeliest = -1.0;
    for (int j = 0; j < DK_FIT_PUSHES; j++)
        if (best_of[j] >= 0.0 && (best < 0.0 || best_of[j] < best))
            best = best_of[j];
    if (best < 0.0)
        return 0;
    double unit = dk_larger(variance, best / n);
    for (int k = 0; k < n_tried; k++) {
        double doubted = f->tried[k].error / unit + f->against[f->tried[k].push];
        if (least < 0.0 || doubted < least)
            least = doubted;
    }
    double total = 0.0, place = 0.0, square = 0.0, flow = 0.0;
    for (int k = 0; k < n_tried; k++) {
        const dk_trial *t = &f->tried[k];
        double weight = 1.0 - (t->error / unit + f->against[t->push] - least) / 9.0;
        if (weight > 0.0) {
            weight *= weight;
            total += weight;
            place += weight * t->place;
            square += weight * t->place * t->place;
            flow += weight * t->flow;
        }
    }
    f->place = place / total;
    f->flow = flow / total;
    f->spread = sqrt(dk_larger(0.0, square / total - f->place * f->place));
    for (int j = 0; j < DK_FIT_PUSHES; j++) {
        f->against[j] += best_of[j] < 0.0 ? 4.0 : dk_smaller((best_of[j] - best) / unit / PUSH_DOUBT, 4.0);
        if (likeliest < 0.0 || f->against[j] < likeliest)
            likeliest = f->against[j];
    }
    for (int j = 0; j < DK_FIT_PUSHES; j++)
        f->against[j] = dk_smaller(f->against[j] - likeliest, 30.0);
    return 1;
}

int dk_flow_fit_find(dk_flow_fit *f, const dk_trace *t, int64_t begin, int64_t end, int way, double limit)
{
    int n = (int)(end - begin), n_tried = 0;
    if (n < 6)
        return 0;
    double dt = t->dt, variance = dk_trace_sigma(t) * dk_trace_sigma(t), *y = f->y;
    double base = dk_trace_at(t, way > 0 ? begin : end - 1);
    double mean_t = 0.5 * dt * (n - 1), mean_y = 0.0, ty = 0.0, yy = 0.0;
    double tt = dt * dt * n * ((double)n * n - 1.0) / 12.0 + variance / (QUIET_N_S * QUIET_N_S);
    for (int i = 0; i < n; i++)
        y[i] = way > 0 ? dk_trace_at(t, begin + i) - base : base - dk_trace_at(t, end - 1 - i);
    for (int i = 0; i < n; i++)
        mean_y += y[i] / n;
    for (int i = 0; i < n; i++) {
        y[i] -= mean_y;
        ty += (dt * i - mean_t) * y[i];
        yy += y[i] * y[i];
    }
    double best_of[DK_FIT_PUSHES];
    for (int j = 0; j < DK_FIT_PUSHES; j++)
        best_of[j] = -1.0;
    for (int m = 0; m < DK_FIT_RAMPS; m++) {
        double ramp = RAMPS_S[m] / dt;
        for (int k = 0; k < DK_FIT_STARTS; k++) {
            /* r is the mass that a ramp of flow 1 brings, u the flow itself, from its start on. */
            double start = k * (n - 3.0) / DK_FIT_STARTS;
            double r1 = 0.0, rt = 0.0, rr = 0.0, ry = 0.0, u1 = 0.0, ut = 0.0, uu = 0.0, uy = 0.0, ru = 0.0;
            for (int i = (int)start + 1; i < n; i++) {
                double past = i - start, time = dt * i - mean_t;
                double u = past < ramp ? past / ramp : 1.0;
                double r = past < ramp ? 0.5 * dt * past * u : dt * (past - 0.5 * ramp);
                r1 += r;
                rt += r * time;
                rr += r * r;
                ry += r * y[i];
                u1 += u;
                ut += u * time;
                uu += u * u;
                uy += u * y[i];
                ru += r * u;
            }
            for (int j = 0; j < DK_FIT_PUSHES; j++) {
                double push = way * PUSHES_S[j];
                double one = r1 + push * u1, pt = rt + push * ut, py = ry + push * uy;
                double pp = rr + 2.0 * push * ru + push * push * uu - one * one / n;
                double determinant = tt * pp - pt * pt;
                if (!(determinant > 1e-9 * tt * pp))
                    continue;
                double quiet = (ty * pp - py * pt) / determinant, more = (py * tt - ty * pt) / determinant;
                double place = more > 0.0 ? start + ramp * (limit - quiet) / more : n;
                if (quiet >= limit || quiet + more <= limit || place >= n)
                    continue;
                double error = dk_larger(yy - quiet * ty - more * py, 0.0);
                f->tried[n_tried++] = (dk_trial){error, place, quiet + more, j};
                if (best_of[j] < 0.0 || error < best_of[j])
                    best_of[j] = error;
            }
        }
    }
    return weigh(f, n_tried, best_of, variance, n);
}
