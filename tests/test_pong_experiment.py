"""Pong under its conditions: the shipped file's blocks, and a short session from start to end."""

import json

import pytest
from typer.testing import CliRunner

from crepe import config
from crepe.cli import app
from crepe.errors import ConfigError
from crepe.messages import GameState
from crepe.places import project_directory
from crepe.pong_experiment import evaluate, session

PONG = project_directory() / "config" / "pong.toml"


def test_the_shipped_file_has_each_condition_thrice_and_silences_its_blocks():
    experiment = session(PONG, 3)
    blocks = experiment.actors["game"].settings["blocks"]
    names = [block["condition"] for block in blocks]
    assert sorted(names) == sorted(experiment.conditions.names * 3)
    assert all(block["stop_s"] - block["start_s"] == 300 for block in blocks)
    silenced_s = [(b["start_s"], b["stop_s"]) for b in blocks if b["condition"] == "silenced"]
    assert experiment.culture.simulated.silenced_s == tuple(silenced_s)
    assert experiment.seed == experiment.culture.simulated.seed == 3


def test_a_file_that_cannot_be_tried_says_why(tmp_path):
    text = PONG.read_text(encoding="utf-8")
    for change, reason in (
        (("block_s = 300.0", ""), "no .conditions. table with block_s"),
        (("[culture.simulated]\nsampling_rate_hz = 10000", ""), "'silenced' is for a simulated"),
    ):
        assert change[0] in text
        (tmp_path / "mine.toml").write_text(text.replace(*change), encoding="utf-8")
        with pytest.raises(ConfigError, match=reason):
            session(tmp_path / "mine.toml")
    with pytest.raises(ConfigError, match="no actor is a Pong"):
        session(project_directory() / "config" / "rps.toml")


def test_without_a_closed_loop_there_is_nothing_to_compare():
    end = GameState(0, 1, 1, "outcome", outcome="miss", score={"rally": 2}, condition="rest")
    result = evaluate([end], 1)
    assert result.conditions["rest"].length.value == 2
    assert result.comparisons == {}
    assert result.plain()["conditions"]["rest"]["length"]["ci95"] == [None, None]


def test_a_short_session_is_played_and_compared(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    text = PONG.read_text(encoding="utf-8")
    for a, b in (
        ('names = ["stimulation", "silent", "no_feedback", "rest", "silenced", "random"]',
         'names = ["stimulation", "no_feedback"]'),
        ("n_blocks = 3", "n_blocks = 1"),
        ("block_s = 300.0", "block_s = 12.0"),
        ("rest_s = 10.0", "rest_s = 1.0"),
    ):  # fmt: skip
        assert a in text
        text = text.replace(a, b)
    path = tmp_path / "short.toml"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["experiment", str(path), "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert set(result["conditions"]) == {"stimulation", "no_feedback"}
    assert result["conditions"]["no_feedback"]["n"] >= 2
    assert set(result["comparisons"]) == {"no_feedback"}
    assert config.load(path).seed == result["seed"]
