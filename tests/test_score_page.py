"""The page of a recording: what it must say, and that it stands alone."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from dexkit.recording import Losses, Recording, Stream
from dexkit.report import measures
from dexkit.report.page import page, write_index
from dexkit.score.measure import REGISTRY
from dexkit.score.scoring import score
from dexkit.sim import make_scene

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Elements(HTMLParser):
    """Collects elements and fails on tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.found if name == tag]


def recording(kind, **changes):
    made = make_scene(kind, severity="mild", seed=2).recording()
    return Recording(kind, {**made.meta, **changes}, made.streams)


@pytest.fixture(scope="module", params=["button_board", "pegboard"])
def result(request):
    return score(recording(request.param))


def test_it_stands_alone(result):
    text = page(result, "test.mcap")
    assert len(text.encode()) < 1_000_000
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?:""", text)


def test_it_can_be_read_without_eyes(result):
    elements = Elements(page(result, "test.mcap"))
    assert elements.all("html") == [{"lang": "en"}]
    assert [len(elements.all(tag)) for tag in ("h1", "main", "header", "footer")] == [1, 1, 1, 1]
    assert all(attrs.get("scope") in ("row", "col") for attrs in elements.all("th"))
    (svg,) = elements.all("svg")
    assert svg["role"] == "img"
    assert len(elements.all("desc")) == 1


def test_it_says_every_measure_in_words_and_where_it_comes_from(result):
    text = Elements(page(result, "test.mcap")).text
    for value in result.scored.values:
        assert value.measure.title in text
        assert value.measure.id in text
        assert value.reason in text or value.part
    assert "test.mcap" in text
    assert "none known" in text


def test_what_a_recording_says_of_itself_cannot_break_the_page():
    result = score(recording("pegboard", person="<script>alert(1)</script>", test='"><b>'))
    text = page(result, '<img src="x">.mcap')
    Elements(text)
    assert "<script>" not in text
    assert "<img" not in text


def test_gaps_and_losses_are_shown():
    made = recording("button_board")
    streams = {}
    for name, stream in made.streams.items():
        keep = (stream.t_s < 5.0) | (stream.t_s > 7.0)
        streams[name] = Stream(
            name, stream.columns, stream.t_s[keep], np.ascontiguousarray(stream.values[keep]), stream.rate_hz
        )
    losses = Losses(chunks_lost=1, samples_missing=400, reasons=("A chunk is damaged.",))
    result = score(Recording(made.object_kind, made.meta, streams, losses))
    text = page(result, "test.mcap")
    assert 'class="lost"' in text
    assert "A chunk is damaged." in Elements(text).text
    assert "400 samples missing" in text


def test_the_key_explains_what_is_drawn_and_nothing_else(result):
    text = Elements(page(result, "test.mcap")).text
    crossed = bool(np.isin(result.scored.events["kind"], ("slip", "bounce")).any())
    assert ("×event that went wrong" in text) == crossed
    t_s = np.arange(400) / 100.0
    force = np.random.default_rng(1).normal(20.0, 1.0, (400, 1)).astype(np.float32)
    still = score(Recording("force", {}, {"force": Stream("force", ("force_n",), t_s, force, 100.0)}))
    text = page(still, "test.mcap")
    assert "event that went wrong" not in text
    assert "<span>event</span>" not in text
    assert text.count(">Force<") == 1  # a name without a unit is not its own unit


def test_a_curve_that_never_changes_is_drawn_whatever_its_size():
    t_s = np.arange(400) / 100.0
    for level in (0.0, 5.0, -3e38, 1e-30):
        force = np.full((400, 1), level, np.float32)
        stream = Stream("force", ("force_n",), t_s, force, 100.0)
        assert 'class="curve"' in page(score(Recording("force", {}, {"force": stream})), "test.mcap")


def test_the_index_leads_to_the_pages(result, tmp_path):
    write_index([("one.html", result)], tmp_path / "index.html")
    elements = Elements((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert elements.all("a") == [{"href": "one.html"}]


def test_the_documentation_of_the_measures_is_up_to_date():
    assert measures.PAGE.read_text(encoding="utf-8") == measures.measures_page(), "run: make docs"


def test_every_measure_says_what_it_is():
    for measure in REGISTRY.values():
        assert re.fullmatch(r"[a-z]+\.[a-z0-9_]+", measure.id)
        assert measure.definition().endswith(".")
        assert measure.source


@pytest.mark.parametrize(("first", "rows", "drawn"), [(1000, 6, True), (-6, 6, False), (-40, 40, True)])
def test_a_gap_is_drawn_but_not_the_uneven_ends_of_a_recording(first, rows, drawn):
    whole = recording("pegboard")
    contacts = whole.streams["pegboard/contacts"]
    kept = np.ones(len(contacts.t_s), bool)
    kept[first : first + rows or None] = False
    cut = replace(contacts, t_s=contacts.t_s[kept], values=contacts.values[kept])
    text = page(score(Recording("pegboard", whole.meta, {**whole.streams, cut.name: cut})), "test.mcap")
    assert ("not measured" in text) == drawn
