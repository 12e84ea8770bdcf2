"""Where a flow into a glass crosses its limit: readable oracle for native/src/flow_fit.c.

A ramp of flow is fitted to a stretch of the load. For each push, ramp length and start the level and the two
flows follow by least squares, the quiet flow held near zero. The place of the crossing is the mean over all
ramps that fit about as well as the best, each with its weight. The falling stream pushes on the glass like
the liquid of a certain time, its speed over g; that belongs to the set-up, so every boundary says a little
about it to the later ones.
"""

import math
from dataclasses import dataclass

from dexkit.segment.reference.trace import Trace

BINS = 192  # bins that a ramp is fitted to, at most
STARTS = 24  # starts tried
RAMPS_S = (0.03, 0.12, 0.25, 0.45, 0.75, 1.2)  # lengths tried
PUSHES_S = (0.0, 0.06, 0.12)  # pushes tried
PUSH_DOUBT = 8.0  # how slowly the push is believed
QUIET_N_S = 0.35 * 0.00980665  # drift, creep and drips beside a flow


def push(flow: float) -> float:
    """Return newtons of the falling stream's push for a flow in N/s, at most."""
    return PUSHES_S[-1] * flow


@dataclass(frozen=True)
class Trial:
    """One ramp that was fitted: squared error, place of the crossing in bins, flow, which push."""

    error: float
    place: float
    flow: float
    push: int


class FlowFit:
    """Fits ramps of flow; found are place (bins from the quiet end), spread (bins) and flow (N/s)."""

    def __init__(self) -> None:
        self.against = [0.0] * len(PUSHES_S)  # what the boundaries so far say against each push
        self.place = self.spread = self.flow = 0.0

    def find(self, trace: Trace, begin: int, end: int, way: int, limit: float) -> bool:
        """Fit quiet, a ramp, then flow over limit (N/s) to bins begin..end - 1; backwards when way is -1.

        Returns whether there is such a flow.
        """
        n = end - begin
        if n < 6:
            return False
        dt, variance = trace.dt, trace.sigma() * trace.sigma()
        base = trace.at(begin if way > 0 else end - 1)
        mean_t, mean_y, ty, yy = 0.5 * dt * (n - 1), 0.0, 0.0, 0.0
        tt = dt * dt * n * (n * n - 1.0) / 12.0 + variance / (QUIET_N_S * QUIET_N_S)
        y = [trace.at(begin + i) - base if way > 0 else base - trace.at(end - 1 - i) for i in range(n)]
        for i in range(n):
            mean_y += y[i] / n
        for i in range(n):
            y[i] -= mean_y
            ty += (dt * i - mean_t) * y[i]
            yy += y[i] * y[i]
        tried: list[Trial] = []
        best_of = [-1.0] * len(PUSHES_S)
        for ramp_s in RAMPS_S:
            ramp = ramp_s / dt
            for k in range(STARTS):
                # r is the mass that a ramp of flow 1 brings, u the flow itself, from its start on.
                start = k * (n - 3.0) / STARTS
                r1 = rt = rr = ry = u1 = ut = uu = uy = ru = 0.0
                for i in range(int(start) + 1, n):
                    past, time = i - start, dt * i - mean_t
                    u = past / ramp if past < ramp else 1.0
                    r = 0.5 * dt * past * u if past < ramp else dt * (past - 0.5 * ramp)
                    r1 += r
                    rt += r * time
                    rr += r * r
                    ry += r * y[i]
                    u1 += u
                    ut += u * time
                    uu += u * u
                    uy += u * y[i]
                    ru += r * u
                for j, push_s in enumerate(PUSHES_S):
                    p = way * push_s
                    one, pt, py = r1 + p * u1, rt + p * ut, ry + p * uy
                    pp = rr + 2.0 * p * ru + p * p * uu - one * one / n
                    determinant = tt * pp - pt * pt
                    if not determinant > 1e-9 * tt * pp:
                        continue
                    quiet = (ty * pp - py * pt) / determinant
                    more = (py * tt - ty * pt) / determinant
                    place = start + ramp * (limit - quiet) / more if more > 0.0 else n
                    if quiet >= limit or quiet + more <= limit or place >= n:
                        continue
                    error = max(yy - quiet * ty - more * py, 0.0)
                    tried.append(Trial(error, place, quiet + more, j))
                    if best_of[j] < 0.0 or error < best_of[j]:
                        best_of[j] = error
        return self.weigh(tried, best_of, variance, n)

    def weigh(self, tried: list[Trial], best_of: list[float], variance: float, n: int) -> bool:
        """Average the places, and believe the pushes a little more or less; return whether anything fits."""
        best = least = -1.0
        for error in best_of:
            if error >= 0.0 and (best < 0.0 or error < best):
                best = error
        if best < 0.0:
            return False
        unit = max(variance, best / n)
        for trial in tried:
            doubted = trial.error / unit + self.against[trial.push]
            if least < 0.0 or doubted < least:
                least = doubted
        total = place = square = flow = 0.0
        for trial in tried:
            weight = 1.0 - (trial.error / unit + self.against[trial.push] - least) / 9.0
            if weight > 0.0:
                weight *= weight
                total += weight
                place += weight * trial.place
                square += weight * trial.place * trial.place
                flow += weight * trial.flow
        self.place, self.flow = place / total, flow / total
        self.spread = math.sqrt(max(0.0, square / total - self.place * self.place))
        for j, error in enumerate(best_of):
            self.against[j] += 4.0 if error < 0.0 else min((error - best) / unit / PUSH_DOUBT, 4.0)
        likeliest = min(self.against)
        for j in range(len(PUSHES_S)):
            self.against[j] = min(self.against[j] - likeliest, 30.0)
        return True
