"""A game outside the package, as docs/new-game.md has it, named by its import path and played."""

import re
import sys
from pathlib import Path

import pytest

from crepe.config.experiment import ConfigError, load_experiment

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
    text = re.sub(r"\[(sensor|hand)\].*?\n\n", "", text, flags=re.S)  # nobody is at the door
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


def test_a_wrong_name_says_what_is_there(mine):
    text = mine.read_text(encoding="utf-8").replace("mylab.echo:Echo", "mylab.echo:Ecco")
    mine.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="no actor 'Ecco'; did you mean 'Echo'"):
        load_experiment(mine)
