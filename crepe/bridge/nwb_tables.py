"""Tables of an NWB file: units, trials of any game, stimuli with what became of them, notes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crepe.messages import GameState, Spikes, Stimulus
from crepe.results.notes import note_table
from crepe.results.spikes import spike_trains
from crepe.results.streams import streams_of
from crepe.results.tables import stimulus_table, trial_table
from crepe.store import Store

if TYPE_CHECKING:
    from pynwb import NWBFile
    from pynwb.core import DynamicTableRegion

MULTI_UNIT = (
    "Threshold crossings of each electrode: multi-unit activity, NOT sorted into neurons. "
    "A unit is an electrode."
)
NOT_FIRED = "of a train that did not begin: the time at which it was due"


def add_units(file: "NWBFile", store: Store, electrodes: "DynamicTableRegion") -> None:
    """Add the spikes of each electrode that has some, where spikes were recorded.

    Observation intervals are the time outside the gaps.
    """
    from pynwb.misc import Units

    if not streams_of(Spikes, store):
        return
    trains = spike_trains(store)
    rate_hz = trains.rate_hz
    edges = [0, *(edge for gap in trains.gaps for edge in gap), trains.stop]
    covered = np.reshape(edges, (-1, 2)) / rate_hz
    covered = covered[covered[:, 1] > covered[:, 0]]
    labels = list(file.electrodes["label"].data)
    file.units = Units(
        name="units",
        description=MULTI_UNIT,
        resolution=1 / rate_hz,
        electrode_table=electrodes.table,
    )
    file.add_unit_column("label", "Name of the electrode")
    for label, times_s in trains.items():
        if len(times_s):
            file.add_unit(
                spike_times=times_s,
                obs_intervals=covered,
                electrodes=[labels.index(label)],
                label=label,
            )


def add_trials(file: "NWBFile", store: Store) -> None:
    """Add each finished trial, with all columns of `trial_table`, where a game was recorded."""
    if not streams_of(GameState, store):
        return
    table = trial_table(store)
    if len(table):
        times = table["start_s"], table["stop_s"]
        rest = {name: table[name] for name in table.columns if name not in ("start_s", "stop_s")}
        description = "Finished trials of the game"
        file.trials = _intervals("trials", description, times, rest, _TRIALS)


def add_stimuli(file: "NWBFile", store: Store, electrodes: "DynamicTableRegion") -> None:
    """Add each requested train of pulses, delivered or not, with the reason."""
    if not streams_of(Stimulus, store):
        return
    table = stimulus_table(store)
    if not len(table):
        return
    rate_hz = streams_of(Stimulus, store)[0].info.sampling_rate_hz
    start = np.where(np.isnan(table["fired_s"]), table["due"] / rate_hz, table["fired_s"])
    times = start, start + table["n_pulses"] / table["pulse_rate_hz"]
    rest = {name: table[name] for name in table.columns if name not in ("electrodes", "fired_s")}
    description = (
        "Requested trains of electrical pulses, delivered or not: `state` says which. "
        f"Start {NOT_FIRED}"
    )
    intervals = _intervals("electrical_stimulation", description, times, rest, _STIMULI)
    labels = list(file.electrodes["label"].data)
    intervals.add_column(
        name="electrodes",
        description="Electrodes that were stimulated together",
        data=[
            [labels.index(label) for label in text.split() if label in labels]
            for text in table["electrodes"]
        ],
        index=True,
        table=electrodes.table,
    )
    file.add_time_intervals(intervals)


def add_notes(file: "NWBFile", store: Store) -> None:
    """Add the notes of the session as annotated events."""
    notes = note_table(store)
    if not len(notes):
        return
    events = file.create_events_table(
        name="notes", description="Notes that people and programs made while the session ran"
    )
    events.add_column(name="sender", description="Program or page that sent the note")
    for note in notes:
        events.add_row(timestamp=note["time_s"], annotation=note["text"], sender=note["sender"])


def _intervals(
    name: str,
    description: str,
    times: tuple[NDArray[Any], NDArray[Any]],
    columns: Mapping[str, NDArray[Any]],
    meaning_of: Mapping[str, str],
) -> Any:
    from pynwb.core import VectorData
    from pynwb.epoch import TimeIntervals

    data = {"start_time": times[0], "stop_time": times[1]} | {
        name: _smallest(column) for name, column in columns.items()
    }
    return TimeIntervals(
        name=name,
        description=description,
        columns=[
            VectorData(name=name, description=_meaning(name, meaning_of), data=values)
            for name, values in data.items()
        ],
        colnames=list(data),
    )


def _smallest(column: NDArray[Any]) -> Sequence[str] | NDArray[Any]:
    """Return text as a list, and whole numbers in the smallest type that holds them."""
    if column.dtype == object:
        return [str(value) for value in column]
    if column.dtype.kind in "iu" and len(column):
        kinds = np.min_scalar_type(column.min()), np.min_scalar_type(column.max())
        return column.astype(np.result_type(*kinds))
    return column


def _meaning(name: str, meaning_of: Mapping[str, str]) -> str:
    if name in meaning_of:
        return meaning_of[name]
    stem, _, kind = name.rpartition("_")
    if kind == "start":
        return f"Sample index at which the phase {stem} began; nan without it"
    return f"Score of {name.removeprefix('score_')} after the trial"


_TIMES = {
    "start_time": "Begin, in seconds from sample 0 of the session",
    "stop_time": "End, in seconds from sample 0 of the session",
}
_TRIALS = _TIMES | {
    "trial": "Number, from 1",
    "block": "Number of the block, from 1; 0 without blocks",
    "condition": "Condition, such as stimulation or sham; empty without conditions",
    "gesture": "What the culture was shown",
    "shown_by": "Sender of the gesture",
    "decoded": "What was decoded from the culture's activity",
    "answer": "Answer of the culture",
    "outcome": "Outcome for the culture",
    "is_counted": "Whether the answer counts: not if the trial's pulses were not delivered",
    "is_right": "Whether the gesture was decoded",
    "start": "Sample index of the begin",
    "stop": "Sample index of the end",
    "stimulus": "Meaning of the trial's first stimulus",
    "electrodes": "Labels of its electrodes, separated by blanks",
    "delivery": "What became of it",
    "reason": "Why it was not delivered",
    "fired": "Sample index at which it was started; nan if it was not",
    "fired_s": "Time at which it was started, in seconds; nan if it was not",
    "n_stimuli": "Number of the trial's stimuli",
    "n_delivered": "Number of those delivered to their end",
    "n_refused": "Number of those refused",
}
_STIMULI = _TIMES | {
    "number": "Number of the request, from 1",
    "trial": "Number of the trial that had begun last; 0 before the first",
    "stimulus": "Meaning, such as the gesture that it encodes",
    "amplitudes": "Amplitude of each phase of a pulse, separated by blanks, in `unit`",
    "widths_us": "Duration of each phase in microseconds, separated by blanks",
    "unit": "Unit of the amplitudes: uA or uV",
    "n_pulses": "Number of pulses of the train",
    "pulse_rate_hz": "Pulses per second",
    "due": "Sample index at which the first pulse should leave",
    "state": "What became of it: delivered, refused, stopped, failed, unknown or unanswered",
    "reason": "Why it was not delivered, or what could not be verified",
    "fired": "Sample index at which it was started; nan if it was not",
}
