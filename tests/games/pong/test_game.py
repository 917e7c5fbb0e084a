"""Pong: rallies by the paddle alone, stimuli by the condition, and a restart that changes nothing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crepe.actors.actor import ActorContext
from crepe.errors import ConfigError
from crepe.games.pong.game import Pong
from crepe.games.pong.state import NEXT, Phase
from crepe.messages import Command, Court, Decision, GameState, Stimulus, StreamInfo
from crepe.safety.limits import Limits
from crepe.store.codec import pack_value, unpack_value

INFO = StreamInfo(message="Decision", sampling_rate_hz=1000.0)
SITES = ("17", "26", "25", "24", "23", "22", "21", "12")
SETTINGS = {
    "session_s": 30.0,
    "sites": SITES,
    "phases": ((-7.5, 200.0), (7.5, 200.0)),
    "miss_phases": ((-15.0, 200.0), (15.0, 200.0)),
}


def opened(snapshot=None, seed=1, **changes):
    game = Pong(**{**SETTINGS, **changes})
    inputs = dict.fromkeys(("result", "result:random"), INFO)
    game.open(ActorContext(inputs=inputs, seed=seed, snapshot=snapshot, name="game"))
    return game


def nothing(game, at):
    return None


def follows(game, at):
    """A player who sees the ball."""
    state = game._match.state
    return "up" if state.ball[1] > state.paddle_y else "down"


def flees(game, at):
    return "down" if follows(game, at) == "up" else "up"


def chance(game, at):
    return (None, "up", "down")[np.random.default_rng(at).integers(3)]


def play(game, start=0, stop=31_000, player=nothing, window=10):
    messages = []
    for at in range(start, stop, window):
        messages += game.step(Decision(at, at + window, player(game, at)))
    return messages


def of(kind, messages, **fields):
    selected = [m for m in messages if isinstance(m, kind)]
    return [m for m in selected if all(getattr(m, name) == v for name, v in fields.items())]


def rallies(messages):
    return [s.score["rally"] for s in of(GameState, messages, phase="outcome", outcome="miss")]


def blocks(*names, length_s=40.0):
    return [
        {"condition": name, "start_s": i * (length_s + 1), "stop_s": i * (length_s + 1) + length_s}
        for i, name in enumerate(names)
    ]


def test_who_follows_the_ball_never_misses_and_who_flees_serves_aces():
    (end,) = of(GameState, play(opened(), player=follows), phase="outcome")
    assert end.outcome == "cut"
    assert end.score == {"hits": 9, "rally": 9}
    ends = of(
        GameState, play(opened(paddle_size=0.02), player=flees), phase="outcome", outcome="miss"
    )
    assert [e.trial for e in ends] == [1, 2, 3]
    assert ends[-1].score == {"rallies": 3, "aces": 3, "long_rallies": 0, "rally": 0}


def test_a_rally_of_more_than_three_hits_is_a_long_one():
    def tires(game, at):
        return follows(game, at) if game._match.state.rally < 4 else flees(game, at)

    (end,) = of(GameState, play(opened(), player=tires), phase="outcome", outcome="miss")
    assert end.score == {"hits": 4, "rallies": 1, "aces": 0, "long_rallies": 1, "rally": 4}


def test_the_game_ends_with_its_last_block_and_says_nothing_more():
    game = opened()
    messages = play(game)
    assert game.is_over
    assert [s.phase for s in of(GameState, messages)][-1] == "over"
    assert of(GameState, messages)[-1].stop == 30_010
    assert play(game, 31_000, 32_000) == []


def test_from_a_miss_to_the_next_arrival_it_takes_what_the_published_log_says():
    ends = of(
        GameState, play(opened(paddle_size=0.02), player=flees), phase="outcome", outcome="miss"
    )
    apart = [(b.stop - a.stop) / 1000 for a, b in pairwise(ends)]
    assert apart == pytest.approx([9.71] * 2, abs=0.07)  # 0.05 of it until the first pulse


def test_the_ball_is_told_by_site_and_rate():
    game, messages = opened(), []
    for at in range(0, 1700, 10):
        before = game._match.state.ball
        new = list(game.step(Decision(at, at + 10, None)))
        for stimulus in of(Stimulus, new):
            assert stimulus.electrodes == (SITES[min(7, int(game._match.state.ball[1] * 8))],)
            assert stimulus.due >= stimulus.stop + 50
        assert before[0] >= game._match.state.ball[0] or at < 20
        messages += new
    dues = [s.due for s in of(Stimulus, messages, meaning="ball")]
    apart = np.diff(dues)
    assert apart[0] == pytest.approx(1000 / 4, abs=30)
    assert 25 <= apart[-1] <= 28
    assert (np.diff(apart) <= 0).all()
    assert all(s.n_pulses == 1 for s in of(Stimulus, messages))


def test_a_hit_is_answered_by_a_train_on_all_sites_and_nothing_else_meanwhile():
    messages = of(Stimulus, play(opened(), player=follows))
    trains = [s for s in messages if s.meaning == "hit"]
    assert len(trains) == 9
    for train in trains:
        assert train.electrodes == SITES
        assert (train.rate_hz, train.n_pulses) == (50.0, 5)
        after = min(s.due for s in messages if s.due > train.due)
        assert after >= train.due + 100


def test_pulses_may_be_of_voltage():
    pulses = {"phases": ((-75e3, 200.0),), "miss_phases": ((-150e3, 200.0),), "unit": "uV"}
    messages = play(opened(paddle_size=0.02, **pulses), player=flees)
    assert {s.unit for s in of(Stimulus, messages)} == {"uV"}


def test_a_miss_is_answered_by_noise_then_silence_then_a_serve():
    messages = play(opened(paddle_size=0.02), player=flees)
    (first, second, *_) = of(GameState, messages, phase="play")
    (feedback, *_) = of(GameState, messages, phase="feedback")
    begins, ends = feedback.phases["feedback"], second.phases["play"]
    noise = [s for s in of(Stimulus, messages, meaning="miss") if s.due < ends]
    assert len(noise) == 20
    assert len({s.electrodes for s in noise}) > 3
    assert {s.phases for s in noise} == {SETTINGS["miss_phases"]}
    assert begins <= noise[0].due
    assert noise[-1].due <= begins + 4100
    assert not [s for s in of(Stimulus, messages) if begins + 4120 < s.due < ends]
    assert 8000 <= ends - begins <= 8200
    assert first.phases == {"play": 10}


@pytest.mark.parametrize(
    ("condition", "meanings"),
    [
        ("stimulation", {"ball", "hit", "miss"}),
        ("silenced", {"ball", "hit", "miss"}),
        ("random", {"ball", "hit", "miss"}),
        ("silent", {"ball"}),
        ("no_feedback", {"ball"}),
        ("sham", set()),
        ("rest", set()),
    ],
)
def test_each_condition_has_its_stimuli_and_the_paddle_always_moves(condition, meanings):
    game = opened(blocks=blocks(condition, length_s=50.0))
    messages = play(game, stop=52_000, player=chance)
    assert {s.meaning for s in of(Stimulus, messages)} == meanings
    assert len({c.paddle_y for c in of(Court, messages)}) > 10
    assert {s.condition for s in of(GameState, messages)} == {condition}
    assert rallies(messages)


def test_without_stimuli_the_course_is_that_of_the_closed_loop():
    courses = {}
    for condition in ("stimulation", "silent", "sham", "rest"):
        messages = play(opened(blocks=blocks(condition)), stop=41_000, player=chance)
        courses[condition] = [(c.ball_x, c.ball_y, c.paddle_y) for c in of(Court, messages)]
    assert len({str(course) for course in courses.values()}) == 1


def test_without_feedback_the_next_ball_comes_at_once():
    messages = play(
        opened(blocks=blocks("no_feedback"), paddle_size=0.02), stop=41_000, player=flees
    )
    serves = [s.phases["play"] for s in of(GameState, messages, phase="play", outcome=None)]
    assert np.diff(serves) == pytest.approx(1710, abs=10)


def test_a_condition_is_played_by_the_stream_that_is_named_for_it():
    game = opened(
        blocks=blocks("stimulation", "random", length_s=5.0), decisions={"random": "result:random"}
    )
    for at in range(0, 11_000, 10):
        list(game.step_from("result", Decision(at, at + 10, "up")))
        list(game.step_from("result:random", Decision(at, at + 10, "down")))
        if at == 4000:
            assert game._match.state.paddle_y == 0.85
    assert game._match.state.paddle_y == 0.15
    with pytest.raises(ConfigError, match="'result:randm'; did you mean 'result:random'"):
        opened(decisions={"random": "result:randm"})


def test_an_open_loop_is_stimulated_like_the_closed_one_before_whatever_the_culture_does():
    length = 41_000

    def player(game, at):
        return chance(game, at) if at < length else "up"

    messages = play(opened(blocks=blocks("stimulation", "open_loop")), stop=82_500, player=player)
    requested = {False: [], True: []}
    for s in of(Stimulus, messages):
        is_replay = s.due >= length
        requested[is_replay].append(
            (s.due - is_replay * length, s.electrodes, s.meaning, s.n_pulses)
        )
    assert requested[True] == requested[False]
    assert {m for _, _, m, _ in requested[True]} == {"ball", "hit", "miss"}
    by_block = {b: rallies([s for s in of(GameState, messages) if s.block == b]) for b in (1, 2)}
    assert len(by_block[1]) == len(by_block[2])
    assert by_block[1] != by_block[2]


def test_an_open_loop_needs_something_to_replay():
    with pytest.raises(ValidationError, match="no earlier 'stimulation' to replay"):
        opened(blocks=blocks("silent", "open_loop", "stimulation"))
    with pytest.raises(ValidationError, match="cannot replay what 'person' serves"):
        opened(blocks=blocks("stimulation", "open_loop"), player="person")


def test_blocks_must_follow_each_other_and_pulses_must_fit():
    with pytest.raises(ValidationError, match="one begins at 0 s, before 40 s"):
        opened(blocks=[*blocks("rest"), *blocks("sham")])
    with pytest.raises(ValidationError, match="rates_hz: 60, more than one pulse in pulse_s"):
        opened(rates_hz=(4.0, 60.0))
    with pytest.raises(ValidationError, match="an electrode is named twice"):
        opened(sites=("17", "17"))


def test_nothing_is_asked_for_that_would_outlast_its_block():
    for condition in ("stimulation", "no_feedback"):
        for length_s in (1.75, 3.1, 9.99):
            messages = play(opened(blocks=blocks(condition, length_s=length_s)), stop=12_000)
            for s in of(Stimulus, messages):
                assert s.due + s.n_pulses / s.rate_hz * 1000 <= length_s * 1000


def test_the_gate_lets_every_stimulus_through():
    """Each by itself; that none is refused in the normal course is proved in tests/test_loop.py."""
    limits = Limits()
    messages = of(Stimulus, play(opened(), player=chance))
    assert messages
    for s in messages:
        assert limits.refusal(s.electrodes, s.phases, s.rate_hz, s.n_pulses) is None


def check_order(messages):
    """Numbers without a hole, and nothing due before the last is over."""
    stimuli = of(Stimulus, messages)
    assert [s.number for s in stimuli] == list(range(1, len(stimuli) + 1))
    for a, b in pairwise(stimuli):
        assert b.due >= a.due + a.n_pulses / a.rate_hz * 1000
    assert all(50 <= s.due - s.stop <= 160 for s in stimuli)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 5, 10, 20]))
def test_one_stimulus_at_a_time_whoever_plays(seed, window):
    rng = np.random.default_rng(seed)

    def player(game, at):
        return (None, "up", "down")[rng.integers(3)] if at % 200 < 20 else follows(game, at)

    messages = play(opened(seed=seed, session_s=12.0), stop=12_100, player=player, window=window)
    if window <= 10:
        check_order(messages)
    for c in of(Court, messages):
        assert 0 <= c.ball_x <= 1
        assert 0 <= c.ball_y <= 1


def test_the_court_is_shown_25_times_a_second():
    messages = of(Court, play(opened(session_s=10.0), stop=10_000))
    assert len(messages) == 250
    assert messages[0].is_in_play
    assert messages[0].paddle_size == 0.3


def test_one_seed_gives_one_course():
    assert play(opened(), player=chance) == play(opened(), player=chance)
    assert play(opened(seed=2), player=chance) != play(opened(), player=chance)


IN_BLOCKS = {"blocks": blocks("stimulation", "open_loop", "no_feedback", length_s=9.0)}


@pytest.mark.parametrize("cut", [10, 30, 500, 1720, 2000, 3000, 6000, 9500, 12_000, 20_500, 25_000])
def test_a_restarted_game_says_what_it_would_have_said(cut):
    whole = play(opened(**IN_BLOCKS), player=chance)
    first = opened(**IN_BLOCKS)
    before = play(first, 0, cut, player=chance)
    again = opened(unpack_value(pack_value(first.snapshot())), **IN_BLOCKS)
    assert before + play(again, cut, player=chance) == whole


def test_what_nobody_saw_is_not_played():
    game = opened()
    play(game, 0, 500)
    ball = game._match.state.ball
    list(game.step(Decision(900, 910, "up")))
    assert game._match.state.ball[0] == pytest.approx(ball[0] - 0.00585)


def test_a_gap_over_whole_blocks_skips_them():
    game = opened(**IN_BLOCKS)
    play(game, 0, 500)
    messages = list(game.step(Decision(21_000, 21_010, None)))
    assert [s.phase for s in of(GameState, messages)] == ["outcome", "rest"]
    assert game._match.block.condition == "no_feedback"


def test_a_person_serves_when_a_person_plays():
    game = opened(player="person", session_s=20.0, paddle_size=0.02)
    messages = play(game, 0, 1000)
    assert [s.phase for s in of(GameState, messages)] == ["rest", "waiting"]
    serve = Command(1000, 1001, "gesture", "serve", "crepe gesture")
    wrong = list(game.step(Command(1000, 1001, "gesture", "serve", "sensor 7")))
    assert of(GameState, wrong)[0].outcome == "a serve by sensor 7, the player is 'person'"
    assert of(GameState, game.step(Command(1000, 1001, "note", "x"))) == []
    messages = list(game.step(serve))
    assert messages[0] == serve
    assert [(s.phase, s.shown_by) for s in of(GameState, messages)] == [("play", "crepe gesture")]
    assert of(GameState, game.step(serve)) == []
    assert of(GameState, play(game, 1000, 15_000, player=flees))[-1].phase == "waiting"
    assert of(GameState, play(game, 15_000, 21_000))[-1].phase == "over"


def test_a_move_that_is_not_in_the_table_is_an_error():
    game = opened()
    play(game, 0, 500)
    with pytest.raises(RuntimeError, match="rally 1: from play to waiting"):
        game._match.enter(Phase.WAITING, Decision(0, 1, None))
    assert set(NEXT) == set(Phase)
