"""The page, the figures and the JSON of a session."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import matplotlib.image
import numpy as np
import pytest

from crepe.errors import DeviceError
from crepe.messages import Spikes, StreamInfo
from crepe.report import build, page
from crepe.report.build import content_of
from crepe.report.numbers import Report
from crepe.report.session import Session
from crepe.report.style import Picture
from crepe.results import trials
from crepe.store import Store
from crepe.store.memory_store import MemoryStore

FIGURES = ["confusion", "course", "evoked", "evoked-map", "rate-map", "score", "session", "trials"]


class Page(HTMLParser):
    """Tags, what they fetch, and the text as a reader sees it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data):
        self.text += data


def page_of(session):
    report, pictures, of_game = content_of(session)
    return page.html(report, session, pictures, of_game)


@pytest.fixture(autouse=True)
def var(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    monkeypatch.setattr(trials, "N_PERMUTATIONS", 200)


@pytest.fixture
def undrawn(monkeypatch):
    """Draw no figure: for tests of the text around them."""
    empty = [Picture(name, b"", "") for name in FIGURES]
    monkeypatch.setattr(build, "_pictures", lambda *report: empty)


def test_every_figure_shows_something(by_hand):
    _, pictures, _ = content_of(by_hand)
    assert sorted(pictures) == FIGURES
    for name, content in pictures.items():
        pixels = matplotlib.image.imread(BytesIO(content.png), format="png")
        assert pixels.shape[1] > 1200, name
        assert np.mean(pixels[..., :3].min(axis=2) < 0.9) > 0.01, name  # not all is white
        assert content.alt


def test_the_page_fetches_nothing(by_hand):
    text = page_of(by_hand)
    content = Page(text)
    assert len(content.fetched) == len(FIGURES)
    assert all(value.startswith("data:image/png;base64,") for value in content.fetched)
    without_figures = re.sub(r'data:image/png;base64,[^"]*', "", text)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", without_figures)
    assert not {"script", "link", "iframe", "object"} & set(content.tags)


def test_what_comes_from_a_file_is_text(by_hand):
    evil = "<script>alert('1')</script> & \"$x$\""
    shown = json.dumps({"title": evil, "actors": {}})
    session = replace(by_hand, id=evil, text=shown, culture={evil: evil + "\x00\x1b"})
    text = page_of(session)
    assert "<script" not in text
    assert "&lt;script&gt;alert('1')&lt;/script&gt; &amp;" in text
    assert evil in Page(text).text
    assert "\x00" not in text
    assert "\x1b" not in text


def test_names_in_figures_are_no_formulas(by_hand):
    game = by_hand.store["result:game"]
    last = replace(
        game.messages(0, 10_000)[-1], start=9000, stop=9001, condition="$\\frac$", block=3
    )
    game.append_message(last)
    report, *_ = content_of(by_hand)
    assert "$\\frac$" in [item.condition for item in report.decoding.conditions]


def test_a_simulated_culture_is_called_so_in_large_letters(by_hand, undrawn):
    text = page_of(by_hand)
    assert '<div class="simulated"><strong>SIMULATED</strong>' in text
    living = page_of(replace(by_hand, is_simulated=False))
    assert "SIMULATED" not in living
    assert "living culture" in living


def test_how_a_session_ended_is_said(by_hand, undrawn):
    def shown(**changes):
        return Page(page_of(replace(by_hand, **changes))).text

    assert "ended in good order" in shown()
    assert "stopped in good order" in shown(has_ended=False)
    assert "the session was cut off" in shown(has_ended=False, is_closed=False)


def test_what_a_session_was_recorded_with_is_said(by_hand, undrawn):
    assert "crepe 9.9, h5py 3" in page_of(replace(by_hand, versions={"crepe": "9.9", "h5py": "3"}))
    assert "not recorded" in page_of(by_hand)


def test_a_null_result_is_called_one_and_chance_is_said(by_hand, undrawn):
    text = Page(page_of(by_hand)).text
    assert "stimulation: 2 of 2 trials were decoded correctly" in text
    assert "This is a null result." in text  # two trials prove nothing
    assert "would be right in 0.3" in text  # of two conditions 0.5 and 0.25
    assert "multi-unit activity" in text
    assert "110 ms old, limit 100 ms" in text
    assert "not measured" in text


def test_nothing_says_that_a_culture_learns_chooses_or_plays(by_hand, undrawn):
    text = Page(page_of(by_hand)).text.lower()
    assert not re.search(r"\b(learn|choos|chose|plays|played|intelligen|think)", text)


def test_the_json_is_what_the_page_was_made_of(by_hand, undrawn):
    report, *_ = content_of(by_hand)
    text = report.model_dump_json()
    assert Report.model_validate_json(text) == report
    content = json.loads(text)
    assert content["format"] == 1
    assert (content["about"]["duration_s"], content["about"]["missing_s"]) == (9.0, 1.0)
    assert content["about"]["is_simulated"] is True
    assert content["about"]["seed"] == 3
    assert content["decoding"]["conditions"][0]["accuracy"] == 1.0
    assert content["timing"]["gaps"] == {"data:spikes": [[7000, 8000]]}
    assert {"crepe", "python", "numpy", "matplotlib"} <= set(content["about"]["versions"])
    assert "NaN" not in text


def test_a_session_of_nothing_says_none():
    session = Session(Store(MemoryStore()), "20261124-120000-abcd")
    report, pictures, _ = content_of(session)
    assert pictures == {}
    assert report.decoding is None
    assert report.activity is None
    assert Page(page.html(report, session, pictures)).text.count("None:") == 4


def test_an_electrode_array_of_another_make_has_a_map(by_hand):
    store = Store(MemoryStore())
    info = StreamInfo("Spikes", 1000.0, tuple(str(i) for i in range(5)), longest_samples=1000)
    store._kept.declare("data:spikes", info)
    store["data:spikes"].append_message(Spikes.none(0, 1000))
    _, pictures, _ = content_of(Session(store, "s"))
    assert sorted(pictures) == ["rate-map", "session"]


def test_spikes_that_do_not_fit_together_are_a_damaged_recording(by_hand):
    content = by_hand.store["data:spikes"]
    three, two = np.zeros(3, np.int32), np.full(2, 10_500, np.int64)
    content.append_message(Spikes(10_000, 11_000, three, two, np.zeros(2, np.float32)))
    with pytest.raises(DeviceError, match="damaged"):
        content_of(by_hand)
