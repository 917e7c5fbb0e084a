"""The generated pages are those of this code, and every setting and message field has a sentence."""

import re
from dataclasses import fields

import pytest
from pydantic import BaseModel, Field, PositiveInt

from crepe.games.pong.state import Phase
from crepe.messages import DeliveryState, Message, StreamInfo
from crepe.phases import GamePhase
from crepe.simulator.meame.quirks import Quirk
from crepe.store.contract import Entry
from crepe.store.redis_fields import entry_fields
from docs.generate import http, streams
from docs.generate.experiment_file import all_models
from docs.generate.fields import settings_of, unit_of
from docs.generate.markdown import anchor, sentence, table
from docs.generate.pages import ROOT, pages
from docs.generate.source import field_sentences

MESSAGES = [Message, *streams.message_classes(), StreamInfo]
UNIT = re.compile(
    r"\b(number|numbers|index|indices|row|rows|factor|fraction|ratio|slope|speed|weight|port|order"
    r"|pulses|channels|samples|pixels|courts|seconds|bytes|counts|unit|us|degrees)\b",
    re.IGNORECASE,
)
"""What says the unit of a number whose name has none, or that it has none."""


def test_the_generated_pages_are_those_of_the_code():
    outdated = [
        str(path.relative_to(ROOT))
        for path, text in pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert outdated == [], "run `make reference`"


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.__name__)
def test_every_setting_has_a_sentence_and_a_unit(model):
    for setting in settings_of(model):
        place = f"{model.__name__}.{setting.name}"
        assert len(setting.meaning.split()) > 1, f"{place}: a docstring below it says what it is"
        assert setting.meaning.endswith("."), place
        has_unit = setting.unit or UNIT.search(setting.meaning)
        assert has_unit or not setting.is_number, f"{place}: neither name nor docstring has a unit"


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_field_has_a_sentence_and_a_unit(kind):
    sentences = field_sentences(kind)
    for field in fields(kind):
        name, place = field.name, f"{kind.__name__}.{field.name}"
        text = sentences.get(name, "")
        assert len(text.split()) > 1, f"{place}: a comment #: says what it is"
        is_number = re.search(r"\b(int|float|NDArray)", str(field.type))
        assert not is_number or unit_of(name) or UNIT.search(text), f"{place}: has no unit"


@pytest.mark.parametrize("kind", [GamePhase, DeliveryState, Phase, Quirk])
def test_every_value_has_a_sentence(kind):
    sentences = field_sentences(kind)
    assert [member.name for member in kind if not sentences.get(member.name)] == []


def test_every_route_has_a_purpose():
    api = {
        f"{verb.upper()} {path}" for path, verbs in http.PAGE_API["paths"].items() for verb in verbs
    }
    assert set(http.page_routes()) == {*http.PAGE, *api}
    assert set(http.simulator_routes()) == set(http.SIMULATOR)


def test_every_field_of_an_entry_is_on_the_page():
    everything = Entry(0, 1, b"", 2, 3, b"x", "1-0", True, True)
    assert {*entry_fields(everything)[::2], "session", "writer", "data"} == set(streams.ENTRY)


def test_a_setting_shows_type_unit_bounds_and_default():
    class Settings(BaseModel):
        width_ms: float = Field(2.5, gt=0, le=10)
        """Width of the window."""
        ports: dict[str, PositiveInt] = Field(min_length=1)
        """Ports by name."""

    # The class is inside a function, where its docstrings are found as well.
    width, ports = settings_of(Settings)
    assert width[1:6] == ("number", "ms", "above 0, at most 10", "`2.5`", "Width of the window.")
    assert ports[1:5] == ("table of integers", "", "at least 1 entry, each above 0", "required")


def test_a_table_leaves_out_empty_columns_and_escapes_bars():
    assert (
        table(("a", "b", "c"), [("1", "", "x | y")]) == "| a | c |\n| --- | --- |\n| 1 | x \\| y |"
    )
    assert anchor("`[actors.NAME]`") == "actorsname"
    assert sentence("of the\n  page") == "Of the page."
