"""Rallies in the report: counted by condition, drawn, and compared with the closed loop."""

from crepe.messages import GameState
from crepe.report.html import page
from crepe.report.rallies import course, drawn, rallies, rally_section


def ended(condition, lengths, block=1):
    """Rallies that end at 1, 2, ... s of 1 kHz."""
    return [
        GameState(
            1000 * i - 1, 1000 * i, i, "outcome", outcome="miss", score={"rally": n},
            condition=condition, block=block,
        )
        for i, n in enumerate(lengths, 1)
    ]  # fmt: skip


STATES = [
    state
    for k in range(10)
    for state in (
        *ended("stimulation", [0, 1, 2, 5], 2 * k + 1),
        *ended("rest", [0, 0, 1, 0], 2 * k + 2),
    )
]


def test_rallies_are_counted_by_condition_the_closed_loop_first():
    first, second = rallies(STATES, 1, 1000.0)
    assert (first.condition, second.condition) == ("stimulation", "rest")
    assert (first.n, first.mean_length, first.aces, first.long) == (40, 2.0, 0.25, 0.25)
    assert first.p_against is None
    assert second.n_rounds == 10
    assert second.p_against == 2 / 2**10


def test_each_block_has_its_mean_and_its_time():
    _, second = rallies(STATES, 1, 1000.0)
    first = second.blocks[0]
    assert (first.block, first.stop_s, first.n, first.mean_length) == (2, 4.0, 4, 0.25)
    assert [block.block for block in second.blocks] == list(range(2, 21, 2))


def test_a_game_without_rallies_has_none():
    assert rallies([GameState(0, 1, 1, "outcome", "rock", decoded="rock")], 1, 1000.0) == []


def test_too_few_rallies_are_no_number():
    (only,) = rallies(ended("stimulation", []) + ended("rest", [2]), 1, 1000.0)
    assert only.mean_length_ci95 == (None, None)
    assert only.p_against is None


def test_the_section_has_its_table_and_its_figure():
    found = rallies(STATES, 1, 1000.0)
    pictures = {one.name: one for one in (f(found, is_simulated=True) for f in (drawn, course))}
    assert all(picture.png.startswith(b"\x89PNG") for picture in pictures.values())
    text = page("t", rally_section(found, pictures))
    assert "2.00" in text
    assert "closed loop against this condition" in text
