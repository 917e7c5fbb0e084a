"""Episodes in a report: one that was cut adds its reward and is not counted as ended."""

import pytest

from crepe.games.gymnasium import GymGame
from crepe.games.gymnasium.results import comparison, episode_scores, section
from crepe.messages import GameState


def end(trial, value, *, outcome="terminated", condition="stimulation", block=1):
    score = {"steps": round(value)}
    fields = {"outcome": outcome, "condition": condition, "block": block, "value": value}
    return GameState(trial * 100, trial * 100 + 10, trial, "outcome", score=score, **fields)


def test_a_cut_episode_adds_what_it_reached():
    states = [end(1, 10.0), end(2, 20.0), end(3, 60.0, outcome="cut")]
    (score,) = episode_scores(states, 1, 1000.0)
    assert (score.n_ended, score.n_cut) == (2, 1)
    assert (score.mean_return, score.mean_steps) == (45.0, 45.0)
    (score,) = episode_scores(states[2:], 1, 1000.0)
    assert score.mean_return == 60.0


def test_a_better_closed_loop_is_tested_by_blocks_within_rounds():
    states = []
    for block in range(1, 13):
        condition = ("stimulation", "silent")[block % 2]
        value = 30.0 + block if condition == "stimulation" else 10.0 + block
        states.append(end(block, value, condition=condition, block=block))
    closed, silent = episode_scores(states, 1, 1000.0)
    assert closed.p_against is None
    assert (silent.n_rounds, silent.p_against) == (6, pytest.approx(2 / 2**6))
    compared = comparison(states, 1).numbers["conditions"]["silent"]
    assert compared["n_ended"] == 6
    assert compared["blocks"][0] == {"block": 1, "mean_return": 11.0}  # no rate, so no times


def test_the_section_has_the_episodes_and_a_game_without_any_has_none():
    part = section([end(1, 10.0)], 1, 1000.0)
    assert part.numbers["episodes"][0]["mean_return"] == 10.0
    assert section([], 1, 1000.0) is None
    line = GymGame.outcome_line(end(7, 12.0))
    assert line == "episode   7: 12 steps, return 12, terminated"
