"""Results of Pong: rallies counted by condition, and compared with the closed loop."""

from dataclasses import replace

import pytest

from crepe.games.pong.results import comparison, rally_scores, section
from crepe.games.section import Groups, Table, Text, TimeSeries
from crepe.messages import GameState


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
    first, second = rally_scores(STATES, 1, 1000.0)
    assert (first.condition, second.condition) == ("stimulation", "rest")
    assert (first.n, first.n_cut, first.hits, first.aces) == (40, 0, 2 / 3, 0.25)
    assert first.mean_length == pytest.approx(2.0)
    assert first.long == pytest.approx(0.25)
    assert first.long_ci95 == pytest.approx((0.127, 0.412), abs=1e-3)
    assert first.aces_ci95 == pytest.approx((0.127, 0.412), abs=1e-3)
    assert first.p_against is None
    assert second.n_rounds == 10
    assert second.p_against == 2 / 2**10


def test_each_block_has_its_share_and_its_time():
    _, second = rally_scores(STATES, 1, 1000.0)
    first = second.blocks[0]
    assert (first.block, first.stop_s, first.n, first.n_balls, first.hits) == (2, 4.0, 4, 5, 0.2)
    assert [block.block for block in second.blocks] == list(range(2, 21, 2))


def test_a_session_without_a_rally_has_no_section():
    assert section([], 1, 1000.0) is None


def test_too_few_rallies_are_no_number():
    (cut,) = [replace(state, outcome="cut") for state in ended("rest", [2])]
    (only,) = rally_scores([cut], 1, 1000.0)
    assert (only.n, only.n_cut, only.hits, only.mean_length) == (0, 1, 1.0, None)
    assert only.mean_length_ci95[1] is None
    assert only.long is None
    assert only.p_against is None


def test_the_section_has_a_table_two_figures_and_the_numbers_behind_them():
    content = section(STATES, 1, 1000.0)
    assert [type(view) for view in content.views] == [Table, Groups, TimeSeries, Text]
    rows = content.views[0].rows
    assert rows[0][:3] == ["stimulation", "40", "0"]
    assert "closed loop against this condition" in content.views[3].text
    assert [score["condition"] for score in content.numbers["rallies"]] == ["stimulation", "rest"]
    assert set(content.numbers["rallies"][0]["blocks"][0]) == {
        "block",
        "stop_s",
        "n",
        "n_balls",
        "hits",
    }


def test_a_study_compares_the_closed_loop_with_each_control():
    result = comparison(STATES, 1)
    assert set(result.numbers) == {"conditions", "closed_loop_against"}
    (against,) = result.numbers["closed_loop_against"].values()
    assert set(against) == {"n_rounds", "difference", "p_value"}
    assert [row[0] for row in result.table.rows] == ["rest", "stimulation"]
    assert all(len(row) == len(result.table.head) for row in result.table.rows)
