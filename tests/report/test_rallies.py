"""Rallies in the report: counted by condition, drawn, and compared with the closed loop."""

from crepe.messages import GameState
from crepe.report.html import page
from crepe.report.rallies import drawn, rallies, rally_section


def ended(condition, lengths):
    return [
        GameState(i, i + 1, i, "outcome", outcome="miss", score={"rally": n}, condition=condition)
        for i, n in enumerate(lengths)
    ]


STATES = ended("stimulation", [0, 1, 2, 5] * 5) + ended("rest", [0, 0, 1, 0] * 5)


def test_rallies_are_counted_by_condition_the_closed_loop_first():
    first, second = rallies(STATES, 1)
    assert (first.condition, second.condition) == ("stimulation", "rest")
    assert (first.n, first.mean_length, first.aces, first.long) == (20, 2.0, 0.25, 0.25)
    assert first.p_against is None
    assert second.p_against < 0.01


def test_a_game_without_rallies_has_none():
    assert rallies([GameState(0, 1, 1, "outcome", "rock", decoded="rock")], 1) == []


def test_too_few_rallies_are_no_number():
    (only,) = rallies(ended("stimulation", []) + ended("rest", [2]), 1)
    assert only.mean_length_ci95 == (None, None)
    assert only.p_against is None


def test_the_section_has_its_table_and_its_figure():
    found = rallies(STATES, 1)
    picture = drawn(found, is_simulated=True)
    assert picture.png.startswith(b"\x89PNG")
    text = page("t", rally_section(found, {"rallies": picture}))
    assert "2.00" in text
    assert "closed loop against this condition" in text
