"""Plain language: every language has every sentence, nothing is claimed without its test, nobody is hurt."""

import re
from datetime import date, timedelta

import pytest

from dexkit.errors import InputError
from dexkit.score import norms, reading
from dexkit.score.change import Change, Rule, TimedTrial, WhyNot, Word, compare, trend
from dexkit.score.evidence import Status
from dexkit.score.norms import Band, Caution, Why
from dexkit.score.reading import Audience, Result, read, read_reliability, read_trend
from dexkit.score.reliability import reliability

GEOMETRY = {"hole_pitch_mm": 32.0, "peg_mm": 6.4, "peg_length_mm": 32.0}
PLAIN = (Audience.PERSON, Audience.FAMILY)
LANGUAGES = reading.languages()

#: What nobody should read of themselves, in either language; and diseases, which no test of the kit can name.
NEVER = re.compile(
    r"impair|deficit|abnormal|normal|patholog|fail|poor|bad\b|weak|disab|wrong|should have|only|unfortunately"
    r"|beeintr|defizit|versag|schwach|behinder|leider|falsch|krank|"
    r"stroke|parkinson|sclerosis|ataxia|tremor|dementia|schlaganfall|sklerose|ataxie|demenz",
    re.IGNORECASE,
)


def trials(*times_s, mode="free", hand="left"):
    first = date(2026, 1, 5)
    return [
        TimedTrial(time_s, first + timedelta(weeks=i), "nhpt", mode, hand) for i, time_s in enumerate(times_s)
    ]


def compared(time_s=26.0, **facts):
    usual = {"age_y": 72, "sex": "female", "hand": "left", "dominant_hand": "right", "mode": "free"}
    usual |= {"start_rule": "touch", "completed": True, "geometry": GEOMETRY}
    tables = ["mathiowetz_1985", "oxford_grice_2003"]
    return norms.compare_all(time_s, comparable_with=tables, **(usual | facts))


BETTER = compare(trials(70, 66, 61, 64, 58, 63, 60), trials(*[1] * 7, 38)[7:], test="nhpt")
WORSE = compare(trials(40), trials(1, 95)[1:], test="nhpt", condition="stroke", sides=("affected",))
WITHIN = compare(trials(40), trials(1, 41)[1:], test="nhpt")
FIRST = compare([], trials(40), test="nhpt")


def test_the_examples_are_what_they_are_called():
    assert (BETTER.word, WORSE.word, WITHIN.word) == (Word.BETTER, Word.WORSE, Word.WITHIN)
    assert FIRST.why is WhyNot.FIRST


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_decision_has_words(language):
    told = reading.words(language)
    for section, kind in (("reason", Why), ("caution", Caution), ("status", Status), ("word", Word)):
        assert set(told[section]) == {each.value for each in kind}
    for audience in Audience:
        assert {band.value for band in Band} <= set(told[audience.value])
        assert {why.value for why in WhyNot} <= set(told[audience.value])
    assert {rule.value for rule in Rule} <= set(told["team"])


def test_two_languages_ship_and_a_third_is_one_file():
    assert {"en", "de"} <= set(LANGUAGES)
    english = (norms.files("dexkit.score") / "words" / "en.toml").read_text(encoding="utf-8")
    third = english.replace("You needed {time} seconds with your {hand} hand.", "{time} s, {hand}!")
    assert reading.parse(third, english, "xx.toml")["person"]["time"] == "{time} s, {hand}!"


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("You needed {time} seconds", "You needed some seconds"),
        ('as_most = "That is about as fast as most people of your age."\n', ""),
        ("{hand} hand.", "{hand hand."),
        ('decimal = "."', "decimal = ."),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(what, instead):
    english = (norms.files("dexkit.score") / "words" / "en.toml").read_text(encoding="utf-8")
    with pytest.raises(InputError) as caught:
        reading.parse(english.replace(what, instead, 1), english, "xx.toml")
    assert "xx.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", PLAIN)
def test_nobody_is_judged_and_no_disease_is_named(language, audience):
    told = reading.words(language)
    for key, sentence in told[audience.value].items():
        assert not NEVER.search(sentence), key
        for short in re.split(r"[.;:] ", sentence):
            assert len(short.split()) <= 24, key
    for change in (BETTER, WORSE, WITHIN, FIRST, None):
        for norm in (compared(60.0), compared(20.0), compared(age_y=18), ()):
            text = " ".join(read(Result("X", "left", 26.0, norms=norm, change=change), audience, language))
            assert not NEVER.search(text.replace("recorded", ""))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", list(Audience))
