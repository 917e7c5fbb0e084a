"""The experiment: a readout trained on spikes, and controls that show where its answers come from."""

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.conditions import Block, Calibration, Conditions, calibration_blocks, condition_blocks
from crepe.config.context import actor_context
from crepe.config.experiment import load_experiment
from crepe.config.overrides import lockstep_changes
from crepe.environment.paths import project_directory
from crepe.environment.session import course_of
from crepe.errors import ConfigError
from crepe.messages import StreamInfo
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


def _gestures(experiment, session="", n_blocks=5):
    """The order in which the game shows gestures in each block."""
    spec = experiment.actors["game"]
    infos = {stream: StreamInfo("Decision") for stream in spec.reads}
    orders = []
    for block in range(n_blocks):
        game = spec.make()
        game.open(actor_context(experiment, spec, infos, session=session))
        game._state.block = block
        game._reset()
        orders.append(game._order)
    return orders


def test_calibration_and_conditions_do_not_show_the_gestures_in_the_same_order(small, tmp_path):
    """A readout tried again on the order it was trained on had p <= 0.05 in 12 % of nulls."""
    readout = tmp_path / "readout.h5"
    plan = Plan(small, 5)
    first, second = plan.calibration(), Plan(small, 5).conditions(readout, readout)
    assert (first.course, second.course) == (0, 1)
    orders = [_gestures(each, n_blocks=2) for each in (first, second)]
    assert not set(orders[0]) & set(orders[1])
    assert orders == [_gestures(each, n_blocks=2) for each in (plan.calibration(), second)]


def test_sessions_of_one_seed_differ_in_real_time_and_can_be_repeated():
    live = load_experiment(None, {"actors.game.player": "script"})
    monday, tuesday = (_gestures(live, f"2026112{day}-101500-ab12") for day in (3, 4))
    assert monday != tuesday
    assert monday == _gestures(live, "20261123-101500-ab12")  # as after a restart
    again = load_experiment(None, {"course": course_of("20261123-101500-ab12")})
    assert _gestures(again, "20261130-090000-cd34") == monday
    in_lockstep = load_experiment(None, lockstep_changes(live))
    assert _gestures(in_lockstep, "a") == _gestures(in_lockstep, "b")
