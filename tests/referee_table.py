"""Each rule against a person who breaks it, and two hundred clean trials: `python -m tests.referee_table`.

People are simulated and make the mistakes of a script; their samples go through the segmenters, piece by
piece, to the referee, and a therapist answers what is asked. Afterwards the recording is judged again.
"""

import sys
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from dexkit.assess import load_profile
from dexkit.assess.words import load_words
from dexkit.sim import make_scene
from tests.sitting import GO_S, limited, play

SEVERITIES = ("healthy", "mild", "moderate", "severe")


@dataclass(frozen=True)
class Case:
    """One thing that a person does, and what must come of it.

    `seen`: what the referee may rule on its own; of `must`, one at least. `answers`: what the therapist
    answers where it is asked. `marks`: what is said unasked, at a share of the scene.
    """

    rule: str
    does: str
    profile: str
    script: dict
    verdict: str
    must: tuple = ()
    seen: tuple = ()
    at_once: tuple = ()
    answers: dict = field(default_factory=dict)
    marks: tuple = ()
    completed: bool = True
    counts: dict = field(default_factory=dict)
    main: float | None = None
    limit_s: float | None = None
    test: str = ""
    severities: tuple = SEVERITIES


NHPT = "nhpt_mathiowetz"
UNAIDED = {"other_hand": "no"}
FLOOR = {"off_table": "floor", "fell_back": "from_floor"}

