"""A game in an environment: steps by the sample clock, feedback by reward, and a restart."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from crepe.actors.actor import ActorContext
from crepe.errors import ConfigError
from crepe.games.gymnasium import GymGame
from crepe.messages import Command, Decision, GameState, Image, Stimulus, StreamInfo, Transition
from crepe.safety.limits import Limits
from crepe.store.codec import pack_value, unpack_value

INFO = StreamInfo(message="Decision", sampling_rate_hz=1000.0)
SITES = ("17", "26", "25", "24", "23", "22", "21", "12")
POLE = {"run": "crepe.games.gymnasium.encoders:PlaceCode", "value": 2, "low": -0.2095}
WORLD = "crepe.games.gymnasium.gradient_world:crepe/GradientWorld-v0"
SETTINGS = {
    "env": "CartPole-v1",
    "actions": {"left": 0, "right": 1},
    "session_s": 30.0,
    "step_s": 0.05,
    "shown_hz": 0,
    "phases": ((-7.5, 200.0), (7.5, 200.0)),
    "unpredictable_phases": ((-15.0, 200.0), (15.0, 200.0)),
    "on_termination": "unpredictable",
    "encoders": [{**POLE, "high": 0.2095, "sites": SITES}],
}


@pytest.fixture
def opened():
    games = []

    def open_game(snapshot=None, seed=1, course=0, **changes):
        game = GymGame(**{**SETTINGS, **changes})
        inputs = dict.fromkeys(("result", "result:random"), INFO)
        about = {"seed": seed, "course": course, "snapshot": snapshot, "name": "game"}
        game.open(ActorContext(inputs=inputs, **about))
        games.append(game)
        return game

    yield open_game
    for game in games:
        game.close()


def balances(game):
    """A player who sees the pole."""
    observation = game._episodes._observation
    if not len(observation):
        return None
    return "right" if observation @ [1.0, 1.6, 18.6, 3.5] > 0 else "left"


def play(game, start=0, stop=31_000, player=lambda game: "left"):
    messages = []
    for at in range(start, stop, 10):
        messages += game.step(Decision(at, at + 10, player(game)))
    return messages


def of(kind, messages, **fields):
    selected = [m for m in messages if isinstance(m, kind)]
    return [m for m in selected if all(getattr(m, name) == v for name, v in fields.items())]


def test_steps_come_at_fixed_samples_and_carry_the_decision(opened):
    steps = of(Transition, play(opened(), stop=500))
    assert [step.step for step in steps] == list(range(len(steps)))
    assert [step.stop for step in steps[:4]] == [10, 60, 110, 160]
    assert {step.action for step in steps[1:]} == {"left"}
    assert steps[0].action == ""


def test_who_only_pushes_left_falls_and_who_balances_does_not(opened):
    (first, *_) = of(GameState, play(opened()), phase="outcome")
    assert (first.outcome, first.value, first.score["steps"]) == ("terminated", 8.0, 8)
    (end, _) = of(GameState, play(opened(), player=balances), phase="outcome")
    assert end.outcome == "truncated"  # 500 steps of 50 ms
    assert end.value == 500.0


def test_an_undecided_step_repeats_the_last_action_or_takes_the_one_named(opened):
    values = iter(["right", None] * 20)

    def player(game):
        return next(values)

    steps = of(Transition, play(opened(), stop=200, player=player))
    assert {step.action for step in steps[1:]} == {"right"}
    values = iter(["right"] + [None] * 40)
    steps = of(Transition, play(opened(undecided="left"), stop=200, player=player))
    assert {step.action for step in steps[1:]} == {"left"}


def test_the_pole_is_shown_by_the_place_and_at_the_rate_of_the_code(opened):
    game, messages = opened(), []
    for at in range(0, 20_000, 10):
        new = list(game.step(Decision(at, at + 10, balances(game))))
        for stimulus in of(Stimulus, new, meaning="observation"):
            angle = game._episodes._observation[2]
            place = min(7, int((np.clip(angle, -0.2095, 0.2095) + 0.2095) / 0.419 * 8))
            assert stimulus.electrodes == (SITES[place],) or len(messages) == 0
            assert stimulus.due >= stimulus.stop + 40
        messages += new
    pulses = of(Stimulus, messages, meaning="observation")
    assert len(pulses) == pytest.approx(20 * 20, rel=0.05)


def test_after_a_fall_come_noise_and_silence_and_the_environment_stands_still(opened):
    messages = play(opened())
    (first, second, *_) = of(GameState, messages, phase="outcome")
    noise = [s for s in of(Stimulus, messages, meaning="unpredictable") if s.due < second.stop]
    assert len(noise) == 20
    assert first.stop < noise[0].due
    assert noise[-1].due < first.stop + 4100
    assert {s.phases[0][0] for s in noise} == {-15.0}
    begins = of(Transition, messages, step=0)
    assert begins[1].stop >= first.stop + 8000


@pytest.mark.parametrize(
    ("condition", "meanings", "n_episodes"),
    [
        ("stimulation", {"observation", "unpredictable"}, 4),
        ("silent", {"observation"}, 4),
        ("no_feedback", {"observation"}, 64),
        ("rest", set(), 4),
    ],
)
def test_a_condition_withholds_pulses_and_keeps_their_time(opened, condition, meanings, n_episodes):
    block = {"condition": condition, "start_s": 0, "stop_s": 30}
    messages = play(opened(blocks=[block]))
    assert {s.meaning for s in of(Stimulus, messages)} == meanings
    assert len(of(Transition, messages, step=0)) == pytest.approx(n_episodes, rel=0.15)
    assert {s.condition for s in of(GameState, messages)} == {condition}


def test_an_episode_is_cut_where_its_block_ends_and_the_game_ends_with_the_last(opened):
    blocks = [
        {"condition": "stimulation", "start_s": 0, "stop_s": 10},
        {"condition": "silent", "start_s": 12, "stop_s": 20},
    ]
    game = opened(blocks=blocks)
    messages = play(game, player=balances)
    ends = of(GameState, messages, phase="outcome")
    assert [(s.outcome, s.block, s.condition) for s in ends] == [
        ("cut", 1, "stimulation"), ("cut", 2, "silent")
    ]  # fmt: skip
    assert game.is_over
    assert play(game, 31_000, 32_000) == []


def test_reward_is_followed_by_the_predictable_train_and_punishment_by_noise(opened):
    world = {
        "env": WORLD,
        "actions": {"up": 0, "right": 1, "down": 2, "left": 3},
        "encoders": [{**POLE, "value": 0, "low": 0, "high": 1, "sites": SITES[:4]}],
        "on_termination": "none",
        "rewarded_above": 0.5,
    }

    def follows(game):
        observation = game._episodes._observation
        return list(world["actions"])[int(np.argmax(observation))] if len(observation) else None

    messages = play(opened(**world), player=follows)
    ends = of(GameState, messages, phase="outcome", outcome="terminated")
    trains = of(Stimulus, messages, meaning="predictable")
    assert 0 <= len(ends) - len(trains) <= 1  # one that would outlast the session is not requested
    assert len(trains) > 20
    assert {(s.electrodes, s.n_pulses, s.rate_hz) for s in trains} == {(SITES[:4], 5, 50.0)}
    messages = play(opened(**{**world, "punished_below": 0.0}), player=follows)
    assert of(Stimulus, messages, meaning="unpredictable")
    assert of(GameState, messages, phase="feedback")


def test_a_pulse_never_begins_before_the_one_before_is_over(opened):
    two = [{**SETTINGS["encoders"][0], "value": i, "highest_hz": 24} for i in (2, 3)]
    stimuli = of(Stimulus, play(opened(encoders=two, session_s=60.0), stop=60_000))
    assert len(stimuli) > 200
    for a, b in pairwise(stimuli):
        assert b.due >= a.due + 20 * a.n_pulses
    assert [s.number for s in stimuli] == list(range(1, len(stimuli) + 1))


@pytest.mark.parametrize("at", [100, 480, 2_000, 9_000, 20_000])
def test_a_restart_changes_nothing(opened, at):
    whole, first = opened(), opened()
    messages = play(whole, player=balances)
    before = play(first, stop=at, player=balances)
    second = opened(snapshot=unpack_value(pack_value(first.snapshot())))
    after = play(second, start=at, player=balances)
    assert [repr(m) for m in before + after] == [repr(m) for m in messages]


def test_one_seed_gives_one_game_and_another_seed_or_course_another(opened):
    chosen = ({"seed": 1}, {"seed": 1}, {"seed": 2}, {"seed": 1, "course": 1})
    runs = [[repr(m) for m in play(opened(**each), stop=2000)] for each in chosen]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert runs[0] != runs[3]


def test_commands_pause_the_game_between_episodes_and_refusals_are_published(opened):
    game = opened(waits_for_start=True)
    assert [s.phase for s in of(GameState, play(game, stop=500))] == ["rest", "paused"]
    start = Command(500, 501, "start", "")
    assert list(game.step_from("control", start)) == [start]
    assert list(game.step_from("control", Command(500, 501, "note", "not for a game"))) == []
    assert of(Transition, play(game, 500, 700))
    (_, refused) = game.step_from("control", Command(700, 701, "condition", "sillent"))
    assert "did you mean 'silent'" in refused.outcome


def test_only_the_stream_of_the_condition_acts(opened):
    block = {"condition": "random", "start_s": 0, "stop_s": 30}
    game = opened(blocks=[block], decisions={"random": "result:random"})
    assert list(game.step_from("result", Decision(0, 10, "left"))) == []
    assert list(game.step_from("result:random", Decision(0, 10, "left")))


def test_its_trains_pass_the_gate_and_its_versions_are_with_its_streams(opened):
    game = opened()
    trains = list(game.possible_trains())
    for s in trains:
        assert Limits().refusal(s.electrodes, s.phases, s.rate_hz, s.n_pulses) is None
    assert {s.meaning for s in trains} == {"observation", "unpredictable", "predictable"}
    info = game.output_info(ActorContext(inputs={"result": INFO}))
    assert info.source.startswith("CartPole-v1 (gymnasium 1.")


def test_pictures_come_at_their_rate_and_a_reason_where_there_are_none(opened):
    world = {"env": WORLD, "actions": {"up": 0, "down": 2}, "shown_hz": 10.0, "shown_pixels": 64}
    images = of(Image, play(opened(**world), stop=5000, player=lambda game: None))
    assert len(images) == pytest.approx(50, abs=2)
    assert images[0].pixels.shape == (64, 64, 3)
    assert images[0].caption == ""


def test_a_decision_that_is_no_action_is_named(opened):
    with pytest.raises(ConfigError, match="'lift', must be one of left, right; did you mean"):
        list(opened().step(Decision(0, 10, "lift")))


def test_without_pygame_the_caption_says_why_there_is_no_picture(opened, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    (image, *_) = of(Image, play(opened(shown_hz=10.0), stop=500))
    assert image.pixels.size == 0
    assert image.caption.startswith("no picture: pygame is not installed")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"env": "CartPoll-v1"}, "env: 'CartPoll-v1': Environment `CartPoll` doesn't exist"),
        ({"env": "nothing_here:X-v0"}, "env: 'nothing_here:X-v0': No module named"),
        ({"actions": {"left": 0, "up": 2}}, r"actions\.up: 2, must be in Discrete\(2\)"),
        ({"encoders": [{**SETTINGS["encoders"][0], "value": 4}]}, "value: 4, must be less than 4"),
    ],
)
def test_what_does_not_fit_the_environment_is_named(opened, changes, reason):
    with pytest.raises(ConfigError, match=reason):
        opened(**changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"undecided": "up"}, "'up', must be one of left, right"),
        ({"step_s": 0.005}, "tick_s: 0.01, longer than step_s"),
        ({"unpredictable_hz": 60}, "unpredictable_hz: up to 60 pulses per second"),
        ({"encoders": [{**SETTINGS["encoders"][0], "highest_hz": 60}]}, "encoders: up to 60"),
        ({"encoders": []}, "at least 1 item"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, reason):
    with pytest.raises(ValidationError, match=reason):
        GymGame(**{**SETTINGS, **changes})


def test_without_gymnasium_the_error_says_what_to_install(opened, monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(ConfigError, match="needs gymnasium: .*crepe-mea\\[games\\]"):
        opened()
