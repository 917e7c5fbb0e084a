"""The experiment: a readout trained on spikes, and controls that show where its answers come from."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from crepe import config
from crepe.cli import app
from crepe.conditions import Block, Calibration, Conditions, calibration_blocks, condition_blocks
from crepe.errors import ConfigError
from crepe.experiment import Plan, calibrate, compare
from crepe.experiment_runs import in_process
from crepe.loop import Loop
from crepe.messages import Decision, Delivered, GameState
from crepe.places import project_directory
from crepe.store import Store
from crepe.trials import accuracy, by_condition, outcomes

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
    """Calibration and conditions, once for all tests: the result and the two recordings."""
    with pytest.MonkeyPatch.context() as patch:
        var = tmp_path_factory.mktemp("var")
        patch.setenv("CREPE_VAR", str(var))
        plan, told = Plan(small, 7), []
        calibrated = calibrate(plan, in_process, told.append)
        result = compare(plan, calibrated, in_process, told.append)
        assert sum(state.phase == "outcome" for state in told) == 18 + 5 * 18
        yield result, var / "recordings"


def test_the_culture_carries_the_answer_and_its_controls_do_not(done):
    result, _ = done
    assert result.calibrated.accuracy > 0.8
    found = result.conditions
    assert found["stimulation"].accuracy > 0.8
    assert found["stimulation"].p_value < 0.001
    for control in ("sham", "silenced", "shuffled", "random"):
        assert found[control].accuracy < 0.7
        assert found[control].n_trials == 18


def test_a_recording_tells_all_that_the_result_was_made_of(done):
    result, recordings = done
    store = Store(recordings / f"{result.session}.h5")
    again = {name: accuracy(s, 7) for name, s in by_condition(outcomes(store)).items()}
    assert again == dict(result.conditions)


def test_the_silenced_culture_is_stimulated_and_does_not_fire(done):
    result, recordings = done
    store = Store(recordings / f"{result.session}.h5")
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
    store = Store(recordings / f"{result.session}.h5")
    sham = {s.trial for s in outcomes(store) if s.condition == "sham"}
    answered = {m.number for m in store["result:delivered"].messages(0, 2**40)}
    assert sham
    assert not sham & answered


def test_a_recorded_session_decides_again_as_it_did(done, small, tmp_path):
    """The recorded spikes through the same readout; and the raw samples of a loop, through all."""
    changes = {
        "actors.game.n_trials": 2,
        "actors.decode.readout": str(done[0].calibrated.path),
        "actors.record.reads": ["data", "result"],
    }
    live = Store(Loop(config.load(small, changes), tmp_path, session="one").run("result:game"))
    replayed = config.load(
        small,
        {
            **changes,
            "actors.acquire.device": f"hdf5://{tmp_path / 'one.h5'}?speed=0",
            "culture.simulated": None,
            "actors.game": None,
            "actors.stimulate": None,
            "actors.record": None,
        },
    )
    again = Store(Loop(replayed).run())

    def decisions(store):
        stream = store["result"]
        found = stream.messages(0, len(stream))
        return [(m.stop, m.value, dict(m.scores)) for m in found if isinstance(m, Decision)]

    n = len(decisions(live))
    assert n > 100
    assert decisions(again)[: n - 2] == decisions(live)[: n - 2]


def test_json_is_one_object_with_all_that_is_promised(small, monkeypatch, tmp_path):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    few = tmp_path / "few.toml"
    few.write_text(small.read_text().replace("n_trials = 9", "n_trials = 3"))
    result = CliRunner().invoke(app, ["experiment", str(few), "--seed", "5", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["seed"] == 5
    assert found["calibration"]["n_trials"] == 6
    assert 0 < found["calibration"]["simulated_s"] < 300
    assert 0 <= found["calibration"]["accuracy"] <= 1
    assert set(found["conditions"]) == {"stimulation", "sham", "silenced", "shuffled", "random"}
    for one in found["conditions"].values():
        assert set(one) == {"n_trials", "accuracy", "ci95", "p_value"}
        assert one["ci95"][0] <= one["accuracy"] <= one["ci95"][1]
    assert "numpy" in found["versions"]


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


def state(gesture, decoded, block=1):
    return GameState(0, 1, 1, "outcome", gesture, decoded=decoded, block=block)


def test_accuracy_comes_with_its_interval_and_the_chance_of_it():
    three = ["rock", "paper", "scissors"] * 20
    always = accuracy([state(g, g) for g in three], 1)
    assert (always.accuracy, always.n_trials) == (1.0, 60)
    assert always.ci95 == pytest.approx((0.9398, 1.0), abs=1e-3)  # Wilson 1927
    assert always.p_value == pytest.approx(1 / 10001)
    constant = accuracy([state(g, "rock") for g in three], 1)
    assert constant.accuracy == pytest.approx(1 / 3)
    assert constant.p_value == 1.0
    unread = accuracy([state(g, None) for g in three], 1)
    assert unread.accuracy == 0.0


def test_permutation_within_blocks_is_not_fooled_by_blocks():
    """Who only knows which gesture is common in a block has not decoded anything."""
    states = [
        state(g, common, block)
        for block, common in ((1, "rock"), (2, "paper"))
        for g in [common] * 30 + ["scissors"] * 2
    ]
    found = accuracy(states, 1)
    assert found.accuracy > 0.9
    assert found.p_value == 1.0
    assert replace(found, p_value=0.0) != found


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