PEGS = (
    Case("two_at_once", "takes two pegs and uses both", NHPT, {"two_at_once": 4}, "annulled",
         ("two_at_once",)),
    Case("two_at_once", "takes two pegs and puts one back", NHPT, {"two_put_back": 4}, "valid"),
    Case("second_peg", "takes a peg while holding one", NHPT, {"second_peg": 4}, "annulled",
         seen=("second_peg", "off_table"), answers={"off_table": "table"},
         marks=(("answer", 0.9, "second_peg", "both_in_hand"),)),
    Case("other_hand", "is helped by the other hand, the therapist says", NHPT, {}, "annulled",
         marks=(("helped_by_other_hand", 0.5),)),
    Case("other_hand", "is helped by the other hand, asked after", NHPT, {}, "annulled",
         answers={"other_hand": "yes"}, at_once=("valid",)),
    Case("other_hand", "works with one hand, asked after", NHPT, {}, "valid", answers=UNAIDED),
    Case("off_table", "drops a peg off the table, gets it back", NHPT, {"dropped_on_floor": 4}, "annulled",
         ("off_table", "fell_back"), at_once=("ask",), answers=FLOOR),
    Case("off_table", "drops a peg off the table, it is said", NHPT, {"dropped_on_floor": 4}, "annulled",
         ("off_table", "fell_back"), at_once=("annulled",), marks=(("dropped_off_table", 0.9),)),
    Case("off_table", "drops a peg onto the table, picks it up", NHPT, {"dropped_on_table": 4}, "valid",
         seen=("off_table",), at_once=("valid", "ask"), answers={"off_table": "table"}),
    Case("off_table", "drops a peg onto the board, picks it up", NHPT, {"dropped_on_board": 4}, "valid"),
    Case("half_inserted", "leaves a peg half in its hole", NHPT, {"half_inserted": 4}, "annulled",
         ("half_inserted",), completed=False, counts={"placed": 8}),
    Case("half_inserted", "leaves the first peg half in", NHPT, {"half_inserted": 0}, "annulled",
         ("half_inserted",), completed=False),
    Case("half_inserted", "leaves the last peg half in", NHPT, {"half_inserted": 8}, "annulled",
         ("half_inserted",), completed=False),
    Case("pushed_home", "pushes a half-inserted peg home later", NHPT, {"pushed_home": 4}, "valid",
         ("pushed_home",)),
    Case("fell_back", "lets a peg fall back into the tray", NHPT, {"fell_back": 4}, "annulled",
         ("fell_back",), at_once=("ask",), answers={"fell_back": "by_accident"}),
    Case("fell_back", "puts a peg back on purpose", NHPT, {"fell_back": 4}, "valid", ("fell_back",),
         at_once=("ask",), answers={"fell_back": "put_back"}),
    Case("knocked_out", "knocks a peg out and places it again", NHPT, {"knocked_out": 4}, "valid",
         ("knocked_out",)),
    Case("not_all_placed", "begins to take out after four pegs", NHPT, {"too_soon": 4}, "annulled",
         ("not_all_placed",), at_once=("ask",), answers={"not_all_placed": "too_soon"}, completed=False),
    Case("return_missed", "misses the tray to the floor", NHPT, {"returned_on_floor": 4}, "annulled",
         ("return_missed",), at_once=("ask",), answers={"return_missed": "floor"}, completed=False,
         counts={"returned": 8}),
    Case("return_missed", "misses the tray to the table, puts it in", NHPT, {"returned_on_table": 4}, "valid",
         seen=("return_missed",), at_once=("valid", "ask"), answers={"return_missed": "table"}),
    Case("return_missed", "a returned peg bounces out", NHPT, {"bounced_out": 4}, "valid", ("return_missed",),
         at_once=("ask",), answers={"return_missed": "bounced_out"}, counts={"returned": 9}),
    Case("two_back", "takes two pegs out at once", NHPT, {"two_back": 4}, "annulled", ("two_back",),
         at_once=("ask",), answers={"two_back": "both_in_hand"}),
    Case("stopped", "stops after four pegs", NHPT, {"stops": 4}, "annulled", ("stopped",),
         marks=(("person_stopped", 0.95),), completed=False, counts={"placed": 4}),
    Case("not_completed", "cannot go on after four pegs", NHPT, {"stops": 4}, "valid", ("not_completed",),
         marks=(("stop", 0.95, "", "", "", "tired"),), completed=False, counts={"placed": 4}),
    Case("not_completed", "cannot go on with taking out", NHPT, {"stops_back": 4}, "valid",
         ("not_completed",), marks=(("stop", 0.98, "", "", "", "tired"),), completed=False,
         counts={"placed": 9, "returned": 4}),
    Case("interrupted", "is disturbed from outside", NHPT, {}, "annulled", ("interrupted",),
         marks=(("pause", 0.5),), completed=False),
    Case("time_limit", "is slower than the time limit", NHPT, {}, "valid", ("time_limit",), limit_s=10.0,
         completed=False),
    Case("override", "two pegs, decided otherwise with a reason", NHPT, {"two_at_once": 4}, "valid",
         ("two_at_once",), marks=(("override", 0.9, "two_at_once", "", "valid", "they stuck together"),),
         at_once=("valid",)),
    Case("override", "clean, annulled with a reason", NHPT, {}, "annulled",
         marks=(("override", 0.9, "interrupted", "", "annulled", "the phone rang"),)),
    Case("undo", "the therapist's finger slips, taken back", NHPT, {}, "valid",
         marks=(("helped_by_other_hand", 0.5), ("undo", 0.52))),
    Case("off_table", "MSFC: a fallen peg is given back", "nhpt_msfc", {"dropped_on_floor": 4}, "valid",
         ("off_table", "fell_back"), at_once=("ask",), answers=FLOOR),
    Case("wrong_hole", "ordered: uses another hole", "nhpt_ordered", {"wrong_hole": 4}, "annulled",
         ("wrong_hole",), counts={"wrong_holes": 1}),
    Case("wrong_hole", "ordered: moves it before the next", "nhpt_ordered", {"corrected_hole": 4}, "valid"),
    Case("wrong_hole", "ordered: keeps the order", "nhpt_ordered", {}, "valid"),
    Case("wrong_hole", "with lights: another hole, counted", "nhpt_guided_1", {"wrong_hole": 4}, "valid",
         ("wrong_hole",), counts={"wrong_holes": 1}),
    Case("support", "takes all out, arm free", "nhpt_modified", {"in_holes": 0}, "valid", main=3.0,
         answers={"support": "no", "other_hand": "no"}),
    Case("support", "takes all out, arm supported", "nhpt_modified", {"in_holes": 0}, "valid", main=2.0,
         answers={"support": "yes", "other_hand": "no"}),
    Case("not_completed", "takes four out", "nhpt_modified", {"in_holes": 0, "stops_back": 4}, "valid",
         ("not_completed",), marks=(("stop", 0.98),), completed=False, counts={"taken_out": 4}, main=1.0),
    Case("not_completed", "takes none out", "nhpt_modified", {"in_holes": 0, "stops_back": 0}, "valid",
         ("not_completed",), marks=(("stop", 0.98),), completed=False, main=0.0),
)  # fmt: skip

