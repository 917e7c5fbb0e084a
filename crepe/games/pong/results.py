"""Results of Pong as plain values: the section of a report, and the comparison of a study."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from crepe.analysis.pairs import PairedDifference
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
    "Hits: share of the balls that were met, of all that reached the paddle's wall. Length: hits "
    "for each miss, the mean length if every ball is as likely to be met; a rally that the end of "
    "a block cuts counts with its hits. Aces: share of rallies whose first ball was missed. Long: "
    f"of more than {LONG_RALLY} hits (Kaplan and Meier). p: hits in the closed loop against this "
    "condition, labels of whole blocks permuted within each round, two-sided, not corrected for "
    "the number of conditions; 0.05 and more is a null result. Of n rounds p is at least 2 / 2^n. "
    "Intervals are exact (Clopper and Pearson), with blocks as the unit (Korn and Graubard); where "
    "there are none, rallies. Their coverage is in docs/explanations/statistics.md. In the open "
    "loop a rally ends where the replayed one did."
)


@dataclass(frozen=True)
class RallyBlock:
    """The rallies of one block, or ten in a row where there are no blocks."""

    block: int
    stop_s: float  # of its last rally
    n: int  # finished
    n_balls: int  # that reached the paddle's wall
    hits: float | None  # share of them that were met


@dataclass(frozen=True)
class RallyScore:
    """The rallies of one condition; None where there were too few, or the value has no bound."""

    condition: str
    n: int  # finished
    n_cut: int  # by the end of a block
    hits: float | None  # share of the balls that were met
    hits_ci95: tuple[float | None, float | None]  # exact, blocks as the unit; so are the others
    mean_length: float | None  # hits for each miss
    mean_length_ci95: tuple[float | None, float | None]
    aces: float | None  # share of rallies whose first ball was missed
    aces_ci95: tuple[float | None, float | None]
    long: float | None  # share of long rallies
    long_ci95: tuple[float | None, float | None]
    lengths: list[int]  # of the finished ones
    blocks: list[RallyBlock]
    n_rounds: int | None  # in which the closed loop and this condition were compared
    p_against: float | None  # of that, labels of blocks permuted within rounds, two-sided


def rally_scores(ended: Sequence[GameState], seed: int, rate_hz: float) -> list[RallyScore]:
    """Return the rallies by condition, the closed loop first.

    Parameters
    ----------
    ended
        States with phase "outcome", in order of time.
    seed
        Of the permutations.
    rate_hz
        Sampling rate of the states' sample indices.
    """
    by_condition = statistics.rallies(ended)
    against = statistics.against_controls(by_condition, seed)
    scores = []
    for name in sorted(by_condition, key=lambda name: (name != STIMULATION, name)):
        blocks = by_condition[name]
        rallies = statistics.describe(blocks)
        test = against.get(name)
        scores.append(
            RallyScore(
                condition=name,
                n=rallies.n,
                n_cut=rallies.n_cut,
                hits=_number(rallies.hits.value),
                hits_ci95=_pair(rallies.hits),
                mean_length=_number(rallies.length.value),
                mean_length_ci95=_pair(rallies.length),
                aces=_number(rallies.aces.value),
                aces_ci95=_pair(rallies.aces),
                long=_number(rallies.long.value),
                long_ci95=_pair(rallies.long),
                lengths=[n for block in blocks for n in block.lengths[block.is_finished].tolist()],
                blocks=_blocks([s for s in ended if s.condition == name], rate_hz),
                n_rounds=test.n_pairs if test else None,
                p_against=_number(test.p_value) if test else None,
            )
        )
    return scores


def section(ended: Sequence[GameState], seed: int, rate_hz: float) -> Section | None:
    """Return the report's section of a session, as `rally_scores`; None without a rally."""
    scores = rally_scores(ended, seed, rate_hz)
    if not scores:
        return None
    views: list[View] = [_table(scores), _hits(scores), _course(scores), Text(_NOTE)]
    return Section("Rallies", views, {"rallies": [asdict(score) for score in scores]})


def comparison(ended: Sequence[GameState], seed: int) -> Comparison:
    """Return the closed loop against every control, as `crepe experiment` shows it."""
    by_condition = statistics.rallies(ended)
    conditions = {name: statistics.describe(blocks) for name, blocks in by_condition.items()}
    against = statistics.against_controls(by_condition, seed)
    numbers = {
        "conditions": {name: _finite(asdict(rallies)) for name, rallies in conditions.items()},
        "closed_loop_against": {
            name: _finite(
                {
                    "n_rounds": test.n_pairs,
                    "difference": test.difference,
                    "p_value": test.p_value,
                }
            )
            for name, test in against.items()
        },
    }
    note = (
        "hits: share of the balls that were met, exact 95 % interval with blocks as the unit; "
        "length: hits for each miss, cut rallies included; aces: share of rallies whose first ball "
        f"was missed; long: of more than {LONG_RALLY} hits; p: hits in the closed loop against "
        "this one, blocks permuted within rounds, two-sided, not corrected; no difference is a "
        "result, too"
    )
    return Comparison(numbers, _comparison_table(conditions, against), note)


