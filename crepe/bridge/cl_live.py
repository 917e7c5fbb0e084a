"""A running experiment as a data source for the simulator of the CL SDK."""

# Decision 94: how its stims reach the gate, and whose time holds.

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread

import numpy as np
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    LiveDataSink,
    LiveSimulatorDataSource,
    SimulatorDataSourceMetadata,
)
from numpy.typing import NDArray

from crepe.bridge.cl_frames import N_CHANNELS, RATE_HZ, SCALE_UV, Frames
from crepe.bridge.cl_requests import PULSE, REQUESTER, log_undelivered, pulses
from crepe.commands import INPUT
from crepe.errors import ConfigError, StoreError
from crepe.messages import Command, Delivered, Message, Segment, Spikes
from crepe.redis_server.find_url import find_place
from crepe.store import codec
from crepe.store.contract import Entry, StreamStore
from crepe.store.redis_store import RedisStore

log = logging.getLogger(__name__)

DATA, SPIKES = "data", "data:spikes"
REQUESTS, ANSWERS = "result:cl", "result:delivered"

_BUFFER = RATE_HZ // 5  # frames; what waits longer than 200 ms leads to no stimulus any more
_WAIT_S = 0.2
_JOIN_S = 2.0
_LAST_READS = 2  # of answers: a stimulus is announced, and then delivered or refused


def running_experiment() -> StreamStore:
    """Connect to this user's running experiment, or to CREPE_REDIS. Raises StoreError."""
    url, culture = find_place()
    return RedisStore(url, culture=culture, writer=REQUESTER)


class LiveSource(LiveSimulatorDataSource):  # type: ignore[misc]
    """A running experiment with a 60-electrode array; where it has another rate it is resampled.

    Frame 0 is about the newest sample when the simulator begins to read. Frames are given when both
    `data` and `data:spikes` have reached them, so that each spike has its time. Missing samples
    are 0.
    Stims go to the actor `ClRequests` of the experiment, and from there to its gate, armed as any
    other; every one that was not delivered is a warning in the program's log, from
    `result:delivered`.
    """

    def __init__(self, connect: Callable[[], StreamStore] = running_experiment) -> None:
        metadata = SimulatorDataSourceMetadata(
            channel_count=N_CHANNELS, frames_per_second=RATE_HZ, uV_per_sample_unit=SCALE_UV
        )
        super().__init__(metadata, max_buffer_frames=_BUFFER)
        self._connect = connect

    def start(self, sink: LiveDataSink) -> None:
        """Connect. Raises StoreError, and ConfigError for another array."""
        self._feed = _Feed(self._connect, sink)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        """Return the next frames; the first of all is about the newest sample at this moment."""
        self._feed.begin()  # not before: what waits until here would be late for ever
        return super().read(from_timestamp, frame_count)

    def stop(self) -> None:
        """End the thread that reads."""
        self._feed.close()

    def on_stims(self, stims: Sequence[DataSourceStim]) -> None:
        """Send the pulses to the experiment; those of one moment and shape are one request."""
        self._feed.request(stims)


