"""Turn a table of numbers that others recorded into a recording, with every irregularity kept as a fact."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dexkit.errors import InputError
from dexkit.recording.model import Recording, Stream
from dexkit.recording.writer import write
from dexkit.whole_file import refuse_device

#: What can be imported, and the columns without which it makes no sense.
KINDS: dict[str, tuple[str, ...]] = {"weight": ("weight_g",), "force": (), "motion": (), "events": ()}
#: Units of a time column, per second.
TIME_UNITS = {"t_s": 1, "t_ms": 1_000, "t_us": 1_000_000, "t_ns": 1_000_000_000}

_SECONDS = re.compile(r"time( *[\[(]? *(s|sec|seconds) *[\])]?)?", re.IGNORECASE)
_MISSING = frozenset({"", "na", "n/a", "#n/a", "null", "none", "-"})
#: What C libraries write for not-a-number, beside NaN with a sign or digits.
_NAN = re.compile(r"[-+]?(nan\(\w*\)|1[.,]#(qnan|snan|ind)\d*)", re.IGNORECASE)
#: No number is as large: single precision ends here.
_LARGEST = Decimal("3e38")
#: A clock that starts beyond this many seconds counts from somewhere else: its start becomes zero.
_OWN_ZERO_S = 3600
#: Steps that differ by at most this share are a regular rate.
_REGULAR = 0.01


@dataclass(frozen=True)
class Column:
    """One column that is wanted.

    Parameters
    ----------
    name
        What it is called in the recording.
    place
        What it is called in the file, or its number there, the first being 1.
    stated
        Whether the place was stated; if not, a file without a header is taken by position.
    """

    name: str
    place: str
    stated: bool


@dataclass(frozen=True)
class Sheet:
    """What a file holds.

    Parameters
    ----------
    path
        The file.
    delimiter
        What parts its cells.
    header
        Names of its columns; empty where it has no header.
    rows
        Line number and cells of each row.
    notes
        Words that stand below the table.
    """

    path: Path
    delimiter: str
    header: tuple[str, ...]
    rows: list[tuple[int, list[str]]]
    notes: tuple[str, ...]

    def fault(self, line: int, what: str) -> InputError:
        """Return the error for a fault in a line."""
        return InputError(f"{self.path}, line {line}: {what}")


def import_csv(
    kind: str,
    path: str | Path,
    columns: str,
    out: str | Path,
    *,
    rate_hz: float | None = None,
    overwrite: bool = False,
) -> Recording:
    """Write a table as a recording.

    Parameters
    ----------
    kind
        ``weight``, ``motion``, ``force`` or ``events``.
    path
        A CSV file: comma, semicolon or tab between cells; with or without a header.
    columns
        Names with commas between: ``t_s,weight_g``; ``force_n=Grip_Force`` takes a column by its name in the
        file, ``action=3`` by its number. The time is ``t_s``, ``t_ms``, ``t_us`` or ``t_ns``, or a column
        headed ``Time`` or ``Time (s)``, in seconds.
    out
        The recording to write.
    rate_hz
        Rate of a file that has no time column.
    overwrite
        Whether `out` may be replaced.

    Returns
    -------
    Recording
        What was written.

    Raises
    ------
    InputError
        If the file cannot be read as such a table; nothing is written then.
    RecordingError
        If the disk refuses; nothing is left behind.
    """
    recording = read_csv(kind, path, columns, rate_hz=rate_hz)
    if Path(out).exists() and Path(out).samefile(path):
        raise InputError(f"{out} is the table itself: give the recording another name.")
    write(out, recording, overwrite=overwrite)
    return recording


def read_csv(kind: str, path: str | Path, columns: str, *, rate_hz: float | None = None) -> Recording:
    """Read a table as a recording; see `import_csv`.

    Parameters
    ----------
    kind
        ``weight``, ``motion``, ``force`` or ``events``.
    path
        A CSV file.
    columns
        Names with commas between.
    rate_hz
        Rate of a file that has no time column.

    Raises
    ------
    InputError
        If the file cannot be read as such a table.
    """
    if kind not in KINDS:
        raise InputError(f"'{kind}' cannot be imported: choose {', '.join(KINDS)}.")
    wanted = _wanted(columns)
    time, values = _time_and_values(wanted, kind, rate_hz)
    sheet = _sheet(Path(path), keep_empty=time is None)
    places = _places(wanted, sheet)
    if sheet.delimiter != ",":
        _read_decimal_commas(sheet, tuple(places.values()))
    meta = {"source": sheet.path.name, "columns": columns}
    # Linux has names that are no text.
    meta = {key: fact.encode(errors="replace").decode() for key, fact in meta.items()}
    if sheet.notes:
        meta["note"] = "; ".join(sheet.notes)
    if time is None:
        assert rate_hz is not None, "_time_and_values asks for one of both"
        t_s = np.arange(len(sheet.rows)) / rate_hz
    else:
        header = sheet.header[places[time.name]] if sheet.header else ""
        if _SECONDS.fullmatch(header):
            meta["time"] = f"column '{header}' taken as seconds"
        t_s, origin = _times(sheet, places[time.name], TIME_UNITS[time.name])
        rate_hz = _rate(t_s)
        if origin:
            meta["time_zero"] = f"{origin} {time.name.removeprefix('t_')}"
    samples = np.empty((len(sheet.rows), len(values)), np.float32)
    for i, column in enumerate(values):
        samples[:, i] = [_number(sheet, line, cells[places[column.name]]) for line, cells in sheet.rows]
    names = tuple(column.name for column in values)
    return Recording(kind, meta, {kind: Stream(kind, names, t_s, samples, rate_hz)})


def _wanted(columns: str) -> list[Column]:
    """Read what --columns asks for."""
    wanted = []
    for entry in columns.split(","):
        name, equals, place = (part.strip() for part in entry.partition("="))
        plain = "t_s" if _SECONDS.fullmatch(name) else re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
        if not plain or (equals and not place):  # a recording names its columns by letters a to z
            raise InputError(
                f"'{entry}' in --columns names no column: write t_s,weight_g or weight_g=Header."
            )
        wanted.append(Column(plain, place or name, bool(place)))
    names = [column.name for column in wanted]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--columns names {name} twice: name each column once.")
    return wanted


def _time_and_values(
    wanted: Sequence[Column], kind: str, rate_hz: float | None
) -> tuple[Column | None, list[Column]]:
    """Part the time from the values, or say what is missing."""
    times = [column for column in wanted if column.name in TIME_UNITS]
    values = [column for column in wanted if column.name not in TIME_UNITS]
    if len(times) + (rate_hz is not None) != 1:
        raise InputError(
            f"A {kind} needs one time: name one column {', '.join(TIME_UNITS)} in --columns, "
            "or give --rate-hz for a file without times."
        )
    if rate_hz is not None and not 0 < rate_hz < float("inf"):
        raise InputError(f"{rate_hz} Hz is not a rate: give a positive one.")
    names = [column.name for column in values]
    if lacking := [name for name in KINDS[kind] if name not in names]:
        raise InputError(
            f"A {kind} needs the column {', '.join(lacking)}: add {lacking[0]}=ITS_HEADER to --columns."
        )
    if not values:
        raise InputError(
            f"--columns names a time only: add the columns of the {kind}, as in t_s,{kind}_n=HEADER."
        )
    return (times[0] if times else None), values


def _sheet(path: Path, keep_empty: bool) -> Sheet:
    """Read a file into cells; empty rows are kept where the number of a row is its time."""
    refuse_device(path)
    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder: name one CSV file in it.") from error
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}: check the name.") from error
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}; check that you may read it.") from error
    if b"\0" in data:
        raise InputError(f"{path} is no CSV text (it holds zero bytes): export it as CSV in UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # numbers are alike in every such code, only names may come out wrong
    # Windows ends lines by two returns where a program wrote one of its own; no row stands between them.
    lines = re.split("\r{0,2}\n|\r", text)
    first = next((line for line in lines if line.strip()), "")
    # A comma may be decimal, the others may not; what is quoted, or only sets off a comma, parts nothing.
    first = re.sub(r'"[^"]*"|, *\t', ",", first.strip())
    delimiter = max(";\t", key=first.count) if re.search("[;\t]", first) else ","
    rows: list[tuple[int, list[str]]] = []
    try:
        reader = csv.reader((line.strip(" ") for line in lines), delimiter=delimiter, strict=True)
        for cells in reader:
            rows.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise InputError(f"{path} is no CSV text ({error}): export it as CSV.") from error
    filled = next((i for i, (_, cells) in enumerate(rows) if any(cells)), None)
    if filled is None:
        raise InputError(f"{path} is empty: export it again.")
    top = rows[filled][1]
    header: tuple[str, ...] = ()
    named = any(cell.lower() not in _MISSING for cell in top)
    if named and all(_decimal(cell.replace(",", ".")) is None for cell in top):  # a number is no name
        header = tuple(top)
        del rows[: filled + 1]
    while rows and not rows[0][1]:
        del rows[0]
    while rows and not rows[-1][1]:
        del rows[-1]
    width = len(top)
    # A blank line is a row that was not measured where nothing else could stand in it.
    rows = [
        (line, cells) for line, cells in rows if any(cells) or (keep_empty and (width == 1 or len(cells) > 1))
    ]
    if not rows:
        raise InputError(f"{path} has a header and no rows: nothing was recorded.")
    notes: list[str] = []
    while width > 1 and len(rows) > 1 and len(rows[-1][1]) == 1 and _decimal(rows[-1][1][0]) is None:
        notes.insert(0, rows.pop()[1][0])
    sheet = Sheet(path, delimiter, header, rows, tuple(notes))
    for line, cells in rows:
        if not any(cells):
            cells[:] = [""] * width
        while len(cells) > width and not cells[-1]:
            cells.pop()
        if len(cells) != width:
            raise sheet.fault(
                line, f"{len(cells)} cells where {width} are expected: mend or remove this line."
            )
    return sheet


def _places(wanted: Sequence[Column], sheet: Sheet) -> dict[str, int]:
    """Return where each wanted column stands, counted from 0."""
    width = len(sheet.rows[0][1])
    by_position = not sheet.header and not all(column.stated for column in wanted)
    if by_position and sheet.delimiter == "," and _may_be_decimal_commas(sheet, len(wanted)):
        last = wanted[-1].name
        raise InputError(
            f"{sheet.path} has {width} columns and no header, --columns names {len(wanted)}: if these are "
            f"decimal commas, write points; if not, take each column by its number: {last}={len(wanted)}."
        )
    numbers = [str(number) for number in range(1, width + 1)]
    places = {}
    for position, column in enumerate(wanted):
        names = [name for name in sheet.header if name == column.place] or [
            name for name in sheet.header if _plain(name) == _plain(column.place) != ""
        ]
        if not names and column.name == "t_s" and not column.stated:
            names = [name for name in sheet.header if _SECONDS.fullmatch(name)]
        if len(names) > 1:
            raise InputError(f"{sheet.path} has {len(names)} columns '{column.place}': take it by number.")
        if names:
            places[column.name] = sheet.header.index(names[0])
        elif column.stated and column.place in numbers:
            places[column.name] = numbers.index(column.place)
        elif not sheet.header and not column.stated and position < width:
            places[column.name] = position
        else:
            there = (
                f"its header has {', '.join(sheet.header)}" if sheet.header else f"it has {width}, no header"
            )
            raise InputError(f"{sheet.path} has no column '{column.place}' ({there}): change --columns.")
    return places


def _may_be_decimal_commas(sheet: Sheet, wanted: int) -> bool:
    """Return whether there are more columns than wanted, and no decimal point tells that commas part them."""
    pointed = any("." in cell and _decimal(cell) is not None for _, cells in sheet.rows for cell in cells)
    return not pointed and any(any(cells[wanted:]) for _, cells in sheet.rows)


def _read_decimal_commas(sheet: Sheet, places: Sequence[int]) -> None:
    """Turn the decimal commas of some columns into points, or say that a comma may part thousands."""
    seen: dict[str, str] = {}
    for line, cells in sheet.rows:
        for place in places:
            cell = cells[place]
            value = _decimal(cell.replace(",", "."))
            if value is None or not value.is_finite():
                continue
            cells[place] = cell.replace(",", ".")
            seen.update((mark, seen.get(mark, cell)) for mark in ",." if mark in cell)
            if len(seen) > 1:
                raise sheet.fault(
                    line,
                    f"'{seen[',']}' has a comma and '{seen['.']}' a point, one of them may part thousands: "
                    "write all numbers alike.",
                )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def _times(sheet: Sheet, place: int, unit: int) -> tuple[NDArray[np.float64], str]:
    """Return the times in seconds, and what of a foreign clock was taken as zero, if anything."""
    exact: list[Decimal] = []
    for line, cells in sheet.rows:
        value = _decimal(cells[place])
        if value is None or value.is_nan() or not -_LARGEST < value < _LARGEST:
            raise sheet.fault(line, f"'{cells[place]}' is no time: mend or remove this line.")
        if exact and value < exact[-1]:
            raise sheet.fault(
                line, f"the time goes back from {exact[-1]} to {value}: sort or split the file."
            )
        exact.append(value)
    own = 0 <= exact[0] < _OWN_ZERO_S * unit
    zero = Decimal(0) if own else exact[0]
    return np.array([float((value - zero) / unit) for value in exact]), "" if own else str(zero)


def _rate(t_s: NDArray[np.float64]) -> float | None:
    """Return the rate of times that are regular, else None."""
    steps = np.diff(t_s)
    if len(steps) < 2:
        return None
    usual = float(np.median(steps))
    regular = usual > 0 and bool(np.all(np.abs(steps - usual) <= _REGULAR * usual))
    return len(steps) / float(t_s[-1] - t_s[0]) if regular else None


def _number(sheet: Sheet, line: int, cell: str) -> float:
    """Return a cell as a number; NaN where nothing was measured."""
    value = _decimal(cell)
    if cell.lower() in _MISSING or (value is not None and value.is_nan()):
        return float("nan")
    if value is None or not -_LARGEST < value < _LARGEST:
        raise sheet.fault(
            line,
            f"'{cell}' is no number that a sensor gives: mend the cell, or empty it if nothing was measured.",
        )
    return float(value)


def _decimal(cell: str) -> Decimal | None:
    """Return a cell as an exact number, None if it is none."""
    if _NAN.fullmatch(cell):
        return Decimal("nan")
    try:
        return None if "_" in cell else Decimal(cell)
    except InvalidOperation:
        return None
