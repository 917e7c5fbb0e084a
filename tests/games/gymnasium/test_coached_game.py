"""A game with a coach: training after bad episodes, by condition, through the gate's form."""

import pytest
from pydantic import ValidationError

from crepe.actors.actor import ActorContext
from crepe.games.gymnasium import CoachedGame
from crepe.messages import Decision, Delivered, GameState, Stimulus, StreamInfo, Transition
from crepe.safety.limits import Limits
from crepe.store.codec import pack_value, unpack_value

INFO = StreamInfo(message="Decision", sampling_rate_hz=1000.0)
RATE = {"run": "crepe.games.gymnasium.encoders:RateCode", "value": 2, "low": 0.0, "lowest_hz": 0.0}
SETTINGS = {
    "env": "CartPole-v1",
    "actions": {"left": 0, "right": 1},
    "step_s": 0.05,
    "shown_hz": 0,
    "phases": ((-10.0, 200.0), (10.0, 200.0)),
    "encoders": [
        {**RATE, "high": -0.2095, "sites": ["12"]},
        {**RATE, "high": 0.2095, "sites": ["16"]},
    ],
    "coach": {"units": ["24", "34", "35"]},
}


@pytest.fixture
def opened():
    games = []

    def open_game(condition="", snapshot=None, **changes):
        block = {"condition": condition, "start_s": 0, "stop_s": 30}
        settings = {**SETTINGS, "blocks": [block] if condition else [], **changes}
        game = CoachedGame(**settings)
        outputs = ("result:game", "result:stimuli")
        about = {"seed": 1, "snapshot": snapshot, "name": "game"}
        game.open(ActorContext(inputs={"result": INFO}, outputs=outputs, **about))
        games.append(game)
        return game

    yield open_game
    for game in games:
        game.close()


def play(game, start=0, stop=29_000):
    """Messages of a player who pushes left for some time and then right."""
    messages = []
    for at in range(start, stop, 10):
        value = "left" if at // 300 % 2 else "right"
        messages += game.step(Decision(at, at + 10, value))
    return messages


def of(kind, messages, **fields):
    selected = [m for m in messages if isinstance(m, kind)]
    return [m for m in selected if all(getattr(m, name) == v for name, v in fields.items())]


def test_a_train_at_a_pair_follows_an_episode_below_the_mean_of_those_before(opened):
    messages = play(opened())
    ends = of(GameState, messages, phase="outcome")
    trains = of(Stimulus, messages, meaning="training")
    is_bad = [
        bool(before) and end.value < sum(b.value for b in before) / len(before)
        for i, end in enumerate(ends)
        for before in [ends[max(0, i - 10) : i]]
    ]
    assert [end.stop for end, bad in zip(ends, is_bad, strict=True) if bad] == [
        train.stop for train in trains
    ]
    assert len(trains) > 3
    assert {(t.n_pulses, t.rate_hz, len(t.electrodes)) for t in trains} == {(10, 50.0, 2)}


def learned(game, *, refuses, stream="result:stimuli"):
    """Play, and refuse every training train half a second later; return the coach's values."""
    values = set()
    due = []
    for at in range(0, 29_000, 10):
        for train in of(Stimulus, play(game, at, at + 10), meaning="training"):
            due.append((at + 500, train.number))
        while due and due[0][0] <= at and refuses:
            answer = Delivered(at, at + 10, due.pop(0)[1], "refused", "not armed", stream=stream)
            assert list(game.step_from("result:delivered", answer)) == []
        values |= set(game.snapshot()["coach"]["values"])
    return values


def test_a_train_that_was_refused_teaches_nothing(opened):
    assert learned(opened(), refuses=True) == {0.0}
    assert len(learned(opened(), refuses=False)) > 3
    # Another program has the same numbers.
    assert len(learned(opened(), refuses=True, stream="page:stimuli")) > 3


def test_the_next_episode_waits_for_the_train_and_its_rest(opened):
    messages = play(opened())
    begins = [step.stop for step in of(Transition, messages, step=0)]
    trains = of(Stimulus, messages, meaning="training")
    assert len(trains) > 3
    for train in trains[:-1]:
        later = min(at for at in begins if at > train.stop)
        assert later >= train.due + 500  # 0.2 s of pulses and 0.3 s without
        pulses = [s for s in of(Stimulus, messages, meaning="observation") if s.due < later]
        assert not [s for s in pulses if s.due > train.due]


@pytest.mark.parametrize(
    ("condition", "has_training"),
    [
        ("adaptive", True),
        ("random", True),
        ("blocked", True),
        ("silenced", True),
        ("none", False),
        ("silent", False),
        ("no_feedback", False),
        ("rest", False),
    ],
)
def test_a_condition_withholds_the_training(opened, condition, has_training):
    messages = play(opened(condition))
    assert bool(of(Stimulus, messages, meaning="training")) == has_training
    assert bool(of(Stimulus, messages, meaning="observation")) == (condition != "rest")


def test_without_training_its_time_passes_all_the_same(opened):
    times = [
        [s.stop for s in of(GameState, play(opened(name)), phase="outcome")]
        for name in ("adaptive", "none")
    ]
    assert times[0] == times[1]  # this player sees no pulses


@pytest.mark.parametrize("at", [480, 3_000, 9_000, 20_000])
def test_a_restart_changes_nothing(opened, at):
    messages = play(opened())
    first = opened()
    before = play(first, stop=at)
    second = opened(snapshot=unpack_value(pack_value(first.snapshot())))
    assert [repr(m) for m in before + play(second, start=at)] == [repr(m) for m in messages]


def test_its_trains_pass_the_gate(opened):
    trains = list(opened().possible_trains())
    assert {t.electrodes for t in trains if t.meaning == "training"} == {
        ("24", "34"), ("24", "35"), ("34", "35"),
    }  # fmt: skip
    for t in trains:
        assert Limits().refusal(t.electrodes, t.phases, t.rate_hz, t.n_pulses) is None


def test_the_adaptive_coach_is_what_the_others_are_compared_with():
    states = [
        GameState(i * 10, i * 10 + 5, i, "outcome", score={"steps": 9}, value=9.0 + i % 2,
                  outcome="terminated", block=i, condition=("adaptive", "random")[i % 2])
        for i in range(1, 13)
    ]  # fmt: skip
    comparison = CoachedGame.compare_conditions(states, 1)
    assert [row[0] for row in comparison.table.rows] == ["adaptive", "random"]
    assert comparison.numbers["conditions"]["random"]["n_rounds"] == 6
    assert CoachedGame.report_section(states, 1, 1000.0).numbers["episodes"][0]["p_against"] is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"on_termination": "unpredictable"}, "training is the feedback to an episode"),
        ({"decisions": {"random": "result:random"}}, "'random' is a condition of the coach"),
        ({"coach": {"units": ["12", "24"]}}, "12 is a site of an encoder, too"),
    ],
)
def test_settings_that_contradict_the_coach_are_refused(changes, reason):
    with pytest.raises(ValidationError, match=reason):
        CoachedGame(**{**SETTINGS, **changes})
