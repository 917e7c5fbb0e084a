"""Signals that a recording lacks are named before the experiment runs."""

import pytest

from crepe.config.dry_run.unrecorded import unrecorded_signals
from crepe.config.experiment import load_experiment
from crepe.environment import paths

CONFIG = paths.project_directory() / "config"


@pytest.mark.parametrize(
    ("name", "signals"),
    [
        ("rps.toml", ""),
        ("pong.toml", ""),
        ("online-analysis.toml", ""),
        ("file.toml", "data:clean"),
        ("patterns.toml", "data, data:filtered"),
    ],
)
def test_signals_that_are_neither_recorded_nor_computed_are_named(name, signals):
    notes = unrecorded_signals(load_experiment(CONFIG / name))
    assert [note.split(";")[0] for note in notes] == (
        [f"not recorded: {signals}"] if signals else []
    )


def test_a_filter_of_another_author_is_not_computed_and_said_to_be_lost_if_nothing_records_it(
    tmp_path,
):
    (tmp_path / "my_filter.py").write_text(
        "from crepe.actors.filter import BandPass\nclass MyFilter(BandPass): pass\n"
    )
    file = tmp_path / "mine.toml"
    text = (CONFIG / "pong.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("crepe.actors.filter:BandPass", "my_filter:MyFilter"))
    (note,) = unrecorded_signals(load_experiment(file))
    assert note.startswith("not recorded: data:filtered; to keep a signal, add it to `reads` of ")


def test_without_a_recorder_nothing_is_said():
    experiment = load_experiment(CONFIG / "pong.toml", {"actors.record": None})
    assert unrecorded_signals(experiment) == []
