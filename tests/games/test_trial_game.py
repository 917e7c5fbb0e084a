"""The game: trials in order, an answer from decisions only, and a restart that changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from crepe.actors.actor import ActorContext
from crepe.errors import ConfigError
from crepe.games.rock_paper_scissors import BEATS, RockPaperScissors
from crepe.games.trial_game import Game
from crepe.games.trial_state import NEXT
from crepe.messages import Command, Decision, GameState, Stimulus, StreamInfo
from crepe.phases import GamePhase

INFO = StreamInfo(message="Decision", sampling_rate_hz=1000.0)
RATES_HZ = {"rock": 20.0, "scissors": 30.3, "paper": 40.0}
SETTINGS = {
    "n_trials": 3,
    "rest_s": 0.1,
    "stimulation_s": 0.2,
    "response_s": 0.1,
    "delay_s": 0.02,
    "electrodes": ("48", "38"),
    "rates_hz": RATES_HZ,
    "phases": ((-10.0, 200.0), (10.0, 200.0)),
}


def opened(kind=RockPaperScissors, snapshot=None, seed=1, **changes):
    game = kind(**{**SETTINGS, **changes})
    game.open(ActorContext(inputs={"result": INFO}, seed=seed, snapshot=snapshot, name="game"))
    return game


def play(game, start=0, stop=3000, answer=lambda gesture: gesture, gesture=None):
    """Decisions every 10 samples; during a response the culture says what `answer` makes of it."""
    messages = []
    for at in range(start, stop, 10):
        is_asked = game._state.phase is GamePhase.RESPONSE
        value = answer(game._state.gesture) if is_asked else None
        messages += game.step(Decision(at, at + 10, value))
    return messages


def states(messages, phase=None):
    selected = [m for m in messages if isinstance(m, GameState)]
    return [m for m in selected if phase in (None, m.phase)]


def test_trials_go_through_their_phases_in_order_and_end():
    game = opened()
    messages = play(game)
    item = ["rest", "stimulation", "response", "outcome"]
    assert [s.phase for s in states(messages)] == item * 3 + ["over"]
    assert game.is_over
    assert [m.number for m in messages if isinstance(m, Stimulus)] == [1, 2, 3]
    assert play(game, 3000, 4000) == []


def test_phases_last_as_long_as_set_and_say_when_they_began():
    messages = play(opened())
    (stimulus, *_) = [m for m in messages if isinstance(m, Stimulus)]
    began = states(messages, "outcome")[0].phases
    assert began == {"rest": 10, "stimulation": 110, "response": 330, "outcome": 430}
    assert (stimulus.start, stimulus.stop, stimulus.due) == (100, 110, 130)


def test_the_stimulus_encodes_the_gesture_as_a_finite_train():
    for stimulus in (m for m in play(opened(n_trials=10), stop=9000) if isinstance(m, Stimulus)):
        assert stimulus.rate_hz == RATES_HZ[stimulus.meaning]
        assert stimulus.n_pulses == round(0.2 * stimulus.rate_hz)
        assert stimulus.electrodes == ("48", "38")


@pytest.mark.parametrize(("stimulation_s", "n_pulses"), [(1.0, 30), (2.0, 60), (2.2, 66)])
def test_a_long_train_has_a_number_of_pulses_that_makes_equal_bursts(stimulation_s, n_pulses):
    messages = play(opened(stimulation_s=stimulation_s, rates_hz={"scissors": 30.3}), stop=9000)
    assert {m.n_pulses for m in messages if isinstance(m, Stimulus)} == {n_pulses}


def test_pulses_are_of_current_or_of_voltage():
    messages = play(opened(unit="uV", phases=((-100_000.0, 200.0),)))
    assert {m.unit for m in messages if isinstance(m, Stimulus)} == {"uV"}
    assert {m.unit for m in play(opened()) if isinstance(m, Stimulus)} == {"uA"}
    with pytest.raises(ValidationError):
        opened(unit="mV")


def test_a_gesture_decoded_rightly_is_beaten():
    outcomes = states(play(opened()), "outcome")
    assert all(o.answer == BEATS[o.gesture] and o.outcome == "won" for o in outcomes)
    assert outcomes[-1].score == {"won": 3}


@pytest.mark.parametrize(
    ("decoded", "outcome"),
    [("rock", "won"), ("scissors", "drawn"), ("paper", "lost"), (None, "none")],
)
def test_every_answer_to_rock_has_its_outcome(decoded, outcome):
    answer, selected = opened().observe("rock", decoded)
    assert selected == outcome
    assert (answer is None) == (decoded is None)


def test_nothing_readable_is_no_answer():
    outcomes = states(play(opened(), answer=lambda _: None), "outcome")
    assert [(o.answer, o.outcome) for o in outcomes] == [(None, "none")] * 3


def test_only_what_is_decided_in_the_response_counts():
    game = opened()
    for at in range(0, 430, 10):
        value = "paper" if game._state.phase is not GamePhase.RESPONSE else None
        messages = list(game.step(Decision(at, at + 10, value)))
    assert states(messages, "outcome")[0].outcome == "none"


def test_gestures_follow_from_the_seed():
    def gestures(seed):
        messages = play(opened(n_trials=12, seed=seed), stop=9000)
        return [s.gesture for s in states(messages, "outcome")]

    assert gestures(1) == gestures(1)
    assert gestures(1) != gestures(2)
    assert set(gestures(1)) == set(RATES_HZ)


def test_a_person_is_waited_for_and_a_wrong_word_is_answered():
    game = opened(player="person")
    assert not any(isinstance(m, Stimulus) for m in play(game, stop=1000))
    messages = list(game.step(Command(1000, 1001, "gesture", "scisors")))
    (wrong,) = states(messages)
    assert wrong.outcome == "'scisors' is no gesture; did you mean 'scissors'?"
    note = Command(1000, 1001, "note", "rock")
    assert list(game.step(note)) == [note]
    messages = list(game.step(Command(1000, 1001, "gesture", "scissors")))
    assert [s.phase for s in states(messages)] == ["stimulation"]
    assert [m.meaning for m in messages if isinstance(m, Stimulus)] == ["scissors"]
    assert states(game.step(Command(1001, 1002, "gesture", "rock"))) == []
    outcome = states(play(game, 1000, 2000), "outcome")[0]
    assert (outcome.gesture, outcome.outcome) == ("scissors", "won")


SEEN = Command(0, 1, "gesture", "rock", "sensor 7f", frame=((18.25, 30.0),))


def test_of_the_gestures_shown_in_a_rest_the_last_begins_the_trial_without_a_wait():
    game = opened(player="sensor", n_trials=1)
    play(game, stop=50)
    assert list(game.step(SEEN)) == [SEEN]
    assert states(game.step(replace(SEEN, value="paper", sender="sensor 80"))) == []
    messages = play(game, 50, 1000)
    assert [s.phase for s in states(messages)] == ["stimulation", "response", "outcome", "over"]
    assert {s.shown_by for s in states(messages)} == {"sensor 80"}
    (outcome,) = states(messages, "outcome")
    assert (outcome.gesture, outcome.decoded, outcome.answer) == ("paper", "paper", "scissors")


def test_a_gesture_during_a_trial_does_not_begin_the_next():
    game = opened(player="sensor")
    play(game, stop=120)
    list(game.step(SEEN))
    play(game, 120, 200)
    assert game._state.phase is GamePhase.STIMULATION
    list(game.step(replace(SEEN, value="paper")))
    messages = play(game, 200, 2000)
    assert [s.phase for s in states(messages)][-2:] == ["rest", "waiting"]


@pytest.mark.parametrize(
    ("player", "sender"), [("person", "sensor 7f"), ("sensor", "crepe gesture"), ("script", "me")]
)
def test_only_the_player_of_the_experiment_is_heard(player, sender):
    game = opened(player=player, n_trials=1)
    play(game, stop=50)
    (refused,) = states(game.step(replace(SEEN, sender=sender)))
    assert refused.phase == "refused"
    assert refused.outcome == f"a gesture by {sender}, the player is {player!r}"
    assert refused.shown_by == sender
    assert sender not in {s.shown_by for s in states(play(game, 50, 2000))}


def test_a_sensor_is_refused_once_a_trial_and_not_with_every_frame():
    game = opened(player="script", n_trials=2)
    play(game, stop=50)
    messages = [list(game.step(replace(SEEN, sender=f"sensor {n}"))) for n in range(5)]
    assert [s.shown_by for s in states(m for item in messages for m in item)] == ["sensor 0"]
    assert [[m.sender for m in item if isinstance(m, Command)] for item in messages] == [
        [f"sensor {n}"] for n in range(5)
    ]
    play(game, 50, 450)
    (refused,) = states(game.step(SEEN))
    assert (game._state.phase, refused.trial) == (GamePhase.REST, 2)


def test_a_gesture_shown_before_a_restart_counts_after_it():
    game = opened(player="sensor", n_trials=1)
    play(game, stop=50)
    list(game.step(SEEN))
    from crepe.store.codec import pack_value, unpack_value

    again = opened(player="sensor", n_trials=1, snapshot=unpack_value(pack_value(game.snapshot())))
    assert states(play(again, 50, 1000), "outcome")[0].shown_by == "sensor 7f"


@pytest.mark.parametrize("cut", range(50, 1600, 50))
def test_a_restarted_game_says_what_it_would_have_said(cut):
    whole = play(opened())
    first = opened()
    before = play(first, 0, cut)
    from crepe.store.codec import pack_value, unpack_value

    again = opened(snapshot=unpack_value(pack_value(first.snapshot())))
    assert before + play(again, cut) == whole


def test_a_move_that_is_not_in_the_table_is_an_error():
    game = opened()
    play(game, stop=150)
    with pytest.raises(RuntimeError, match="from stimulation to over"):
        game._enter(GamePhase.OVER, Decision(0, 1, None), 1)
    assert set(NEXT) == set(GamePhase) - {GamePhase.REFUSED}  # a refusal leaves the phase


def test_a_new_game_takes_a_few_lines():
    class Echo(Game):
        """The culture should give back what it was shown."""

        def observe(self, gesture, decoded):
            return decoded, "won" if decoded == gesture else "lost"

    outcomes = states(play(opened(Echo)), "outcome")
    assert [(o.answer == o.gesture, o.outcome) for o in outcomes] == [(True, "won")] * 3


def test_a_new_game_may_choose_its_moves():
    class Stubborn(RockPaperScissors):
        def move(self, rng: np.random.Generator) -> str:
            return "rock"

    assert {o.gesture for o in states(play(opened(Stubborn)), "outcome")} == {"rock"}


BLOCKS = (
    {"condition": "stimulation", "start_s": 0.2, "stop_s": 3.0, "n_trials": 3},
    {"condition": "sham", "start_s": 3.0, "stop_s": 6.0, "n_trials": 3},
    {"condition": "shuffled", "start_s": 6.0, "stop_s": 9.0, "n_trials": 3},
)


def in_blocks(answers, snapshot=None, **changes):
    """A game of three blocks with two decoders; `answers` are what each of them always says."""
    game = RockPaperScissors(
        **{**SETTINGS, "blocks": BLOCKS, "decisions": {"shuffled": "result:shuffled"}, **changes}
    )
    inputs = dict.fromkeys(("result", "result:shuffled"), INFO)
    game.open(ActorContext(inputs=inputs, seed=3, snapshot=snapshot, name="game"))
    messages = []
    for at in range(0, 9000, 10):
        for stream, answer in zip(inputs, answers, strict=True):
            messages += game.step_from(stream, Decision(at, at + 10, answer))
    return game, messages


def test_each_block_has_its_condition_its_time_and_every_gesture_equally_often():
    game, messages = in_blocks(("rock", "paper"))
    outcomes = states(messages, "outcome")
    assert [(o.block, o.condition) for o in outcomes] == [
        (i, block["condition"]) for i, block in enumerate(BLOCKS, 1) for _ in range(3)
    ]
    for block in (1, 2, 3):
        selected = [o for o in outcomes if o.block == block]
        assert {o.gesture for o in selected} == set(RATES_HZ)
        begins = BLOCKS[block - 1]["start_s"] * 1000
        assert begins <= min(o.phases["stimulation"] for o in selected) <= begins + 150
        assert max(o.stop for o in selected) <= BLOCKS[block - 1]["stop_s"] * 1000
    assert game.is_over


def test_a_block_without_a_number_of_trials_has_as_many_as_fit():
    block = {"condition": "stimulation", "start_s": 0.0, "stop_s": 3.0}
    game, messages = in_blocks(("rock", "paper"), blocks=(block,), decisions={})
    outcomes = states(messages, "outcome")
    assert len(outcomes) == int(3.0 / game.trial_s)
    assert outcomes[-1].stop <= 3000
    assert game.is_over


def test_nothing_is_stimulated_in_a_sham_block():
    _, messages = in_blocks(("rock", "paper"))
    assert len(states(messages, "outcome")) == 9
    assert [m.number for m in messages if isinstance(m, Stimulus)] == [1, 2, 3, 7, 8, 9]


def test_a_condition_is_answered_by_the_stream_that_is_named_for_it():
    _, messages = in_blocks(("rock", "paper"))
    selected = [(o.condition, o.decoded) for o in states(messages, "outcome")]
    assert set(selected) == {("stimulation", "rock"), ("sham", "rock"), ("shuffled", "paper")}


def test_a_stream_that_the_game_does_not_read_cannot_decide():
    with pytest.raises(ConfigError, match="'result:shufled'; did you mean 'result:shuffled'"):
        in_blocks(("rock", "paper"), decisions={"shuffled": "result:shufled"})


def test_each_gesture_may_have_its_own_electrodes():
    places = {"rock": ("48",), "scissors": ("38",), "paper": ("28", "27")}
    messages = play(opened(electrodes=places))
    selected = {m.meaning: m.electrodes for m in messages if isinstance(m, Stimulus)}
    assert selected == places


def test_the_last_decision_of_a_response_counts_if_asked_for():
    at_last = {"most": "rock", "last": "paper"}
    for which, expected in at_last.items():
        game, messages = opened(answer_is=which), []
        for at in range(0, 600, 10):
            is_late = game._state.phase is GamePhase.RESPONSE and at + 10 >= game._state.until
            messages += game.step(Decision(at, at + 10, "paper" if is_late else "rock"))
        assert states(messages, "outcome")[0].decoded == expected


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"electrodes": {"rock": ("48",)}}, "electrodes: none for paper, scissors"),
        ({"blocks": BLOCKS, "player": "person"}, "must be 'script' where there are blocks"),
    ],
)
def test_a_game_that_cannot_be_played_is_refused(settings, complaint):
    with pytest.raises(ValidationError, match=complaint):
        opened(**settings)


def test_a_number_is_no_decision_of_a_game():
    with pytest.raises(ConfigError) as refused:
        play(opened(), answer=lambda gesture: 0.25)
    assert str(refused.value).startswith("RockPaperScissors: the decision of samples [")
    assert str(refused.value).endswith("is 0.25, must be 'rock', 'scissors', 'paper' or None")


def test_a_game_accepts_the_names_of_its_gestures():
    assert opened().accepted_decisions() == ("rock", "scissors", "paper")


def test_a_gesture_that_rock_paper_scissors_does_not_have_is_refused():
    with pytest.raises(ValidationError, match="rates_hz: 'lizard' is no gesture; known are rock"):
        RockPaperScissors(**{**SETTINGS, "rates_hz": {"rock": 20.0, "lizard": 30.3}})
