"""When liquid begins and ends leaving a cup in the air: readable oracle for native/src/pour.c.

The inner load is mass times the specific force along the axis, plus a small offset. While nothing is poured
a Kalman filter learns mass and offset, always a little late so that a beginning pour is not learnt away.
How far the offset wanders from flight to flight is learnt as well, for load cells drift. A clipped CUSUM
watches for missing liquid; then every frame of the last moments is tried as the beginning of a flow, and the
mean over all of them, weighed by how well each explains the load, is the boundary. The end is found in the
same way, time reversed.

Tilt says more and sooner than the load: liquid leaves when the tilt passes what the cup's shape and fill
allow, and stops when the cup has turned back a little. So each frame has a chance beforehand, from the tilt
or, regardless of the tilt, the same for all. Which of the two is believed is learnt from boundary to
boundary, and so is the tilt.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from dexkit.segment.reference.ramp import Despike, clip
from dexkit.segment.reference.tilt import Up, arc_deg, spill_deg

MASK = 127
SPAN_S = (0.0, 0.1, 0.2, 0.4)  # time in which the flow grows to its full size
SPAN_CHANCE = {-1: (0.35, 0.3, 0.2, 0.15), 1: (0.4, 0.3, 0.2, 0.1)}  # of an end, of a begin
LEARN_LATE_S, WINDOW_S = 0.35, 0.7
EVERY = 2  # frames
USUAL_KG_S = 0.08  # size of a flow
OFFSET_N = 0.02  # the offset moves with the tilt by about this
FLIGHT_S, MOST_N = 10.0, 0.3  # how long a flight lasts, about, and how far an offset wanders in it at most
WIDE_DEG = {-1: 1.0, 1: 2.0}  # how closely a boundary follows the tilt
ANY_S = 0.75  # within about this a boundary comes that does not follow the tilt
UPRIGHT_DEG = 10.0  # but no flow begins below this, unless the cup is full
SURE_S, WAIT_S, CLOSE_S = 0.1, 0.14, 0.04
STILL = {-1: 0.03, 1: 0.02}  # told when "not yet" is less likely


class Normal(NamedTuple):
    """Normal equations of load = mass * z + offset."""

    zz: float
    z1: float
    n: float
    fz: float
    f1: float


class Flow(NamedTuple):
    """One flow that explains the load of a window."""

    gain: float  # squares that it explains, in units of the noise
    rate: float  # kg per frame
    mass: float  # kg on the flat side
    odds: float  # Occam's factor: how much of the sizes that were possible the load leaves possible


class Chance(NamedTuple):
    """The chances of a boundary before the load is asked, for a row of frames."""

    any: list[float]  # in this frame, whatever the tilt
    tilted: list[float]  # because the tilt passes the brim in this frame
    beyond: list[float]  # the tilt there, in degrees beyond the limit
    none: float  # not yet


class Edge(NamedTuple):
    """A boundary between flow and no flow: the mean over all explanations."""

    at: float  # frame
    spread: float  # frames, standard deviation
    none: float  # chance that it has not come yet
    tilted: float  # chance that it came because of the tilt
    beyond: float  # degrees beyond the limit there
    best: Flow


@dataclass
class Brim:
    """Where with the tilt a flow usually begins or ends, and how far that can be trusted."""

    deg: float
    trust: float = 0.5

    def believe(self, edge: Edge) -> None:
        """Learn from a boundary how far the tilt can be trusted, and where its brim is."""
        self.trust = max(0.05, min(0.97, edge.tilted))
        self.deg += 0.1 * edge.tilted * (edge.beyond - self.deg)


def flowed(u: float, span: float) -> float:
    """Return what has flowed u frames after the beginning of a flow that grows to 1 within span frames."""
    if u <= 0.0:
        return 0.0
    return u * u / (2.0 * span) if u < span else u - 0.5 * span


def likely(x: float) -> float:
    """Return about exp(-x / 2), with more room for surprises."""
    w = 1.0 / (1.0 + x / 32.0)
    w *= w
    w *= w
    w *= w
    return w * w


class Pour:
    """The liquid of a cup in the air, in frames of about 10 ms."""

    def __init__(
        self,
        rate_hz: float,
        back_deg: float,
        radius_mm: float,
        height_mm: float,
        add: Callable[[str, int, int, int, float], None],
    ) -> None:
        self.rate_hz, self.add = rate_hz, add
        self.radius_m, self.height_m = 0.001 * radius_mm, 0.001 * height_mm
        # Degrees: of an end behind the crest; of a begin beyond what cup and fill allow, for water bulges.
        self.brim = {-1: Brim(-back_deg), 1: Brim(2.0)}
        self.per_frame = int(rate_hz * 0.01 + 0.5) if rate_hz > 150.0 else 1
        self.frame_s = self.per_frame / rate_hz
        self.around = int(0.04 / self.frame_s)  # frames on each side of a tilt
        self.frames = self.count = self.learnt = self.held = self.on = 0
        self.inner, self.up = Despike(usual=0.01), Up()
        self.f, self.z = [0.0] * (MASK + 1), [0.0] * (MASK + 1)
        self.way = [(0.0, 0.0, 0.0)] * (MASK + 1)  # running sums of where up is, for the tilt
        self.mass = self.offset = self.mm = self.mo = 0.0  # kg, N and their covariance
        self.oo = 0.0025
        self.wander, self.landed = 1e-5, 0.0  # N2: square of the offset's way in a flight; N: offset after it
        self.noise2, self.colour = 9e-4 / self.per_frame, 1.5
        self.slow = self.doubt = 0.0
        self.pouring = False
        self.left = self.flow = self.most = self.crest = 0.0

    def lifted(self, values: list[float]) -> None:
        """Begin anew: the cup has left the table, with this row."""
        inner_n, az_ms2 = values[0], values[3]
        self.inner.start(inner_n, self.inner.usual)
        self.late_z = [az_ms2, az_ms2]
        self.up.start(values[1:4])
        self.count = 0
        self.sum_f = self.sum_x = self.sum_y = self.sum_u = self.sum_z = 0.0
        self.mass, self.mm, self.mo = inner_n / 9.81, 0.0025, 0.0
        self.oo += self.wander
        self.noise2 = max(self.noise2, 2e-4 / self.per_frame)
        self.colour, self.slow = max(self.colour, 1.5), 0.0
        self.learnt, self.held, self.doubt, self.pouring = self.frames, 0, 0.0, False

    def stood(self, index: int) -> None:
        """End: the cup stands again."""
        moved = self.offset - self.landed
        self.wander += 0.3 * (min(MOST_N * MOST_N, moved * moved) - self.wander)
        self.landed = self.offset
        if self.pouring:  # the end was not seen
            self.add("pour_off", 0, max(0, index - 2), index, 0.0)
        self.pouring = False

    # ------------------------------------------------------------------------------------------------ tilt

    def tilt_deg(self, frame: int) -> float:
        """Return the angle between axis and vertical, over up to so many frames on each side."""
        h = min(self.around, self.frames - 1 - frame, frame)
        to, start = self.way[(frame + h + 1) & MASK], self.way[(frame - h) & MASK]
        x, y, z = to[0] - start[0], to[1] - start[1], to[2] - start[2]
        size = math.sqrt(x * x + y * y + z * z)
        return arc_deg(clip(z / size, 1.0) if size > 0.0 else 1.0)

    # ---------------------------------------------------------------------------------------- explanations

    def normal(self, first: int, stop: int, known: Normal) -> Normal:
        """Return what is known plus the frames first .. stop - 1."""
        zz, z1, n, fz, f1 = known
        for k in range(first, stop):
            z, f = self.z[k & MASK], self.f[k & MASK]
            zz += z * z
            z1 += z
            n += 1.0
            fz += f * z
            f1 += f
        return Normal(zz, z1, n, fz, f1)

    def explain(self, first: int, stop: int, edge: int, side: int, span: float, sums: Normal) -> Flow | None:
        """Return the flow that begins (side 1) or ends (-1) at frame edge, or None."""
        hz = h1 = hh = hf = 0.0
        for k in range(edge, stop) if side > 0 else range(first, edge):
            z = self.z[k & MASK]
            h = z * flowed(float(side * (k - edge)), span)
            hz += z * h
            h1 += h
            hh += h * h
            hf += h * self.f[k & MASK]
        det = sums.zz * sums.n - sums.z1 * sums.z1
        if not det > 0.0:
            return None
        by_mass, by_offset = (hz * sums.n - h1 * sums.z1) / det, (h1 * sums.zz - hz * sums.z1) / det
        own = hh - by_mass * hz - by_offset * h1  # of h, what mass and offset cannot explain
        evidence = hf - by_mass * sums.fz - by_offset * sums.f1
        if not own > 1e-6 * hh or not -side * evidence > 0.0:
            return None
        noise2, usual = self.noise2 * max(self.colour, 1.0), USUAL_KG_S * self.frame_s
        few = noise2 / (usual * usual)
        return Flow(
            evidence * evidence / (own + few) / noise2,
            -side * evidence / own,
            (sums.fz * sums.n - sums.f1 * sums.z1) / det - by_mass * evidence / own,
            math.sqrt(few / (own + few)),
        )

    def expect(self, candidates: range, side: int, limit: float) -> Chance:
        """Return the chances; side 1 begins while the tilt rises beyond limit, -1 ends behind its crest."""
        brim, wide, left = self.brim[side], WIDE_DEG[side], 1.0
        any_tilt, tilted, beyond = [], [], []
        before = self.tilt_deg(candidates[0]) - limit if candidates else 0.0
        for k in candidates:
            tilt = self.tilt_deg(min(k, self.frames - 1))
            if side < 0:
                limit = max(limit, tilt)
            now = tilt - limit
            middle = 0.5 * (now + before)
            off = (middle - brim.deg) / wide
            passed = 0.3989 / wide * likely(off * off) * max(0.0, side * (now - before))
            passed = min(passed, left)
            left -= passed
            tilted.append(brim.trust * passed)
            beyond.append(middle)
            upright = side > 0 and tilt < UPRIGHT_DEG
            any_tilt.append(0.0 if upright else (1.0 - brim.trust) * self.frame_s / ANY_S)
            before = now
        return Chance(any_tilt, tilted, beyond, brim.trust * left + (1.0 - brim.trust))

    def find_edge(
        self, first: int, stop: int, candidates: range, side: int, sums: Normal, chance: Chance
    ) -> Edge:
        """Try every candidate frame as boundary; an end at frame stop means: not yet."""
        tried = [
            [self.explain(first, stop, at, side, span_s / self.frame_s, sums) for span_s in SPAN_S]
            for at in candidates
        ]
        most = max([0.0, *(one.gain for flows in tried for one in flows if one)])
        none = chance.none * likely(most) if side > 0 else 0.0
        heaviest = total = frames = squares = tilted = beyond = 0.0
        best = Flow(0.0, 0.0, 0.0, 0.0)
        for k, flows in enumerate(tried):
            still = candidates[k] == stop
            before, weight = chance.none if still else chance.any[k] + chance.tilted[k], 0.0
            for j, one in enumerate(flows[:1] if still else flows):
                if one is None:
                    continue
                w = likely(most - one.gain) * one.odds * SPAN_CHANCE[side][j]
                weight += w
                if w * before > heaviest:
                    heaviest, best = w * before, one
            if still:
                none = weight * before
                continue
            w, because = weight * before, weight * chance.tilted[k]
            total += w
            frames += w * k
            squares += w * k * k
            tilted += because
            beyond += because * chance.beyond[k]
        if not total > 0.0:
            return Edge(float(candidates[-1]) if candidates else 0.0, 0.0, 1.0, 0.0, 0.0, best)
        mean = frames / total
        return Edge(
            candidates[0] + mean,
            math.sqrt(max(0.0, squares / total - mean * mean)),
            none / (none + total),
            tilted / total,
            beyond / tilted if tilted > 0.0 else 0.0,
            best,
        )

    def settled(self, edge: Edge, side: int) -> bool:
        """Return whether it is sure, and known closely or as closely as waiting is worth."""
        since_s, spread_s = ((self.frames - 1) - edge.at) * self.frame_s, edge.spread * self.frame_s
        if not edge.none < STILL[side] or since_s < SURE_S:
            return False
        return spread_s < CLOSE_S or since_s - 0.5 * spread_s >= WAIT_S

    def tell(self, kind: str, frame: float, index: int, quality: float) -> None:
        """Tell an event at the middle of a frame."""
        ago = ((self.frames - 1) - frame + 0.5) * self.per_frame
        self.add(kind, 0, int(max(0.0, float(index - 2) - ago + 1.0)), index, quality)

    # ------------------------------------------------------------------------------------- before the pour

    def left_over(self, f: float, z: float) -> tuple[float, float]:
        """Return the load that mass and offset do not explain, and its variance."""
        variance = max(self.noise2, self.noise2 + z * z * self.mm + 2.0 * z * self.mo + self.oo)
        return f - self.mass * z - self.offset, variance

    def learn(self, f: float, z: float) -> None:
        """Learn mass, offset and noise from a frame."""
        e, variance = self.left_over(f, z)
        e = clip(e, 3.0 * math.sqrt(variance))
        by_mass, by_offset = self.mm * z + self.mo, self.mo * z + self.oo
        self.mass += by_mass * e / variance
        self.offset += by_offset * e / variance
        self.mm -= by_mass * by_mass / variance
        self.mo -= by_mass * by_offset / variance
        self.oo += self.wander * self.frame_s / FLIGHT_S - by_offset * by_offset / variance
        self.noise2 = max(1e-9, self.noise2 + (min(e * e, 9.0 * self.noise2) - self.noise2) * self.frame_s)
        self.slow += (e - self.slow) * self.frame_s / 0.1
        colour = self.slow * self.slow * (0.2 / self.frame_s - 1.0) / self.noise2  # 1 for white noise
        self.colour += (min(colour, 20.0) - self.colour) * self.frame_s

    def before_pour(self, f: float, z: float, index: int, touching: bool) -> None:
        """Take a frame while nothing is poured."""
        n, late = self.frames, int(LEARN_LATE_S / self.frame_s)
        if n - self.learnt <= late:
            return
        e, variance = self.left_over(f, z)
        self.doubt = max(0.0, self.doubt + clip((-e if z > 0.0 else e) / math.sqrt(variance), 4.0) - 0.4)
        if self.doubt < 3.0:
            while n - self.learnt > late:
                self.learn(self.f[self.learnt & MASK], self.z[self.learnt & MASK])
                self.learnt += 1
            self.held = 0
            return
        self.held += 1
        if self.held * self.frame_s > 1.0:  # no flow explains it: the mass must be learnt anew
            self.mm += 1e-4
            self.oo += 1e-4
            self.doubt = 0.0
        any_oo = self.oo + OFFSET_N * OFFSET_N
        det = self.mm * any_oo - self.mo * self.mo
        if touching or self.held % EVERY != 1 or not det > 0.0:
            return
        mm, mo = self.noise2 * any_oo / det, -self.noise2 * self.mo / det
        oo = self.noise2 * self.mm / det
        known = Normal(mm, mo, oo, mm * self.mass + mo * self.offset, mo * self.mass + oo * self.offset)
        first = self.learnt if n - self.learnt < MASK - 16 else n - (MASK - 16)
        sums = self.normal(first, n, known)
        candidates = range(first, n - 2)
        begins = self.expect(candidates, 1, spill_deg(self.mass, self.radius_m, self.height_m))
        on = self.find_edge(first, n, candidates, 1, sums, begins)
        if not self.settled(on, 1):
            return
        self.brim[1].believe(on)
        self.pouring, self.on, self.doubt = True, int(on.at), 0.0
        self.flow = self.most = on.best.rate / self.frame_s
        self.left = on.best.mass - on.best.rate * ((n - 1) - on.at)
        self.crest = self.tilt_deg(self.on)
        self.tell("pour_on", on.at, index, 1.0 - on.none)

    # ------------------------------------------------------------------------------------- during the pour

    def flow_drops(self, f: float, z: float) -> bool:
        """Follow mass and flow roughly, well enough to say that the flow has dropped."""
        trust, expected = z * z / (z * z + 25.0), self.left - self.flow * self.frame_s
        e = ((f - self.offset) * z - expected * z * z) / (z * z + 1.0)
        self.left = expected + 0.25 * trust * e
        self.flow -= 0.035 * trust * e / self.frame_s
        self.most = max(self.most, self.flow)
        return self.flow < 0.3 * self.most

    def during_pour(self, f: float, z: float, index: int) -> None:
        """Take a frame while liquid leaves."""
        n, seen = self.frames, self.frames - 1 - self.around
        first = max(n - int(WINDOW_S / self.frame_s), self.on, n - (MASK - 16))
        now_deg = self.tilt_deg(n - 1 - self.around // 2)
        if seen > self.on:
            self.crest = max(self.crest, self.tilt_deg(seen))
        drops = self.flow_drops(f, z)
        edge = first + int(0.06 / self.frame_s)
        if not (drops or self.crest - now_deg > 3.0) or n % EVERY != 0 or edge >= n:
            return
        oo = self.noise2 / (self.oo + OFFSET_N * OFFSET_N)
        sums = self.normal(first, n, Normal(1e-9, 0.0, oo, 0.0, oo * self.offset))
        crest = max([0.0, *(self.tilt_deg(k) for k in range(first, edge + 1))])
        candidates = range(edge, n + 1)
        off = self.find_edge(first, n, candidates, -1, sums, self.expect(candidates, -1, crest))
        if not self.settled(off, -1):
            return
        self.brim[-1].believe(off)
        self.pouring = False
        self.mass, self.mm, self.mo = off.best.mass, 1e-5, 0.0
        self.learnt, self.held = int(off.at) + 1, 0
        self.tell("pour_off", off.at, index, 1.0 - off.none)

    # ----------------------------------------------------------------------------------- samples to frames

    def row(self, index: int, values: list[float], touching: bool) -> None:
        """Take a row in the air: inner load, acceleration, turning.

        While the foot touches something no pour begins.
        """
        self.sum_f += self.inner.next(values[0], self.rate_hz)
        up = self.up.next(values[1:4], values[4:7], self.rate_hz)
        self.sum_x += up[0]
        self.sum_y += up[1]
        self.sum_u += up[2]
        self.sum_z += self.late_z[0]
        self.late_z = [self.late_z[1], values[3]]
        self.count += 1
        if self.count < self.per_frame:
            return
        f, z = self.sum_f / self.per_frame, self.sum_z / self.per_frame
        way = self.way[self.frames & MASK]
        self.way[(self.frames + 1) & MASK] = (way[0] + self.sum_x, way[1] + self.sum_y, way[2] + self.sum_u)
        self.f[self.frames & MASK], self.z[self.frames & MASK] = f, z
        self.frames += 1
        self.count = 0
        self.sum_f = self.sum_x = self.sum_y = self.sum_u = self.sum_z = 0.0
        if self.pouring:
            self.during_pour(f, z, index)
        else:
            self.before_pour(f, z, index, touching)
