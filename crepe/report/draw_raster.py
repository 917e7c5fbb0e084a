"""Figures of the activity over time: rasters and population rate."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crepe.conditions import STIMULATION
from crepe.report.activity import Trial
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
from crepe.results.spikes import SpikeTrains

MOST_DOTS = 40_000  # of a raster
MOST_NAMES = 15  # of electrodes on an axis
N_ZOOMED = 3  # trials


def kept_every(n_crossings: int) -> int:
    """Return n if the raster of the whole session shows each n-th crossing."""
    return max(1, -(-n_crossings // MOST_DOTS))


def whole(
    crossings: SpikeTrains, rates: Activity, blocks: Sequence[BlockScore], *, is_simulated: bool
) -> Picture:
    """Draw raster and population rate of the whole session, with the blocks' conditions above."""
    every = kept_every(len(crossings.sample))
    names = [block.condition for block in blocks]

    def draw(figure: Figure) -> None:
        heights = [0.35, 5, 2] if blocks else [5, 2]
        *strips, raster, rate = figure.subplots(len(heights), sharex=True, height_ratios=heights)
        for strip in strips:
            _conditions(strip, blocks)
        at_min = crossings.sample[::every] / crossings.rate_hz / 60
        raster.plot(at_min, crossings.channel[::every], "|", color=BLACK, alpha=0.5, ms=3, mew=0.5)
        _electrodes(raster, crossings.labels)
        hz = np.array([np.nan if v is None else v for v in rates.population_rate_hz])
        middle_min = (np.arange(len(hz)) + 0.5) * rates.population_bin_s / 60
        rate.plot(middle_min, hz, color=BLACK, lw=0.9)
        rate.set_ylim(bottom=0)
        rate.set_ylabel("rate per\nelectrode (Hz)")
        rate.set_xlabel("time in the session (min)")
        for axes in (raster, rate):
            for start, stop in crossings.gaps:
                a, b = start / crossings.rate_hz / 60, stop / crossings.rate_hz / 60
                axes.axvspan(a, b, color=VERMILION, alpha=0.3, lw=0)
        rate.set_xlim(0, crossings.stop / crossings.rate_hz / 60)
        colours = {n: condition_look(n, names)["color"] for n in stimulation_first(names)}
        legend(figure, [(named(name), colour) for name, colour in colours.items()])

    n = len(crossings.sample)
    alt = f"Raster of {n} threshold crossings and population rate over the session"
    return picture("session", alt, 6.2, draw, is_simulated=is_simulated)


def _electrodes(axes: Axes, labels: Sequence[str]) -> None:
    """Label rows by their electrodes, as many as can be read."""
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


def zoom(crossings: SpikeTrains, trials: Sequence[Trial], *, is_simulated: bool) -> Picture:
    """Draw the raster of a few trials, pulses marked."""
    members = choose_trials(trials)
    gestures = sorted({t.state.gesture or "" for t in trials})
    begin = max(0, members[0].first_pulse - round(0.3 * crossings.rate_hz))
    end = members[-1].state.phases["outcome"] + round(0.1 * crossings.rate_hz)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        low, high = np.searchsorted(crossings.sample, (begin, end))
        at_s = crossings.sample[low:high] / crossings.rate_hz
        axes.plot(at_s, crossings.channel[low:high], "|", color=BLACK, ms=4, mew=0.8)
        for trial in members:
            colour = gesture_colour(trial.state.gesture or "", gestures)
            start_s = trial.first_pulse / crossings.rate_hz
            stop_s = trial.state.phases["outcome"] / crossings.rate_hz
            axes.axvspan(start_s, stop_s, color=colour, alpha=0.1, lw=0)
            for pulse in trial.pulses:
                axes.axvline(pulse / crossings.rate_hz, color=colour, lw=1.2, zorder=0)
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
        _electrodes(axes, crossings.labels)
        axes.set_xlim(begin / crossings.rate_hz, end / crossings.rate_hz)
        axes.set_xlabel("time in the session (s)")

    alt = f"Raster of trials {members[0].state.trial} to {members[-1].state.trial}, pulses marked"
    return picture("trials", alt, 5.0, draw, is_simulated=is_simulated)


def choose_trials(trials: Sequence[Trial]) -> list[Trial]:
    """Return a few successive trials of one block, best stimulated and of several gestures."""

    def members(first: int) -> list[Trial]:
        block = trials[first].state.block
        return [t for t in trials[first : first + N_ZOOMED] if t.state.block == block]

    def worth(first: int) -> tuple[bool, bool, int]:
        trial = trials[first]
        is_usual = trial.state.condition == STIMULATION
        return bool(trial.pulses), is_usual, len({t.state.gesture for t in members(first)})

    return members(max(range(len(trials)), key=worth))  # the first of equals
