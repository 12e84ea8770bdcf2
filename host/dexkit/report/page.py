"""One page of HTML for one scored recording: to look at first, to read second; it loads nothing."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from dexkit import __version__
from dexkit.errors import InputError
from dexkit.report.svg import events_of, picture
from dexkit.report.terminal import merged
from dexkit.report.words import (
    OBJECT_WORDS,
    TEST_WORDS,
    certainty,
    largest_shares,
    number,
    plus_minus,
    unit,
    with_unit,
)
from dexkit.score.budget import Budget
from dexkit.score.measure import Direction, Mark, Value
from dexkit.score.scoring import Result
from dexkit.segment.words import EVENT_WORDS, WARNING_KINDS
from dexkit.whole_file import refuse_device, write_whole

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")

#: What each page begins with, and no other file.
HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><title>'
)

#: What a recording says of itself and a reader wants to see at the top, in this order.
SHOWN_FACTS = ("person", "hand", "date")
MARK_WORDS = {
    Mark.VERIFIED: "definition from the named source",
    Mark.DERIVED: "computed from published data",
    Mark.RECALLED: "RECALLED: source not checked",
    Mark.PROPOSED: "PROPOSED: our own convention, no published standard",
}
#: How events are drawn: in a row of contacts or on a curve, of what went wrong or not, and the key to it.
MARKS_DRAWN = (
    (False, False, '<span class="key line"></span>event'),
    (False, True, '<span class="key warnline"></span>event that went wrong'),
    (True, True, '<span class="key cross">×</span>event that went wrong'),
)
ARROWS = {Direction.BETTER: "More is better.", Direction.WORSE: "Less is better.", Direction.NEITHER: ""}


def page(result: Result, name: str) -> str:
    """Return the page of a result; name says which file it came from."""
    kind = OBJECT_WORDS.get(result.recording.object_kind, result.recording.object_kind)
    test = result.recording.meta.get("test", Path(name).stem)
    title = f"{kind}: {TEST_WORDS.get(test, test)}"
    return "".join(
        (
            f"{HEAD}{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<header><h1>{escape(title)}</h1>{_facts(result)}</header><main>",
            *_notes(result),
            *_headlines(result.scored.values),
            '<section aria-labelledby="seen"><h2 id="seen">What was seen</h2><figure>',
            picture(result.scored, f"Curves of {name}", _described(result)),
            f"<figcaption>{_caption(result)}</figcaption></figure></section>",
            *_measures(result.scored.values, result.budget),
            *_parts(result.scored.values),
            *_unknown(result.scored.values),
            "</main>",
            *_footer(result, name),
            "</body></html>\n",
        )
    )


def write_page(result: Result, name: str, path: Path) -> None:
    """Write the page whole or not at all.

    Raises
    ------
    InputError
        When the path is that of another file, which would be lost.
    OSError
        When the disk refuses.
    """
    _write(path, page(result, name))


def _write(path: Path, text: str) -> None:
    """Write a page in place of none or of an older one."""
    refuse_device(path)
    if path.exists() and not (path.is_file() and _begins_as_page(path)):
        raise InputError(
            f"{path} is no page of dexkit and would be lost. Probably another name was meant. Name a new "
            "file, or move this one away."
        )
    write_whole(path, text.encode(errors="backslashreplace"))  # the recording's name may be no UTF-8


def _begins_as_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEAD)) == HEAD.encode()


def _facts(result: Result) -> str:
    meta = result.recording.meta
    facts = [f"<span>{fact} <b>{escape(meta[fact])}</b></span>" for fact in SHOWN_FACTS if meta.get(fact)]
    return f'<p class="facts">{"".join(facts)}</p>' if facts else ""


def _notes(result: Result) -> Iterator[str]:
    """Yield what a reader must know before any number."""
    if result.notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
        yield '<section class="notes" role="note"><h2>Before you read the numbers</h2>'
        yield f"<ul>{items}</ul></section>"


def _headlines(values: Sequence[Value]) -> Iterator[str]:
    """Yield the few numbers that a page shows large."""
    large = [
        value for value in values if value.measure.headline and not value.part and value.value is not None
    ]
    if not large:
        return
    yield '<section aria-label="Main results"><dl class="large">'
    for value in large:
        words = value.label.partition(":")[2].partition("(")[0].strip() if ":" in value.label else value.label
        shown = f'<b>{number(value)}</b> <span class="unit">{escape(unit(value))}</span>'
        small = f'<span class="says">{escape(words)}</span>' if words else ""
        yield f"<div><dt>{escape(value.measure.title)}</dt><dd>{shown}{small}</dd></div>"
    yield "</dl></section>"


def _described(result: Result) -> str:
    """Return the picture in words, for those who cannot see it."""
    counts: dict[str, int] = {}
    for row in result.scored.events:
        word = EVENT_WORDS.get(str(row["kind"]), str(row["kind"]))
        counts[word] = counts.get(word, 0) + 1
    curves = ", ".join(trace.name for trace in result.scored.traces)
    events = ", ".join(f"{word} {count} times" for word, count in counts.items()) or "no events"
    return f"Curves over time: {curves}. Events: {events}."


def _caption(result: Result) -> str:
    shades = []
    levels = next((trace.levels for trace in result.scored.traces if trace.levels), ())
    for place, level in enumerate(levels):
        shades.append(f'<span class="key level{len(levels) - place - 1}"></span>{escape(level)}')
    kinds = {band.kind for band in result.scored.bands}
    if "phase" in kinds:
        shades.append('<span class="key phase1"></span>part of the task')
    if "disturbed" in kinds:
        shades.append('<span class="key disturbed"></span>disturbed')
    if "lost" in kinds:
        shades.append('<span class="key lost"></span>not measured')
    for rows, warns, shade in MARKS_DRAWN:
        if any(
            bool(trace.levels) == rows
            and any((kind in WARNING_KINDS) == warns for _, kind in events_of(trace, result.scored))
            for trace in result.scored.traces
        ):
            shades.append(shade)
    return " ".join(f"<span>{shade}</span>" for shade in shades)


def _measures(values: Sequence[Value], budget: Budget) -> Iterator[str]:
    """Yield the table of what was measured for the whole recording."""
    whole = [value for value in values if not value.part and value.value is not None]
    if not whole:
        return
    yield '<section aria-labelledby="m"><h2 id="m">Measures</h2><table class="measures"><thead><tr>'
    yield '<th scope="col">Measure</th><th scope="col">Value</th><th scope="col">What it means</th>'
    yield "</tr></thead><tbody>"
    for value in whole:
        ours = " Our own convention." if value.measure.mark is Mark.PROPOSED else ""
        hint = ARROWS[value.measure.direction] + ours
        words = certainty(value.quality)
        quality = f' <span class="hint" title="quality {value.quality:.2f}">{words}</span>' if words else ""
        meaning = escape(value.measure.summary())
        yield f'<tr><th scope="row">{escape(value.measure.title)}</th>'
        if around := plus_minus(budget, value):
            why = escape(f"k = 2, some 95 %: {largest_shares(budget, value)}")
            quality = f' <span class="hint" title="{why}">{around}</span>{quality}'
        yield f'<td class="value">{escape(with_unit(value))}{quality}</td>'
        yield f'<td>{meaning} <span class="hint">{hint}</span></td></tr>'
    yield "</tbody></table></section>"


def _parts(values: Sequence[Value]) -> Iterator[str]:
    """Yield one table for each kind of part: a row for each measure, a column for each part."""
    rows: dict[tuple[str, tuple[str, ...]], list[list[Value]]] = {}
    parted = (value for value in values if value.part)
    for measure, group in groupby(parted, key=lambda value: value.measure):
        row = list(group)
        rows.setdefault((measure.part_name, tuple(value.part for value in row)), []).append(row)
    if not rows:
        return
    yield '<section aria-labelledby="p"><h2 id="p">Part by part</h2>'
    for (name, parts), lines in rows.items():
        heads = "".join(f'<th scope="col">{escape(part)}</th>' for part in parts)
        yield '<div class="wide"><table class="parts"><thead><tr>'
        yield f'<th scope="col">{escape(name)}</th>{heads}</tr></thead><tbody>'
        for line in lines:
            words = f"{line[0].measure.title} {f'({unit(line[0])})' if unit(line[0]) else ''}"
            yield f'<tr><th scope="row">{escape(words)}</th>'
            for value in line:
                shown = value.label.partition(":")[0] if value.label else number(value)
                why = f' title="{escape(value.reason or value.label)}"' if value.reason or value.label else ""
                yield f"<td{why}>{escape(shown)}</td>"
            yield "</tr>"
        yield "</tbody></table>"
        for measure in (line[0].measure for line in lines if line[0].measure.labels):
            meant = "; ".join(measure.labels.values())
            yield f'<p class="hint">{escape(measure.title)}: {escape(meant)}.</p>'
        yield "</div>"
    yield "</section>"


def _unknown(values: Sequence[Value]) -> Iterator[str]:
    """Yield what could not be measured and why."""
    lines = merged(values)
    if not lines:
        return
    yield '<section aria-labelledby="u"><h2 id="u">Not measurable</h2><table class="unknown"><tbody>'
    for reason, group in groupby(sorted(lines, key=lambda line: line[1]), key=lambda line: line[1]):
        titles = ", ".join(title for title, _ in group)
        yield f'<tr><th scope="row">{escape(reason)}</th><td>{escape(titles)}</td></tr>'
    yield "</tbody></table></section>"


def _footer(result: Result, name: str) -> Iterator[str]:
    """Yield where every number comes from."""
    meta, losses = result.recording.meta, result.recording.losses
    facts = {"file": name, "dexkit": __version__}
    facts |= {key: value for key, value in meta.items() if key not in SHOWN_FACTS and len(value) < 200}
    facts["losses"] = (
        "none known"
        if not (losses.recovered or losses.samples_lost_by_board)
        else (
            f"{losses.samples_missing} samples missing, {losses.samples_lost_by_board} lost by the board, "
            f"{losses.chunks_lost} chunks lost, {losses.bytes_skipped} bytes unreadable"
        )
    )
    yield '<footer><h2>Where the numbers come from</h2><dl class="origin">'
    for key, text in facts.items():
        yield f"<div><dt>{escape(key.replace('_', ' '))}</dt><dd>{escape(text)}</dd></div>"
    yield "</dl><details><summary>Definitions, versions and sources</summary><table><thead><tr>"
    yield '<th scope="col">id</th><th scope="col">version</th><th scope="col">meaning</th>'
    yield "</tr></thead><tbody>"
    for measure in dict.fromkeys(value.measure for value in result.scored.values):
        source = "" if measure.source == "dexkit" else f"{measure.source} "
        yield f"<tr><td><code>{measure.id}</code></td><td>{measure.version}</td>"
        words = f"{source}{MARK_WORDS[measure.mark]}"
        yield f"<td>{escape(measure.definition())} <em>{escape(words)}</em></td></tr>"
    yield "</tbody></table></details>"
    yield "<p>A measurement, not a diagnosis. Compare a person with the same person.</p>"
    yield "</footer>"


def write_index(entries: Sequence[tuple[str, Result]], path: Path) -> None:
    """Write a page that leads to others: file name of each page beside the index, and its result."""
    items = []
    for href, result in entries:
        kind = OBJECT_WORDS.get(result.recording.object_kind, result.recording.object_kind)
        meta = result.recording.meta
        facts = ", ".join(meta[fact] for fact in SHOWN_FACTS if meta.get(fact))
        test = meta.get("test", "")
        title = f"{kind}: {TEST_WORDS.get(test, test)}" if test else kind
        items.append(
            f'<section><h2><a href="{escape(href)}">{escape(title)}</a></h2>'
            f'<p class="facts">{escape(facts)}</p>'
            f"{''.join(_headlines(result.scored.values))}</section>"
        )
    text = (
        f"{HEAD}dexkit: scored tests</title>"
        f"<style>{STYLE}</style></head><body><header><h1>Scored tests</h1></header><main>"
        f"{''.join(items)}</main></body></html>\n"
    )
    _write(path, text)
