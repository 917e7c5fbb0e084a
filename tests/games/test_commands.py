"""What people tell a game: understood, refused with a reason, and kept over a restart."""

from dataclasses import asdict

import pytest

from crepe.actors.actor import ActorContext
from crepe.commands import CONTROL
from crepe.games.commands import GameCommands
from crepe.games.pong.game import Pong
from crepe.games.rock_paper_scissors import RockPaperScissors
from crepe.messages import Command, Decision, GameState, Stimulus, StreamInfo
from crepe.phases import GamePhase

RATE_HZ = 1000
GESTURES = {"rock": 20.0, "paper": 40.0}


def operator_command(name, value="", sender="page"):
    return Command(0, 1, name, value, sender)


class Playing:
    """A game, stepped decision by decision, and what it said."""

    def __init__(self, snapshot=None, at=0, outside=("input", "control"), **settings):
        chosen = {
            "electrodes": ("21",),
            "rates_hz": GESTURES,
            "phases": ((-10.0, 200.0), (10.0, 200.0)),
            "rest_s": 0.1,
            "stimulation_s": 0.1,
            "response_s": 0.1,
            "delay_s": 0.05,
            "n_trials": 100,
        }
        self.game = RockPaperScissors(**{**chosen, **settings})
        self.game.open(
            ActorContext(
                inputs={"result": StreamInfo(sampling_rate_hz=RATE_HZ)},
                outside=outside,
                snapshot=snapshot,
                position=at,
            )
        )
        self.at = at
        self.messages = []

    def go_on(self, seconds):
        for _ in range(round(seconds * 100)):
            self.at += 10
            decision = Decision(self.at - 10, self.at, "rock")
            self.messages += list(self.game.step_from("result", decision))
        return self

    def tell(self, name, value="", stream=CONTROL, sender="page"):
        command = Command(self.at, self.at + 1, name, value, sender)
        self.messages += list(self.game.step_from(stream, command))
        return self

    @property
    def phases(self):
        return [m.phase for m in self.messages if isinstance(m, GameState)]

    @property
    def stimuli(self):
        return [m for m in self.messages if isinstance(m, Stimulus)]

    @property
    def newest(self):
        return [m for m in self.messages if isinstance(m, GameState)][-1]


def test_a_pause_in_a_rest_begins_at_once_and_no_trial_follows():
    game = Playing().go_on(0.05).tell("pause").go_on(2)
    assert game.phases == ["rest", "paused"]
    assert game.stimuli == []


def test_a_pause_lets_the_trial_that_is_under_way_go_to_its_end():
    game = Playing().go_on(0.15).tell("pause").go_on(2)
    assert game.phases == ["rest", "stimulation", "response", "outcome", "rest", "paused"]
    assert len(game.stimuli) == 1


def test_start_ends_a_pause_with_a_whole_rest():
    game = Playing().go_on(0.05).tell("pause").go_on(2).tell("start").go_on(0.08)
    assert game.phases == ["rest", "paused", "rest"]
    game.go_on(0.1)
    assert game.phases[-1] == "stimulation"
    assert game.newest.trial == 1


def test_start_takes_back_a_pause_that_has_not_begun():
    game = Playing().go_on(0.15).tell("pause").tell("start").go_on(0.6)
    assert "paused" not in game.phases
    assert len(game.stimuli) >= 2


def test_a_game_that_waits_for_start_begins_paused():
    game = Playing(waits_for_start=True).go_on(3)
    assert game.phases == ["rest", "paused"]
    assert game.tell("start").go_on(0.3).stimuli


def test_a_pause_while_a_person_is_waited_for_refuses_gestures_until_the_start():
    game = Playing(player="person").go_on(0.2)
    assert game.phases[-1] == "waiting"
    game.tell("pause").go_on(0.1).tell("gesture", "rock", stream="input").go_on(0.5)
    assert game.phases[-1] == "paused"
    assert game.stimuli == []


def test_a_chosen_condition_holds_from_the_next_trial_on():
    game = Playing().go_on(0.15).tell("condition", "sham").go_on(1.2)
    outcomes = [
        m.condition for m in game.messages if isinstance(m, GameState) and m.phase == "outcome"
    ]
    assert outcomes[0] == ""
    assert set(outcomes[1:]) == {"sham"}
    assert len(game.stimuli) == 1


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("condition", "shma", "no condition.*sham"), ("player", "persn", "cannot be.*person")],
)
def test_what_is_not_known_is_refused_with_what_is(name, value, reason):
    game = Playing().go_on(0.05).tell(name, value)
    assert game.phases[-1] == "refused"
    assert (
        GameCommands().apply(
            operator_command(name, value), ("stimulation", "sham"), reads_gestures=True
        )
        == game.newest.outcome
    )
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(game.newest.outcome)


@pytest.mark.parametrize("player", ["person", "sensor"])
def test_a_game_that_reads_no_gestures_refuses_who_would_show_them(player):
    reason = f"{player!r} cannot be the player: the game does not read 'input'"
    game = Playing(outside=("control",)).go_on(0.05).tell("player", player)
    assert (game.newest.phase, game.newest.outcome) == ("refused", reason)
    assert game.tell("player", "script").tell("player").phases.count("refused") == 1
    assert "waiting" not in game.go_on(1).phases
    command = operator_command("player", player)
    again, refused = pong(outside=("control",)).step_from(CONTROL, command)
    assert again is command
    assert (refused.phase, refused.outcome) == ("refused", reason)


