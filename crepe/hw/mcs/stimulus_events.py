"""Recorded stimulation events of an MCS file, as windows of sample indices.

An event stream of the type `StgSideband` has the times and durations of pulses or trains, in us.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crepe.hw.mcs.hdf5_file import text_of

if TYPE_CHECKING:
    import h5py  # slow to import

_STIMULATOR = "StgSideband"


def stimulus_windows(recording: "h5py.Group", first_us: int, rate_hz: float) -> NDArray[np.int64]:
    """Return the windows of the stimulation events, in order: (n_events, 2), sample indices.

    `first_us` is the time of sample 0. Entities of another shape are left out.
    """
    windows = [np.empty((0, 2))]
    for stream in recording.get("EventStream", {}).values():
        if text_of(stream.attrs.get("DataSubType", "")) != _STIMULATOR:
            continue
        for name, entity in stream.items():
            if name.startswith("EventEntity_") and entity.ndim == 2 and entity.shape[0] == 2:
                t_us, duration_us = entity[()].astype(np.float64)
                windows.append(np.stack((t_us, t_us + duration_us), axis=1) - first_us)
    events_us = np.concatenate(windows)
    ordered: NDArray[np.int64] = np.round(events_us * rate_hz / 1e6).astype(np.int64)
    return ordered[np.argsort(ordered[:, 0], kind="stable")]
