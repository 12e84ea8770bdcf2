"""The tests as a page of documentation, generated from profiles, rules and words: run this module."""

import sys
from collections.abc import Mapping
from pathlib import Path

from dexkit.assess.profile import (
    FACTS,
    TASK,
    Fact,
    GradeRow,
    Profile,
    Rule,
    load_profile,
    profile_ids,
    rules_of,
)
from dexkit.assess.words import Words, load_words
from dexkit.score.measure import Mark

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tests.md"

HEAD = """# The standardised tests

Generated from `host/dexkit/assess/profiles/*.toml`, `rules.toml` and `words/en.toml` by `make docs`; do not
edit. Each fact has its source. **RECALLED** is from memory and not confirmed, **PROPOSED** is a convention
of ours; both are shown as such wherever a result is shown.

**How a trial is judged.** The referee looks at what the object felt, at what the therapist says and at the
time, always at all of it in order of time: judged again from its recording, a trial comes out the same. The
clock starts as the test's start rule says (the word, the first touch of the tray, or the lift; sources
differ, so the rule stands with each trial) and stops by itself. Each ruling says which rule, when, and one
of three things: it counts, it does not count, or the therapist's word is needed, because sensors cannot
tell a peg that fell onto the table from one on the floor. The therapist can answer, take a slip back, and
set any ruling aside with a reason; both stay with the trial. A trial that was annulled may be repeated as
often as the test allows; then its number is struck out. Who cannot finish has the pegs placed and the pegs
per second all the same. The rules at the pegboard are those of the Czech manual for all nine-hole tests,
unless a test below changes one.

Free, ordered, guided and modified tests never share a trend, nor do water and beads, nor different tests.

How one is run, key by key: [running a test](run-a-test.md).
"""


def tests_page() -> str:
    """Return the page."""
    words = load_words("en")
    lines = [HEAD, "\n## All tests\n", *_overview(words)]
    for kind in TASK:
        lines += [f"\n## Rules: {kind.replace('_', ' ')}\n", *_rules(rules_of(kind), words)]
    for profile_id in profile_ids():
        lines += _test(load_profile(profile_id), words)
    return "\n".join(lines) + "\n"


def _overview(words: Words) -> list[str]:
    rows = [
        "| test | id | mode | practice | timed | starts with | limit | main score |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for profile_id in profile_ids():
        p = load_profile(profile_id)
        facts = (p.facts["practice"], p.facts["timed"], p.facts["start_rule"], p.facts["time_limit_s"])
        practice, timed, start, limit = (_short(fact) for fact in facts)
        rows.append(
            f"| {words[f'profiles.{p.id}']} | `{p.id}` | {p.mode} | {practice} | {timed} | {start} "
            f"| {limit.replace(' ', ' s ', 1) if ' ' in limit else limit + ' s'} | `{p.scores[0]}` |"
        )
    return rows


def _short(fact: Fact) -> str:
    """Return a fact's value, marked where it is not from a source."""
    value = f"{fact.value:g}" if isinstance(fact.value, int | float) else str(fact.value)
    return f"{value} {_marked(fact.mark)}".strip()


def _marked(mark: Mark) -> str:
    return f"({mark})" if mark in (Mark.RECALLED, Mark.PROPOSED) else ""


def _rules(rules: Mapping[str, Rule], words: Words) -> list[str]:
    rows = ["| rule | what happened | verdict | source |", "|---|---|---|---|"]
    for rule in rules.values():
        source = f"{rule.source} {_marked(rule.mark)}".strip()
        rows.append(
            f"| `{rule.id}` | {words[f'rules.{rule.id}.name']} | {_verdict(rule, words)} | {source} |"
        )
    return rows


def _verdict(rule: Rule, words: Words) -> str:
    """Return what follows from a rule, its question and answers included."""
    if not rule.answers:
        return words[f"verdicts.{rule.verdict}"].lower()
    question = words[f"rules.{rule.id}.question"]
    answers = "; ".join(
        f"{words[f'rules.{rule.id}.answers.{answer}'].lower()}: {words[f'verdicts.{verdict}'].lower()}"
        for answer, verdict in rule.answers.items()
    )
    when = "asked after each trial" if rule.asked else "asked when it is sensed"
    return f"{when}: {question} {answers}"


def _test(profile: Profile, words: Words) -> list[str]:
    lines = [
        f"\n## {words[f'profiles.{profile.id}']}\n",
        f"`{profile.id}`, version {profile.version}, with the {profile.object.replace('_', ' ')}, "
        f"mode {profile.mode}.",
        f"Set-up: {words[f'texts.{profile.words}.setup']}\n",
        "| fact | value | mark | source |",
        "|---|---|---|---|",
    ]
    facts = [(name, profile.facts[name]) for name in FACTS] + list(profile.task.items())
    lines += [f"| {name} | {_value(fact)} | {fact.mark} | {fact.source} |" for name, fact in facts]
    changed = {name: rule for name, rule in profile.rules.items() if rule != rules_of(profile.object)[name]}
    if changed:
        lines += ["\nRules of its own:\n", *_rules(changed, words)]
    if profile.grades:
        lines += ["\n| grade | meaning | conditions | source |", "|---|---|---|---|"]
        lines += [_grade(profile, row, words) for row in profile.grades]
    scores = ", ".join(f"`{score}`" for score in profile.scores)
    compare = ", ".join(profile.compare) or "nothing but the person's own trials"
    lines.append(f"\nScores: {scores}. May be compared with: {compare}.")
    return lines


def _value(fact: Fact) -> str:
    return (
        ", ".join(map(str, fact.value))
        if isinstance(fact.value, tuple)
        else _short(Fact(fact.value, Mark.VERIFIED, ""))
    )


def _grade(profile: Profile, row: GradeRow, words: Words) -> str:
    conditions = []
    if row.completed is not None:
        conditions.append("finished" if row.completed else "not finished")
    if row.within_s is not None:
        conditions.append(f"within {row.within_s:g} s")
    conditions += [f"{name} at least {least}" for name, least in row.least.items()]
    conditions += [f"{rule}: {' or '.join(answers)}" for rule, answers in row.answers.items()]
    source = f"{row.source} {_marked(row.mark)}".strip()
    meaning = words[f"grades.{profile.id}.{row.value}"]
    return f"| {row.value} | {meaning} | {', '.join(conditions) or 'else'} | {source} |"


def main() -> int:
    """Write the page; with --check only compare and return 1 when it differs."""
    text = tests_page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
