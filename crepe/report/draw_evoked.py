"""Figures of evoked responses: histograms by condition and gesture, and the map of an array."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crepe.report.activity import Trial
from crepe.report.draw_array import draw_electrodes, name_axes, places_of
from crepe.report.numbers import Evoked
from crepe.report.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILION,
    Picture,
    gesture_colour,
    named,
    picture,
    stimulation_first,
)
from crepe.results.evoked_map import DIRECT_MS, LONGEST_MS, EvokedMap

_MOST_LABELS = 30  # beside a matrix; of more electrodes every second, third, ... is named


def evoked(
    every: Sequence[Evoked], trials: Sequence[Trial], rate_hz: float, *, is_simulated: bool
) -> Picture:
    """Draw a row of panels for each condition, a column for each gesture; pulses are marked."""
    conditions = stimulation_first(entry.condition for entry in every)
    gestures = sorted({entry.gesture for entry in every})
    by_place = {(entry.condition, entry.gesture): entry for entry in every}

    def draw(figure: Figure) -> None:
        rows = figure.subplots(
            len(conditions), len(gestures), sharex=True, sharey=True, squeeze=False
        )
        for row, condition in zip(rows, conditions, strict=True):
            row[0].set_ylabel(f"{named(condition)}\nrate (Hz)")
            for axes, gesture in zip(row, gestures, strict=True):
                entry = by_place.get((condition, gesture))
                if entry is None:
                    axes.set_visible(False)
                    continue
                for pulse_s in pulses_s(trials, condition, gesture, rate_hz):
                    axes.axvline(pulse_s, color=GREY, lw=0.7, zorder=0)
                _histogram(axes, entry, gestures)
                note = "" if entry.is_stimulated else ", no pulses"
                axes.set_title(f"{gesture}: {entry.n_trials} trials{note}", size=10)
                axes.set_ylim(bottom=0)
        for axes in rows[-1]:
            axes.set_xlabel("time from first pulse (s)")

    alt = "Responses evoked by each gesture in each condition, mean and standard error over trials"
    height_in = 1.1 + 1.9 * len(conditions)
    return picture("evoked", alt, height_in, draw, is_simulated=is_simulated)


def pulses_s(trials: Sequence[Trial], condition: str, gesture: str, rate_hz: float) -> list[float]:
    """Return the times of a train's pulses; of the longest train, since others were stopped."""
    trains = [
        [(pulse - trial.first_pulse) / rate_hz for pulse in trial.pulses]
        for trial in trials
        if (trial.state.condition, trial.state.gesture) == (condition, gesture)
    ]
    return max(trains, key=len, default=[])


def _histogram(axes: Axes, entry: Evoked, gestures: Sequence[str]) -> None:
    colour = gesture_colour(entry.gesture, gestures)
    mean = np.array(entry.mean_hz)
    middle_s = entry.start_s + (np.arange(len(mean)) + 0.5) * entry.bin_s
    axes.plot(middle_s, mean, lw=1.4, color=colour)
    if entry.n_trials > 1:
        sem = np.array([0.0 if v is None else v for v in entry.sem_hz])
        axes.fill_between(middle_s, mean - sem, mean + sem, color=colour, alpha=0.3, lw=0)


def links(evoked_map: EvokedMap) -> Picture:
    """Draw how likely pulses make a response, by pair; where they have one, and after what time."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 2)
        for axes, window in zip(panels[0], evoked_map.windows_ms, strict=True):
            _matrix(figure, axes, evoked_map, window)
        _reach(figure, panels[1][0], evoked_map)
        _latencies(panels[1][1], evoked_map)

    counts = " and ".join(f"{n} {window}" for window, n in evoked_map.n_links.items())
    alt = (
        f"Links between stimulated and recorded electrodes, {counts}: matrices of the change of "
        "probability, the number of direct answers by stimulated electrode, and latencies"
    )
    return picture("map", alt, 9.6, draw, is_simulated=evoked_map.is_simulated)


def _matrix(figure: Figure, axes: Axes, evoked_map: EvokedMap, window: str) -> None:
    """Draw the change of probability of all pairs: no links pale, what was not tested grey."""
    index = list(evoked_map.windows_ms).index(window)
    rows, columns = np.argsort(evoked_map.stimulated), np.argsort(evoked_map.recorded)
    place = np.ix_(rows, columns)
    change = (evoked_map.probability - evoked_map.probability_before)[index][place]
    is_link = evoked_map.is_link[index][place]
    drawn = axes.imshow(
        change,
        cmap=colormaps["PuOr_r"].with_extremes(bad="#999999"),
        vmin=-1,
        vmax=1,
        alpha=np.where(is_link | np.isnan(change), 1.0, 0.3),
        aspect="auto",
    )
    start_ms, stop_ms = evoked_map.windows_ms[window]
    axes.set_title(f"{window}, {start_ms:g} to {stop_ms:g} ms: {int(is_link.sum())} links", size=10)
    for axis, labels, order in (
        (axes.yaxis, evoked_map.stimulated, rows),
        (axes.xaxis, evoked_map.recorded, columns),
    ):
        at = np.arange(0, len(order), -(-len(order) // _MOST_LABELS))
        axis.set_ticks(at.tolist(), [labels[order[i]] for i in at], size=6)
    axes.tick_params("x", rotation=90)
    axes.set_xlabel("recorded electrode")
    axes.set_ylabel("stimulated electrode")
    figure.colorbar(
        drawn, ax=axes, label="change of probability; pale: no link, grey: not tested", shrink=0.8
    )


def _reach(figure: Figure, axes: Axes, evoked_map: EvokedMap) -> None:
    """Draw how many electrodes answer directly to a pulse at each."""
    labels = evoked_map.stimulated
    n_links = evoked_map.is_link[0].sum(axis=1).astype(np.float64)
    positions = dict(zip(evoked_map.recorded, evoked_map.positions_um, strict=True))
    drawn = draw_electrodes(
        axes, places_of(labels, positions), labels, n_links, circles={}, size=2500,
        cmap="cividis", vmin=0, vmax=max(1.0, n_links.max()),
    )  # fmt: skip
    name_axes(axes, labels, positions)
    axes.set_title("where a pulse was given", size=10)
    figure.colorbar(drawn, ax=axes, label="electrodes that answer directly", shrink=0.8)


def _latencies(axes: Axes, evoked_map: EvokedMap) -> None:
    edges_ms = np.arange(0, LONGEST_MS + 1, 2)
    for index, (window, colour) in enumerate(
        zip(evoked_map.windows_ms, (VERMILION, BLUE), strict=True)
    ):
        latency_ms = evoked_map.latency_ms[index][evoked_map.is_link[index]]
        axes.hist(latency_ms, edges_ms.tolist(), color=colour, alpha=0.7, label=window)
    axes.axvline(DIRECT_MS, color=BLACK, lw=0.8)
    axes.set_xlim(0, LONGEST_MS)
    axes.set_xlabel("median latency of the first spike (ms)")
    axes.set_ylabel("links")
    axes.legend()
    axes.set_title(f"halfway between pulses: {evoked_map.n_sham_links} links", size=10)
