"""Figures on the array: the rate of each electrode, and how stimulation changes it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crepe.electrodes.layouts import MCS_60_LABELS, MCS_REFERENCE, positions_um
from crepe.report.activity import Trial
from crepe.report.numbers import Activity, Evoked
from crepe.report.style import BLACK, Picture, gesture_colour, grid, legend, picture

_WHITE_BELOW = 0.55  # of cividis: light letters on dark colours


def rate_map(rates: Activity, tried: Sequence[Trial], *, is_simulated: bool) -> Picture:
    """Mean rate of each electrode where it lies; those that were stimulated are circled."""
    by_electrode = _stimulated(tried)
    gestures = sorted({gesture for found in by_electrode.values() for gesture in found})
    circles = {
        label: gesture_colour(min(found), gestures) if len(found) == 1 else BLACK
        for label, found in by_electrode.items()
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        hz = np.array(list(rates.rate_hz.values()))
        top = max(float(hz.max()), 1e-3)
        labels = tuple(rates.rate_hz)
        drawn = _electrodes(axes, labels, hz, circles, 9000, cmap="cividis", vmin=0, vmax=top)
        is_mcs = set(labels) <= set(MCS_60_LABELS)
        for (x, y), label, value in zip(positions_um(labels), labels, hz, strict=True):
            said = f"{label}\nref" if is_mcs and label == MCS_REFERENCE else label
            colour = "w" if value < _WHITE_BELOW * top else "k"
            axes.text(x, y, said, ha="center", va="center", size=9, color=colour)
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
        figure.colorbar(drawn, ax=axes, label="threshold crossings per second (Hz)", shrink=0.8)
        alone = {min(found) for found in by_electrode.values() if len(found) == 1}
        marks = [(f"stimulated: {g}", gesture_colour(g, gestures)) for g in sorted(alone)]
        if any(len(found) > 1 for found in by_electrode.values()):
            marks.append(("stimulated: several gestures", BLACK))
        legend(figure, marks)

    alt = "Mean rate of threshold crossings of each electrode on the array"
    return picture("rate-map", alt, 7.4, draw, is_simulated=is_simulated)


def evoked_map(found: Sequence[Evoked], tried: Sequence[Trial], *, is_simulated: bool) -> Picture:
    """Of one condition, by gesture: how the rate of each electrode changes from the first pulse."""
    by_electrode = _stimulated(tried)
    top = max(max(map(abs, one.change_hz.values())) for one in found) or 1.0

    def draw(figure: Figure) -> None:
        every = grid(figure, len(found), 3)
        for axes, one in zip(every, found, strict=True):
            circles = {e: BLACK for e, gestures in by_electrode.items() if one.gesture in gestures}
            hz = np.array(list(one.change_hz.values()))
            labels = tuple(one.change_hz)
            drawn = _electrodes(axes, labels, hz, circles, 1000, cmap="PuOr_r", vmin=-top, vmax=top)
            axes.set_title(f"{one.gesture}, {one.n_trials} trials")
            axes.set_xlabel("x (µm)")
        every[0].set_ylabel("y (µm)")
        figure.colorbar(drawn, ax=every, label="change of rate (Hz)", shrink=0.8)

    rows = -(-len(found) // 3)
    alt = "Change of each electrode's rate after the first pulse, on the array, by gesture"
    return picture("evoked-map", alt, 0.6 + 2.5 * rows, draw, is_simulated=is_simulated)


def _stimulated(tried: Sequence[Trial]) -> dict[str, set[str]]:
    """The gestures for which each electrode was stimulated."""
    found: dict[str, set[str]] = {}
    for trial in tried:
        for label in trial.electrodes:
            found.setdefault(label, set()).add(trial.state.gesture or "")
    return found


def _electrodes(
    axes: Axes,
    labels: tuple[str, ...],
    values: NDArray[np.float64],
    circles: Mapping[str, str],
    size: float,
    *,
    cmap: str,
    vmin: float,
    vmax: float,
) -> PathCollection:
    """One disc for each electrode, as one looks at the array: origin top left."""
    where = positions_um(labels)
    x, y = where.T
    across = max(len(set(x)), len(set(y)))
    size = size / across
    drawn = axes.scatter(
        x, y, s=size, c=values, cmap=cmap, vmin=vmin, vmax=vmax, edgecolors="#999999", lw=0.5
    )
    for label, at in zip(labels, where, strict=True):
        if label in circles:
            axes.scatter(
                at[0], at[1], s=size * 1.3, facecolors="none", edgecolors=circles[label], lw=2.5
            )
    margin = 0.7 * (float(where.max()) / max(across - 1, 1) or 200.0)
    axes.set_xlim(x.min() - margin, x.max() + margin)
    axes.set_ylim(y.max() + margin, y.min() - margin)
    axes.set_aspect("equal")
    return drawn
