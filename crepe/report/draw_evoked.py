"""Figure of evoked responses: peri-stimulus histograms by condition and gesture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crepe.report.draw import (
    GREY,
    Picture,
    gesture_look,
    grid,
    named,
    picture,
    stimulation_first,
)
from crepe.report.numbers import Evoked


def evoked(found: Sequence[Evoked], pulses_s: Sequence[float], *, is_simulated: bool) -> Picture:
    """Peri-stimulus histograms by condition and gesture, mean and standard error."""
    conditions = stimulation_first(one.condition for one in found)
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
            axes.set_xlabel("time from first pulse (s)")
        figure.supylabel("threshold crossings per second and electrode (Hz)", size=11)
        lines = [Line2D([], [], lw=2, label=g, **gesture_look(g, gestures)) for g in gestures]
        figure.legend(handles=lines, loc="outside lower center", ncols=4)

    rows = -(-len(conditions) // 2)
    alt = "Responses evoked by each gesture in each condition, mean and standard error over trials"
    return picture("evoked", alt, 1.4 + 2.7 * rows, draw, is_simulated=is_simulated)


def _histogram(axes: Axes, one: Evoked, gestures: Sequence[str]) -> None:
    look = gesture_look(one.gesture, gestures)
    mean = np.array(one.mean_hz)
    middle_s = one.start_s + (np.arange(len(mean)) + 0.5) * one.bin_s
    axes.plot(middle_s, mean, lw=1.5, **look)
    if one.n_trials > 1:
        sem = np.array([0.0 if v is None else v for v in one.sem_hz])
        axes.fill_between(middle_s, mean - sem, mean + sem, color=look["color"], alpha=0.25, lw=0)
