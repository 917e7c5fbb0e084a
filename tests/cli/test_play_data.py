"""A session without a game: counted from its streams, to the data's end or for some seconds."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from crepe.cli import play_data
from crepe.cli.app import app
from crepe.cli.output import Output
from crepe.config.experiment import load_experiment
from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.memory_store import MemoryStore
from crepe.supervise import control

RECORD = paths.project_directory() / "config" / "record.toml"


@pytest.fixture
def store(monkeypatch):
    return made(monkeypatch)


def made(monkeypatch, pause=0, has_spikes=True):
    """Two seconds of two channels at 1 kHz: a spike on the second every 100 samples.

    `pause`: samples missing after the first second.
    """
    monkeypatch.setattr(control, "must_run", lambda: None)
    monkeypatch.setattr(play_data, "_await_end", lambda *_: None)
    memory = MemoryStore(writer="all")
    for name, message in (("data", "Segment"), ("data:spikes", "Spikes")):
        memory.declare(name, StreamInfo(message, 1000.0, ("a", "b")))
    for at in range(0, 2000, 100):
        start = at + (pause if at >= 1000 else 0)
        stop = start + 100
        spike = np.array([1]), np.array([start + 50]), np.array([-40.0], np.float32)
        for name, message in (
            ("data", Segment(start, stop, np.zeros((2, 100), np.int32))),
            ("data:spikes", Spikes(start, stop, *spike)),
        ):
            if name == "data" or has_spikes:
                memory.append([(name, Entry(start, stop, codec.pack([message], start, stop)))])
    end = 2000 + pause
    for name in ("data", "data:spikes") if has_spikes else ("data",):
        memory.append([(name, Entry(end, end, b"", is_end=True))])
    return Store(memory)


def counted(store, limit_s):
    counts, shown = play_data.Counts(), []
    play_data._follow(
        store, load_experiment(RECORD), counts, limit_s, lambda done, note="": shown.append(note)
    )
    assert shown[-1] == f"{counts.spikes.sum()} spikes"
    return counts


def test_crossings_during_and_right_after_recorded_pulses_are_counted(store, capsys):
    # Crossings are at 50, 150, ...: in a window, 5 ms behind one, 15 ms behind, before one, in two.
    stimuli = np.array([[40, 60], [145, 145], [235, 235], [355, 360], [440, 460], [445, 446]])
    counts = play_data.Counts(stimuli=stimuli)
    play_data._follow(store, load_experiment(RECORD), counts, None, lambda *_: None)
    assert counts.n_after_stimuli == 3
    play_data._print(counts, Output(as_json=False))
    text = " ".join(capsys.readouterr().out.split())
    assert "6 recorded stimulation events: 3 crossings during them or within 10 ms" in text


def test_a_session_without_a_game_ends_with_its_data(store):
    counts = counted(store, None)
    assert (counts.coverage.covered_s, counts.spikes.tolist(), counts.has_ended) == (
        2.0,
        [0, 20],
        True,
    )


def test_a_session_without_a_game_ends_after_so_many_seconds_of_data(store):
    counts = counted(store, 0.72)
    assert (counts.coverage.covered_s, counts.spikes.tolist(), counts.has_ended) == (
        0.72,
        [0, 7],
        True,
    )


def test_a_pause_is_no_data_and_lowers_no_rate(monkeypatch):
    three_days = 3 * 24 * 3600 * 1000
    counts = counted(made(monkeypatch, pause=three_days), None)
    assert counts.coverage.covered_s == 2.0
    assert counts.coverage.gaps == [(1000, 1000 + three_days)]
    assert counts.coverage.rate_hz(counts.spikes[1]) == 10.0
    assert counts.coverage.gaps_text == "1 gap of 259200.00 s"


def test_seconds_are_seconds_of_data_though_they_span_a_pause(monkeypatch):
    counts = counted(made(monkeypatch, pause=5000), 1.5)
    assert (counts.coverage.covered_s, counts.spikes.tolist()) == (1.5, [0, 15])
    assert counts.coverage.stop == 6500


def test_spikes_that_come_after_the_data_have_ended_are_waited_for(monkeypatch):
    """`data` has ended while the stream of spikes is still empty, as in a short recording."""
    memory = made(monkeypatch, has_spikes=False)
    polls = []

    def detect(*_):
        polls.append(1)
        if len(polls) == 2:
            spikes = memory["data:spikes"]
            spike = np.array([0]), np.array([5]), np.array([-40.0], np.float32)
            spikes.append_message(Spikes(0, 100, *spike))
            spikes.end()

    monkeypatch.setattr(play_data.time, "sleep", detect)
    counts = counted(memory, None)
    assert counts.spikes.tolist() == [1, 0]


def test_play_says_first_that_there_is_no_game_and_how_it_ends(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(play_data, "running_session", interrupt)
    experiment = load_experiment(RECORD)
    with pytest.raises(typer.Exit) as ended:
        play_data.play_data(experiment, Output(), seconds=None, take_over=False)
    assert ended.value.exit_code == 130
    lines = capsys.readouterr().out.splitlines()
    assert "no game in" in lines[1]
    assert "acquire, channels, filter, detect" in lines[1]
    assert lines[1].endswith("run until its data end; --seconds N ends it, or Ctrl-C")
    with pytest.raises(typer.Exit):
        play_data.play_data(experiment, Output(as_json=True), seconds=5, take_over=False)
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "has_ended": False, "seconds": 0.0, "n_gaps": 0, "missing_s": 0.0, "n_spikes": 0,
        "spikes": {}, "recording": None,
        "n_stimulation_events": 0, "n_spikes_after_stimulation": 0,
    }  # fmt: skip
    assert "run for 5 s of data" in err


def test_a_file_plays_no_rounds_and_in_no_lockstep(tmp_path):
    for option in (["--rounds", "3"], ["--person"], ["--lockstep"]):
        error = CliRunner().invoke(app, ["play", "--file", "a.h5", *option]).exception
        assert isinstance(error, ConfigError)
        assert "plays no rounds" in str(error)
