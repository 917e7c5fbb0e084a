"""Figure of evoked responses: peri-stimulus histograms by condition and gesture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crepe.report.activity import Trial
from crepe.report.numbers import Evoked
from crepe.report.style import GREY, Picture, gesture_colour, named, picture, stimulation_first


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
