"""A game outside the package, as docs/new-game.md has it, named by its import path and played."""

import json
import re
import sys
from pathlib import Path

import pytest

from crepe.config.experiment import ConfigError, load_experiment
from crepe.games.hooks import game_class
from crepe.report.build import write
from crepe.study.runs import in_process

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "new-game.md").read_text(encoding="utf-8")
GAME, PLAYED = re.findall(r"```python\n(.*?)```", PAGE, re.S)
(TABLE,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The experiment file of a lab with a module of its own, in whose directory we are."""
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab" / "echo.py").write_text(GAME, encoding="utf-8")
    text = (ROOT / "config" / "rps.toml").read_text(encoding="utf-8")
    text = re.sub(
        r"\[(sensor|simulated_sensor)\].*?\n\n", "", text, flags=re.S
    )  # this game reads no gestures
    text = text.replace(', "result:input"', "")  # which this game does not write
    text, n = re.subn(r"\[actors\.game\].*?\n\n", lambda _: TABLE + "\n", text, flags=re.S)
    assert n == 1
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "mine.toml"
    for name in [name for name in sys.modules if name.split(".")[0] == "mylab"]:
        del sys.modules[name]


def test_the_game_is_about_fourteen_lines():
    assert len([line for line in GAME.splitlines() if line.strip()]) <= 14


def test_the_game_of_the_page_is_played_without_being_in_the_package(mine, capsys):
    experiment = load_experiment(mine)
    assert experiment.actors["game"].kind.__module__ == "mylab.echo"
    exec(PLAYED, {})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    ends = [line for line in lines if line[1] == "outcome"]
    assert [line[0] for line in ends] == ["1", "2"]
    assert ends[0][2] == ends[1][2]  # each gesture twice in a row
    assert all(line[4] == ("won" if line[3] == line[2] else "lost") for line in ends)
    assert lines[-1][1] == "over"


REPORT = """
    @classmethod
    def report_section(cls, states, seed, rate_hz):
        right = sum(state.outcome == "won" for state in states)
        rows = [[str(len(states)), str(right)]]
        return Section("Echoes", [Table(["trials", "right"], rows)], {"echoes": right})
"""


def test_a_game_outside_the_package_has_a_section_in_the_report(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    text = "from crepe.games.section import Section, Table\n" + GAME.rstrip() + "\n" + REPORT
    (tmp_path / "mylab" / "echo.py").write_text(text, encoding="utf-8")
    session = in_process(load_experiment(mine), lambda state: None).session
    directory = write(session).parent
    page = (directory / "report.html").read_text(encoding="utf-8")
    assert "<h2>Echoes</h2>" in page
    assert json.loads((directory / "report.json").read_text(encoding="utf-8"))["echoes"] in (
        0,
        1,
        2,
    )


def test_a_recording_loads_no_code_by_the_name_of_its_game(mine, tmp_path):
    assert game_class("mylab.echo:Echo") is None  # not imported, not announced by a distribution
    assert game_class("crepe.games.nothing:Game") is None
    load_experiment(mine)
    assert game_class("mylab.echo:Echo").__name__ == "Echo"
    # Recordings of earlier versions name Pong where it was then.
    assert game_class("crepe.actors.pong:Pong").__module__ == "crepe.games.pong.game"


def test_a_wrong_name_says_what_is_there(mine):
    text = mine.read_text(encoding="utf-8").replace("mylab.echo:Echo", "mylab.echo:Ecco")
    mine.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="no actor 'Ecco'; did you mean 'Echo'"):
        load_experiment(mine)
