"""An old import path in an experiment file is refused with the new one, and each new one exists."""

from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

from crepe.config import moved_names
from crepe.config.experiment import load_experiment
from crepe.config.moved_names import moved_to
from crepe.errors import ConfigError

ROOT = Path(__file__).parents[2]


def source_of(module):
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


@pytest.mark.parametrize(("old", "new"), moved_names._MODULES.items())
def test_a_module_that_moved_is_gone_and_its_new_place_exists(old, new):
    assert not source_of(old).is_file()
    assert source_of(new).is_file()


@pytest.mark.parametrize(("old", "new"), moved_names._CLASSES.items())
def test_a_class_that_moved_is_gone_and_its_new_place_has_it(old, new):
    module, _, name = old.partition(":")
    with suppress(ImportError):
        assert not hasattr(import_module(module), name)
    module, _, name = new.partition(":")
    assert hasattr(import_module(module), name)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "crepe.actors.game:RockPaperScissors",
            "crepe.games.rock_paper_scissors:RockPaperScissors",
        ),
        ("crepe.actors.pong:Pong", "crepe.games.pong.game:Pong"),
        ("crepe.actors.patterns:Patterns", "crepe.games.patterns:Patterns"),
    ],
)
def test_an_old_path_in_a_file_is_refused_with_the_new_one(old, new):
    place = rf"rps.toml: \[actors.game\] run: '{old}' has moved to '{new}'"
    with pytest.raises(ConfigError, match=place):
        load_experiment(ROOT / "config" / "rps.toml", {"actors.game.run": old})


def test_a_labs_own_module_that_imports_an_old_path_is_refused_with_the_new_one(
    tmp_path, monkeypatch
):
    (tmp_path / "lab_game.py").write_text("from crepe.actors.game import Game\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"cannot import 'lab_game'.*moved to 'crepe.games.trial"):
        load_experiment(ROOT / "config" / "rps.toml", {"actors.game.run": "lab_game:Game"})


def test_a_path_that_never_moved_has_no_new_one():
    assert moved_to("crepe.actors.detect:Detect") is None
