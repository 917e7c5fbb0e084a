"""Figures of the activity: rasters, population rate, rates on the array, evoked responses."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crepe.electrodes import MCS_60_LABELS, MCS_REFERENCE, positions_um
from crepe.report.activity import Crossings, Trial
from crepe.report.draw import (
    BLACK,
    GREY,
    VERMILION,
    Picture,
    condition_look,
    gesture_look,
    grid,
    named,
    picture,
)
from crepe.report.numbers import Activity, BlockScore, Evoked

MOST_DOTS = 40_000
N_ZOOMED = 3


def kept_every(n_crossings: int) -> int:
    """Of the whole raster every so many-th crossing is drawn."""
    return max(1, -(-n_crossings // MOST_DOTS))


def whole(
    found: Crossings, rates: Activity, blocks: Sequence[BlockScore], *, is_simulated: bool
) -> Picture:
    """Raster and population rate of the whole session, with the blocks' conditions above."""
    every = kept_every(len(found.sample))
    names = [block.condition for block in blocks]

    def draw(figure: Figure) -> None:
        strip, raster, rate = figure.subplots(3, 1, sharex=True, height_ratios=[0.35, 5, 2])
        for block in blocks:
            colour = condition_look(block.condition, names)["color"]
            strip.axvspan(block.start_s / 60, block.stop_s / 60, color=colour, lw=0)
        strip.set_yticks([])
        strip.spines[:].set_visible(False)
        strip.tick_params(bottom=False)
        if not blocks:
            strip.set_visible(False)
        at_min = found.sample[::every] / found.rate_hz / 60
        raster.plot(at_min, found.channel[::every], ",", color=BLACK, alpha=0.6, rasterized=True)
        raster.set_ylim(len(found.labels) - 0.5, -0.5)
        raster.set_ylabel("channel (row of the data)")
        hz = np.array([np.nan if v is None else v for v in rates.population_rate_hz])
        middle_min = (np.arange(len(hz)) + 0.5) * rates.population_bin_s / 60
        rate.plot(middle_min, hz, color=BLACK, lw=0.9)
        rate.set_ylim(bottom=0)
        rate.set_ylabel("rate per\nelectrode (Hz)")
        rate.set_xlabel("time in the session (min)")
        for axes in (raster, rate):
            for start, stop in found.gaps:
                a, b = start / found.rate_hz / 60, stop / found.rate_hz / 60
                axes.axvspan(a, b, color=VERMILION, alpha=0.3, lw=0)
        rate.set_xlim(0, found.stop / found.rate_hz / 60)
        _legend(figure, [(named(n), condition_look(n, names)["color"]) for n in sorted(set(names))])

    alt = f"Raster of {len(found.sample)} threshold crossings and population rate over the session"
    return picture("session", alt, 6.2, draw, is_simulated=is_simulated)


