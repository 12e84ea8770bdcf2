"""How everything on a virtual board speaks with its desk: one call, the clock between calls, the handlers.

Time passes by what the board does: each `ticks_us` costs TICK_US, each request what the desk says. Between
two requests the board counts by itself, in small numbers only. When an event (a pin's edge, a timer) came
due, its handler runs: a hard one at the event's own time plus LATENCY_US, a soft one after the request.
Whether bytes wait, and those that were read ahead, the board knows without asking: it looks some thousand
times a second. Runs on CPython and MicroPython; `_desk.call` is supplied by what runs the board.
"""

import ops
from _desk import call

#: A look at the clock takes about this long on an RP2040.
TICK_US = 2
#: From an edge to the first line of its hard handler.
LATENCY_US = 8
_NEVER_US = 1 << 29


class Clock:
    """The board's clock between two requests."""

    ticks = 0
    spent_us = 0
    left_us = 0
    #: True in a hard handler: there the desk's time stands still.
    in_handler = False
    in_soft = False
    #: What the last answer said besides: the flags of `ops`.
    flags = 0
    #: Bytes from the host that were fetched and not yet read.
    ahead = b""


clock = Clock()
#: (kind, number) -> (handler, its argument, hard)
handlers = {}
_due = []
_soft = []


def request(op, a=0, b=0, data=b""):
    """Ask the desk; return the result and the bytes of its answer. Handlers of what came due have run."""
    spent_us = 0 if clock.in_handler else clock.spent_us
    ticks, left_us, result, clock.flags, events, answer = call(op, spent_us, a, b, data)
    _due.extend(events)
    if not clock.in_handler:
        clock.ticks = ticks
        clock.spent_us = 0
        clock.left_us = left_us
        if _due or _soft:
            _handle()
    if clock.flags & ops.INTERRUPTED:
        clock.flags ^= ops.INTERRUPTED
        clock.ahead = b""
        raise KeyboardInterrupt
    return result, answer


def spend(us):
    """Let a little time go by, and what came due in it."""
    clock.spent_us += us
    if clock.spent_us >= clock.left_us:
        request(ops.SYNC)


def ticks_us():
    """Return the clock; looking costs time."""
    clock.spent_us += TICK_US
    if clock.spent_us >= clock.left_us:
        request(ops.SYNC)
    return (clock.ticks + clock.spent_us) & ops.TICKS_MASK


def look():
    """Return WAITS and ROOM as they are now."""
    clock.spent_us += ops.REQUEST_US
    if clock.spent_us >= clock.left_us:
        request(ops.SYNC)
    return clock.flags | ops.WAITS if clock.ahead else clock.flags


def read_some(count):
    """Return the bytes from the host that wait, so many at most."""
    if clock.ahead:
        spend(ops.REQUEST_US)
    else:
        clock.ahead = request(ops.READ, ops.READ_BYTES)[1]
    data = clock.ahead[:count]
    clock.ahead = clock.ahead[count:]
    return data


def doze():
    """Let time go on to the next event or byte, one millisecond at most; return how far it went."""
    if clock.ahead:
        spend(ops.REQUEST_US)
        return 0
    return request(ops.SLEEP, 1000, 1)[0]


def sleep_us(us):
    """Let time go on."""
    while us > 0:
        slept_us, _ = request(ops.SLEEP, min(us, _NEVER_US))
        us -= slept_us


def schedule(handler, argument):
    """Run handler(argument) soon."""
    _soft.append((handler, argument))
    if not clock.in_handler:
        _handle()


def _handle():
    """Run the handlers of what came due: hard ones at their own time, then soft ones now."""
    while _due:
        kind, number, ticks = _due.pop(0)
        entry = handlers.get((kind, number))
        if entry is None:
            continue
        handler, argument, hard = entry
        if hard:
            _run_hard((kind, number), handler, argument, ticks)
        else:
            _soft.append((handler, argument))
    if clock.in_soft:
        return
    clock.in_soft = True
    try:
        while _soft:
            handler, argument = _soft.pop(0)
            try:
                handler(argument)
            except Exception as error:
                report(error)
    finally:
        clock.in_soft = False


def _run_hard(key, handler, argument, ticks):
    now, spent_us, left_us = clock.ticks, clock.spent_us, clock.left_us
    clock.ticks, clock.spent_us, clock.left_us = (ticks + LATENCY_US) & ops.TICKS_MASK, 0, _NEVER_US
    clock.in_handler = True
    try:
        handler(argument)
    except Exception as error:
        handlers.pop(key, None)  # as on the board: a handler that fails is not called again
        report(error)
    finally:
        clock.in_handler = False
        used_us = clock.spent_us
        clock.ticks, clock.spent_us, clock.left_us = now, spent_us + used_us, left_us


def report(error):
    """Say on the console that a handler failed."""
    text = "Uncaught exception in a handler: %s: %s\r\n" % (type(error).__name__, error)
    call(ops.WRITE, 0, 0, 0, text.encode())
