"""Writers for the MCS side of a recording: times of segments, spikes and pulse trains."""

from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.messages import Delivered, DeliveryState, Spikes

_WAS_STIMULATED = (DeliveryState.DELIVERED, DeliveryState.STOPPED)


class RawWriter:
    """A writer of the timestamps of an analog stream: one row for each part without a gap."""

    def __init__(
        self, stream: h5py.Group, rate_hz: float, start: NDArray[Any], stop: NDArray[Any]
    ) -> None:
        self._rows = stream["ChannelDataTimeStamps"]
        self._rate_hz = rate_hz
        self._parts: list[tuple[int, int]] = []  # (start, first index)
        self._n_samples = 0
        self._stop = -1
        self._n_written = 0
        is_first = np.flatnonzero(np.concatenate([[True], start[1:] != stop[:-1]])[: len(start)])
        lengths = np.concatenate([[0], np.cumsum(stop - start)])
        for part in is_first.tolist():
            self._parts.append((int(start[part]), int(lengths[part])))
        if len(start):
            self._stop, self._n_samples = int(stop[-1]), int(lengths[-1])
        self._n_written = max(0, len(self._parts) - 1)

    def append(self, start: int, stop: int) -> None:
        """Add the window of a segment."""
        if start != self._stop:
            self._parts.append((start, self._n_samples))
        self._n_samples += stop - start
        self._stop = stop

    def write(self, n_samples: int) -> None:
        """Write the times of the first `n_samples` columns of the matrix."""
        parts = [part for part in self._parts[self._n_written :] if part[1] < n_samples]
        if not parts:
            return
        ends = [first for _, first in parts[1:]] + [n_samples]
        rows = [
            (microseconds(start, self._rate_hz), first, end - 1)
            for (start, first), end in zip(parts, ends, strict=True)
        ]
        n = self._n_written + len(rows)
        self._rows.resize(n, axis=0)
        self._rows[self._n_written :] = rows
        self._n_written = n - 1  # the last row may grow


class SpikeWriter:
    """A writer of the entities of a timestamp stream, one for each channel."""

    def __init__(self, stream: h5py.Group, rate_hz: float, channels: NDArray[Any]) -> None:
        n_entities = len(stream["InfoTimeStamp"])
        self._entities = [stream[f"TimeStampEntity_{channel}"] for channel in range(n_entities)]
        self._rate_hz = rate_hz
        self._pending: list[Spikes] = []
        # The valid rows of /CREPE decide which spikes count; later ones are cut off.
        counts = np.bincount(channels.astype(np.int64), minlength=n_entities)
        for entity, n in zip(self._entities, counts.tolist(), strict=False):
            if entity.shape[1] != n:
                entity.resize(n, axis=1)

    def append(self, spikes: Spikes) -> None:
        """Take the spikes of a window."""
        if spikes.channel.size:
            self._pending.append(spikes)

    def write(self) -> None:
        """Write the spikes taken since the last call."""
        if not self._pending:
            return
        channel = np.concatenate([spikes.channel for spikes in self._pending])
        sample = np.concatenate([spikes.sample for spikes in self._pending])
        self._pending.clear()
        order = np.argsort(channel, kind="stable")  # a channel's spikes stay in order of time
        times_us = np.rint(sample[order] * (1e6 / self._rate_hz)).astype(np.int64)
        channels, begins = np.unique(channel[order], return_index=True)
        parts = np.split(times_us, begins[1:])
        for number, part in zip(channels.tolist(), parts, strict=True):
            if number < len(self._entities):
                _append_columns(self._entities[number], part[None, :])


class StimulusWriter:
    """A writer of delivered trains to an event stream: (time, duration) in us."""

    def __init__(self, stream: h5py.Group, rate_hz: float, states: Iterable[str]) -> None:
        self._events = stream["EventEntity_0"]
        self._rate_hz = rate_hz
        self._pending: list[tuple[int, int]] = []
        n_kept = sum(state in _WAS_STIMULATED for state in states)
        if self._events.shape[1] != n_kept:
            self._events.resize(n_kept, axis=1)

    def append(self, delivered: Delivered) -> None:
        """Take the outcome of a stimulus."""
        if delivered.state in _WAS_STIMULATED:
            begin = microseconds(delivered.fired, self._rate_hz)
            end = microseconds(delivered.stop, self._rate_hz)
            self._pending.append((begin, max(0, end - begin)))

    def write(self) -> None:
        """Write the trains taken since the last call."""
        if self._pending:
            _append_columns(self._events, np.array(self._pending, np.int64).T)
            self._pending.clear()


def microseconds(sample: int, rate_hz: float) -> int:
    """Return the time of a sample index on the clock of the MCS layout."""
    return round(sample * 1e6 / rate_hz)


def _append_columns(dataset: h5py.Dataset, columns: NDArray[np.int64]) -> None:
    n = dataset.shape[1]
    dataset.resize(n + columns.shape[1], axis=1)
    dataset[:, n:] = columns
