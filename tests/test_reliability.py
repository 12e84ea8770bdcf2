"""Reliability of repeats against pingouin's numbers, and what must hold for any table."""

import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit.errors import InputError
from dexkit.score.reliability import reliability

#: Made once with the version that it names; pingouin is under the GPL, so nothing here imports it.
ORACLE = json.loads((Path(__file__).parent / "data" / "icc_pingouin.json").read_text(encoding="utf-8"))
ASK_PINGOUIN = """
import json, sys
import numpy as np, pandas as pd, pingouin
found = []
for each in json.load(sys.stdin)["sets"]:
    times = np.array(each["times_s"])
    people, repeats = np.indices(times.shape)
    table = pd.DataFrame({"p": people.ravel(), "r": repeats.ravel(), "t": times.ravel()})
    icc = pingouin.intraclass_corr(data=table, targets="p", raters="r", ratings="t")
    found.append(float(icc[icc["Type"].isin(["ICC2", "ICC(A,1)"])]["ICC"].iloc[0]))
print(json.dumps(found))
"""


@pytest.mark.parametrize("each", ORACLE["sets"], ids=lambda each: each["name"])
def test_icc_is_that_of_pingouin(each):
    assert reliability(each["times_s"]).icc == pytest.approx(each["icc_a1"], abs=1e-9)


def test_icc_is_that_of_the_textbook():
    (textbook,) = (each for each in ORACLE["sets"] if each["name"].startswith("Shrout"))
    assert round(reliability(textbook["times_s"]).icc, 2) == 0.29  # Shrout and Fleiss 1979, table 4, ICC(2,1)


@pytest.mark.skipif(
    find_spec("pingouin") is None, reason="pingouin is not installed: its numbers are in the file"
)
def test_pingouin_still_says_the_same():
    done = subprocess.run(
        [sys.executable, "-c", ASK_PINGOUIN],
        input=json.dumps(ORACLE),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == pytest.approx([each["icc_a1"] for each in ORACLE["sets"]], abs=1e-9)


tables = st.integers(3, 12).flatmap(
    lambda n: st.integers(2, 4).flatmap(
        lambda k: st.lists(st.lists(st.floats(5.0, 120.0), min_size=k, max_size=k), min_size=n, max_size=n)
    )
)


@settings(deadline=None)
@given(times_s=tables, factor=st.floats(0.1, 10.0))
def test_seconds_scale_and_percent_stays(times_s, factor):
    times_s = np.array(times_s)
    if np.ptp(times_s) < 1.0:
        return
    one, other = reliability(times_s), reliability(factor * times_s)
    assert other.sem_s == pytest.approx(factor * one.sem_s, rel=1e-6, abs=1e-9)
    assert other.mdc_pct == pytest.approx(one.mdc_pct, rel=1e-6, abs=1e-9)
    assert one.mdc_s == pytest.approx(1.96 * math.sqrt(2.0) * one.sem_s)


def test_two_repeats_give_the_error_of_their_differences():
    # The differences of two trials with equal means have the standard deviation sqrt(2) SEM.
    rng = np.random.default_rng(3)
    once = 40.0 + 8.0 * rng.standard_normal(50)
    noise = rng.standard_normal(50)
    noise -= noise.mean()
    times_s = np.column_stack((once, once + 3.0 * noise))
    found = reliability(times_s)
    assert found.sem_s == pytest.approx(3.0 * noise.std(ddof=1) / math.sqrt(2.0))
    assert not found.few


def test_practice_of_everybody_counts_as_error():
    once = np.array([20.0, 30.0, 40.0, 55.0, 70.0])
    found = reliability(np.column_stack((once, once - 4.0)))
    assert found.sem_s == pytest.approx(math.sqrt(4.0**2 / 2.0))
    assert found.few


@pytest.mark.parametrize(
    "times_s",
    [
        [[20.0, 21.0]],
        [[20.0], [21.0]],
        [20.0, 21.0],
        [[20.0, math.nan], [21.0, 22.0]],
        [[0.0, 1.0], [2.0, 3.0]],
        [[5.0, 5.0]] * 3,
    ],
)
def test_tables_that_carry_nothing_are_refused_in_one_line(times_s):
    with pytest.raises(InputError) as caught:
        reliability(times_s)
    assert "\n" not in str(caught.value)
