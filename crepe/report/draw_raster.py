"""Figures of the activity over time: rasters and population rate."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crepe.conditions import STIMULATION
from crepe.report.activity import Crossings, Trial
from crepe.report.numbers import Activity, BlockScore
from crepe.report.style import (
    BLACK,
    VERMILION,
    Picture,
    condition_look,
    gesture_colour,
    legend,
    named,
    picture,
    stimulation_first,
)

MOST_DOTS = 40_000
MOST_NAMES = 15
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
        heights = [0.35, 5, 2] if blocks else [5, 2]
        *strips, raster, rate = figure.subplots(len(heights), sharex=True, height_ratios=heights)
        for strip in strips:
            _conditions(strip, blocks)
        at_min = found.sample[::every] / found.rate_hz / 60
        raster.plot(at_min, found.channel[::every], "|", color=BLACK, alpha=0.5, ms=3, mew=0.5)
        _electrodes(raster, found.labels)
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
        colours = {n: condition_look(n, names)["color"] for n in stimulation_first(names)}
        legend(figure, [(named(name), colour) for name, colour in colours.items()])

    alt = f"Raster of {len(found.sample)} threshold crossings and population rate over the session"
    return picture("session", alt, 6.2, draw, is_simulated=is_simulated)


def _electrodes(axes: Axes, labels: Sequence[str]) -> None:
    """Rows by the names of their electrodes, as many as can be read."""
    axes.set_ylim(len(labels) - 0.5, -0.5)
    rows = range(0, len(labels), -(-len(labels) // MOST_NAMES))
    axes.set_yticks(rows, [labels[row] for row in rows], size=9)
    axes.set_ylabel("electrode")


def _conditions(axes: Axes, blocks: Sequence[BlockScore]) -> None:
    names = [block.condition for block in blocks]
    for block in blocks:
        colour = condition_look(block.condition, names)["color"]
        axes.axvspan(block.start_s / 60, block.stop_s / 60, color=colour, lw=0)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(bottom=False)


def zoom(found: Crossings, tried: Sequence[Trial], *, is_simulated: bool) -> Picture:
    """Raster of a few trials, pulses marked."""
    some = chosen(tried)
    gestures = sorted({t.state.gesture or "" for t in tried})
    begin = max(0, some[0].first_pulse - round(0.3 * found.rate_hz))
    end = some[-1].state.phases["outcome"] + round(0.1 * found.rate_hz)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        low, high = np.searchsorted(found.sample, (begin, end))
        at_s = found.sample[low:high] / found.rate_hz
        axes.plot(at_s, found.channel[low:high], "|", color=BLACK, ms=4, mew=0.8)
        for trial in some:
            colour = gesture_colour(trial.state.gesture or "", gestures)
            start_s = trial.first_pulse / found.rate_hz
            stop_s = trial.state.phases["outcome"] / found.rate_hz
            axes.axvspan(start_s, stop_s, color=colour, alpha=0.1, lw=0)
            for pulse in trial.pulses:
                axes.axvline(pulse / found.rate_hz, color=colour, lw=1.2, zorder=0)
            state = trial.state
            axes.annotate(
                f"trial {state.trial}, {state.condition or 'no condition'}\n"
                f"shown: {state.gesture}\ndecoded: {state.decoded or 'none'}",
                (start_s, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                va="bottom",
                size=10,
                color=colour,
            )
        _electrodes(axes, found.labels)
        axes.set_xlim(begin / found.rate_hz, end / found.rate_hz)
        axes.set_xlabel("time in the session (s)")

    alt = f"Raster of trials {some[0].state.trial} to {some[-1].state.trial}, pulses marked"
    return picture("trials", alt, 5.0, draw, is_simulated=is_simulated)


def chosen(tried: Sequence[Trial]) -> list[Trial]:
    """A few trials in a row of one block: stimulated ones if there are any, and of more than one
    gesture."""

    def some(first: int) -> list[Trial]:
        block = tried[first].state.block
        return [t for t in tried[first : first + N_ZOOMED] if t.state.block == block]

    def worth(first: int) -> tuple[bool, bool, int]:
        trial = tried[first]
        is_usual = trial.state.condition == STIMULATION
        return bool(trial.pulses), is_usual, len({t.state.gesture for t in some(first)})

    return some(max(range(len(tried)), key=worth))  # the first of equals
