"""Rallies of a session of Pong: numbers, figure and section."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from crepe import pong_statistics
from crepe.actors.pong import LONG_RALLY
from crepe.messages import GameState
from crepe.report.draw import Picture, condition_look, named, picture, stimulation_first
from crepe.report.html import Element, element, figure, section, table
from crepe.report.numbers import RallyScore


def rallies(ended: Sequence[GameState], seed: int) -> list[RallyScore]:
    """The finished rallies by condition; empty for a game that has none."""
    played = [state for state in ended if "rally" in state.score]
    lengths = pong_statistics.lengths(played)
    against = pong_statistics.against_controls(lengths, seed)
    found = []
    for name in stimulation_first(lengths):
        about = pong_statistics.describe(lengths[name], seed)
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
                lengths=lengths[name].tolist(),
                p_against=_known(other.p_permutation) if other else None,
            )
        )
    return found


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
            _text(one.p_against, 3),
        ]
        for one in found
    ]
    head = ["condition", "rallies", "mean length", "95 % interval", "aces", "long", "p"]
    return section(
        "Rallies",
        table(head, rows),
        figure(pictures["rallies"], "Each rally (small) and the mean with its 95 % interval."),
        element(
            "p",
            "Length: hits before the miss. Aces: share of rallies whose first ball was missed. "
            f"Long: of more than {LONG_RALLY} hits. p: closed loop against this condition, by "
            "permutation, two-sided, not corrected for the number of conditions; 0.05 and more is "
            "a null result. Rallies are taken as independent.",
        ),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _text(value: float | None, n_digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{n_digits}f}"
