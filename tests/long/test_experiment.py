"""`crepe experiment`: the shipped experiments with fewer trials, and where their answers come from."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.config.experiment import load_experiment, save_experiment
from crepe.environment.paths import project_directory
from crepe.messages import Delivered
from crepe.results.trials import accuracy, by_condition, outcomes, stimulated_in
from crepe.store import Store

CONFIG = project_directory() / "config"


def changed(name, directory, changes):
    """A shipped file with other values."""
    experiment = load_experiment(CONFIG / name, changes)
    return str(save_experiment(experiment, directory / "changed.json").path)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Calibration and conditions, once for all tests: the printed object and the recordings."""
    with pytest.MonkeyPatch.context() as patch:
        var = tmp_path_factory.mktemp("var")
        patch.setenv("CREPE_VAR", str(var))
        tables, fields = ("calibration", "conditions"), {"n_blocks": 2, "n_trials": 9}
        fewer = {f"{table}.{field}": n for table in tables for field, n in fields.items()}
        path = changed("rps-controls.toml", var, fewer)
        result = CliRunner().invoke(app, ["experiment", path, "--seed", "7", "--json"])
        assert result.exit_code == 0, result.output
        yield json.loads(result.stdout), var / "recordings"


def test_json_is_one_object_with_all_that_is_promised(done):
    numbers, _ = done
    assert numbers["seed"] == 7
    assert numbers["is_simulated"] is True
    assert numbers["calibration"]["n_trials"] == 18
    assert numbers["calibration"]["n_left_out"] == 0
    assert 0 < numbers["calibration"]["simulated_s"] < 300
    stimulated = {name: score["n_stimulated"] for name, score in numbers["conditions"].items()}
    assert stimulated == {
        "stimulation": 18, "sham": 0, "silenced": 18, "shuffled": 18, "random": 18,
    }  # fmt: skip
    for score in numbers["conditions"].values():
        assert set(score) == {
            *("n_trials", "n_stimulated", "n_left_out", "n_right"),
            *("accuracy", "chance", "ci95", "ci95_blocks", "p_value"),
        }
        assert score["n_trials"] == 18
        assert score["ci95"][0] <= score["accuracy"] <= score["ci95"][1]
    assert "numpy" in numbers["versions"]


def test_the_culture_carries_the_answer_and_its_controls_do_not(done):
    """At chance 13 of 18, or 37 of all 72, are right less than once in 500 times."""
    numbers = done[0]["conditions"]
    assert done[0]["calibration"]["accuracy"] > 0.8
    assert numbers["stimulation"]["accuracy"] > 0.8
    assert numbers["stimulation"]["p_value"] < 0.001
    controls = [numbers[name]["accuracy"] for name in ("sham", "silenced", "shuffled", "random")]
    assert max(controls) <= 12 / 18
    assert np.mean(controls) <= 36 / 72


def test_a_recording_tells_all_that_the_result_was_made_of(done):
    result, recordings = done
    store = Store(recordings / (result["session"] + ".h5"))
    has_pulses = stimulated_in(store)
    again = {name: accuracy(s, 7, has_pulses) for name, s in by_condition(outcomes(store)).items()}
    assert {name: asdict(numbers) for name, numbers in again.items()} == {
        name: score | {key: tuple(score[key]) for key in ("ci95", "ci95_blocks")}
        for name, score in result["conditions"].items()
    }


def test_the_silenced_culture_is_stimulated_and_does_not_fire(done):
    result, recordings = done
    store = Store(recordings / (result["session"] + ".h5"))
    states = outcomes(store)
    for condition in ("stimulation", "silenced"):
        trials = [s for s in states if s.condition == condition]
        stream = store["data:spikes"]
        rate_hz = stream.info.sampling_rate_hz
        n_spikes = [
            sum(len(m.sample) for m in stream.messages(s.phases["stimulation"], s.stop))
            for s in trials
        ]
        fired = [
            m.number
            for m in store["result:delivered"].messages(0, 2**40)
            if isinstance(m, Delivered) and m.state == "delivered"
        ]
        assert {s.trial for s in trials} <= set(fired)
        assert rate_hz == 10_000
        assert (np.mean(n_spikes) > 10) == (condition == "stimulation")


def test_nothing_is_delivered_in_sham_trials(done):
    result, recordings = done
    store = Store(recordings / (result["session"] + ".h5"))
    sham = {s.trial for s in outcomes(store) if s.condition == "sham"}
    answered = {m.number for m in store["result:delivered"].messages(0, 2**40)}
    assert sham
    assert not sham & answered


def test_a_short_session_of_pong_is_played_and_compared(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    changes = {
        "names": ["stimulation", "no_feedback"],
        "n_blocks": 1,
        "block_s": 12.0,
        "rest_s": 1.0,
    }
    brief = {f"conditions.{name}": value for name, value in changes.items()}
    path = changed("pong.toml", tmp_path, brief)
    done = CliRunner().invoke(app, ["experiment", path, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert set(result["conditions"]) == {"stimulation", "no_feedback"}
    assert result["conditions"]["no_feedback"]["n"] >= 2
    assert set(result["closed_loop_against"]) == {"no_feedback"}