class _Feed:
    """A thread from the streams to the simulator, and requests in the other direction.

    Its names are its own: those of the SDK's class, from which a source derives, are not known.
    """

    def __init__(self, connect: Callable[[], StreamStore], sink: LiveDataSink) -> None:
        self._sink = sink
        self._store, self._sends = connect(), connect()  # one for each thread
        info, last = self._store.info(DATA), self._store.last(DATA)
        if info is None or last is None or last.is_end:
            raise StoreError(f"{self._store.place}: no experiment acquires {DATA!r} there")
        self._frames = Frames(info, DATA)
        self._labels = dict(zip(self._frames.channels.tolist(), info.labels, strict=True))
        self._session = last.session
        self._origin = 0  # sample of frame 0; known when the simulator begins to read
        self._has_requests = self._store.info(REQUESTS) is not None
        if not self._has_requests:
            log.warning("no actor writes %s, so every stimulus is refused", REQUESTS)
        if info.is_simulated:
            log.warning("SIMULATED: session %s is from no living culture", info.session)
        # The filter begins with nothing before frame 0.
        self._first, _ = self._frames.window(0, 0)  # sample of the first one kept, from the origin
        self._samples: NDArray[np.number] = np.zeros((info.n_channels, -self._first), info.dtype)
        self._spikes: list[DataSourceSpike] = []
        self._emitted = 0
        self._reached: dict[str, int] = {}
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="crepe-live", daemon=True)

    def begin(self) -> None:
        """Begin at the newest sample; harmless to repeat."""
        if self._reached:
            return
        if last := self._store.last(DATA):
            self._origin = last.stop
        self._reached = dict.fromkeys((DATA, SPIKES), self._origin)
        if self._store.info(SPIKES) is None:
            del self._reached[SPIKES]
        self._thread.start()

    def close(self) -> None:
        """End the thread that reads."""
        self._stopping.set()
        if self._reached:
            self._thread.join(_JOIN_S)
        self._sends.close()

    def request(self, stims: Sequence[DataSourceStim]) -> None:
        """Send pulses to the experiment."""
        if not self._has_requests:
            log.warning("%d pulses refused: no actor writes %s", len(stims), REQUESTS)
            return
        for pulse in pulses(stims, self._labels):
            sample = self._origin + self._frames.sample(pulse.sample)
            value = pulse.model_copy(update={"sample": sample}).model_dump_json()
            payload = codec.pack([Command(0, 0, PULSE, value, REQUESTER)], 0, 0)
            self._sends.append_unclocked(INPUT, payload)

    def _run(self) -> None:
        cursors = {**self._reached, ANSWERS: self._origin}
        try:
            while not self._stopping.is_set() and cursors.keys() & self._reached.keys():
                self._read(cursors)
                self._emit()
            if not self._stopping.is_set():
                log.warning("session %s has ended", self._session)
        except RuntimeError as error:  # of the SDK: the simulator has closed the source
            log.debug("%s", error)
        except (StoreError, ConfigError) as error:
            log.error("%s", error)
        finally:
            self._sink.close()  # no more frames will come
            for stream in self._reached:
                cursors.pop(stream, None)
            with suppress(StoreError):
                for _ in range(_LAST_READS):
                    if cursors:
                        self._read(cursors)
            self._store.close()

    def _read(self, cursors: dict[str, int]) -> None:
        """Take the next entries, and advance the cursors; one of a stream that has ended goes."""
        for stream, entry in self._store.wait(cursors, _WAIT_S):
            assert isinstance(entry, Entry)
            if entry.is_end or entry.session != self._session:
                cursors.pop(stream, None)
            elif stream in cursors:
                cursors[stream] = entry.stop
                self._take(stream, entry)

    def _take(self, stream: str, entry: Entry) -> None:
        if stream in self._reached:
            before, self._reached[stream] = self._reached[stream], entry.stop
            if stream == DATA:
                self._fill(before, entry)
        for message in self._messages(stream, entry):
            if isinstance(message, Segment):
                self._samples = np.concatenate([self._samples, message.samples], axis=1)
            elif isinstance(message, Spikes):
                channels = self._frames.channels[message.channel].tolist()
                timestamps = self._frames.timestamp(message.sample - self._origin).tolist()
                self._spikes += [
                    DataSourceSpike(t, c)
                    for t, c in zip(timestamps, channels, strict=True)
                    if t >= self._emitted
                ]
            elif isinstance(message, Delivered) and message.stream == REQUESTS:
                log_undelivered(message)

    def _fill(self, before: int, entry: Entry) -> None:
        """Put 0 in place of samples that are missing."""
        if n_missing := entry.start - before:
            log.warning("samples %d to %d are missing", before, entry.start)
            gap = np.zeros((len(self._samples), n_missing), self._samples.dtype)
            self._samples = np.concatenate([self._samples, gap], axis=1)

    def _messages(self, stream: str, entry: Entry) -> list[Message]:
        kind = {DATA: Segment, SPIKES: Spikes, ANSWERS: Delivered}[stream]
        messages, unreadable = codec.read(kind, entry.payload, entry.start, entry.stop)
        for skipped in unreadable:
            log.error("%s: skipped %s", stream, skipped.reason)
        return messages

    def _emit(self) -> None:
        """Emit the frames that data and spikes have reached, at most a buffer at once."""
        whole = self._frames.complete(min(self._reached.values()) - self._origin)
        step = _BUFFER // self._frames.up * self._frames.up
        while self._emitted < whole:
            start, stop = self._emitted, min(whole, self._emitted + step)
            first, last = self._frames.window(start, stop)
            samples = self._samples[:, first - self._first : last - self._first]
            frames = self._frames.of(samples, start, stop)
            spikes = [spike for spike in self._spikes if spike.timestamp < stop]
            self._spikes = [spike for spike in self._spikes if spike.timestamp >= stop]
            self._sink.emit_batch(DataSourceBatch(frames=frames, spikes=spikes))
            self._emitted = stop
            keep, _ = self._frames.window(stop, stop)
            self._samples, self._first = self._samples[:, keep - self._first :], keep
