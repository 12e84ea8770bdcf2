"""Profiles, words, pictures and the page of tests: whole, alike in every language, refused when damaged."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from dexkit.assess.profile import OWN_SCORES, PROFILES, load_profile, profile_ids, read_profile, rules_of
from dexkit.assess.trial import MARKS, Verdict
from dexkit.assess.words import PICTURE_NAMES, PICTURES, WORDS, languages, load_words, picture, read_words
from dexkit.errors import InputError
from dexkit.hardware import load
from dexkit.score.measure import REGISTRY
from dexkit.score.measure import Mark as Trust

TEXTS = ("setup", "practice", "before", "go", "during", "switch", "after")

#: The tests that were asked for, and by which fact each is told from its neighbours.
WANTED = {
    "nhpt_mathiowetz": {"practice": 1, "timed": 1, "start_rule": "touch"},
    "nhpt_msfc": {"practice": 0, "timed": 2, "start_rule": "go", "result": "msfc"},
    "nhpt_nih": {"practice": 1, "timed": 1},
    "nhpt_ordered": {"timed": 3, "result": "mean"},
    "nhpt_guided_1": {"light_s": 0.0},
    "nhpt_guided_2": {"light_s": 0.0},
    "nhpt_guided_3": {"light_s": 1.0},
    "nhpt_modified": {"stop": "all_pegs_out", "hand_order": "unaffected_first"},
    "buttons_18s": {"stop": "all_fastened"},
    "buttons_five": {"stop": "all_opened"},
    "buttons_sollerman": {"time_limit_s": 60.0},
    "buttons_penalty": {"slip_penalty_s": 5.0},
    "cup_hold": {"act": "hold"},
    "cup_carry": {"act": "carry"},
    "cup_pour": {"act": "pour", "target_g": 100.0, "contents": "water"},
    "cup_pour_beads": {"act": "pour", "target_g": 100.0, "contents": "beads"},
    "cup_ftm14": {"act": "pour", "both_hands": True},
    "cup_arat2_pour": {"act": "pour", "time_limit_s": 60.0},
    "cup_drink": {"act": "lift"},
}


def test_all_tests_are_there():
    assert set(profile_ids()) == set(WANTED)
    for profile_id, facts in WANTED.items():
        profile = load_profile(profile_id)
        assert {name: profile.fact(name) for name in facts} == facts


@pytest.mark.parametrize(
    ("profile_id", "fact", "mark"),
    [
        ("nhpt_msfc", "time_limit_s", "RECALLED"),  # 300 s: practice in software; the sentence was not found
        ("cup_arat2_pour", "time_limit_s", "RECALLED"),  # 60 s: not found
        ("nhpt_mathiowetz", "timed", "RECALLED"),
        ("nhpt_mathiowetz", "practice", "verified"),
        ("nhpt_msfc", "timed", "verified"),
        ("nhpt_ordered", "order", "PROPOSED"),
        ("buttons_18s", "buttons", "PROPOSED"),  # the size of the study's button is not known
    ],
)
def test_what_is_not_confirmed_is_marked_so(profile_id, fact, mark):
    profile = load_profile(profile_id)
    found = {**profile.facts, **profile.task}[fact]
    assert found.mark == mark
    assert found.source
    assert ((fact, found) in profile.unsure) == (mark in ("RECALLED", "PROPOSED"))


def test_grades_from_memory_are_marked_so():
    marks = {row.value: str(row.mark) for row in load_profile("buttons_sollerman").grades}
    assert marks == {4: "verified", 3: "RECALLED", 2: "RECALLED", 1: "RECALLED", 0: "verified"}
    marks = {row.value: str(row.mark) for row in load_profile("cup_arat2_pour").grades}
    assert (marks[3], marks[2]) == ("RECALLED", "RECALLED")


def test_only_free_tests_of_the_norms_geometry_and_protocol_are_compared():
    comparing = {profile_id for profile_id in profile_ids() if load_profile(profile_id).compare}
    assert comparing == {"nhpt_mathiowetz"}


# ---- Damaged files -----------------------------------------------------------------------------------------


def refused(path):
    """Return the message with which a profile is refused, one line; None where it is taken."""
    try:
        read_profile(path)
    except InputError as error:
        assert "\n" not in str(error)
        assert "Put the original back" in str(error)
        return str(error)
    return None


def damaged(tmp_path, profile_id, text):
    path = tmp_path / f"{profile_id}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("profile_id", ["nhpt_ordered", "cup_arat2_pour"])
def test_a_profile_without_any_one_line_is_refused_or_still_whole(tmp_path, profile_id):
    lines = (PROFILES / f"{profile_id}.toml").read_text(encoding="utf-8").splitlines()
    facts = [n for n, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    grades = lines.index("[[grades]]") if "[[grades]]" in lines else len(lines)
    for number in facts:
        said = refused(damaged(tmp_path, profile_id, "\n".join(lines[:number] + lines[number + 1 :])))
        # A grade without one of its conditions is another grade; nothing else may be left out.
        in_rows = number > grades and re.match(r"(completed|within_s|least|answers)", lines[number])
        assert said is not None or in_rows, lines[number]


def test_a_profile_cut_anywhere_never_raises_anything_else(tmp_path):
    text = (PROFILES / "nhpt_ordered.toml").read_text(encoding="utf-8")
    for end in range(0, text.index("[task]"), 7):
        assert refused(damaged(tmp_path, "nhpt_ordered", text[:end])) is not None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version = 1", 'version = "one"', "version = 'one', where a value of type int"),
        ('object = "pegboard"', 'object = "abacus"', "an object 'abacus'"),
        ('id = "nhpt_ordered"', 'id = "nhpt"', "not the file's name"),
        ('is = "touch"', 'is = "whistle"', "start_rule.is = 'whistle'"),
        ("is = 300", "is = -1", "less than 0"),
        ('mark = "verified"', 'mark = "sure"', "mark = 'sure'"),
        ("pegs.per_s", "pegs.per_fortnight", "'pegs.per_fortnight' that no measure has"),
        ('asks = ["other_hand"]', 'asks = ["two_at_once"]', "asks for 'two_at_once'"),
        ("[rules.wrong_hole]", "[rules.whistle]", "a rule 'whistle'"),
        ('verdict = "annulled"', 'verdict = "perhaps"', "verdict = 'perhaps'"),
        ("timed = ", "times = ", "unknown 'times'"),
        ("timed = { is = 3,", "timed = { is = 3, was = 2,", "unknown 'was' in timed"),
        ("[0, 1, 2,", "[0, 1, 1,", "no order of holes 0 to 8"),
        ('[task]', '[task]\ntarget_g = { is = 5, mark = "PROPOSED", source = "" }', "unknown 'target_g'"),
    ],
)  # fmt: skip
def test_each_damage_is_named(tmp_path, old, new, says):
    text = (PROFILES / "nhpt_ordered.toml").read_text(encoding="utf-8")
    assert old in text
    assert says in refused(damaged(tmp_path, "nhpt_ordered", text.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('mode = "pour_target_beads"', 'mode = "pour_target"', "the mode 'pour_target' with beads"),
        ('is = "beads"', 'is = "water"', "the mode 'pour_target_beads' with water"),
        ('is = "beads"', 'is = "water_or_beads"', "contents.is = 'water_or_beads'"),
    ],
)
def test_what_is_in_the_cup_is_in_the_mode_so_that_water_and_beads_share_no_trend(tmp_path, old, new, says):
    text = (PROFILES / "cup_pour_beads.toml").read_text(encoding="utf-8")
    assert old in text
    assert says in refused(damaged(tmp_path, "cup_pour_beads", text.replace(old, new)))


def test_an_unknown_test_is_refused():
    with pytest.raises(InputError, match=r"no test 'nhtp'.*nhpt_msfc"):
        load_profile("nhtp")


# ---- Words and pictures ------------------------------------------------------------------------------------


def wanted_words():
    """Return every place that profiles, rules and the referee need words for."""
    found = {"language"}
    for profile_id in profile_ids():
        profile = load_profile(profile_id)
        found.add(f"profiles.{profile_id}")
        found |= {f"texts.{profile.words}.{text}" for text in TEXTS}
        found |= {f"grades.{profile_id}.{row.value}" for row in profile.grades}
        for rule in profile.rules.values():
            found.add(f"rules.{rule.id}.name")
            if rule.answers:
                found.add(f"rules.{rule.id}.question")
            found |= {f"rules.{rule.id}.answers.{answer}" for answer in rule.answers}
        found |= {f"facts.{name}" for name in (*profile.facts, *profile.task)}
        for score in profile.scores:
            name = score if score in REGISTRY or score in OWN_SCORES else score.rpartition(".")[0]
            found.add(f"scores.{name}")
            if name in REGISTRY:
                found |= {f"labels.{name}.{number}" for number in REGISTRY[name].labels}
                found |= {f"part_names.{REGISTRY[name].part_name}"} if name != score else set()
                unit = REGISTRY[name].unit
                found |= {f"units.{unit}"} if unit.startswith("of ") or unit == "times" else set()
    found |= {f"verdicts.{verdict}" for verdict in Verdict}
    found |= {f"trust.{trust}" for trust in Trust}
    found |= {f"marks.{mark}" for mark in MARKS}
    found |= {f"hands.{hand}" for hand in ("left", "right")}
    found |= {f"roles.{role}" for role in ("dominant", "non_dominant", "affected", "unaffected")}
    return found


#: Words for what a screen shows; that the referee shows no others is held by tests/referee_table.py.
SHOWN = {
    "phases": {"waiting", "ready", "running", "finished", "time_up", "stopped"},
    "parts": {"placing", "removing", "fastening", "unfastening", "pouring", "holding", "carrying",
              "lifting"},
    "prompts": {"push_it_in", "out_again", "open_again", "put_down", "stop"},
    "counts": {"placed", "taken_out", "returned", "wrong_holes", "fastened", "still_closed", "buttons",
               "lifted", "poured"},
    "steps": {"practice", "timed", "repeat", "decide", "rest", "done"},
    "keys": {
        "back", "begin", "finished", "leave_open", "next", "quit", "skip", "try_again",
    },
    "runner": {
        "by_therapist", "connecting", "cut_short", "live", "only_live", "only_recording", "recalled",
        "recording", "silent", "time_s", "verdict", "what_instead", "which_ruling", "why",
    },
    "note": {
        "affected", "age_note", "both_hands", "calibration", "condition", "date", "device", "dominant",
        "firmware", "hands", "no_device", "no_result", "non_dominant", "none", "not_measurable", "open",
        "person", "result", "simulated", "size", "start_go", "start_lift", "start_rule", "start_touch",
        "still_to_come", "stop_by_therapist", "trials", "unaffected", "unsure", "version",
    },
    "scores": {"trial.msfc_per_s"},
    "labels": {"pour.ftm14_class.careful", "pour.ftm14_class.normal"},
    "objects": {"button_board", "coaster", "cup", "pegboard"},
    "sizes": {size for kind in ("button_board", "cup", "pegboard") for size in load(kind).geometry_mm},
    "splits": {
        "fastened_s", "placed_s", "pour_off_s", "pour_on_s",
    },
}  # fmt: skip


def test_measures_are_called_as_in_the_report():
    english = load_words("en").text
    for place, text in english.items():
        table, _, name = place.partition(".")
        measure, _, number = name.rpartition(".")
        if table == "scores" and name in REGISTRY:
            assert text == REGISTRY[name].title
        elif table == "labels" and number.isdigit():
            assert text == REGISTRY[measure].labels[int(number)]


@pytest.mark.parametrize("code", languages())
def test_each_language_has_all_words_and_no_other(code):
    shown = {f"{table}.{name}" for table, names in SHOWN.items() for name in names}
    assert set(load_words(code).text) == wanted_words() | shown


def test_there_are_english_and_german_and_a_third_is_one_file(tmp_path, monkeypatch):
    assert {"en", "de"} <= set(languages())
    copy = (WORDS / "en.toml").read_text(encoding="utf-8").replace('"English"', '"Esperanto"')
    for path in WORDS.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "eo.toml").write_text(copy, encoding="utf-8")
    monkeypatch.setattr("dexkit.assess.words.WORDS", tmp_path)
    assert "eo" in languages()
    assert load_words("eo")["language"] == "Esperanto"


def test_german_is_german():
    english, german = load_words("en"), load_words("de")
    same = {place for place, text in english.text.items() if german.text[place] == text}
    assert not same


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("language = ", "cannot be read"),
        ("language = 3", "language is no text"),
        ('a.b = ""', "a.b is no text"),
    ],
)
def test_damaged_words_are_refused_in_one_line(tmp_path, text, says):
    (tmp_path / "xx.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        read_words(tmp_path / "xx.toml")
    assert "\n" not in str(caught.value)


def test_missing_words_and_languages_are_named():
    with pytest.raises(InputError, match=r"language 'kl'.*de, en"):
        load_words("kl")
    with pytest.raises(InputError, match=r"'rules.whistle' are missing in en.toml"):
        load_words("en")["rules.whistle"]


@pytest.mark.parametrize("name", PICTURE_NAMES)
def test_pictures_are_few_shapes_with_a_title(name):
    root = ET.fromstring(picture(name))
    shapes = [node for node in root.iter() if node.tag.rsplit("}", 1)[-1] in ("path", "rect", "circle")]
    assert 1 <= len(shapes) <= 20
    assert root.find("{http://www.w3.org/2000/svg}title").text == root.get("aria-label")


def test_there_is_no_picture_without_a_name():
    assert {path.stem for path in PICTURES.glob("*.svg")} == set(PICTURE_NAMES)
    with pytest.raises(InputError, match="no picture 'horse'"):
        picture("horse")


# ---- The page ----------------------------------------------------------------------------------------------


def test_the_page_follows_the_profiles():
    done = subprocess.run(
        [sys.executable, "-m", "dexkit.assess.page", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, "Run `make docs` and commit the result."


@pytest.mark.parametrize("kind", ["pegboard", "button_board", "cup"])
def test_each_rule_has_a_source(kind):
    assert all(len(rule.source) > 20 for rule in rules_of(kind).values())