def test_where_a_plan_decides_nobody_chooses():
    in_force = GameCommands()
    assert "plan" in in_force.apply(operator_command("condition", "sham"), (), reads_gestures=True)
    assert "plan" in in_force.apply(operator_command("player", "person"), (), reads_gestures=True)
    assert in_force == GameCommands()
    assert in_force.apply(operator_command("pause"), (), reads_gestures=True) == ""
    assert in_force.is_paused


def test_a_person_takes_the_place_of_the_script_and_gives_it_back():
    game = Playing().go_on(0.05).tell("player", "person").go_on(1)
    assert game.phases == ["rest", "waiting"]
    game.tell("gesture", "paper", stream="input").go_on(0.02)
    assert game.newest.phase == "stimulation"
    assert game.newest.gesture == "paper"
    assert game.newest.shown_by == "page"
    game.go_on(0.5)
    assert game.phases[-1] == "waiting"
    game.tell("player").go_on(0.02)
    assert game.newest.phase == "stimulation"
    assert game.newest.shown_by == "script"


def test_what_a_sensor_showed_in_the_rest_does_not_count_once_a_person_plays():
    game = Playing(player="sensor").go_on(0.05)
    game.tell("gesture", "rock", stream="input", sender="sensor 1").tell("player", "person")
    assert game.go_on(0.5).phases == ["rest", "waiting"]


def test_what_was_told_survives_a_restart():
    game = Playing().go_on(0.15).tell("pause").tell("condition", "sham").tell("player", "person")
    after = Playing(snapshot=game.game.snapshot(), at=game.at).go_on(1)
    assert after.phases == ["response", "outcome", "rest", "paused"]
    after.tell("start").go_on(0.3)
    assert after.phases[-1] == "waiting"
    after.tell("gesture", "rock", stream="input").go_on(0.3)
    assert after.newest.condition == "sham"
    assert after.stimuli == []


def test_what_is_no_word_for_a_game_changes_nothing():
    in_force = GameCommands()
    assert (
        in_force.apply(operator_command("note", "medium changed"), ("sham",), reads_gestures=True)
        == ""
    )
    assert asdict(in_force) == asdict(GameCommands())


def test_paused_is_a_phase_that_only_a_rest_follows():
    from crepe.games.trial_state import NEXT

    assert NEXT[GamePhase.PAUSED] == {GamePhase.REST}


# Pong


def pong(snapshot=None, outside=("input", "control"), **changes):
    game = Pong(
        **{
            "session_s": 60.0,
            "sites": ("17", "26"),
            "phases": ((-7.5, 200.0), (7.5, 200.0)),
            "miss_phases": ((-15.0, 200.0), (15.0, 200.0)),
            "miss_s": 0.5,
            "silence_s": 0.5,
            **changes,
        }
    )
    info = StreamInfo(message="Decision", sampling_rate_hz=RATE_HZ)
    game.open(ActorContext(inputs={"result": info}, outside=outside, snapshot=snapshot))
    return game


def rallies(game, start, stop):
    selected = []
    for at in range(start, stop, 10):
        selected += game.step_from("result", Decision(at, at + 10, None))
    return selected


def phases_of(messages):
    return [m.phase for m in messages if isinstance(m, GameState)]


def test_pong_pauses_after_the_rally_and_asks_for_no_stimulus_meanwhile():
    game = pong()
    rallies(game, 0, 300)
    pause = operator_command("pause")
    assert list(game.step_from(CONTROL, pause)) == [pause]
    assert list(game.step_from(CONTROL, operator_command("note"))) == []
    phases = phases_of(rallies(game, 300, 8000))
    assert phases[-1] == "paused"
    assert phases.count("outcome") == 1
    assert not [m for m in rallies(game, 8000, 12_000) if isinstance(m, Stimulus)]
    list(game.step_from(CONTROL, operator_command("start")))
    assert "play" in phases_of(rallies(game, 12_000, 12_500))


def test_pong_that_waits_for_start_serves_nothing_before():
    game = pong(waits_for_start=True)
    assert phases_of(rallies(game, 0, 5000)) == ["rest", "paused"]


def test_the_time_of_a_paused_pong_goes_on():
    game = pong(waits_for_start=True, session_s=2.0)
    assert phases_of(rallies(game, 0, 4000))[-1] == "over"


def test_a_condition_of_pong_holds_from_the_next_serve_on_and_over_a_restart():
    game = pong()
    rallies(game, 0, 300)
    list(game.step_from(CONTROL, operator_command("condition", "silent")))
    selected = [m for m in rallies(game, 300, 9000) if isinstance(m, GameState)]
    served = [m.condition for m in selected if m.phase == "play"]
    assert selected[0].condition == ""
    assert served
    assert set(served) == {"silent"}
    again = pong(snapshot=game.snapshot())
    assert again.snapshot() == game.snapshot()
    _, refused = game.step_from(CONTROL, operator_command("condition", "open_loop"))
    assert refused.phase == "refused"


def test_a_person_who_takes_over_pong_serves():
    game = pong()
    rallies(game, 0, 300)
    list(game.step_from(CONTROL, operator_command("player", "person")))
    assert phases_of(rallies(game, 300, 9000))[-1] == "waiting"
    assert phases_of(game.step_from("input", operator_command("gesture", "serve"))) == ["play"]
