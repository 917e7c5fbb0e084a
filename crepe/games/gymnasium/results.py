"""Results of a game in an environment as plain values: report section, comparison of a study."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from crepe.analysis.pairs import compare_pairs
from crepe.conditions import STIMULATION
from crepe.games.blocks import in_blocks
from crepe.games.section import (
    Comparison,
    Group,
    Groups,
    Line,
    Section,
    Table,
    Text,
    TimeSeries,
    View,
)
from crepe.messages import GameState

_CUT = "cut"
_HEAD = ("condition", "episodes", "cut", "return", "steps", "rounds", "p")
_NOTE = (
    "Return and steps: sums over all episodes, divided by the number of those that ended (at least "
    "one). So an episode that a block's end cut off adds what it reached, and a long one is not "
    "lost. p: the first condition against this one, by the return of blocks, labels permuted in "
    "each round, two-sided, not corrected for the number of conditions. Of n rounds p is at least "
    "2 / 2^n; 0.05 and more is a null result."
)


@dataclass(frozen=True)
class EpisodeBlock:
    """The episodes of one block, or ten in a row where there are no blocks."""

    block: int
    stop_s: float  # of its last episode
    mean_return: float


@dataclass(frozen=True)
class EpisodeScore:
    """The episodes of one condition; None where there were too few."""

    condition: str
    n_ended: int  # terminated or truncated by the environment
    n_cut: int  # by the end of a block
    mean_return: float
    mean_steps: float
    blocks: list[EpisodeBlock]
    n_rounds: int | None  # in which the closed loop and this condition were compared
    p_against: float | None


def episode_scores(
    ended: Sequence[GameState], seed: int, rate_hz: float, closed: str = STIMULATION
) -> list[EpisodeScore]:
    """Return the episodes by condition, the closed loop first.

    Parameters
    ----------
    ended
        States with phase "outcome", in order of time.
    seed
        Of the permutations.
    rate_hz
        Sampling rate of the states' sample indices.
    closed
        The condition that the others are compared with.
    """
    names = sorted({s.condition for s in ended}, key=lambda name: (name != closed, name))
    blocks = {name: _blocks([s for s in ended if s.condition == name], rate_hz) for name in names}
    closed_blocks = blocks.get(closed)
    scores = []
    for name in names:
        states = [state for state in ended if state.condition == name]
        n_cut = sum(state.outcome == _CUT for state in states)
        n_rounds, p_value = None, None
        if closed_blocks and name != closed:
            pairs = zip(
                closed_blocks, blocks[name], strict=False
            )  # a stopped session has half a round
            test = compare_pairs([(a.mean_return, b.mean_return) for a, b in pairs], seed)
            n_rounds = test.n_pairs
            p_value = None if np.isnan(test.p_value) else test.p_value
        scores.append(
            EpisodeScore(
                condition=name,
                n_ended=len(states) - n_cut,
                n_cut=n_cut,
                mean_return=_for_each_end(states, [_return(state) for state in states]),
                mean_steps=_for_each_end(states, [state.score["steps"] for state in states]),
                blocks=blocks[name],
                n_rounds=n_rounds,
                p_against=p_value,
            )
        )
    return scores


def section(
    ended: Sequence[GameState], seed: int, rate_hz: float, closed: str = STIMULATION
) -> Section | None:
    """Return the report's section of a session, as `episode_scores`; None without an episode."""
    scores = episode_scores(ended, seed, rate_hz, closed)
    if not scores:
        return None
    views: list[View] = [_table(scores), _groups(scores), _course(scores), Text(_NOTE)]
    return Section("Episodes", views, {"episodes": [asdict(score) for score in scores]})


def comparison(ended: Sequence[GameState], seed: int, closed: str = STIMULATION) -> Comparison:
    """Return the closed loop against every control, as `crepe experiment` shows it."""
    scores = episode_scores(ended, seed, 1.0, closed)
    conditions = {score.condition: asdict(score) for score in scores}
    for condition in conditions.values():
        for block in condition["blocks"]:
            del block["stop_s"]  # a study compares by rounds and knows no rate
    return Comparison({"conditions": conditions}, _table(scores), _NOTE)


def _blocks(states: Sequence[GameState], rate_hz: float) -> list[EpisodeBlock]:
    return [
        EpisodeBlock(
            number, group[-1].stop / rate_hz, _for_each_end(group, [_return(s) for s in group])
        )
        for number, group in in_blocks(states)
    ]


def _for_each_end(states: Sequence[GameState], values: Sequence[float]) -> float:
    """Return the sum of the values for each episode that ended by itself."""
    return float(sum(values)) / max(1, sum(state.outcome != _CUT for state in states))


def _return(state: GameState) -> float:
    return state.value or 0.0


def _label(condition: str) -> str:
    return condition or "all episodes"


def _table(scores: Sequence[EpisodeScore]) -> Table:
    rows = [
        [
            _label(score.condition),
            str(score.n_ended),
            str(score.n_cut),
            f"{score.mean_return:.2f}",
            f"{score.mean_steps:.1f}",
            "-" if score.n_rounds is None else str(score.n_rounds),
            "-" if score.p_against is None else f"{score.p_against:.3f}",
        ]
        for score in scores
    ]
    return Table(_HEAD, rows)


def _groups(scores: Sequence[EpisodeScore]) -> Groups:
    means = ", ".join(f"{_label(s.condition)} {s.mean_return:.2f}" for s in scores)
    return Groups(
        name="episodes",
        caption="Return for each ended episode: of every block (small), and of the condition.",
        alt=f"Return for each ended episode: {means}",
        y_label="return",
        groups=[
            Group(s.condition, [block.mean_return for block in s.blocks], s.mean_return)
            for s in scores
        ],
    )


def _course(scores: Sequence[EpisodeScore]) -> TimeSeries:
    n_blocks = sum(len(score.blocks) for score in scores)
    return TimeSeries(
        name="episode-course",
        caption=(
            "Return for each ended episode of each block over the session (where there are no "
            "blocks, of ten episodes in a row)."
        ),
        alt=f"Return of {n_blocks} blocks over time in the session",
        y_label="return",
        lines=[
            Line(
                score.condition,
                [block.stop_s for block in score.blocks],
                [block.mean_return for block in score.blocks],
            )
            for score in scores
        ],
    )
