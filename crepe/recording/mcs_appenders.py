"""Writers for the MCS side of a recording: times of segments, spikes and pulse trains."""

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.messages import Delivered, DeliveryState, Spikes, Stimulus, StreamInfo
from crepe.recording.mcs_layout import ENTITY_CHUNK, event_row, event_types

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
    """A writer of delivered trains to an event stream: (time, duration) in us.

    Each kind of train is an entity, with its meaning, pulses and electrodes in the stream's table.
    Entity 0 has the trains of which no request is known.

    Parameters
    ----------
    info
        Description of the stream of `Delivered`.
    requests
        The trains requested so far, by stream and number; an answer waits for its own.
    """

    def __init__(
        self, stream: h5py.Group, info: StreamInfo, requests: Mapping[tuple[str, int], Stimulus]
    ) -> None:
        self._stream, self._info, self._requests = stream, info, requests
        self._pending: list[Delivered] = []
        self._kinds: list[Stimulus | None] = []
        # Written anew: the valid rows of /CREPE decide which trains count.
        for name in list(stream):
            del stream[name]
        columns = event_types(info)
        self._table = stream.create_dataset(
            "InfoEvent", (0,), columns, maxshape=(None,), chunks=(8,)
        )
        self._table.attrs["InfoVersion"] = np.int32(1)
        self._events: list[h5py.Dataset] = []
        self._add(None)

    def append(self, delivered: Delivered) -> None:
        """Take the outcome of a stimulus."""
        if delivered.state in _WAS_STIMULATED:
            self._pending.append(delivered)

    def write(self, *, with_rest: bool = False) -> None:
        """Write the trains whose requests are known; with the rest, all of them."""
        waiting = []
        for delivered in self._pending:
            train = self._request(delivered)
            if train is None and not with_rest:
                waiting.append(delivered)
                continue
            begin = microseconds(delivered.fired, self._info.sampling_rate_hz)
            end = microseconds(delivered.stop, self._info.sampling_rate_hz)
            window = np.array([[begin], [max(0, end - begin)]], np.int64)
            _append_columns(self._events[self._entity(train)], window)
        self._pending = waiting

    def _request(self, delivered: Delivered) -> Stimulus | None:
        if delivered.stream:
            return self._requests.get((delivered.stream, delivered.number))
        # Of an earlier version, which had one stream of requests.
        requests = self._requests.items()
        return next((train for (_, n), train in requests if n == delivered.number), None)

    def _entity(self, train: Stimulus | None) -> int:
        for entity, kind in enumerate(self._kinds):
            if train is kind or (
                train and kind and train.has_pulses_of(kind) and train.meaning == kind.meaning
            ):
                return entity
        return self._add(train)

    def _add(self, train: Stimulus | None) -> int:
        entity = len(self._kinds)
        self._kinds.append(train)
        self._table.resize(entity + 1, axis=0)
        row = event_row(entity, train, self._info)
        self._table[entity] = np.array(row, self._table.dtype)
        self._events.append(
            self._stream.create_dataset(
                f"EventEntity_{entity}",
                (2, 0),
                np.int64,
                maxshape=(2, None),
                chunks=(2, ENTITY_CHUNK),
            )
        )
        return entity


def microseconds(sample: int, rate_hz: float) -> int:
    """Return the time of a sample index on the clock of the MCS layout."""
    return round(sample * 1e6 / rate_hz)


def _append_columns(dataset: h5py.Dataset, columns: NDArray[np.int64]) -> None:
    n = dataset.shape[1]
    dataset.resize(n + columns.shape[1], axis=1)
    dataset[:, n:] = columns
