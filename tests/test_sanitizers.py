"""The C core under AddressSanitizer and UBSan: seconds of what `make fuzz` does for minutes."""

import pytest

from tests.fuzz import native

FRAMES = 100_000
INPUTS = 5_000


@pytest.fixture(scope="module")
def folder():
    with native.workshop() as made:
        yield made


def test_damaged_frames_do_no_harm_and_every_loss_is_counted(folder):
    try:
        counts, findings = native.throw_frames(folder, FRAMES, seed=1, progress=lambda done: None)
    except native.CannotBuildError as reason:
        pytest.skip(str(reason))
    assert findings == []
    assert counts["damaged"] >= FRAMES
    assert counts["delivered"] > FRAMES / 4
    assert counts["largest_gap"] > 2**16
    assert counts["wrong"] == counts["out_of_step"] == counts["miscounted"] == 0


@pytest.mark.parametrize("target", native.TARGETS)
def test_odd_inputs_do_no_harm_in_any_chunking(folder, target):
    try:
        findings = native.run_standalone(folder, target, INPUTS, seed=1)
    except native.CannotBuildError as reason:
        pytest.skip(str(reason))
    assert findings == []
