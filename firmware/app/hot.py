# The hot path, done some thousand times a second: a row from its sensors. Compiled to machine code: emit=native.
from time import ticks_diff, ticks_us

from app.inner import copy

_QUIET_ROWS = 8  # rows without a new reading, after which the last one is too old
_ZEROS = bytes(4)


def fetch(sensor):
    # Read the chip.
    try:
        sensor._read(sensor.address, sensor.REGISTER, sensor.raw)
        sensor.errors = 0
    except OSError:
        sensor.errors += 1


def put(sensor, row, at):
    # Write a sensor's part of the row that begins at `at`.
    at += sensor.offset
    if sensor.there:
        count = sensor.pace.count
        if count != sensor.taken:
            sensor.taken = count
            sensor.quiet = 0
            fetch(sensor)
        else:
            sensor.quiet += 1
        if sensor.trusted and not sensor.errors and sensor.quiet < _QUIET_ROWS:
            sensor.saturated += sensor.fill(sensor.raw, row, at)
            return
    sensor.mark(row, at)


def take(stream, ticks):
    # Add the row that the leader of a stream has ready.
    leader = stream.leader
    pace = leader.pace
    count = pace.count
    stamp = pace.stamp
    while count != pace.count:  # an interrupt came between the two
        count = pace.count
        stamp = pace.stamp
    period_us = stream.period_us
    missed = count - leader.taken - 1
    if stream.doubtful:
        gone = (ticks_diff(stamp, stream.last) + (period_us >> 2)) // period_us - 1
        if gone > missed:
            missed = gone
    late_us = ticks_diff(ticks_us(), stamp) - (period_us >> 4)  # a chip's own oscillator is not off by more
    if late_us >= period_us:  # the chip holds a later reading now
        late = late_us // period_us
        missed += late
        stamp = (stamp + late * period_us) & 0x3FFFFFFF
    if missed > 0:
        stream.end()  # what was lost stands in the next block, before whose rows it was
        stream.lost += missed
    ring = stream.ring
    memory = ring.memory
    if stream.rows == 0:
        stream.at = ring.begin(ticks, stamp)
        stream.began = stamp
    at = stream.at
    if stream.is_bits:
        copy(_ZEROS, 0, memory, at, ring.row_bytes)
    for sensor in stream.sensors:
        put(sensor, memory, at)
    # A conversion that ended while this one was read brings no edge: the time of the next edge will tell.
    stream.last = stamp
    stream.doubtful = ticks_diff(ticks_us(), stamp) > period_us - (period_us >> 2)
    stream.at = at + ring.row_bytes
    stream.rows += 1
    if stream.rows == ring.rows:
        stream.end()


def take_ready(streams, ticks):
    # Take the rows that are ready; return whether there were any. While another stream is read the first, which is in
    # the greatest haste, may become ready again.
    first = streams[0]
    taken = False
    for stream in streams:
        leader = stream.leader
        if leader and leader.pace.count != leader.taken:
            take(stream, ticks)
            taken = True
            leader = first.leader
            if stream is not first and leader and leader.pace.count != leader.taken:
                take(first, ticks)
    return taken
