"""docs/events.md, the schema and the core name the same events."""

import re
from pathlib import Path

from dexkit.protocol.tables import EVENT_ID

EVENTS_PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"


def test_every_event_is_explained_and_no_other():
    text = EVENTS_PAGE.read_text(encoding="utf-8")
    known = {kind for kinds in EVENT_ID.values() for kind in kinds}
    headings = re.findall(r"((?:`[a-z_]+`(?:, )?)+):", text)
    explained = {kind for heading in headings for kind in re.findall(r"[a-z_]+", heading)}
    assert explained == known


def test_numbers_are_unique():
    numbers = [number for kinds in EVENT_ID.values() for number in kinds.values()]
    assert len(numbers) == len(set(numbers))
