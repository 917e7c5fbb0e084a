"""The environment of the page on Gymnasium: checked and played as it is printed."""

import sys

import pytest

from crepe.config.dry_run.dry_run import dry_run
from crepe.config.experiment import load_experiment
from crepe.games.gymnasium import GymGame
from crepe.messages import GameState, Transition
from crepe.runtime.loop import Loop
from crepe.store import Store
from tests.document_files import ROOT, printed_files

FILES = printed_files(ROOT / "docs" / "how-to" / "play-a-gymnasium-environment.md")


@pytest.fixture
def corridor(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield load_experiment(tmp_path / "corridor.toml")
    sys.modules.pop("corridor", None)


def test_the_environment_has_at_most_fifteen_lines():
    assert len([line for line in FILES["corridor.py"].splitlines() if line.strip()]) <= 15


def test_the_environment_of_the_page_is_played(corridor):
    assert dry_run(corridor) == []
    store = Store(Loop(corridor).run(until="result:game"))
    states = store["result:game"].messages(0, len(store["result:game"]))
    assert any(isinstance(s, GameState) and s.outcome == "terminated" for s in states)
    steps = store["result:steps"].messages(0, len(store["result:steps"]))
    assert all(isinstance(step, Transition) for step in steps)
    assert {step.action for step in steps} == {"", "back", "on"}
    assert store["result:game"].info.source.startswith("Corridor-v0 (gymnasium 1.")
    assert issubclass(corridor.actors["game"].kind, GymGame)
