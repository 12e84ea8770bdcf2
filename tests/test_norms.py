"""Norms: every cell as the cited tables have it; none where geometry, age, protocol or source forbid it."""

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.errors import InputError
from dexkit.score import norms
from dexkit.score.evidence import Status
from dexkit.score.norms import Band, Caution, Compared, NoNorm, Why, band_of

PAGE = (Path(__file__).parent / "data" / "norm_tables.md").read_text(encoding="utf-8")
SCORE = Path(norms.__file__).parent
GEOMETRY = {"hole_pitch_mm": 32.0, "peg_mm": 6.4, "peg_length_mm": 32.0}
TABLES = {"mathiowetz_1985": "## Mathiowetz 1985", "oxford_grice_2003": "## Oxford Grice 2003"}
COLUMNS = (("male", "right"), ("male", "left"), ("female", "right"), ("female", "left"))


def printed(table):
    """Yield sex, hand, first and last age (None: open), mean, SD and verdict of each printed cell."""
    part = PAGE.split(TABLES[table], 1)[1].split("\n## ", 1)[0]
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        ages = re.fullmatch(r"(\d+)(?:[-–](\d+)|\+)", cells[0])
        if ages is None:
            continue
        for (sex, hand), cell in zip(COLUMNS, cells[1:5], strict=True):
            mean, sd = re.fullmatch(r"([\d.]+) \(([\d.]+)\)", cell).groups()
            last = int(ages[2]) if ages[2] else None
            yield sex, hand, int(ages[1]), last, float(mean), float(sd), cells[5] if len(cells) > 5 else ""


def ask(table="mathiowetz_1985", time_s=20.0, **facts):
    usual = {
        "comparable_with": [table],
        "age_y": 45,
        "sex": "female",
        "hand": "right",
        "dominant_hand": "right",
        "mode": "free",
        "start_rule": "touch",
        "completed": True,
        "geometry": GEOMETRY,
    }
    return norms.compare(table, time_s, **(usual | facts))


CELLS = [(table, *cell) for table in TABLES for cell in printed(table) if "NOT FOUND" not in cell[-1]]


def test_the_printed_tables_were_read_whole():
    assert len(list(printed("mathiowetz_1985"))) == 48
    assert len(list(printed("oxford_grice_2003"))) == 44
    assert len(CELLS) == 88


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: "-".join(str(part) for part in cell[:5] if part is not None)
)
def test_each_cell_is_found_as_printed(cell):
    table, sex, hand, first, last, mean, sd, _ = cell
    for age in (first, last or 94, (last or 94) + 0.9):
        at_mean = ask(table, mean, sex=sex, hand=hand, age_y=age)
        assert at_mean.z == 0.0
        assert at_mean.percentile == pytest.approx(50.0)
        assert (at_mean.norm.mean_s, at_mean.norm.sd_s) == (mean, sd)
        assert at_mean.norm.status is Status.VERIFIED_CODED
        assert ask(table, mean + 2 * sd, sex=sex, hand=hand, age_y=age).z == pytest.approx(-2.0)


def test_no_cell_is_loaded_that_is_not_printed_as_confirmed():
    for table, loaded in norms.tables().items():
        assert len(loaded.norms) == sum(cell[0] == table for cell in CELLS)


def test_doubtful_sds_are_those_that_were_read_otherwise():
    words = re.search(r"SD doubtful.*: (M.*)", PAGE)[1]
    doubtful = {
        ({"M": "male", "F": "female"}[sex], {"L": "left", "R": "right"}[hand], int(first))
        for sex, first, hand in re.findall(r"([MF]) (\d+)-\d+ ([LR])", words)
    }
    assert len(doubtful) == 3
    found = {
        (norm.sex, norm.hand, norm.age_from_y)
        for table in norms.tables().values()
        for norm in table.norms
        if norm.sd_doubtful
    }
    assert found == doubtful
    said = ask(sex="male", hand="left", age_y=47)
    assert Caution.SD_DOUBTFUL in said.cautions


