"""A measure says everything about itself, and a result is a number or a reason, never NaN."""

import math
from typing import ClassVar

import pytest

from dexkit.score.measure import REGISTRY, Direction, Mark, Measure, value_of, values
from dexkit.score.result import Measured, NotMeasurable


@pytest.fixture
def doubled():
    class Doubled(Measure[float]):
        """Twice
        the input."""

        id = "test.doubled"
        title = "Doubled"
        unit = "1"
        direction = Direction.NEITHER
        source = "arithmetic"
        mark = Mark.PROPOSED
        labels: ClassVar = {4: "four"}

        def of(self, take):
            return 2 * take

    yield Doubled
    del REGISTRY["test.doubled"]


def test_a_measure_joins_the_registry_and_defines_itself(doubled):
    assert REGISTRY["test.doubled"] is doubled
    assert doubled.definition() == "Twice the input."
    (value,) = values([doubled], 2.0)
    assert (value.id, value.value, value.reason, value.quality, value.label) == (
        "test.doubled",
        4.0,
        "",
        1.0,
        "four",
    )


def test_a_second_measure_of_the_same_id_is_refused(doubled):
    with pytest.raises(TypeError, match="Two measures have the id"):
        type("Again", (doubled,), {"id": "test.doubled", "__doc__": "Again."})


def test_an_incomplete_measure_is_refused():
    with pytest.raises(TypeError, match="lacks title, unit"):
        type("Bare", (Measure,), {"id": "test.bare", "__doc__": "Bare."})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_number_is_ever_not_finite(doubled, bad):
    (value,) = values([doubled], bad)
    assert value.value is None
    assert value.reason


def test_outcomes_become_values(doubled):
    assert value_of(doubled, Measured(1.5, 0.5)).quality == 0.5
    assert value_of(doubled, NotMeasurable("Why.")).reason == "Why."


def test_parts_follow_the_id():
    class Each(Measure[int]):
        """One for each part."""

        id = "test.each"
        title = "Each"
        unit = "s"
        direction = Direction.WORSE
        source = "none"
        mark = Mark.PROPOSED

        def of(self, take):
            return {str(part): NotMeasurable("No.") if part == 1 else float(part) for part in range(take)}

    try:
        assert [(v.id, v.value) for v in values([Each], 3)] == [
            ("test.each.0", 0.0),
            ("test.each.1", None),
            ("test.each.2", 2.0),
        ]
    finally:
        del REGISTRY["test.each"]
