"""A recorded session as a Raw of MNE: samples, places, and what happened as annotations."""

# Decision 82: MNE is continuous, so that gaps are marked and not left out.

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from crepe.electrodes.geometry import as_array, positions_um
from crepe.environment.installation import pip_install
from crepe.errors import CrepeError
from crepe.messages import GameState, Segment, Stimulus
from crepe.recording.choice import find_recording
from crepe.results.notes import note_table
from crepe.results.streams import stream_of, streams_of
from crepe.results.tables import stimulus_table, trial_table
from crepe.store import Store
from crepe.store.stream import Stream

_CHANNEL_TYPE = "seeg"  # the nearest that MNE knows, as of streams by LSL


def raw_of(session: str | Path = "last", stream: str = "") -> Any:
    """Return a session as an `mne.io.RawArray`, in volts, in memory (eight bytes for each sample).

    Gaps are zeros below an annotation `BAD_ACQ_SKIP`: MNE's filters begin anew after it, and epochs
    leave it out. Finished trials, stimuli that were started and notes are annotations called
    `trial/GESTURE`, `stimulus/MEANING` and `note/TEXT`. Times are those of the session.

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
    CrepeError
        MNE is not installed.
    """
    try:
        import mne
    except ImportError as error:
        raise CrepeError(f"{error}; raw_of needs it: {pip_install('mne')}") from error
    path = find_recording(session) if isinstance(session, str) else session
    with Store(path) as store:
        samples = stream_of(Segment, store, stream)
        info = samples.info
        about = mne.create_info(list(info.labels), info.sampling_rate_hz, _CHANNEL_TYPE)
        simulated = "SIMULATED: no living culture. " if info.is_simulated else ""
        about["description"] = f"{simulated}Session {info.session} of CREPE: {info.source}"
        for channel, place_um in zip(about["chs"], as_array(positions_um(info)), strict=True):
            channel["loc"][:3] = [*place_um / 1e6, 0.0]  # in metres; nan: not known
        counts = samples.read(samples.first, len(samples), fill=0.0)
        volts = counts * (np.array(info.scale_uv, np.float64)[:, np.newaxis] / 1e6)
        raw = mne.io.RawArray(volts, about, first_samp=samples.first, verbose="warning")
        if info.origin_t_ns:
            raw.set_meas_date(datetime.fromtimestamp(info.origin_t_ns / 1e9, UTC))
        rows = list(_annotations(store, samples))
        # Without a date, times of annotations count from the first sample.
        before_s = 0.0 if info.origin_t_ns else samples.first / info.sampling_rate_hz
        begin_s, lasts_s, names = zip(*rows, strict=True) if rows else ((), (), ())
        raw.set_annotations(
            mne.Annotations(
                np.array(begin_s) - before_s, lasts_s, names, orig_time=raw.info["meas_date"]
            )
        )
        return raw


def _annotations(store: Store, samples: Stream) -> Iterator[tuple[Any, Any, str]]:
    """Yield begin and duration, in seconds of the session, and the name."""
    rate_hz = samples.info.sampling_rate_hz
    for start, stop in samples.gaps():
        yield start / rate_hz, (stop - start) / rate_hz, "BAD_ACQ_SKIP"
    if streams_of(GameState, store):
        for row in trial_table(store):
            yield row["start_s"], row["stop_s"] - row["start_s"], f"trial/{row['gesture']}"
    if streams_of(Stimulus, store):
        for row in stimulus_table(store):
            if not np.isnan(row["fired_s"]):
                lasts_s = row["n_pulses"] / row["pulse_rate_hz"]
                yield row["fired_s"], lasts_s, f"stimulus/{row['stimulus']}"
    for row in note_table(store):
        yield row["time_s"], 0.0, f"note/{row['text']}"
