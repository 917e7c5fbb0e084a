"""Results of Pong: rallies counted by condition, and compared with the closed loop."""

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
    assert (first.n, first.mean_length, first.aces, first.long) == (40, 2.0, 0.25, 0.25)
    assert first.p_against is None
    assert second.n_rounds == 10
    assert second.p_against == 2 / 2**10


def test_each_block_has_its_mean_and_its_time():
    _, second = rally_scores(STATES, 1, 1000.0)
    first = second.blocks[0]
    assert (first.block, first.stop_s, first.n, first.mean_length) == (2, 4.0, 4, 0.25)
    assert [block.block for block in second.blocks] == list(range(2, 21, 2))


def test_a_session_without_a_rally_has_no_section():
    assert section([], 1, 1000.0) is None


def test_too_few_rallies_are_no_number():
    (only,) = rally_scores(ended("stimulation", []) + ended("rest", [2]), 1, 1000.0)
    assert only.mean_length_ci95 == (None, None)
    assert only.p_against is None


def test_the_section_has_a_table_two_figures_and_the_numbers_behind_them():
    content = section(STATES, 1, 1000.0)
    assert [type(view) for view in content.views] == [Table, Groups, TimeSeries, Text]
    rows = content.views[0].rows
    assert rows[0][:3] == ["stimulation", "40", "2.00"]
    assert "closed loop against this condition" in content.views[3].text
    assert [score["condition"] for score in content.numbers["rallies"]] == ["stimulation", "rest"]
    assert set(content.numbers["rallies"][0]["blocks"][0]) == {
        "block",
        "stop_s",
        "n",
        "mean_length",
    }


def test_a_study_compares_the_closed_loop_with_each_control():
    result = comparison(STATES, 1)
    assert set(result.numbers) == {"conditions", "closed_loop_against"}
    assert set(result.numbers["closed_loop_against"]) == {"rest"}
    assert [row[0] for row in result.table.rows] == ["rest", "stimulation"]
    assert all(len(row) == len(result.table.head) for row in result.table.rows)
