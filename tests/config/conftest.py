"""An author outside the package: a directory with an experiment file and modules beside it."""

import re
import sys
from pathlib import Path

import pytest

from crepe.config.dry_run.dry_run import dry_run
from crepe.config.experiment import load_experiment
from crepe.errors import ConfigError

RPS = (Path(__file__).parents[2] / "config" / "rps.toml").read_text(encoding="utf-8")
HEAD = """\
from crepe.actors.actor import Actor
from crepe.games.trial_game import Game
from crepe.messages import Decision, Spikes, Stimulus

"""


class Author:
    def __init__(self, directory):
        self.directory = directory
        self.path = directory / "mine.toml"

    def module(self, source, name="mine.py"):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD + source, encoding="utf-8")
        return path

    def experiment(self, text):
        self.path.write_text(text, encoding="utf-8")
        return self.path

    def decoder(self, source="", run="mine:D", more=""):
        """The default experiment with this decoder."""
        if source:
            self.module(source)
        table = f'[actors.decode]\nrun = "{run}"\nreads = ["data:spikes"]\nwrites = ["result"]\n'
        return self.experiment(replaced(r"\[actors\.decode\].*?\n\n", f"{table}{more}\n\n"))

    def game(self, source):
        """The default experiment with this game."""
        self.module(source)
        return self.experiment(replaced(r"crepe\.games\.rock\w+:\w+", "mine:G"))

    def mistakes(self):
        """What `crepe check` reports, without the path of the file."""
        try:
            dry_run(load_experiment(self.path))
        except ConfigError as error:
            return [text.removeprefix(f"{self.path}: ") for text in error.mistakes]
        return []

    def notes(self):
        return dry_run(load_experiment(self.path))


def replaced(pattern, text, experiment=RPS):
    changed, n = re.subn(pattern, lambda _: text, experiment, flags=re.S)
    assert n >= 1
    return changed


@pytest.fixture
def author(tmp_path):
    before = list(sys.path)
    yield Author(tmp_path)
    sys.path[:] = before
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
