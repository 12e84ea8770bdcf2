"""What is being recorded, in one line for each board: time, rates, gaps, clock."""

from dexkit.link.track import Track


def line(track: Track) -> str:
    """Return how a board's recording goes.

    Parameters
    ----------
    track
        The board's.
    """
    connection = track.connection
    name = track.object_kind.replace("_", " ")
    if connection.trouble:
        return f"{name}: away. {connection.trouble} What it measures meanwhile it keeps for some seconds."
    if not connection.session.attached:
        return f"{name}: no answer; asking again"
    rates = " + ".join(f"{rate_hz:.0f}" for rate_hz in track.rates_hz())
    counts = connection.session.counts
    parts = [f"{name}: {track.last_s:.1f} s", f"{rates} samples/s"]
    parts.append(f"{counts.gaps} gaps, {track.samples_lost} samples lost" if track.samples_lost else "no gap")
    if counts.bad:
        parts.append(f"{counts.bad} damaged frames")
    hello = connection.session.hello
    if hello is not None and hello.ailing:
        parts.append(", ".join(f"{sensor}: {state}" for sensor, state in hello.ailing.items()))
    if track.restarts:
        parts.append(f"started anew {track.restarts} times")
    with connection.lock:
        state = connection.session.clock.state()
    parts.append(
        "clock unknown" if state is None else f"clock {state.ppm:+.0f} ppm, {1e3 * state.residual_s:.2f} ms"
    )
    return ", ".join(parts)
