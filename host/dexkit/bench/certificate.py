"""A calibration's certificate as a page of HTML and as a tagged PDF, both from the same sections."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from dexkit.bench.steps import CELL_WORDS
from dexkit.bench.weights import N_PER_G
from dexkit.errors import InputError
from dexkit.whole_file import write_whole

HERE = Path(__file__).parent
KIND_WORDS = {"cup": "Cup", "coaster": "Coaster", "button_board": "Button board", "pegboard": "Pegboard"}
AXES = ("x", "y", "z")
#: Of the picture of residuals.
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 200, 66, 38, 12
NOT_SAID = "not recorded"
#: What a certificate may be called, and how such a file begins, in small letters.
BEGINS = {".pdf": b"%pdf", ".html": b"<!doctype html", ".htm": b"<!doctype html"}

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """One part of the certificate.

    Parameters
    ----------
    title
        Its heading.
    words
        Paragraphs above the table.
    head, rows
        A table; none where there are no rows.
    pictures
        SVG and its description.
    """

    title: str
    words: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()


def title_of(facts: Facts) -> str:
    """Return the certificate's heading."""
    return f"{KIND_WORDS[facts['object']]}: calibration {facts['id']}"


def sections(facts: Facts) -> tuple[Section, ...]:
    """Return what a certificate says, in order.

    Parameters
    ----------
    facts
        A certificate of the register.
    """
    found = [_who(facts), _results(facts), _pictures(facts), _budget(facts)]
    if "motion" in facts:
        found += [_motion(facts["motion"]), _aside(facts)]
    if facts["contacts"]:
        found.append(_walk(facts))
    found += [_traceability(facts), _method(facts)]
    if facts["refused"]:
        found.append(
            Section(
                "Steps that were refused and taken again",
                head=("step", "reason"),
                rows=tuple((each["step"], each["why"]) for each in facts["refused"]),
            )
        )
    return tuple(found)


def _who(facts: Facts) -> Section:
    temperature = facts["temperature_c"]
    rows = [
        ("object", f"{KIND_WORDS[facts['object']]}, board {facts['uid']}"),
        ("date", facts["made"].replace("T", " ").replace("Z", " UTC")),
        ("operator", facts["operator"] or NOT_SAID),
        ("room temperature", NOT_SAID if temperature is None else f"{temperature:g} °C"),
        ("versions", ", ".join(f"{name} {value}" for name, value in facts["versions"].items())),
    ]
    words = ("A virtual object was calibrated: this page shows how it works, and certifies nothing.",)
    return Section("What was calibrated", words if facts["simulated"] else (), rows=tuple(rows))


def _results(facts: Facts) -> Section:
    k = facts["coverage_factor"]
    rows = []
    for column, cell in facts["cells"].items():
        rows.append(
            (
                f"{CELL_WORDS[column]} cell",
                f"{cell['gain']:.5f} ± {k * cell['gain_standard']:.5f}",
                f"{1000 * cell['offset_n']:.1f} ± {1000 * k * cell['offset_standard_n']:.1f} mN",
                f"{1000 * cell['expanded_n']:.1f} mN ({_grams(cell['expanded_n'])})",
                f"0 to {cell['full_n'] / N_PER_G:.0f} g",
            )
        )
    words = [
        "true force = scale × nominal force + offset. U is the expanded uncertainty (k = 2, about 95 %) of "
        "one corrected force at the largest load; that of a mass put on, a difference of two readings, is "
        "1.4 U."
    ]
    if "pegs" in facts:
        pegs = facts["pegs"]
        words.append(
            f"Mean mass of a peg, nine weighed together: {pegs['mass_g']:.3f} g ± {pegs['expanded_g']:.3f} g."
        )
    if own := facts["cells"].get("foot_n", {}).get("own_n"):
        words.append(f"Mass of the empty cup, as its foot feels it: {own / N_PER_G:.1f} g.")
    head = ("channel", "scale", "offset", "U of a force", "range")
    return Section("Load cells", tuple(words), head, tuple(rows))