BUTTONS = (
    Case("other_hand", "five buttons, helped by the other hand", "buttons_five", {}, "annulled",
         answers={"other_hand": "yes"}),
    Case("came_undone", "a button comes open again", "buttons_five", {"came_undone": 1}, "valid",
         ("came_undone",)),
    Case("wrong_order", "the third button before the second", "buttons_five", {"wrong_order": 1}, "valid",
         ("wrong_order",)),
    Case("not_completed", "gives the smallest button up", "buttons_five", {"gives_up": 4}, "valid",
         ("not_completed",), seen=("came_undone",), marks=(("stop", 0.95),), completed=False,
         counts={"fastened": 4}),
    Case("grip", "four buttons within 20 s, prescribed grip", "buttons_sollerman", {}, "valid", main=4.0,
         answers={"difficulty": "none", "grip": "prescribed", "other_hand": "no"}, severities=("healthy",)),
    Case("grip", "four buttons within 20 s, another grip", "buttons_sollerman", {}, "valid", main=2.0,
         answers={"difficulty": "none", "grip": "other", "other_hand": "no"}, severities=("healthy",)),
    Case("time_limit", "four buttons: time is up", "buttons_sollerman", {}, "valid", ("time_limit",),
         main=1.0, limit_s=15.0, completed=False, severities=("moderate",)),
    Case("time_limit", "one button: gives it up", "buttons_18s", {"gives_up": 2}, "valid", ("not_completed",),
         marks=(("stop", 0.95),), completed=False, severities=("mild",)),
    Case("other_hand", "one button within 18 s: class C", "buttons_18s", {}, "valid", main=2.0,
         severities=("healthy", "mild")),
)  # fmt: skip

CUP = (
    Case("glass_touched", "a hand at the glass: the other one", "cup_ftm14", {"glass_touched": 0}, "annulled",
         ("glass_touched",), at_once=("ask",), answers={"glass_touched": "other_hand"}, test="ftm14"),
    Case("glass_touched", "something at the glass: a knock", "cup_ftm14", {"glass_touched": 0}, "valid",
         ("glass_touched",), at_once=("ask",), answers={"glass_touched": "knock"}, test="ftm14"),
    Case("put_between", "puts the cup down before pouring", "cup_pour", {"put_between": 0}, "valid",
         ("put_between",), test="pours"),
    Case("failed_lift", "the cup comes up at the second attempt", "cup_carry", {"failed_lift": 0}, "valid",
         ("failed_lift",), test="carry"),
    Case("put_early", "cannot hold the cup for ten seconds", "cup_hold", {"put_early": 0}, "annulled",
         ("put_early",), test="hold"),
    Case("poured", "spills while holding", "cup_hold", {"poured": 0}, "valid", ("poured",), test="hold"),
    Case("other_hand", "the other hand holds the cup too", "cup_carry", {}, "annulled",
         answers={"other_hand": "yes"}, test="carry"),
)  # fmt: skip

CASES = (*PEGS, *BUTTONS, *CUP)

#: Clean people: profile, test of the world, how many.
CLEAN = (
    (NHPT, "", 120),
    ("nhpt_ordered", "", 20),
    ("buttons_five", "", 20),
    ("cup_pour", "pours", 12),
    ("cup_ftm14", "ftm14", 12),
    ("cup_hold", "hold", 8),
    ("cup_carry", "carry", 8),
)


