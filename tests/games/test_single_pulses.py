"""Single pulses: each electrode once in every round, in an order that a restart does not change."""

import pytest
from pydantic import ValidationError

from crepe.actors.actor import ActorContext
from crepe.commands import CONTROL
from crepe.games.single_pulses import SinglePulses
from crepe.messages import Command, GameState, Spikes, Stimulus, StreamInfo

INFO = StreamInfo("Spikes", sampling_rate_hz=1000.0)
ELECTRODES = ("22", "47", "72", "15", "31")
SETTINGS = {
    "electrodes": ELECTRODES,
    "n_rounds": 3,
    "interval_s": 0.3,
    "rest_s": 0.5,
    "phases": ((-10.0, 200.0), (10.0, 200.0)),
}


def opened(snapshot=None, seed=1, **changes):
    game = SinglePulses(**{**SETTINGS, **changes})
    game.open(ActorContext(inputs={"data:spikes": INFO}, seed=seed, snapshot=snapshot))
    return game


def play(game, start=0, stop=6000, commands=()):
    """Windows of 10 samples, with commands by the sample index at which they arrive."""
    messages = []
    for at in range(start, stop, 10):
        for name in (name for arrival, name in commands if arrival == at):
            messages += game.step_from(CONTROL, Command(at, at, name, "", "page"))
        messages += game.step_from("data:spikes", Spikes.none(at, at + 10))
    return messages


def pulses(messages):
    return [m for m in messages if isinstance(m, Stimulus)]


def phases(messages):
    return [m.phase for m in messages if isinstance(m, GameState)]


def test_each_electrode_gets_one_pulse_in_every_round_in_another_order():
    game = opened()
    requests = pulses(play(game))
    assert [m.number for m in requests] == list(range(1, 16))
    orders = [tuple(m.meaning for m in requests[i : i + 5]) for i in (0, 5, 10)]
    assert all(sorted(order) == sorted(ELECTRODES) for order in orders)
    assert len(set(orders)) == 3
    assert all((m.electrodes, m.n_pulses) == ((m.meaning,), 1) for m in requests)
    assert orders == [game.order(n_round) for n_round in (1, 2, 3)]
    assert orders != [opened(seed=2).order(n_round) for n_round in (1, 2, 3)]


def test_pulses_follow_a_rest_at_a_fixed_interval_and_the_game_ends():
    game = opened()
    messages = play(game)
    requests = pulses(messages)
    assert [m.stop for m in requests] == [510 + 300 * k for k in range(15)]
    assert all(m.due == m.stop + 50 for m in requests)
    assert phases(messages) == ["rest", *["stimulation", "outcome"] * 15, "over"]
    assert game.is_over
    assert play(game, 6000, 6100) == []
    blocks = [m.block for m in messages if isinstance(m, GameState) and m.phase == "outcome"]
    assert blocks == [1] * 5 + [2] * 5 + [3] * 5


@pytest.mark.parametrize("at", [300, 900, 2000])
def test_a_restart_changes_nothing(at):
    whole = play(opened())
    game = opened()
    before = play(game, 0, at)
    assert [*before, *play(opened(game.snapshot()), at)] == whole


def test_a_pause_takes_effect_between_two_pulses_and_ends_with_a_rest():
    game = opened()
    messages = play(game, stop=9000, commands=[(900, "pause"), (3000, "start")])
    times = [m.stop for m in pulses(messages)]
    assert times[:3] == [510, 810, 3510]
    assert len(times) == 15
    assert [m.name for m in messages if isinstance(m, Command)] == ["pause", "start"]


def test_nothing_is_requested_before_start_where_it_is_waited_for():
    game = opened(waits_for_start=True)
    messages = play(game, stop=7000, commands=[(2000, "start")])
    assert pulses(messages)[0].stop == 2510
    assert phases(play(opened(waits_for_start=True), stop=3000)) == ["rest", "paused"]


def test_a_condition_is_refused():
    command = Command(0, 0, "player", "person", "page")
    again, state = opened().step_from(CONTROL, command)
    assert again == command
    assert state.phase == "refused"


def test_an_electrode_that_is_named_twice_is_refused():
    with pytest.raises(ValidationError, match="electrodes: 47 named twice"):
        SinglePulses(**{**SETTINGS, "electrodes": ("47", "22", "47")})


def test_the_check_is_given_each_pulse_once():
    assert {m.electrodes for m in opened().possible_trains()} == {(e,) for e in ELECTRODES}
