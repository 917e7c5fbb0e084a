"""A game of trials: whether it can be played, and its buttons."""

import pytest

from crepe.dashboard.views.trial_game import TrialGameView, can_be_played


@pytest.mark.parametrize(
    ("game", "expected"),
    [
        ({"reads": ["result", "control", "input"]}, True),
        ({"reads": ["result", "control"]}, False),
        ({"reads": ["result", "input"], "blocks": [{"condition": "sham"}]}, False),
    ],
)
def test_a_game_can_be_played_only_where_gestures_are_read(session, game, expected):
    fed = session(experiment={"actors": {"game": {**game, "writes": ["result:game"]}}})
    assert can_be_played(fed.session_view) is expected


def test_gestures_and_conditions_are_those_of_the_actor_that_writes_game_states(session):
    game = {"reads": ["input"], "writes": ["result:game"], "rates_hz": {"rock": 5, "paper": 8}}
    fed = session(experiment={"actors": {"detect": {"writes": ["data:spikes"]}, "game": game}})
    about = TrialGameView().about(fed.session_view)
    assert about["gestures"] == ["paper", "rock"]
    assert about["conditions"] == ["stimulation", "sham"]


def test_what_the_answers_follow_from_is_shown(session):
    decode = {"run": "crepe.actors.nearest_rate:NearestRate", "writes": ["result"]}
    game = {"reads": ["result", "input"], "writes": ["result:game"]}
    fed = session(experiment={"actors": {"decode": decode, "game": game}})
    assert "follow one of the trains" in TrialGameView().about(fed.session_view)["decided_by"]
