"""A recorded session as a Block of Neo: samples, spike trains, stimuli, trials and notes."""

# Decision 92: what is where; a gap ends a segment of Neo.

from pathlib import Path
from typing import Any

import neo
import numpy as np
import quantities

from crepe.messages import GameState, Segment, Spikes, Stimulus
from crepe.recording.choice import find_recording
from crepe.results.notes import note_table
from crepe.results.spikes import SpikeTrains, spike_trains
from crepe.results.streams import stream_of, streams_of, stretches
from crepe.results.table import Table
from crepe.results.tables import stimulus_table, trial_table
from crepe.store import Store

_NOT_SORTED = "threshold crossings of an electrode: multi-unit activity, not sorted"
_TIMES = ("start_s", "stop_s", "fired_s", "time_s")


def block_of(session: str | Path = "last", stream: str = "") -> "neo.Block":
    """Return a session as a Block; each stretch of samples between two gaps is a segment of it.

    Samples are read into memory, in microvolts as float32. Spikes, stimuli that were started (as
    epochs), finished trials (epochs) and notes (events) are in the segment in which they begin;
    what begins in a gap is in the one before. Times are those of the session. All columns of the
    tables are array annotations.

    Parameters
    ----------
    session
        ID of a session, `last`, or the path of a recording.
    stream
        Its name; by default that of the samples as acquired.

    Raises
    ------
    DeviceError
        There is no such recording, or it cannot be read.
    KeyError
        It has no such stream.
    ConfigError
        That stream carries no samples, or there is none.
    """
    path = find_recording(session) if isinstance(session, str) else session
    with Store(path) as store:
        samples = stream_of(Segment, store, stream)
        info = samples.info
        simulated = "SIMULATED: no living culture. " if info.is_simulated else ""
        block = neo.Block(
            name=info.session,
            description=f"{simulated}Session of CREPE: {info.source}",
            is_simulated=info.is_simulated,
        )
        windows = stretches(samples)
        trains = spike_trains(store) if streams_of(Spikes, store) else None
        trials = trial_table(store) if streams_of(GameState, store) else Table({})
        stimuli = stimulus_table(store) if streams_of(Stimulus, store) else Table({})
        notes = note_table(store)
        for index, (start, stop) in enumerate(windows):
            segment = neo.Segment(name=f"samples {start} to {stop}", index=index)
            block.segments.append(segment)
            segment.analogsignals.append(
                neo.AnalogSignal(
                    samples.microvolts[:, start:stop].T.astype(np.float32),
                    units="uV",
                    sampling_rate=info.sampling_rate_hz * quantities.Hz,
                    t_start=start / info.sampling_rate_hz * quantities.s,
                    name=samples.name,
                    array_annotations={"label": np.array(info.labels)},
                )
            )
            until = windows[index + 1][0] if index + 1 < len(windows) else np.inf
            since = 0 if index == 0 else start
            window_s = since / info.sampling_rate_hz, until / info.sampling_rate_hz
            if trains is not None:
                segment.spiketrains.extend(_spikes(trains, since, until))
            lasts_s = [] if not len(stimuli) else stimuli["n_pulses"] / stimuli["pulse_rate_hz"]
            if len(stimuli):
                begin_s = stimuli["fired_s"]
                segment.epochs.append(_epoch("stimuli", stimuli, begin_s, lasts_s, window_s))
            if len(trials):
                begin_s = trials["start_s"]
                lasts_s = trials["stop_s"] - begin_s
                segment.epochs.append(_epoch("trials", trials, begin_s, lasts_s, window_s))
            if len(notes):
                is_inside = _is_inside(notes["time_s"], window_s)
                segment.events.append(
                    neo.Event(
                        notes["time_s"][is_inside] * quantities.s,
                        labels=notes["text"][is_inside].astype(str),
                        name="notes",
                        array_annotations={"sender": notes["sender"][is_inside].astype(str)},
                    )
                )
        return block


def _spikes(trains: SpikeTrains, since: float, until: float) -> "list[neo.SpikeTrain]":
    spikes = []
    for label in trains:
        sample = trains.samples(label)
        sample = sample[(sample >= since) & (sample < until)]
        spikes.append(
            neo.SpikeTrain(
                sample / trains.rate_hz * quantities.s,
                t_start=since / trains.rate_hz,
                t_stop=min(until, trains.stop) / trains.rate_hz,
                name=label,
                description=_NOT_SORTED,
            )
        )
    return spikes


def _epoch(
    name: str, table: Table, begin_s: Any, lasts_s: Any, window_s: tuple[float, float]
) -> "neo.Epoch":
    """Return the rows that begin within a window; a stimulus that never began is in none."""
    is_inside = _is_inside(begin_s, window_s)
    columns = {c: table[c][is_inside] for c in table.columns if c not in _TIMES}
    annotations = {c: v.astype(str) if v.dtype == object else v for c, v in columns.items()}
    labels = columns["gesture" if name == "trials" else "stimulus"].astype(str)
    return neo.Epoch(
        begin_s[is_inside] * quantities.s,
        durations=lasts_s[is_inside] * quantities.s,
        labels=labels,
        name=name,
        array_annotations=annotations,
    )


def _is_inside(times_s: Any, window_s: tuple[float, float]) -> Any:
    return (times_s >= window_s[0]) & (times_s < window_s[1])
