"""The lights of the guided peg tests, as they shine on a virtual board while a person does the test."""

import os
import signal
from contextlib import nullcontext
from datetime import date

import pytest

from dexkit.assess import load_profile
from dexkit.assess.keeping import InFolder
from dexkit.assess.runner import Runner
from dexkit.assess.therapist import Therapist
from dexkit.assess.words import load_words
from dexkit.demo_tests import demo_boards, demo_patient
from dexkit.link.ports import as_url
from dexkit.sim.protocol_sim import board_of, switch_off

#: Where the board's lights are.
PIN = 16
DARK = None


class Sees(Therapist):
    """A therapist who leaves the practice out and sees which hole is lit; `act` may do something then."""

    def __init__(self, act=lambda hole, placed: ""):
        super().__init__()
        self.seen, self.board, self.act = [], None, act

    def key(self, screen, now_s):
        if screen.stage == "ready":
            return "s" if "practice" in screen.heading else "space"
        if screen.stage not in ("running", "over"):
            return super().key(screen, now_s)
        hole = lit(self.board)
        if not self.seen or self.seen[-1][0] != hole:
            self.seen.append((hole, self.board.world_s))
        return self.act(hole, dict(screen.counts).get("in", 0)) or super().key(screen, now_s)


def lit(board):
    """Return the hole whose light shines; None for none, and never more than one."""
    shown = board.desk.lights[PIN]
    shining = [hole for hole in range(9) if any(shown[3 * hole : 3 * hole + 3])]
    assert len(shining) <= 1
    return shining[0] if shining else DARK


@pytest.fixture
def guided(tmp_path):
    """Return what does one guided trial with the right hand; the boards stay on until the test is over."""

    def run(profile_id, therapist):
        profile, patient = load_profile(profile_id), demo_patient(date(2026, 11, 20))
        find = demo_boards(profile, fast=True)

        def boards(seat):
            found = find(seat)
            therapist.board = board_of(as_url(found[0].url))
            return found

        keeping, words = InFolder(tmp_path, patient), load_words("en")
        runner = Runner(profile, patient, ("right",), boards, keeping, words, lambda s: None, therapist)
        runner.run()
        return runner

    yield run
    switch_off()


def wanted(order, board):
    """Return what is to be lit, hole by hole: always the first in the order that is not filled."""
    truth = board.scene.truth["pegboard"]
    filled, found = [], [order[0]]
    for hole in truth["channel"][truth["kind"] == "seat"].tolist():
        filled.append(hole)
        found.append(next((each for each in order if each not in filled), DARK))
    return [hole for place, hole in enumerate(found) if not place or hole != found[place - 1]]


@pytest.mark.parametrize("profile_id", ["nhpt_guided_1", "nhpt_guided_2"])
def test_the_next_hole_is_lit_after_each_peg_and_none_at_the_end(guided, profile_id):
    therapist = Sees()
    (trial,) = guided(profile_id, therapist).trials
    assert trial.completed
    holes = [hole for hole, _ in therapist.seen]
    assert holes[0] is DARK  # before the word has come to the board
    assert holes[1:] == wanted(load_profile(profile_id).fact("order"), therapist.board)
    assert lit(therapist.board) is DARK


def test_from_memory_a_hole_is_lit_for_a_second_only(guided):
    therapist = Sees()
    guided("nhpt_guided_3", therapist)
    spells = list(zip(therapist.seen, therapist.seen[1:], strict=False))
    lasted = {hole: end_s - begin_s for (hole, begin_s), (_, end_s) in spells if hole is not DARK}
    first = load_profile("nhpt_guided_3").fact("order")[0]
    assert lasted[first] == pytest.approx(1.0, abs=0.3)
    assert lit(therapist.board) is DARK


class FaultError(Exception):
    """What nobody foresaw."""


@pytest.mark.parametrize("how", ["the person stops", "Ctrl-C", "a fault"])
def test_no_light_stays_on_when_a_trial_is_broken_off(guided, how):
    lit_then = []

    def act(hole, placed):
        if placed < 2 or lit_then:
            return ""
        lit_then.append(hole)
        if how == "a fault":
            raise FaultError
        if how == "Ctrl-C":
            os.kill(os.getpid(), signal.SIGINT)
        return "x" if how == "the person stops" else ""

    therapist = Sees(act)
    with pytest.raises(FaultError) if how == "a fault" else nullcontext():
        guided("nhpt_guided_1", therapist)
    assert lit_then != [DARK]
    therapist.board.run(0.2)  # what was sent last is read
    assert lit(therapist.board) is DARK
