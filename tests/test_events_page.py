"""docs/events.md and the schema name the same events, and the same limits."""

import re
from pathlib import Path

import pytest

from dexkit.protocol.tables import EVENT_ID, OBJECT_ID, SETTINGS

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


#: How each object's paragraph begins.
TITLES = {"cup": "Cup", "coaster": "Coaster", "button_board": "Button board", "pegboard": "Pegboard"}
IN_SECONDS = {"s": 1.0, "ms": 1e-3}


@pytest.mark.parametrize("object_kind", OBJECT_ID)
def test_every_limit_is_the_default_of_a_setting(object_kind):
    text = EVENTS_PAGE.read_text(encoding="utf-8")
    paragraph = next(p for p in text.split("\n\n") if p.startswith(f"**{TITLES[object_kind]}"))
    limits = re.findall(r"(\d+(?:\.\d+)?) (g/s|ms|s|N|deg)\b", paragraph)
    assert limits
    for number, unit in limits:
        assert pytest.approx(float(number) * IN_SECONDS.get(unit, 1.0)) in list(
            SETTINGS[object_kind].values()
        )
