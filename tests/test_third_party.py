"""A game outside the package, as docs/tutorials/write-a-game.md prints it: checked and played."""

import json
import subprocess
import sys

import pytest

from crepe.config.experiment import ConfigError, load_experiment
from crepe.games.hooks import game_class
from crepe.report.build import write
from crepe.study.runs import in_process
from tests.document_files import ROOT, printed_files

FILES = printed_files(ROOT / "docs" / "tutorials" / "write-a-game.md")
GAME = FILES["echo.py"]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The experiment file of the page beside its game, in a directory of their own."""
    assert set(FILES) == {"echo.py", "echo.toml", "try_echo.py"}
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "echo.toml"
    sys.modules.pop("echo", None)


def python(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_game_is_about_fourteen_lines():
    assert len([line for line in GAME.splitlines() if line.strip()]) <= 14


def test_the_files_of_the_page_are_checked_and_played_as_they_are_printed(mine, tmp_path):
    assert "echo.toml: fits" in python("-m", "crepe", "check", "echo.toml", cwd=tmp_path)
    lines = [line.split() for line in python("try_echo.py", cwd=tmp_path).splitlines()]
    ends = [line for line in lines if line[1] == "outcome"]
    assert [line[0] for line in ends] == ["1", "2"]
    assert ends[0][2] == ends[1][2]  # each gesture twice in a row
    assert all(line[3] == line[2] and line[4] == "won" for line in ends)
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
    (tmp_path / "echo.py").write_text(text, encoding="utf-8")
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
    assert game_class("echo:Echo") is None  # not imported, not announced by a distribution
    assert game_class("crepe.games.nothing:Game") is None
    load_experiment(mine)
    assert game_class("echo:Echo").__name__ == "Echo"
    # Recordings of earlier versions name Pong where it was then.
    assert game_class("crepe.actors.pong:Pong").__module__ == "crepe.games.pong.game"


def test_a_wrong_name_says_what_is_there(mine):
    text = mine.read_text(encoding="utf-8").replace("echo:Echo", "echo:Ecco")
    mine.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="no actor 'Ecco'; did you mean 'Echo'"):
        load_experiment(mine)
