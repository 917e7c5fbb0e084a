"""Rallies of a session of Pong: numbers, figure and section."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from crepe.games.pong import statistics
from crepe.games.pong.game import LONG_RALLY
from crepe.messages import GameState
from crepe.report.decoding import in_blocks
from crepe.report.html import Element, element, figure, section, table
from crepe.report.numbers import RallyBlock, RallyScore
from crepe.report.style import Picture, condition_look, named, picture, stimulation_first


def rallies(ended: Sequence[GameState], seed: int, rate_hz: float) -> list[RallyScore]:
    """The finished rallies by condition; empty for a game that has none."""
    played = [state for state in ended if "rally" in state.score]
    by_block = statistics.lengths(played)
    against = statistics.against_controls(by_block, seed)
    found = []
    for name in stimulation_first(by_block):
        about = statistics.describe(by_block[name], seed)
        other = against.get(name)
        low, high = about.length.ci95
        found.append(
            RallyScore(
                condition=name,
                n=about.n,
                mean_length=_known(about.length.value),
                mean_length_ci95=(_known(low), _known(high)),
                aces=_known(about.aces.value),
                long=_known(about.long.value),
                lengths=np.concatenate(by_block[name]).tolist(),
                blocks=_blocks([s for s in played if s.condition == name], rate_hz),
                n_rounds=other.n_rounds if other else None,
                p_against=_known(other.p_value) if other else None,
            )
        )
    return found


def _blocks(played: Sequence[GameState], rate_hz: float) -> list[RallyBlock]:
    finished = [state for state in played if state.outcome == "miss"]
    return [
        RallyBlock(
            block=number,
            stop_s=states[-1].stop / rate_hz,
            n=len(states),
            mean_length=float(np.mean([state.score["rally"] for state in states])),
        )
        for number, states in in_blocks(finished)
    ]


def drawn(found: Sequence[RallyScore], *, is_simulated: bool) -> Picture:
    """Every rally as a dot, and the mean with its interval."""
    names = [one.condition for one in found]

    def draw(into: Figure) -> None:
        axes = into.subplots()
        rng = np.random.default_rng(0)
        for k, one in enumerate(found):
            look = condition_look(one.condition, names)
            at = k + rng.uniform(-0.18, 0.18, one.n)
            axes.plot(at, one.lengths, ls="", ms=4, alpha=0.4, **look)
            low, high = one.mean_length_ci95
            if one.mean_length is not None and low is not None and high is not None:
                spread = [[one.mean_length - low], [high - one.mean_length]]
                axes.errorbar(k + 0.32, one.mean_length, spread, capsize=4, ms=8, **look)
        axes.set_xticks(range(len(names)), [named(name) for name in names])
        axes.set(xlabel="condition", ylabel="rally length (hits before the miss)")
        longest = max((max(one.lengths, default=0) for one in found), default=0)
        axes.set_ylim(-0.3, max(1, longest) + 0.5)

    said = ", ".join(f"{named(one.condition)} {_text(one.mean_length)}" for one in found)
    return picture("rallies", f"Mean rally length: {said}", 4.4, draw, is_simulated=is_simulated)


def course(found: Sequence[RallyScore], *, is_simulated: bool) -> Picture:
    """The mean of each block over the time in the session."""
    names = [one.condition for one in found]

    def draw(into: Figure) -> None:
        axes = into.subplots()
        for one in found:
            look = condition_look(one.condition, names)
            at_min = [block.stop_s / 60 for block in one.blocks]
            means = [block.mean_length for block in one.blocks]
            axes.plot(at_min, means, lw=1, ms=7, label=named(one.condition), **look)
        axes.set(xlabel="time in the session (min)", ylabel="mean rally length\n(hits)")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        into.legend(loc="outside lower center", ncols=4)

    n = sum(len(one.blocks) for one in found)
    alt = f"Mean rally length of {n} blocks over time in the session"
    return picture("rally-course", alt, 4.4, draw, is_simulated=is_simulated)


def rally_section(found: Sequence[RallyScore], pictures: dict[str, Picture]) -> Element:
    """The part of the page."""
    rows = [
        [
            named(one.condition),
            str(one.n),
            _text(one.mean_length),
            " to ".join(map(_text, one.mean_length_ci95)),
            _text(one.aces),
            _text(one.long),
            "-" if one.n_rounds is None else str(one.n_rounds),
            _text(one.p_against, 3),
        ]
        for one in found
    ]
    head = ["condition", "rallies", "mean length", "95 % interval", "aces", "long", "rounds", "p"]
    return section(
        "Rallies",
        table(head, rows),
        figure(pictures["rallies"], "Each rally (small) and the mean with its 95 % interval."),
        figure(
            pictures["rally-course"],
            "Mean rally length of each block over the session (where there are no blocks, of ten "
            "rallies in a row).",
        ),
        element(
            "p",
            "Length: hits before the miss. Aces: share of rallies whose first ball was missed. "
            f"Long: of more than {LONG_RALLY} hits. p: closed loop against this condition, labels "
            "of whole blocks permuted within each round, two-sided, not corrected for the number "
            "of conditions; 0.05 and more is a null result. Of n rounds p is at least 2 / 2^n. "
            "Intervals are by bootstrap of blocks; where there are none, of rallies.",
        ),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _text(value: float | None, n_digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{n_digits}f}"
