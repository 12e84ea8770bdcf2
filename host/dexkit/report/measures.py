"""The measures as a page of documentation, generated from their classes: run this module."""

import sys
from pathlib import Path
from typing import Any

from dexkit.report.page import MARK_WORDS
from dexkit.score import scoring
from dexkit.score.measure import REGISTRY, Measure

PAGE = Path(__file__).resolve().parents[3] / "docs" / "measures.md"

#: Order of the page; others follow by name.
TOPICS = ("pour", "hold", "coaster", "buttons", "pegs")

HEAD = """# What each measure means

Generated from the classes in `host/dexkit/score` by `make docs`; do not edit. A measure that has parts (each
button, each peg, each pour) adds the part to its id: `buttons.close_s.0`. What the sensors cannot carry is
`null` in JSON and has a reason. A version is raised whenever the same recording may give another number.
"""


def measures_page() -> str:
    """Return the page."""
    lines = [HEAD]
    topics = sorted({identity.partition(".")[0] for identity in REGISTRY}, key=_place)
    for topic in topics:
        lines.append(f"\n## {topic}\n")
        lines += [_entry(measure) for measure in REGISTRY.values() if measure.id.startswith(f"{topic}.")]
    return "\n".join(lines) + "\n"


def _place(topic: str) -> tuple[int, str]:
    return (TOPICS.index(topic) if topic in TOPICS else len(TOPICS), topic)


def _entry(measure: type[Measure[Any]]) -> str:
    source = "" if measure.source == "dexkit" else f" {measure.source}"
    labels = "".join(f"\n  - {label}" for label in measure.labels.values())
    return (
        f"- **`{measure.id}`** {measure.title}, {measure.unit}, {measure.direction}, "
        f"version {measure.version}.\n  {measure.definition()}\n"
        f"  Source:{source} ({MARK_WORDS[measure.mark]}).{labels}"
    )


def main() -> int:
    """Write the page; with --check only compare and return 1 when it differs."""
    assert scoring.SCORERS  # importing it makes the registry complete
    text = measures_page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