def test_recalled_rows_stand_in_the_file_and_never_load():
    with (SCORE / "norms" / "oxford_grice_2003.csv").open(encoding="utf-8") as file:
        recalled = [row for row in csv.DictReader(file) if row["status"] == "recalled"]
    remembered = [cell for cell in printed("oxford_grice_2003") if "NOT FOUND" in cell[-1]]
    assert len(recalled) == len(remembered) == 4
    for row, cell in zip(
        recalled, sorted(remembered, key=lambda c: (c[0] != "male", c[1] != "right")), strict=True
    ):
        assert (float(row["mean_s"]), float(row["sd_s"])) == cell[4:6]
        refused = ask("oxford_grice_2003", cell[4], sex=row["sex"], hand=row["hand"], age_y=80)
        assert isinstance(refused, NoNorm)
        assert (refused.why, dict(refused.details)) == (Why.STATUS, {"years": "70"})
    loaded = [norm.mean_s for norm in norms.tables()["oxford_grice_2003"].norms]
    assert not {cell[4] for cell in remembered} & set(loaded)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"comparable_with": []}, Why.PROTOCOL),
        ({"comparable_with": ["oxford_grice_2003"]}, Why.PROTOCOL),
        ({"mode": "ordered"}, Why.MODE),
        ({"mode": "guided"}, Why.MODE),
        ({"start_rule": "go"}, Why.START_RULE),
        ({"start_rule": "lift"}, Why.START_RULE),
        ({"start_rule": None}, Why.START_RULE),
        ({"completed": False}, Why.NOT_COMPLETED),
        ({"geometry": None}, Why.GEOMETRY_UNKNOWN),
        ({"geometry": {"hole_pitch_mm": 32.0}}, Why.GEOMETRY_UNKNOWN),
        ({"geometry": GEOMETRY | {"hole_pitch_mm": 50.0}}, Why.GEOMETRY),
        ({"geometry": GEOMETRY | {"peg_mm": 10.0}}, Why.GEOMETRY),
        ({"geometry": GEOMETRY | {"peg_length_mm": 40.0}}, Why.GEOMETRY),
        ({"age_y": None}, Why.AGE_UNKNOWN),
        ({"age_y": 19.99}, Why.TOO_YOUNG),
        ({"age_y": 95}, Why.TOO_OLD),
        ({"sex": None}, Why.SEX_UNKNOWN),
        ({"sex": "diverse"}, Why.SEX_UNKNOWN),
        ({"hand": None}, Why.HAND_UNKNOWN),
        ({"hand": "both"}, Why.HAND_UNKNOWN),
    ],
)
def test_a_time_that_does_not_match_is_not_compared(facts, why):
    refused = ask(**facts)
    assert isinstance(refused, NoNorm)
    assert refused.why is why


def test_oxford_grice_begins_at_21():
    assert ask("oxford_grice_2003", age_y=20).why is Why.TOO_YOUNG
    assert isinstance(ask("oxford_grice_2003", age_y=21), Compared)


@pytest.mark.parametrize(
    ("z", "band"),
    [
        (-2.0, Band.MUCH_SLOWER),
        (-1.99, Band.SLOWER),
        (-1.5, Band.SLOWER),
        (-1.49, Band.A_LITTLE_SLOWER),
        (-0.75, Band.AS_MOST),
        (0.75, Band.AS_MOST),
        (0.76, Band.A_LITTLE_FASTER),
        (1.5, Band.FASTER),
        (2.0, Band.MUCH_FASTER),
    ],
)
def test_bands_have_the_published_limits(z, band):
    assert band_of(z) is band


def test_who_is_not_known_to_be_right_handed_hears_of_the_label():
    for dominant in ("left", None):
        assert Caution.HAND_LABEL in ask(dominant_hand=dominant).cautions
    assert Caution.HAND_LABEL not in ask(dominant_hand="right").cautions


def test_another_board_is_said():
    theirs = norms.tables()["mathiowetz_1985"].board
    assert Caution.OTHER_BOARD in ask(board="dexkit pegboard").cautions
    assert Caution.OTHER_BOARD not in ask(board=theirs).cautions


def test_a_profile_is_compared_with_all_its_tables_or_told_that_there_are_none():
    facts = {
        "age_y": 75,
        "sex": "male",
        "hand": "left",
        "mode": "free",
        "start_rule": "touch",
        "completed": True,
        "geometry": GEOMETRY,
    }
    first, second = norms.compare_all(26.4, comparable_with=list(TABLES), **facts)
    assert isinstance(first, Compared)
    assert second.why is Why.STATUS
    (none,) = norms.compare_all(26.4, comparable_with=[], **facts)
    assert none.why is Why.PROTOCOL


@settings(deadline=None)
@given(
    time_s=st.floats(0.1, 300.0),
    more_s=st.floats(0.1, 100.0),
    age=st.integers(20, 94),
    sex=st.sampled_from(["male", "female"]),
    hand=st.sampled_from(["left", "right"]),
)
def test_faster_is_plus(time_s, more_s, age, sex, hand):
    faster, slower = (ask(time_s=t, age_y=age, sex=sex, hand=hand) for t in (time_s, time_s + more_s))
    assert faster.z > slower.z
    assert faster.percentile >= slower.percentile
    assert list(Band).index(faster.band) >= list(Band).index(slower.band)


@pytest.mark.parametrize(
    "facts",
    [{"table": "wang_2011"}, {"time_s": 0.0}, {"time_s": float("nan")}, {"age_y": 177}, {"age_y": -1}],
)
def test_bad_input_is_one_line_with_a_next_step(facts):
    with pytest.raises(InputError) as caught:
        ask(**facts)
    assert "\n" not in str(caught.value)
    assert "Probably" in str(caught.value)