def _comparison_table(
    conditions: Mapping[str, statistics.Rallies], against: Mapping[str, PairedDifference]
) -> Table:
    head = ("condition", "rallies", "hits", "95 % interval", "length", "aces", "long", "p")
    rows = [
        [
            name,
            str(rallies.n),
            f"{rallies.hits.value:.2f}",
            "{:.2f} to {:.2f}".format(*rallies.hits.ci95),
            f"{rallies.length.value:.2f}",
            f"{rallies.aces.value:.2f}",
            f"{rallies.long.value:.2f}",
            f"{against[name].p_value:.3f}" if name in against else "-",
        ]
        for name, rallies in conditions.items()
    ]
    return Table(head, rows)


def _blocks(states: Sequence[GameState], rate_hz: float) -> list[RallyBlock]:
    blocks = []
    for number, group in in_blocks(states):
        block = statistics.block_of(group)
        n = int(block.is_finished.sum())
        stop_s = group[-1].stop / rate_hz
        blocks.append(RallyBlock(number, stop_s, n, block.n_balls, _number(block.hits)))
    return blocks


def _table(scores: Sequence[RallyScore]) -> Table:
    interval = "95 % interval"
    head = [
        *("condition", "rallies", "cut", "hits", interval, "length", interval),
        *("aces", interval, "long", interval, "rounds", "p"),
    ]
    rows = [
        [
            _label(score.condition),
            str(score.n),
            str(score.n_cut),
            *(_text(score.hits), _interval_text(score.hits_ci95)),
            *(_text(score.mean_length), _interval_text(score.mean_length_ci95)),
            *(_text(score.aces), _interval_text(score.aces_ci95)),
            *(_text(score.long), _interval_text(score.long_ci95)),
            "-" if score.n_rounds is None else str(score.n_rounds),
            _text(score.p_against, 3),
        ]
        for score in scores
    ]
    return Table(head, rows)


def _hits(scores: Sequence[RallyScore]) -> Groups:
    """Return every block's share of balls met, and that of each condition."""
    shares = ", ".join(f"{_label(s.condition)} {_text(s.hits)}" for s in scores)
    groups = [
        Group(s.condition, [b.hits for b in s.blocks if b.hits is not None], s.hits, _interval(s))
        for s in scores
    ]
    return Groups(
        name="rallies",
        caption="Share of the balls that were met: each block (small), and all of a condition with "
        "its 95 % interval.",
        alt=f"Share of balls met: {shares}",
        y_label="share of balls met",
        groups=groups,
    )


def _course(scores: Sequence[RallyScore]) -> TimeSeries:
    """Return the share of balls met in each block over the session."""
    played = [[b for b in score.blocks if b.hits is not None] for score in scores]
    return TimeSeries(
        name="rally-course",
        caption=(
            "Share of the balls met in each block over the session (where there are no blocks, in "
            "ten rallies in a row)."
        ),
        alt=f"Share of balls met in {sum(map(len, played))} blocks over time in the session",
        y_label="share of balls met",
        lines=[
            Line(score.condition, [b.stop_s for b in blocks], [b.hits or 0.0 for b in blocks])
            for score, blocks in zip(scores, played, strict=True)
        ],
    )


def _interval(score: RallyScore) -> tuple[float, float] | None:
    low, high = score.hits_ci95
    return None if low is None or high is None else (low, high)


def _label(condition: str) -> str:
    return condition or "all trials"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _pair(estimate: statistics.Estimate) -> tuple[float | None, float | None]:
    low, high = estimate.ci95
    return _number(low), _number(high)


def _finite(content: Any) -> Any:
    """Return plain values with None for numbers that JSON does not have."""
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, tuple):
        return tuple(map(_finite, content))
    return _number(content) if isinstance(content, float) else content


def _interval_text(ci95: tuple[float | None, float | None]) -> str:
    low, high = ci95
    if low is None:
        return "-"
    return f"from {low:.2f}" if high is None else f"{low:.2f} to {high:.2f}"


def _text(value: float | None, n_digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{n_digits}f}"
