"""Figures of the decoding: score, course of the session, confusion."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crepe.report.numbers import Decoding, Interval, ReadoutNumbers
from crepe.report.style import GREY, Picture, condition_look, grid, named, picture


def score(decoding: Decoding, *, is_simulated: bool) -> Picture:
    """Draw decoding accuracy by condition, with intervals and chance."""
    names = [entry.condition for entry in decoding.conditions]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for k, entry in enumerate(decoding.conditions):
            if entry.accuracy is None or entry.ci95 is None:
                continue
            _point(axes, k, entry.accuracy, entry.ci95, condition_look(entry.condition, names))
            axes.annotate(
                f"{entry.accuracy:.2f}\n{entry.n_right} of {entry.n_trials - entry.n_left_out}",
                (k, entry.accuracy),
                (14, 0),
                textcoords="offset points",
                va="center",
                size=10,
                bbox={"facecolor": "white", "lw": 0, "pad": 1},
            )
        axes.set_xlim(-0.5, len(names) - 0.2)
        axes.set_xticks(range(len(names)), [named(name) for name in names])
        axes.set_xlabel("condition")
        _accuracy_axis(axes, decoding.chance)
        figure.legend(loc="outside lower right")

    scores = ", ".join(
        f"{named(entry.condition)} {'-' if entry.accuracy is None else f'{entry.accuracy:.2f}'}"
        for entry in decoding.conditions
    )
    return picture(
        "score", f"Decoding accuracy: {scores}; chance {decoding.chance:.2f}", 4.6, draw,
        is_simulated=is_simulated,
    )  # fmt: skip


def course(decoding: Decoding, *, is_simulated: bool) -> Picture:
    """Draw decoding accuracy of each block over the time in the session."""
    names = [entry.condition for entry in decoding.conditions]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for name in names:
            look = condition_look(name, names)
            blocks = [block for block in decoding.blocks if block.condition == name]
            at_min = [(block.start_s + block.stop_s) / 120 for block in blocks]
            axes.plot(at_min, [b.accuracy for b in blocks], color=look["color"], lw=1, alpha=0.5)
            for x, block in zip(at_min, blocks, strict=True):
                _point(axes, x, block.accuracy, block.ci95, look)
            axes.plot([], [], ls="", **look, label=named(name))
        axes.set_xlim(left=0)
        axes.set_xlabel("time in the session (min)")
        _accuracy_axis(axes, decoding.chance)
        figure.legend(loc="outside lower center", ncols=4)

    alt = f"Decoding accuracy of {len(decoding.blocks)} blocks over time in the session"
    return picture("course", alt, 4.6, draw, is_simulated=is_simulated)


def confusion(decoding: Decoding, *, is_simulated: bool) -> Picture:
    """Draw the confusion matrix of each condition."""
    columns = [*decoding.gestures, "none"]

    def draw(figure: Figure) -> None:
        for axes, entry in zip(
            grid(figure, len(decoding.conditions), 3), decoding.conditions, strict=True
        ):
            _matrix(axes, np.array(entry.confusion), decoding.gestures, columns)
            axes.set_title(named(entry.condition))

    rows = -(-len(decoding.conditions) // 3)
    alt = "Confusion matrices by condition: gesture shown against gesture decoded"
    return picture("confusion", alt, 0.4 + 3.3 * rows, draw, is_simulated=is_simulated)


def calibration(readouts: Sequence[ReadoutNumbers], *, is_simulated: bool) -> Picture:
    """Draw the cross-validated confusion matrix of each calibration."""

    def draw(figure: Figure) -> None:
        for axes, readout in zip(grid(figure, len(readouts), 3), readouts, strict=True):
            _matrix(axes, np.array(readout.confusion), readout.answers, readout.answers)
            axes.set_title("cross-validated")

    alt = "Confusion matrix of the calibration, cross-validated"
    return picture("calibration", alt, 3.7, draw, is_simulated=is_simulated)


def _point(axes: Axes, x: float, y: float, ci95: Interval, look: dict[str, str]) -> None:
    reach = [[max(0.0, y - ci95[0])], [max(0.0, ci95[1] - y)]]
    axes.errorbar(
        x, y, reach, fmt=look["marker"], color=look["color"], ms=8, capsize=4, lw=1.6, mec="white"
    )


def _accuracy_axis(axes: Axes, chance: float) -> None:
    axes.axhline(chance, color=GREY, ls="--", lw=1.4, zorder=0, label=f"chance ({chance:.2f})")
    axes.set_ylim(-0.08, 1.08)
    axes.set_ylabel("decoding accuracy (fraction of trials)\nbars: 95 % interval")


def _matrix(
    axes: Axes, counts: NDArray[np.int64], rows: Sequence[str], columns: Sequence[str]
) -> None:
    of_row = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(of_row, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (y, x), n in np.ndenumerate(counts):
        axes.text(x, y, str(n), ha="center", va="center", color="w" if of_row[y, x] < 0.6 else "k")
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("decoded")
    axes.set_ylabel("shown")
    axes.spines[:].set_visible(False)
