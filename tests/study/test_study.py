"""The experiment: a readout trained on spikes, and controls that show where its answers come from."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.conditions import Block, Calibration, Conditions, calibration_blocks, condition_blocks
from crepe.environment.paths import project_directory
from crepe.errors import ConfigError
from crepe.messages import Delivered
from crepe.results.trials import accuracy, by_condition, outcomes, stimulated_in
from crepe.store import Store
from crepe.study.plan import Plan

CONTROLS = project_directory() / "config" / "rps-controls.toml"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The shipped experiment with fewer trials."""
    text = CONTROLS.read_text()
    for a, b in (("n_blocks = 5", "n_blocks = 2"), ("n_trials = 30", "n_trials = 9")):
        assert a in text
        text = text.replace(a, b)
    path = tmp_path_factory.mktemp("experiment") / "small.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def done(small, tmp_path_factory):
    """Calibration and conditions, once for all tests: the printed object and the recordings."""
    with pytest.MonkeyPatch.context() as patch:
        var = tmp_path_factory.mktemp("var")
        patch.setenv("CREPE_VAR", str(var))
        result = CliRunner().invoke(app, ["experiment", str(small), "--seed", "7", "--json"])
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
        assert set(score) == {"n_trials", "n_stimulated", "accuracy", "ci95", "p_value"}
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
        name: {**score, "ci95": tuple(score["ci95"])}
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


@pytest.mark.parametrize(
    ("a", "b", "complaint"),
    [
        ("[calibration]", "[sensor]", "no .calibration. table|calibration"),
        ("simulated]\nsampling_rate_hz = 10000", "", "'silenced' is for a simulated culture"),
    ],
)
def test_files_that_cannot_be_experimented_with_are_refused(small, tmp_path, a, b, complaint):
    path = tmp_path / "bad.toml"
    text = small.read_text()
    if a == "[calibration]":
        begin, end = text.index("[calibration]"), text.index("[conditions]")
        path.write_text(text[:begin] + text[end:])
    else:
        path.write_text(text.replace("[culture.simulated]\nsampling_rate_hz = 10000", ""))
    with pytest.raises(ConfigError, match=complaint):
        plan = Plan(path)
        _ = plan.calibration_table, plan.conditions_table


def test_every_round_has_each_condition_once_in_an_order_that_follows_from_the_seed():
    table = Conditions(names=("a", "b", "c"), n_blocks=4, n_trials=2, rest_s=1.0)
    blocks = condition_blocks(table, 2.0, seed=1)
    names = [block.condition for block in blocks]
    assert all(sorted(names[i : i + 3]) == ["a", "b", "c"] for i in range(0, 12, 3))
    assert condition_blocks(table, 2.0, seed=1) == blocks
    assert condition_blocks(table, 2.0, seed=2) != blocks
    assert blocks[0] == Block(condition=names[0], start_s=1.0, stop_s=5.0, n_trials=2)
    assert [b.start_s for b in blocks] == [1.0 + 5.0 * i for i in range(12)]


def test_calibration_lasts_five_minutes_at_most():
    plan = Plan(CONTROLS)
    blocks = plan.calibration().actors["game"].settings["blocks"]
    assert blocks[-1]["stop_s"] <= 300
    assert calibration_blocks(Calibration(), 1.0)[-1].n_trials == 30


def test_the_seed_is_the_culture_unless_it_has_one_of_its_own(small, tmp_path):
    def culture(path, seed=None):
        return Plan(path, seed).calibration().culture.simulated.seed

    own = tmp_path / "own.toml"
    own.write_text(
        small.read_text().replace("[culture.simulated]", "[culture.simulated]\nseed = 9")
    )
    assert (culture(small), culture(small, 4), culture(own), culture(own, 4)) == (1, 4, 9, 4)


def test_a_decoder_that_needs_no_calibration_is_refused_before_any_trial(small, tmp_path):
    path = tmp_path / "chance.toml"
    text = small.read_text().replace('writes = ["result:shuffled"]', 'writes = ["result:other"]')
    path.write_text(
        text.replace('shuffled = "result:shuffled"', 'shuffled = "result:random"').replace(
            '"result:shuffled"', '"result:other"'
        )
    )
    with pytest.raises(ConfigError, match="is decided by RandomDecision"):
        _ = Plan(path).calibration_table


def test_real_time_and_as_fast_as_it_goes_are_not_both():
    result = CliRunner().invoke(app, ["experiment", "--live", "--lockstep"])
    assert "not both" in str(result.exception)