def _grams(force_n: float) -> str:
    mass_g = force_n / N_PER_G
    return f"{1000 * mass_g:.0f} mg" if mass_g < 0.1 else f"{mass_g:.2f} g"


def _budget(facts: Facts) -> Section:
    cells = facts["cells"]
    head = ("contribution, mN", *(CELL_WORDS[column] for column in cells), "how it was found")
    first = next(iter(cells.values()))
    rows = [
        (
            part["name"],
            *(f"{1000 * cell['budget'][place]['standard']:.3f}" for cell in cells.values()),
            part["how"],
        )
        for place, part in enumerate(first["budget"])
    ]
    combined = (f"{1000 * cell['standard_n']:.3f}" for cell in cells.values())
    expanded = (f"{1000 * cell['expanded_n']:.3f}" for cell in cells.values())
    rows.append(("combined standard uncertainty", *combined, "root of the sum of squares"))
    rows.append(("expanded uncertainty U", *expanded, "k = 2"))
    noise = (f"{1000 * cell['noise_n']:.3f}" for cell in cells.values())
    rows.append(("noise of one sample, rms", *noise, "for comparison; not part of U"))
    return Section("Budget of uncertainty, standard uncertainties", head=head, rows=tuple(rows))


def _motion(motion: Facts) -> Section:
    k = 2.0
    rows = []
    for row, axis in enumerate(AXES):
        cells = [
            f"{motion['matrix'][row][column]:.4f} ± {k * motion['matrix_standard'][row][column]:.4f}"
            for column in range(3)
        ]
        offset = f"{motion['offset_ms2'][row]:.3f} ± {k * motion['offset_standard_ms2'][row]:.3f}"
        bias = math.degrees(motion["bias_rads"][row])
        bias_u = math.degrees(k * motion["bias_standard_rads"][row])
        rows.append((f"true {axis}", *cells, offset, f"{bias:.3f} ± {bias_u:.3f}"))
    parts = "; ".join(f"{part['name']} {part['standard']:.3f} ({part['how']})" for part in motion["budget"])
    noise = max(motion["accel_noise_ms2"]), math.degrees(max(motion["gyro_noise_rads"]))
    words = (
        "true acceleration = matrix × nominal + offset; true turning = nominal - bias. "
        f"Expanded uncertainty of a tilt at rest: {motion['tilt_expanded_deg']:.2f}°. "
        f"Noise of one sample, rms: {noise[0]:.4f} m/s² and {noise[1]:.3f} °/s. The scale of turning was not "
        "determined.",
        f"Standard uncertainties of an acceleration, m/s²: {parts}.",
    )
    head = ("", "nominal x", "nominal y", "nominal z", "offset, m/s²", "bias of turning, °/s")
    return Section("Motion sensor, from six positions", words, head, tuple(rows))


def _aside(facts: Facts) -> Section:
    positions = facts["motion"]["positions"]
    rows = []
    for title in dict.fromkeys(positions):
        residual = facts["motion"]["residual_ms2"][positions.index(title)]
        forces = (f"{1000 * facts['aside_n'][column][title]:.0f}" for column in facts["cells"])
        rows.append((title, *forces, f"{math.hypot(*residual):.3f}"))
    head = (
        "position",
        *(f"{CELL_WORDS[column]} cell, mN" for column in facts["cells"]),
        "acceleration off, m/s²",
    )
    words = (
        "What the cells say without a load in each position (the foot plate's own weight apart). It adds to "
        "U when the cup is tilted so far.",
    )
    return Section("Off the axis", words, head, tuple(rows))


def _walk(facts: Facts) -> Section:
    order: dict[str, list[str]] = {}
    for name, _ in sorted(facts["contacts"].items(), key=lambda item: float(item[1])):
        kind, _, number = name.partition("_")
        order.setdefault(kind, []).append(str(int(number) + 1))
    rows = tuple((kind, ", ".join(numbers)) for kind, numbers in order.items())
    words = ("Each was seen open, closed and open again, in the order of the walk.",)
    return Section("Contacts", words, ("contact", "closed in this order"), rows)