def test_a_change_is_said_only_where_the_comparison_says_it(language, audience):
    told = reading.words(language)
    own = told[audience.value]
    before_word = told["team"]["change"].split("{word}")[0]
    words = {
        word: before_word + told["word"][word] if audience is Audience.TEAM else own[word] for word in Word
    }
    for change in (BETTER, WORSE, WITHIN, FIRST, None):
        text = " ".join(read(Result("X", "left", 26.0, change=change), audience, language))
        said = {word for word, sentence in words.items() if sentence in text}
        assert said == ({change.word} if isinstance(change, Change) else set())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_place_among_others_is_said_only_with_a_norm(language):
    told = reading.words(language)
    for audience in PLAIN:
        bands = [told[audience.value][band.value] for band in Band]
        text = " ".join(read(Result("X", "left", 26.0, norms=compared(age_y=18)), audience, language))
        assert not any(band in text for band in bands)
        assert told["reason"]["norm_too_young"].format(years=20) in text
        text = " ".join(read(Result("X", "left", 26.0, norms=compared(26.0)), audience, language))
        assert told[audience.value]["a_little_slower"] in text  # z = (22.0 - 26.0) / 2.7


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_did_not_finish_hears_what_was_done_and_no_comparison(language):
    told = reading.words(language)
    for audience in Audience:
        result = Result("X", "right", None, 5, 9, norms=compared(), change=BETTER)
        first, second = read(result, audience, language)
        assert "5" in first
        assert "9" in first
        assert second == told[audience.value]["not_completed"]


def test_the_team_reads_numbers_sources_and_cautions():
    text = " ".join(
        read(Result("Nine-Hole Peg Test", "left", 26.0, norms=compared(), change=WORSE), Audience.TEAM)
    )
    for part in (
        "z -1.48",  # (22.0 - 26.0) / 2.7
        "percentile 7",
        "not in the paper",
        "Mathiowetz 1985",
        "another board",
        "For ages above 70",
        "95.0 s against 40.0 s (+137.5 %)",
        "54 %",
        "Chen 2009",
        "n = 62",
        "read in the abstract",
    ):
        assert part in text, part
    floor = " ".join(read(Result("X", "left", 26.0, change=WITHIN), Audience.TEAM))
    assert "The best supported floor is used" in floor
    own = " ".join(read(Result("X", "left", 26.0, change=BETTER), Audience.TEAM))
    assert "own spread" in own
    assert "2026-01-12 to 2026-02-16" in own  # the first day is left out


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_condition_that_is_not_known_is_said_with_those_that_are(language):
    found = compare(trials(40), trials(1, 41)[1:], test="nhpt", condition="hemiparesis")
    text = " ".join(read(Result("X", "left", 41.0, change=found), Audience.TEAM, language))
    assert "charcot marie tooth, ms, parkinson, stroke" in text
    assert "54 %" in text and "Chen 2009" in text


def test_german_numbers_have_a_comma():
    first, *_ = read(Result("X", "left", 26.04), Audience.PERSON, "de")
    assert first == "Sie haben mit der linken Hand 26,0 Sekunden gebraucht."


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_trend_is_read_with_what_chance_alone_would_say(language):
    found = trend(trials(*[40.0] * 21), test="nhpt")
    *_, last = read_trend(found, Audience.TEAM, language)
    assert "20" in last
    assert re.search(r"1[.,]0", last)
    assert read_trend(found, Audience.PERSON, language) == (
        reading.words(language)["person"]["within_error"],
    )
    only = trend(trials(40.0), test="nhpt")
    assert read_trend(only, Audience.TEAM, language) == (reading.words(language)["team"]["change_first"],)


@pytest.mark.parametrize("language", LANGUAGES)
def test_reliability_of_few_people_is_called_rough(language):
    few = read_reliability(reliability([[20.0, 22.0], [30.0, 29.0], [41.0, 44.0]]), language)
    assert few[1:] == (reading.words(language)["team"]["few"],)


def test_unknown_language_or_hand_is_one_line():
    for hand, language in (("left", "xx"), ("both", "en")):
        with pytest.raises(InputError) as caught:
            read(Result("X", hand, 20.0), Audience.PERSON, language)
        assert "\n" not in str(caught.value)