def run(case, severity, seed, step_s=0.5):
    """Return what came of a case with one person, and what is wrong with it."""
    profile = load_profile(case.profile)
    if case.limit_s:
        profile = limited(profile, case.limit_s)
    scene = make_scene(profile.object, severity, seed, script=case.script, test=case.test)
    marks = [(kind, share * scene.duration_s, *rest) for kind, share, *rest in case.marks]
    came = play(scene, profile, case.answers, marks, step_s=step_s)
    trial, wrong = came.live, []
    own = {ruling.rule for ruling in trial.rulings if ruling.by == "referee"}
    if str(trial.verdict) != case.verdict:
        wrong.append(f"verdict {trial.verdict}")
    if case.must and not own & set(case.must):
        wrong.append(f"did not see {' or '.join(case.must)}")
    if own - set(case.must) - set(case.seen):
        wrong.append(f"saw {', '.join(sorted(own - set(case.must) - set(case.seen)))}")
    if case.at_once and came.at_once not in case.at_once:
        wrong.append(f"at once {came.at_once}")
    if trial.completed != case.completed:
        wrong.append(f"completed {trial.completed}")
    wrong += [
        f"{name} {trial.counts.get(name)}" for name, n in case.counts.items() if trial.counts.get(name) != n
    ]
    if case.main is not None and trial.main.value != case.main:
        wrong.append(f"{trial.main.measure} {trial.main.value}")
    if case.profile == NHPT and not case.completed and "placed" in case.counts:
        speed = trial.score("pegs.per_s").value
        if not speed or speed <= 0:
            wrong.append("no speed")
    if speechless := came.shown - set(load_words("en").text):
        wrong.append(f"no words for {', '.join(sorted(speechless))}")
    if came.again != came.live:
        wrong.append("the recording is judged otherwise")
    # A question may become a better one; what does not count stays so.
    if any(verdict == "annulled" for _, _, verdict in came.withdrawn) and not any(
        mark.kind == "undo" for mark in trial.marks
    ):
        wrong.append("a ruling was shown and taken back")
    return came, wrong


def run_clean(profile_id, test, severity, seed):
    """Return what is wrong with the ruling on a clean person."""
    profile = load_profile(profile_id)
    scene = make_scene(profile.object, severity, seed, script={}, test=test)
    came = play(scene, profile, step_s=1.0)
    wrong = [ruling.rule for ruling in came.live.rulings]
    if not came.live.completed:
        wrong.append("not completed")
    if came.again != came.live:
        wrong.append("the recording is judged otherwise")
    return wrong


def main():
    """Print the table; return 1 when anything is wrong."""
    console = Console(width=150)
    table = Table(
        "rule", "a person who", "test", "sensors say", "therapist says", "ruling", "people", "right"
    )
    failed = 0
    for number, case in enumerate(CASES):
        wrong, at_once = [], set()
        for place, severity in enumerate(case.severities):
            came, faults = run(case, severity, 100 * number + place + 1)
            at_once.add(came.at_once if case.at_once else str(came.live.verdict))
            wrong += [f"{severity}: {fault}" for fault in faults]
        said = [f"{rule}: {answer}" for rule, answer in case.answers.items()]
        said += [" ".join(str(part) for part in mark[:1] + mark[2:] if part) for mark in case.marks]
        right = "yes" if not wrong else "; ".join(wrong)
        people = str(len(case.severities))
        table.add_row(
            case.rule, case.does, case.profile, " or ".join(sorted(at_once)), ", ".join(said), case.verdict,
            people, right,
        )  # fmt: skip
        failed += bool(wrong)
    console.print(table)
    ruled = done = 0
    for place, (profile_id, test, count) in enumerate(CLEAN):
        for each in range(count):
            severity, seed = SEVERITIES[each % 4], 5000 + 1000 * place + each
            wrong = run_clean(profile_id, test, severity, seed)
            done, ruled = done + 1, ruled + bool(wrong)
            if wrong:
                console.print(f"{profile_id} {severity} {seed}: {', '.join(wrong)}")
    console.print(
        f"{len(CASES) - failed} of {len(CASES)} rows right; rulings on {ruled} of {done} clean trials."
    )
    console.print(f"The word is said at {GO_S} s; every trial was judged live and again from its recording.")
    return int(bool(failed or ruled))


if __name__ == "__main__":
    sys.exit(main())
