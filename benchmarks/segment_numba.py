"""The cup's contacts in numba, the very algorithm of native/src/cup.c: the peer to beat in speed."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LIFT, PUT, BUMP, FAILED = 1, 2, 5, 6
MASK = 4095
QUARTER = (0.25, 0.32635, 0.35944, 0.37857)
PART, LEAST_N, MOST_NOISE, BORNE = 0.65, 0.05, 0.03, 0.15
BOUNCE_S, SEEN_S, SOFT_S, BUMP_S, LIGHT_N, DRIFT_N_S = 0.08, 0.01, 0.03, 0.3, 0.75, 0.03
REACH = 4024  # samples back that the ring surely holds


@njit(inline="always")
def clip(x, limit):
    return max(-limit, min(limit, x))


@njit(inline="always")
def median5(a, b, c, d, e):
    lo = max(min(a, b), min(c, d))
    hi = min(max(a, b), max(c, d))
    low, high = min(lo, hi), max(lo, hi)
    return low if e < low else high if e > high else e


@njit
def step(order, u):
    if u <= 0.0:
        return 0.0
    if u >= 1.0:
        return 1.0
    if order == 0:
        return u
    if order == 1:
        return u * u * (3.0 - 2.0 * u)
    if order == 2:
        return u * u * u * (10.0 + u * (6.0 * u - 15.0))
    return u * u * u * u * (35.0 + u * (u * (70.0 - 20.0 * u) - 84.0))


@njit
def step_slope(order, u):
    if u <= 0.0 or u >= 1.0:
        return 0.0
    v = u * (1.0 - u)
    if order == 0:
        return 1.0
    if order == 1:
        return 6.0 * v
    if order == 2:
        return 30.0 * v * v
    return 140.0 * v * v * v


@njit
def fit(ring, first, stop, low, span, side, order, foot, length):
    total = 0.0
    for turn in range(8):
        aa = ab = bb = ar = br = total = 0.0
        for i in range(first, stop):
            u = side * (i - foot) / length
            rest = ring[i & MASK] - low - span * step(order, u)
            slope = span * step_slope(order, u) / length
            a, b = -side * slope, -u * slope
            aa += a * a
            ab += a * b
            bb += b * b
            ar += a * rest
            br += b * rest
            total += rest * rest
        det = aa * bb - ab * ab
        if turn == 7 or not det > 1e-9 * aa * bb:
            break
        later = clip((ar * bb - br * ab) / det, 0.5 * length)
        longer = clip((br * aa - ar * ab) / det, 0.5 * length)
        if abs(later) < 0.01 and abs(longer) < 0.01:
            break
        foot += later
        length = max(1.0, length + longer)
    return foot, total


@njit
def foot_of(ring, first, stop, low, high, side, rate):
    span, n = high - low, float(stop - first)
    quarter = half = -1.0
    for j in range(stop - first):
        i = first + j if side > 0 else stop - 1 - j
        part = (ring[i & MASK] - low) / span
        if quarter < 0.0 and part >= 0.25:
            quarter = float(i)
        if part >= 0.5:
            half = float(i)
            break
    end = float(stop - 1 if side > 0 else first)
    quarter = end if quarter < 0.0 else quarter
    half = end if half < 0.0 else half
    feet, totals = np.empty(4), np.empty(4)
    for order in range(4):
        length = max(1.0, side * (half - quarter) / (0.5 - QUARTER[order]))
        feet[order], totals[order] = fit(
            ring, first, stop, low, span, side, order, quarter - side * QUARTER[order] * length, length
        )
    best = totals.min()
    weights = mean = 0.0
    for order in range(4):
        worse = 1.0 + (totals[order] - best) / (best / n + 1e-12) / 8.0
        w = worse * worse * worse * worse
        weights += 1.0 / (w * w)
        mean += feet[order] / (w * w)
    foot = mean / weights + 0.5
    earliest = max(0.0, first - rate)
    return int(earliest if foot < earliest else float(stop - 1) if foot > stop - 1 else foot)


@njit
def mean_of(ring, first, stop):
    total = 0.0
    for i in range(first, stop):
        total += ring[i & MASK]
    return total / (stop - first)


@njit
def before(i, seconds, rate):
    return max(0, i - min(int(seconds * rate), REACH))


@njit
def change(ring, i, rate):
    first = before(i, 0.1, rate)
    middle = (first + i + 1) // 2
    return abs(mean_of(ring, first, middle) - mean_of(ring, middle, i + 1)) if middle > first else 0.0


@njit
def rise(ring, start, first, stop, low, high, noise, rate):
    peak, droop = low, max(0.05 * (high - low), 4.0 * noise)
    k = top = start
    while k < stop:
        y = ring[k & MASK]
        if y > peak:
            peak, top = y, k
        if y > low + PART * (high - low) or y < peak - droop:
            break
        k += 1
    if peak < low + PART * (high - low):
        high, k = max(low + LEAST_N, peak), top
    return foot_of(ring, max(first, before(start, 0.25, rate)), k + 1, low, high, 1, rate)


@njit
def put(ring, i, begin, low, high, noise, rate):
    touch = low + max(5.0 * noise, 0.05 * (high - low))
    first = max(before(begin, 0.25, rate), before(i, 1e9, rate))
    start, index, touched = i, i, -1
    while True:
        borne = low
        while start > first and ring[(start - 1) & MASK] > touch:
            start -= 1
            borne = max(borne, ring[start & MASK])
        if touched >= 0 and borne < low + BORNE * (high - low):
            return touched
        end = start - 1
        while end > first and ring[end & MASK] <= touch:
            end -= 1
        index = rise(ring, start, max(end, first), i, low, high, noise, rate)
        if end <= first or index - end > (BOUNCE_S + SOFT_S) * rate:
            return index
        touched = index if index - end > (BOUNCE_S + SEEN_S) * rate else -1
        start = end


@njit
def lift(ring, i, low, high, rate):
    first, k = before(i, 1.5, rate), i
    while k > first and ring[k & MASK] < low + PART * (high - low):
        k -= 1
    return foot_of(ring, k, i + 1, low, high, -1, rate)


@njit
def contacts(table: NDArray[np.float32], rate: float) -> NDArray[np.int64]:
    """Return (kind, index) of lifts, puts, bumps and failed lifts in the order in which they became known.

    table: the cup's eight columns, of which the first is the foot's force.
    """
    found = np.empty((4096, 2), np.int64)
    count = 0
    ring = np.zeros(MASK + 1)
    started = standing = zero_known = False
    zero, level, weight, noise, usual = 0.0, 0.0, 0.0, 0.02, 0.02
    begin, last_out, put_at = -1, 0, -int(10.0 * rate)
    total = size = in_air = 0.0
    share, pace, noise_share = 1.0 / rate, 1.0 / (0.3 * rate), 1.0 / (0.5 * rate)
    drift_most = DRIFT_N_S / rate
    a = b = c = d = e = float(table[0, 0])
    held = a
    for n in range(len(table)):
        x = float(table[n, 0])
        held = x if np.isfinite(x) else held
        a, b, c, d, e = b, c, d, e, held
        y = median5(a, b, c, d, e)
        away = abs(c - y)
        spike = away > 6.0 * usual
        if spike:
            usual *= 1.0 + 5.0 * share
        else:
            usual = (1.0 - share) * usual + share * away
        i = n - 2
        if i < 0:
            continue
        ring[i & MASK] = y if spike else c
        if not started:
            if i >= 0.2 * rate:
                first_n = mean_of(ring, 0, i + 1)
                started, standing = True, first_n > LIGHT_N
                if standing:
                    level, weight = first_n, max(LEAST_N, first_n)
                else:
                    zero, zero_known = first_n, True
        elif standing:
            off = y - level
            band = max(max(5.0 * noise, 0.04 * weight), 0.04)
            if begin < 0:
                if abs(off) <= band:
                    zero += clip(pace * off, drift_most)
                    level = (1.0 - pace) * level + pace * y
                    weight = max(LEAST_N, level - zero)
                    noise = min((1.0 - noise_share) * noise + noise_share * abs(off), MOST_NOISE * weight)
                    continue
                begin, total, size, in_air = i, 0.0, 0.0, 0.0
            total += off
            size = max(size, abs(off))
            if abs(off) > band:
                last_out = i
            elif i - last_out >= 0.04 * rate:
                if last_out + 1 - begin < BUMP_S * rate:
                    found[count] = (BUMP, begin)
                    count += 1
                elif total < 0.0:
                    found[count] = (FAILED, begin)
                    count += 1
                begin = -1
                continue
            age_s, part = (i - begin) / rate, (y - zero) / weight
            needed_s = 0.12 + (15.0 if zero_known else 6.0) * max(part - 0.04, 0.0)
            in_air = 0.0 if part > 0.4 else in_air + 1.0 / rate / needed_s
            if in_air >= 1.0 and age_s >= BUMP_S:
                high = level
                low = min(high - LEAST_N, mean_of(ring, before(i, 0.06, rate), i + 1))
                found[count] = (LIFT, lift(ring, i, low, high, rate))
                count += 1
                standing, zero, zero_known, begin = False, low, True, -1
            elif (
                part > 0.4
                and age_s > 0.1
                and (age_s > 3.0 or i - put_at < rate)
                and change(ring, i, rate) < max(3.0 * noise, 0.03 * weight)
            ):
                level = mean_of(ring, before(i, 0.1, rate), i + 1)
                weight = max(LEAST_N, level - zero)
                begin = -1
        else:
            off, touch = y - zero, max(max(6.0 * noise, 0.1 * weight), 0.1)
            if begin < 0:
                if off <= touch:
                    zero = max((1.0 - pace) * zero + pace * y, zero - pace * touch)
                    continue
                begin, size = i, 0.0
            size = max(size, off)
            if off > touch:
                last_out = i
            elif i - last_out > (BOUNCE_S + 0.15) * rate:
                if last_out + 1 - begin < BUMP_S * rate:
                    found[count] = (BUMP, begin)
                    count += 1
                begin = -1
                continue
            settled = off > max(2.0 * touch, 0.3) and (i - begin) / rate > 0.12
            if settled and change(ring, i, rate) < max(3.0 * noise, 0.05 * off):
                high = max(zero + LEAST_N, mean_of(ring, before(i, 0.08, rate), i + 1))
                found[count] = (PUT, put(ring, i, begin, zero, high, noise, rate))
                count += 1
                standing, begin, put_at = True, -1, i
                level, weight = high, max(LEAST_N, high - zero)
    return found[:count]