def zoom(found: Crossings, tried: Sequence[Trial], *, is_simulated: bool) -> Picture:
    """Raster of a few trials, pulses marked."""
    some = chosen(tried)
    gestures = sorted({t.state.gesture or "" for t in tried})
    begin = some[0].first_pulse - round(0.3 * found.rate_hz)
    end = some[-1].state.phases["outcome"] + round(0.1 * found.rate_hz)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        low, high = np.searchsorted(found.sample, (begin, end))
        at_s = found.sample[low:high] / found.rate_hz
        axes.plot(at_s, found.channel[low:high], "|", color=BLACK, ms=4, mew=0.8)
        for trial in some:
            colour = gesture_look(trial.state.gesture or "", gestures)["color"]
            start_s = trial.first_pulse / found.rate_hz
            stop_s = trial.state.phases["outcome"] / found.rate_hz
            axes.axvspan(start_s, stop_s, color=colour, alpha=0.1, lw=0)
            for pulse in trial.pulses:
                axes.axvline(pulse / found.rate_hz, color=colour, lw=1.2, zorder=0)
            decoded = trial.state.decoded or "none"
            axes.annotate(
                f"trial {trial.state.trial}\nshown: {trial.state.gesture}\ndecoded: {decoded}",
                (start_s, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                va="bottom",
                size=10,
                color=colour,
            )
        axes.set_ylim(len(found.labels) - 0.5, -0.5)
        axes.set_xlim(begin / found.rate_hz, end / found.rate_hz)
        axes.set_xlabel("time in the session (s)")
        axes.set_ylabel("channel (row of the data)")

    alt = f"Raster of trials {some[0].state.trial} to {some[-1].state.trial}, pulses marked"
    return picture("trials", alt, 5.0, draw, is_simulated=is_simulated)


def chosen(tried: Sequence[Trial]) -> list[Trial]:
    """The first trials in a row, of one block, that were stimulated; else the first at all."""
    first = next((k for k, trial in enumerate(tried) if trial.pulses), 0)
    block = tried[first].state.block
    return [t for t in tried[first : first + N_ZOOMED] if t.state.block == block]


def rate_map(
    found: Crossings, rates: Activity, tried: Sequence[Trial], *, is_simulated: bool
) -> Picture:
    """Mean rate of each electrode where it lies; those that were stimulated are circled."""
    where = positions_um(found.labels)
    gestures = sorted({t.state.gesture or "" for t in tried})
    stimulated = {e: t.state.gesture or "" for t in tried for e in t.electrodes}
    several = {
        e for e in stimulated if len({t.state.gesture for t in tried if e in t.electrodes}) > 1
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        hz = np.array([rates.rate_hz[label] for label in found.labels])
        size = 9000 / max(len(set(where[:, 0])), len(set(where[:, 1])))
        drawn = axes.scatter(*where.T, s=size, c=hz, cmap="cividis", vmin=0, lw=0)
        for (x, y), label, value in zip(where, found.labels, hz, strict=True):
            colour = "k" if value > 0.55 * max(hz.max(), 1e-9) else "w"
            is_reference = label == MCS_REFERENCE and set(found.labels) <= set(MCS_60_LABELS)
            said = f"{label}\nref" if is_reference else label
            axes.text(x, y, said, ha="center", va="center", size=9, color=colour)
            if label in stimulated:
                look = (
                    BLACK
                    if label in several
                    else gesture_look(stimulated[label], gestures)["color"]
                )
                axes.scatter([x], [y], s=size * 1.25, facecolors="none", edgecolors=look, lw=3)
        margin = 0.7 * (where.max() / 7 if where.max() else 200)
        axes.set_xlim(where[:, 0].min() - margin, where[:, 0].max() + margin)
        axes.set_ylim(where[:, 1].max() + margin, where[:, 1].min() - margin)  # origin top left
        axes.set_aspect("equal")
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
        figure.colorbar(drawn, ax=axes, label="threshold crossings per second (Hz)", shrink=0.8)
        said_by = [(f"stimulated: {g}", gesture_look(g, gestures)["color"]) for g in gestures]
        if several:
            said_by = [("stimulated: several gestures", BLACK)]
        if stimulated:
            _legend(figure, said_by)

    alt = "Mean rate of threshold crossings of each electrode on the array"
    return picture("rate-map", alt, 7.4, draw, is_simulated=is_simulated)


def evoked(found: Sequence[Evoked], pulses_s: Sequence[float], *, is_simulated: bool) -> Picture:
    """Peri-stimulus histograms by condition and gesture, mean and standard error."""
    conditions = list(dict.fromkeys(one.condition for one in found))
    gestures = sorted({one.gesture for one in found})

    def draw(figure: Figure) -> None:
        every = grid(figure, len(conditions), 2, sharex=True, sharey=True)
        for axes, condition in zip(every, conditions, strict=True):
            group = [one for one in found if one.condition == condition]
            for one in group:
                _histogram(axes, one, gestures)
            is_stimulated = any(one.is_stimulated for one in group)
            for pulse_s in pulses_s if is_stimulated else ():
                axes.axvline(pulse_s, color=GREY, lw=0.8, zorder=0)
            what = "" if is_stimulated else " (no pulses)"
            n = sum(one.n_trials for one in group)
            axes.set_title(f"{named(condition)}{what}, {n} trials")
            axes.set_ylim(bottom=0)
            axes.tick_params(labelbottom=True)
        figure.supxlabel("time from first pulse (s)", size=11)
        figure.supylabel("threshold crossings per second and electrode (Hz)", size=11)
        lines = [Line2D([], [], lw=2, label=g, **gesture_look(g, gestures)) for g in gestures]
        figure.legend(handles=lines, loc="outside lower center", ncols=4)

    rows = -(-len(conditions) // 2)
    alt = "Responses evoked by each gesture in each condition, mean and standard error over trials"
    return picture("evoked", alt, 1.4 + 2.5 * rows, draw, is_simulated=is_simulated)


def _histogram(axes: Axes, one: Evoked, gestures: Sequence[str]) -> None:
    look = gesture_look(one.gesture, gestures)
    mean = np.array(one.mean_hz)
    middle_s = one.start_s + (np.arange(len(mean)) + 0.5) * one.bin_s
    axes.plot(middle_s, mean, lw=1.5, **look)
    if one.n_trials > 1:
        sem = np.array([0.0 if v is None else v for v in one.sem_hz])
        axes.fill_between(middle_s, mean - sem, mean + sem, color=look["color"], alpha=0.25, lw=0)


def _legend(figure: Figure, names: Sequence[tuple[str, str]]) -> None:
    marks = [
        Line2D([], [], ls="", marker="s", ms=9, color=colour, label=name) for name, colour in names
    ]
    if marks:
        figure.legend(handles=marks, loc="outside lower center", ncols=4)