def _traceability(facts: Facts) -> Section:
    rows = tuple(
        (f"{each['mass_g']:g} g", each["class_name"], f"± {1000 * each['limit_g']:g} mg")
        for each in facts["weights"]
    )
    words = (
        f"Reference masses: {facts['serials'] or 'serial numbers ' + NOT_SAID}. Limits of error: "
        f"{facts['weights_source']}. The values are traceable to the SI as far as these masses are: through "
        "their class and, where there is one, their own certificate.",
        "This is a working calibration by the operator named above, not one of an accredited laboratory.",
    )
    return Section("Reference masses and traceability", words, ("mass", "class", "limit of error"), rows)


def _method(facts: Facts) -> Section:
    gravity = facts["standard_gravity_ms2"]
    words = [
        "Masses were put on rising and falling, in two rounds; lines are weighted least squares with the "
        "drift of zero as a third unknown. Uncertainties after JCGM 100:2008 (GUM); those from few "
        "repetitions are enlarged after JCGM 101:2008, 6.4.9.",
        f"Forces and accelerations are conventional, as at {gravity} m/s², so that masses are right wherever "
        "the kit is used; air buoyancy is that of steel.",
    ]
    if local := facts.get("local_gravity_ms2"):
        words.append(
            f"At {facts['latitude_deg']:g}° and {facts['altitude_m']:g} m gravity is about {local:.4f} m/s² "
            f"(WGS 84): forces there are {100 * (local / gravity - 1):+.2f} % of what is said."
        )
    return Section("Method", tuple(words))


# ---- Pictures --------------------------------------------------------------------------------------------


def _pictures(facts: Facts) -> Section:
    pictures = tuple(
        (
            residuals(facts["points"][column], cell["expanded_n"] / N_PER_G, CELL_WORDS[column]),
            _told(column, facts),
        )
        for column, cell in facts["cells"].items()
    )
    words = ("Corrected minus true mass at each load; the band is ± U. Up: filled; down: open.",)
    return Section("What is left over", words, pictures=pictures)


def _told(column: str, facts: Facts) -> str:
    largest = max(abs(point["residual_g"]) for point in facts["points"][column])
    count = len(facts["points"][column])
    return f"Residuals of the {CELL_WORDS[column]} cell: {count} loads, the largest {largest:.3f} g."


def residuals(points: Sequence[Facts], expanded_g: float, called: str) -> str:
    """Return the SVG of what is left over at each load.

    Parameters
    ----------
    points
        Of one cell.
    expanded_g
        Half of the band.
    called
        What to call the cell.
    """
    most = 1.15 * max(expanded_g, *(abs(point["residual_g"]) for point in points))
    full = max(point["load_g"] for point in points)
    unit, scale = ("mg", 1000.0) if most < 0.2 else ("g", 1.0)

    def x(load_g: float) -> float:
        return float(LEFT + 14 + (WIDTH - LEFT - 34) * load_g / full)

    def y(residual_g: float) -> float:
        return float(TOP + (HEIGHT - TOP - BOTTOM) * (0.5 - 0.5 * residual_g / most))

    def text(at_x: float, at_y: float, words: str, anchor: str = "middle") -> str:
        return f'<text x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="DejaVu Sans, Arial, sans-serif" font-size="12" fill="#1b2330">',
        f'<rect x="{LEFT}" y="{y(expanded_g):.1f}" width="{WIDTH - LEFT - 6}" '
        f'height="{y(-expanded_g) - y(expanded_g):.1f}" fill="#e3edf8"/>',
        f'<line x1="{LEFT}" y1="{y(0):.1f}" x2="{WIDTH - 6}" y2="{y(0):.1f}" stroke="#5b6675"/>',
    ]
    step = _step(most * scale)
    for number in range(-math.floor(most * scale / step), math.floor(most * scale / step) + 1):
        at = y(number * step / scale)
        parts.append(f'<line x1="{LEFT - 4}" y1="{at:.1f}" x2="{LEFT}" y2="{at:.1f}" stroke="#5b6675"/>')
        parts.append(text(LEFT - 8, at + 4, f"{number * step:g}", "end"))
    for load_g in sorted({point["load_g"] for point in points}):
        parts.append(text(x(load_g), HEIGHT - BOTTOM + 16, f"{load_g:g}"))
    for place, point in enumerate(points):
        at_x, at_y = x(point["load_g"]) + 4.0 * ((place % 5) - 2), y(point["residual_g"])
        fill = "#0b5cad" if point["way"] > 0 else "#ffffff"
        parts.append(
            f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="3.6" fill="{fill}" stroke="#0b5cad" '
            'stroke-width="1.4"/>'
        )
    parts.append(text((LEFT + WIDTH) / 2, HEIGHT - 6, f"load on the {called} cell, g"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 14 {middle:.0f})">'
        f"left over, {unit}</text></svg>"
    )
    return "".join(parts)


