"""Optional hooks of a game: a class without one has the default."""

from crepe.actors.actor import Actor
from crepe.conditions import OPEN_LOOP
from crepe.games import hooks
from crepe.games.pong.game import Pong
from crepe.games.rock_paper_scissors import RockPaperScissors
from crepe.messages import Decision, GameState

TRIAL = GameState(0, 1, 3, "outcome", "rock", "paper", "won")
RALLY = GameState(0, 1, 3, "outcome", outcome="miss", score={"rally": 2})


class Plain(Actor[Decision, GameState]):
    """A game without hooks."""


def test_a_finished_trial_is_one_line_in_the_words_of_its_game():
    for kind in (None, Plain, RockPaperScissors):
        assert hooks.outcome_line(kind, TRIAL) == "trial   3: shown rock, answered paper: won"
    assert hooks.outcome_line(Pong, RALLY) == "rally   3: 2 hits, then miss"


def test_a_game_without_hooks_adds_nothing():
    assert hooks.report_section(Plain, [TRIAL], 1, 1000.0) is None
    assert hooks.extra_conditions(Plain) == ()
    assert hooks.trial_s(Plain()) is None
    assert not hooks.compares_conditions(Plain)


def test_pong_has_conditions_and_a_comparison_of_its_own():
    assert OPEN_LOOP in hooks.extra_conditions(Pong)
    assert hooks.compares_conditions(Pong)
    assert hooks.compare_conditions(Pong, [RALLY], 1).numbers["conditions"][""]["n"] == 1
