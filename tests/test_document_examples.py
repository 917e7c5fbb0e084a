"""The actors that README and tutorial print: their files are checked and run as they stand."""

import subprocess
import sys
from itertools import chain

import pytest

from crepe.config.experiment import load_experiment
from crepe.messages import GameState
from crepe.runtime.loop import Loop
from crepe.store import Store
from tests.document_files import ROOT, printed_files, printed_tables, replace_table

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorials" / "write-an-actor.md"


@pytest.fixture(params=[README, TUTORIAL], ids=lambda page: page.stem)
def page(request, tmp_path, monkeypatch):
    """A page whose files and table are beside each other in the working directory."""
    for name, text in printed_files(request.param).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    experiment = (ROOT / "config" / "rps.toml").read_text(encoding="utf-8")
    tables = printed_tables(request.param)
    experiment = replace_table(experiment, tables.pop("[actors.decode]"))
    added = "".join(f"\n{table}" for table in tables.values())
    (tmp_path / "mine.toml").write_text(experiment + added, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield request.param
    for name in ("rhythm", "active"):
        sys.modules.pop(name, None)


def python(*arguments):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_experiment_with_the_actors_of_the_page_passes_the_check(page):
    lines = python("-m", "crepe", "check", "mine.toml").splitlines()
    assert "not known" not in "".join(lines)
    flow = [" ".join(line.split()) for line in lines]
    assert "decode data:spikes -> result" in flow
    assert ("active data:spikes -> data:active" in flow) == (page == TUTORIAL)


def test_the_decoder_of_the_page_finds_the_gesture(page):
    loop = Loop(load_experiment("mine.toml"))
    messages = chain.from_iterable(loop.steps())
    trial = next(m for m in messages if isinstance(m, GameState) and m.phase == "outcome")
    loop.close()
    assert trial.decoded == trial.gesture
    assert trial.outcome == "won"
    if page == TUTORIAL:
        stream = Store(loop.store)["data:active"]
        counts = [message.n_electrodes for message in stream.messages(0, len(stream))]
        assert 100 * len(counts) >= len(stream)
        assert 0 < max(counts) <= 60


@pytest.mark.parametrize("page", [TUTORIAL], indirect=True, ids=["tutorial"])
def test_the_scripts_of_the_tutorial_run_as_they_are_printed(page):
    assert python("test_rhythm.py") == "passed\n"
    trials = [line.split() for line in python("try_rhythm.py").splitlines()]
    assert [trial[0] for trial in trials] == ["1", "2", "3"]
    assert all(gesture == decoded for _, gesture, decoded, _ in trials)


def test_the_actor_of_the_readme_is_about_a_dozen_lines():
    source = printed_files(README)["rhythm.py"].partition("class ")[2]
    assert len([line for line in source.splitlines() if line.strip()]) <= 12