def _step(most: float) -> float:
    """Return a round distance of ticks, so that there are a few on each side."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * part for part in (0.2, 0.5, 1.0, 2.0, 5.0) if most / (power * part) < 4.0)


# ---- Page and PDF ----------------------------------------------------------------------------------------


def page(facts: Facts) -> str:
    """Return the certificate as HTML that loads nothing."""
    title = escape(title_of(facts))
    style = (HERE / "certificate.css").read_text(encoding="utf-8")
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1>",
            *(part for section in sections(facts) for part in _html(section)),
            "</body></html>\n",
        )
    )


def _html(section: Section) -> Iterator[str]:
    yield f"<section><h2>{escape(section.title)}</h2>"
    yield from (f"<p>{escape(words)}</p>" for words in section.words)
    for svg, told in section.pictures:
        yield f'<figure role="img" aria-label="{escape(told)}">{svg}</figure>'
    if section.rows:
        yield "<table>"
        if section.head:
            heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in section.head)
            yield f"<thead><tr>{heads}</tr></thead>"
        yield "<tbody>"
        for first, *others in section.rows:
            cells = "".join(f"<td>{escape(each)}</td>" for each in others)
            yield f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
        yield "</tbody></table>"
    yield "</section>"


def pdf(facts: Facts) -> bytes:
    """Return the certificate as PDF/UA-1: tagged, so that it can be read aloud.

    Raises
    ------
    InputError
        When typst is not installed.
    """
    try:
        import typst
    except ImportError:
        raise InputError(
            "A PDF needs typst, which is not installed. Run `pip install 'dexkit[engineer]'`, or ask for a "
            "page: --out NAME.html"
        ) from None
    said = {"title": title_of(facts), "sections": [asdict(section) for section in sections(facts)]}
    made: bytes = typst.compile(
        (HERE / "certificate.typ").read_bytes(),
        sys_inputs={"said": json.dumps(said)},
        format="pdf",
        pdf_standards=["ua-1"],
    )
    return made


def write(facts: Facts, path: Path) -> None:
    """Write a certificate, whole or not at all, as HTML or PDF, whichever the name says.

    Parameters
    ----------
    facts
        A certificate of the register.
    path
        Where to.

    Raises
    ------
    InputError
        When the name says neither, another file would be lost, or typst is not installed.
    OSError
        When it cannot be written.
    """
    begins = BEGINS.get(path.suffix.lower())
    if begins is None:
        raise InputError(f"A certificate is NAME.pdf or NAME.html, not {path}. Give it such a name.")
    there = path.read_bytes()[: len(begins)].lower() if path.is_file() else b""
    if there not in (b"", begins):
        raise InputError(f"{path} is there, and is no certificate. Take another name, or move it away.")
    write_whole(path, pdf(facts) if begins == BEGINS[".pdf"] else page(facts).encode())
