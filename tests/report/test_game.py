"""The game's own section is found by the stream that it writes."""

from dataclasses import replace

import pytest

from crepe.errors import ConfigError
from crepe.games.section import Section
from crepe.report.game import game_section

EXPERIMENT = """
[actors.game]
run = "crepe.games.pong.game:Pong"
writes = ["result:game", "result:stimuli"]
"""


def test_the_section_is_that_of_the_class_which_writes_the_states(by_hand, trials):
    played = [replace(state, score={"rally": 1}, outcome="miss") for state in trials]
    session = replace(by_hand, text=EXPERIMENT)
    assert game_section(session, played, 1000.0).title == "Rallies"
    assert game_section(by_hand, played, 1000.0) is None  # its file names no class
    elsewhere = EXPERIMENT.replace("result:game", "result:other")
    assert game_section(replace(by_hand, text=elsewhere), played, 1000.0) is None


def test_numbers_of_a_game_must_not_replace_the_reports(by_hand, trials, monkeypatch):
    section = Section("Mine", [], {"about": 1})
    monkeypatch.setattr("crepe.games.hooks.report_section", lambda *_: section)
    with pytest.raises(ConfigError, match="'about' is a field of the report"):
        game_section(replace(by_hand, text=EXPERIMENT), trials, 1000.0)
