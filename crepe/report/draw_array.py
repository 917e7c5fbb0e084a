"""Figures on the array: the rate of each electrode, and how stimulation changes it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crepe.electrodes.geometry import as_array, unknown_text
from crepe.electrodes.layouts import MCS_SPACING_UM, is_recording
from crepe.messages import Position
from crepe.report.activity import Trial
from crepe.report.numbers import Activity, Evoked
from crepe.report.style import BLACK, Picture, gesture_colour, grid, legend, picture

_WHITE_BELOW = 0.55  # fraction of the range of cividis below which labels are white, to be readable


def rate_map(rates: Activity, trials: Sequence[Trial], *, is_simulated: bool) -> Picture:
    """Draw the mean rate of each electrode on the array; stimulated electrodes are circled."""
    by_electrode = _stimulated(trials)
    gestures = sorted({gesture for gestures_of in by_electrode.values() for gesture in gestures_of})
    circles = {
        label: gesture_colour(min(gestures_of), gestures) if len(gestures_of) == 1 else BLACK
        for label, gestures_of in by_electrode.items()
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        hz = np.array(list(rates.rate_hz.values()))
        top = max(float(hz.max()), 1e-3)
        labels = tuple(rates.rate_hz)
        drawn = draw_electrodes(
            axes, places_of(labels, rates.positions_um), labels, hz, circles=circles, size=9000,
            cmap="cividis", vmin=0, vmax=top,
        )  # fmt: skip
        places = places_of(labels, rates.positions_um)
        records = is_recording(labels)
        for (x, y), label, value, is_used in zip(places, labels, hz, records, strict=True):
            text = label if is_used else f"{label}\nref"
            colour = "w" if value < _WHITE_BELOW * top else "k"
            axes.text(x, y, text, ha="center", va="center", size=9, color=colour)
        name_axes(axes, labels, rates.positions_um)
        figure.colorbar(drawn, ax=axes, label="threshold crossings per second (Hz)", shrink=0.8)
        alone = {min(gestures_of) for gestures_of in by_electrode.values() if len(gestures_of) == 1}
        marks = [(f"stimulated: {g}", gesture_colour(g, gestures)) for g in sorted(alone)]
        if any(len(gestures_of) > 1 for gestures_of in by_electrode.values()):
            marks.append(("stimulated: several gestures", BLACK))
        legend(figure, marks)

    alt = "Mean rate of threshold crossings of each electrode on the array"
    return picture("rate-map", alt, 7.4, draw, is_simulated=is_simulated)


def evoked_map(
    responses: Sequence[Evoked],
    trials: Sequence[Trial],
    positions: Mapping[str, Position | None],
    *,
    is_simulated: bool,
) -> Picture:
    """Draw how each electrode's rate changes after the first pulse, a panel for each gesture."""
    by_electrode = _stimulated(trials)
    top = max(max(map(abs, response.change_hz.values())) for response in responses) or 1.0

    def draw(figure: Figure) -> None:
        panels = grid(figure, len(responses), 3)
        for axes, response in zip(panels, responses, strict=True):
            circles = {
                e: BLACK for e, gestures in by_electrode.items() if response.gesture in gestures
            }
            hz = np.array(list(response.change_hz.values()))
            labels = tuple(response.change_hz)
            drawn = draw_electrodes(
                axes, places_of(labels, positions), labels, hz, circles=circles, size=1000,
                cmap="PuOr_r", vmin=-top, vmax=top,
            )  # fmt: skip
            axes.set_title(f"{response.gesture}, {response.n_trials} trials")
            name_axes(axes, labels, positions)
            if axes is not panels[0]:
                axes.set_ylabel("")
        figure.colorbar(drawn, ax=panels, label="change of rate (Hz)", shrink=0.8)

    rows = -(-len(responses) // 3)
    alt = "Change of each electrode's rate after the first pulse, on the array, by gesture"
    return picture("evoked-map", alt, 0.6 + 2.5 * rows, draw, is_simulated=is_simulated)


def _stimulated(trials: Sequence[Trial]) -> dict[str, set[str]]:
    """Return the gestures for which each electrode was stimulated."""
    gestures_of: dict[str, set[str]] = {}
    for trial in trials:
        for label in trial.electrodes:
            gestures_of.setdefault(label, set()).add(trial.state.gesture or "")
    return gestures_of


def places_of(
    labels: Sequence[str], positions: Mapping[str, Position | None]
) -> NDArray[np.float64]:
    """Return where to draw each electrode, (n, 2): its position, or nan if only others have one.

    Without any position: in rows, in the order of the channels; then the axes have no scale.
    """
    places = as_array(positions.get(label) for label in labels)
    if not np.isnan(places).all():
        return places
    row, side = np.arange(len(labels)), int(np.ceil(np.sqrt(len(labels))))
    return np.stack([row % side, row // side], axis=1).astype(np.float64)


def name_axes(axes: Axes, labels: Sequence[str], positions: Mapping[str, Position | None]) -> None:
    places = [positions.get(label) for label in labels]
    note = unknown_text(labels, places)
    if any(places):
        axes.set_xlabel(f"x (µm)\n{note}" if note else "x (µm)")
        axes.set_ylabel("y (µm)")
        return
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("positions not known:\nin the order of the channels")


def draw_electrodes(
    axes: Axes,
    where: NDArray[np.float64],
    labels: tuple[str, ...],
    values: NDArray[np.float64],
    *,
    circles: Mapping[str, str],
    size: float,
    cmap: str,
    vmin: float,
    vmax: float,
) -> PathCollection:
    """Draw a disc for each electrode as seen from above the array: origin top left."""
    x, y = where.T
    placed = where[~np.isnan(x)]
    nearest = _nearest(placed)
    across = float(np.ptp(placed, axis=0).max()) / nearest + 1
    size = size / across
    drawn = axes.scatter(
        x, y, s=size, c=values, cmap=cmap, vmin=vmin, vmax=vmax, edgecolors="#999999", lw=0.5
    )
    for label, at in zip(labels, where, strict=True):
        if label in circles:
            axes.scatter(
                at[0], at[1], s=size * 1.3, facecolors="none", edgecolors=circles[label], lw=2.5
            )
    margin = 0.7 * nearest
    (left, top), (right, bottom) = placed.min(axis=0) - margin, placed.max(axis=0) + margin
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    return drawn


def _nearest(places: NDArray[np.float64]) -> float:
    """Return the smallest distance of two electrodes; 200 for a single one."""
    if len(places) < 2:
        return MCS_SPACING_UM
    distance: NDArray[np.float64] = np.asarray(cKDTree(places).query(places, k=2)[0])
    return float(distance[:, 1].min()) or MCS_SPACING_UM
