"""Results of Pong as plain values: the section of a report, and the comparison of a study."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from crepe.conditions import STIMULATION
from crepe.games.blocks import in_blocks
from crepe.games.pong import statistics
from crepe.games.pong.match import LONG_RALLY
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

_NOTE = (
    "Length: hits before the miss. Aces: share of rallies whose first ball was missed. "
    f"Long: of more than {LONG_RALLY} hits. p: closed loop against this condition, labels "
    "of whole blocks permuted within each round, two-sided, not corrected for the number "
    "of conditions; 0.05 and more is a null result. Of n rounds p is at least 2 / 2^n. "
    "Intervals are by bootstrap of blocks; where there are none, of rallies."
)


@dataclass(frozen=True)
class RallyBlock:
    """The finished rallies of one block, or ten in a row where there are no blocks."""

    block: int
    stop_s: float  # of its last rally
    n: int
    mean_length: float


@dataclass(frozen=True)
class RallyScore:
    """The finished rallies of one condition; None where there were too few."""

    condition: str
    n: int
    mean_length: float | None  # hits before the miss
    mean_length_ci95: tuple[float | None, float | None]  # bootstrap of blocks
    aces: float | None  # share of rallies whose first ball was missed
    long: float | None  # share of long rallies
    lengths: list[int]
    blocks: list[RallyBlock]
    n_rounds: int | None  # in which the closed loop and this condition were compared
    p_against: float | None  # of that, labels of blocks permuted within rounds, two-sided


def rally_scores(ended: Sequence[GameState], seed: int, rate_hz: float) -> list[RallyScore]:
    """Return the finished rallies by condition, the closed loop first.

    Parameters
    ----------
    ended
        States with phase "outcome", in order of time.
    seed
        Of the bootstrap and of the permutations.
    rate_hz
        Sampling rate of the states' sample indices.
    """
    lengths = statistics.lengths(ended)
    against = statistics.against_controls(lengths, seed)
    scores = []
    for name in sorted(lengths, key=lambda name: (name != STIMULATION, name)):
        rallies = statistics.describe(lengths[name], seed)
        test = against.get(name)
        low, high = rallies.length.ci95
        scores.append(
            RallyScore(
                condition=name,
                n=rallies.n,
                mean_length=_number(rallies.length.value),
                mean_length_ci95=(_number(low), _number(high)),
                aces=_number(rallies.aces.value),
                long=_number(rallies.long.value),
                lengths=np.concatenate(lengths[name]).tolist(),
                blocks=_blocks([s for s in ended if s.condition == name], rate_hz),
                n_rounds=test.n_rounds if test else None,
                p_against=_number(test.p_value) if test else None,
            )
        )
    return scores


def section(ended: Sequence[GameState], seed: int, rate_hz: float) -> Section | None:
    """Return the report's section of a session, as `rally_scores`; None without a rally."""
    scores = rally_scores(ended, seed, rate_hz)
    if not scores:
        return None
    views: list[View] = [_table(scores), _lengths(scores), _course(scores), Text(_NOTE)]
    return Section("Rallies", views, {"rallies": [asdict(score) for score in scores]})


def comparison(ended: Sequence[GameState], seed: int) -> Comparison:
    """Return the closed loop against every control, as `crepe experiment` shows it."""
    lengths = statistics.lengths(ended)
    conditions = {name: statistics.describe(each, seed) for name, each in lengths.items()}
    against = statistics.against_controls(lengths, seed)
    numbers = {
        "conditions": {name: asdict(rallies) for name, rallies in conditions.items()},
        "closed_loop_against": {name: asdict(test) for name, test in against.items()},
    }
    note = (
        "length: hits before the miss; aces: share of rallies whose first ball was missed; long: "
        f"of more than {LONG_RALLY} hits; p: closed loop against this one, blocks "
        "permuted within rounds, two-sided, not corrected; no difference is a result, too"
    )
    return Comparison(numbers, _comparison_table(conditions, against), note)


def _comparison_table(
    conditions: Mapping[str, statistics.Rallies], against: Mapping[str, statistics.Comparison]
) -> Table:
    head = ("condition", "rallies", "mean length", "95 % interval", "aces", "long", "p")
    rows = [
        [
            name,
            str(rallies.n),
            f"{rallies.length.value:.2f}",
            "{:.2f} to {:.2f}".format(*rallies.length.ci95),
            f"{rallies.aces.value:.2f}",
            f"{rallies.long.value:.2f}",
            f"{against[name].p_value:.3f}" if name in against else "-",
        ]
        for name, rallies in conditions.items()
    ]
    return Table(head, rows)


def _blocks(states: Sequence[GameState], rate_hz: float) -> list[RallyBlock]:
    finished = [state for state in states if state.outcome == "miss"]
    return [
        RallyBlock(
            block=number,
            stop_s=group[-1].stop / rate_hz,
            n=len(group),
            mean_length=float(np.mean([state.score["rally"] for state in group])),
        )
        for number, group in in_blocks(finished)
    ]


def _table(scores: Sequence[RallyScore]) -> Table:
    head = ["condition", "rallies", "mean length", "95 % interval", "aces", "long", "rounds", "p"]
    rows = [
        [
            _label(score.condition),
            str(score.n),
            _text(score.mean_length),
            " to ".join(map(_text, score.mean_length_ci95)),
            _text(score.aces),
            _text(score.long),
            "-" if score.n_rounds is None else str(score.n_rounds),
            _text(score.p_against, 3),
        ]
        for score in scores
    ]
    return Table(head, rows)


def _lengths(scores: Sequence[RallyScore]) -> Groups:
    """Return every rally's length, and the mean of each condition."""
    means = ", ".join(f"{_label(s.condition)} {_text(s.mean_length)}" for s in scores)
    return Groups(
        name="rallies",
        caption="Each rally (small) and the mean with its 95 % interval.",
        alt=f"Mean rally length: {means}",
        y_label="rally length (hits before the miss)",
        groups=[Group(s.condition, s.lengths, s.mean_length, _interval(s)) for s in scores],
    )


def _course(scores: Sequence[RallyScore]) -> TimeSeries:
    """Return the mean length of each block over the session."""
    n_blocks = sum(len(score.blocks) for score in scores)
    return TimeSeries(
        name="rally-course",
        caption=(
            "Mean rally length of each block over the session (where there are no blocks, of ten "
            "rallies in a row)."
        ),
        alt=f"Mean rally length of {n_blocks} blocks over time in the session",
        y_label="mean rally length\n(hits)",
        lines=[
            Line(
                score.condition,
                [block.stop_s for block in score.blocks],
                [block.mean_length for block in score.blocks],
            )
            for score in scores
        ],
    )


def _interval(score: RallyScore) -> tuple[float, float] | None:
    low, high = score.mean_length_ci95
    return None if low is None or high is None else (low, high)


def _label(condition: str) -> str:
    return condition or "all trials"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _text(value: float | None, n_digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{n_digits}f}"
