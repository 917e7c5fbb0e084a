"""The state of one session, live or recorded: gathered from its streams entry by entry."""

import logging
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from crepe.actors.detect import Detect
from crepe.dashboard.counts import Counts
from crepe.dashboard.events import SessionEvents
from crepe.dashboard.latency import Latency
from crepe.dashboard.traces import Traces
from crepe.electrodes.geometry import positions_um
from crepe.electrodes.layouts import is_recording
from crepe.messages import TRUTH, Delivered, Message, Segment, Spikes, StreamInfo
from crepe.redis_server.find_url import CULTURE
from crepe.store import codec
from crepe.store.contract import Entry

log = logging.getLogger(__name__)

_numbers = count(1)


class SessionView:
    """One session as the views of the page need it.

    Streams are chosen by what they carry: segments can be shown as traces, the first stream of
    spikes is the raster, and what games and stimulators publish makes up the events.
    """

    def __init__(self, session: str, experiment: Mapping[str, Any] | None = None) -> None:
        self.session = session
        self.number = next(_numbers)  # unique in this process; a browser's cursors belong to one
        self.infos: dict[str, StreamInfo] = {}
        self.now = 0  # newest sample index of all streams
        self.counts: Counts | None = None
        self.traces: dict[str, Traces] = {}  # by stream, of those that a browser shows
        self.events = SessionEvents()
        self.newest: dict[str, Message] = {}  # by message type; segments are not kept
        self.decided = Latency()
        self.fired = Latency()
        self._experiment = experiment or {}

    # The streams

    def learn(self, infos: Mapping[str, StreamInfo]) -> list[str]:
        """Add the streams that are not listed yet, and return their names."""
        # The true spikes of a simulated culture are not shown: a living one has none.
        new = [name for name in infos if name not in self.infos and name != TRUTH]
        for name in new:
            self.infos[name] = infos[name]
        if self.counts is None and (spikes := self.spikes_stream) is not None:
            self.counts = Counts(self.infos[spikes])
        return new

    def streams_of(self, *messages: str) -> list[str]:
        """Return the streams that carry one of these message types, given by name."""
        return [name for name, info in self.infos.items() if info.message in messages]

    @property
    def segment_streams(self) -> list[str]:
        """Streams of samples, by name."""
        return sorted(self.streams_of("Segment"))

    @property
    def spikes_stream(self) -> str | None:
        """The stream of spikes that is counted."""
        return min(self.streams_of("Spikes"), default=None)

    @property
    def result_stream(self) -> str | None:
        """The stream of decisions whose delay is measured."""
        return min(self.streams_of("Decision"), default=None)

    @property
    def rate_hz(self) -> float:
        """Samples per second; all streams of a session share their sample index."""
        return next((info.sampling_rate_hz for info in self.infos.values()), 10_000.0)

    @property
    def labels(self) -> tuple[str, ...]:
        """Electrode labels, by channel."""
        return self._array.labels

    @property
    def _array(self) -> StreamInfo:
        """The description of the first stream with channels."""
        return next((info for info in self.infos.values() if info.labels), StreamInfo())

    @property
    def default_traces(self) -> str | None:
        """The stream whose spikes are detected; without one, the last stream of samples."""
        for table in self.actors():
            reads = table.get("reads") or []
            if _is_detect(table) and reads and reads[0] in self.infos:
                return str(reads[0])
        return self.segment_streams[-1] if self.segment_streams else None

    def thresholds_sd(self, stream: str) -> tuple[float, ...]:
        """Return the thresholds of the detector on a stream, in noise levels; none without one."""
        for table in self.actors():
            if _is_detect(table) and stream in table.get("reads", []):
                sd = float(table.get("threshold_sd", Detect.model_fields["threshold_sd"].default))
                sides = {"positive": (sd,), "both": (-sd, sd)}
                return sides.get(str(table.get("polarity", "")), (-sd,))
        return ()

    def actors(self) -> Iterable[Mapping[str, Any]]:
        """Return the tables of the experiment's actors; empty where there is no experiment."""
        actors = self._experiment.get("actors", {})
        tables = actors.values() if isinstance(actors, dict) else ()
        return [table for table in tables if isinstance(table, dict)]

    # Entries

    def watch(self, channels: Mapping[str, tuple[int, ...]]) -> None:
        """Keep the traces of these channels, by stream, and drop all others."""
        for stream in [name for name in self.traces if name not in channels]:
            del self.traces[stream]
        for stream, rows in channels.items():
            if stream in self.infos and self.infos[stream].message == "Segment":
                if stream not in self.traces:
                    self.traces[stream] = Traces(self.infos[stream])
                self.traces[stream].keep(rows)

    def take(self, stream: str, entry: Entry) -> None:
        """Add an entry of a stream that `learn` has listed."""
        info = self.infos[stream]
        self.now = max(self.now, entry.stop)
        if entry.is_end:
            return
        kind = codec.message_type(info.message)
        messages, unreadable = codec.read(kind, entry.payload, entry.start, entry.stop)
        for message in messages:
            self._add(stream, message)
        for skipped in unreadable:  # the programs that read the stream count it
            log.warning("%s: skipped %s", stream, skipped.reason)
        if stream == self.spikes_stream and self.counts is not None:
            self.counts.reach(entry.stop)  # an entry without spikes moves the time on, too

    def _add(self, stream: str, message: Message) -> None:
        if isinstance(message, Segment):
            if stream in self.traces:
                self.traces[stream].take(message)
            return
        self.newest[self.infos[stream].message] = message
        if isinstance(message, Spikes):
            if self.counts is not None:
                self.counts.take(message)
        else:
            self.events.take(message, stream)
        if isinstance(message, Delivered) and message.fired:
            self.fired.take(message.age_ms)

    @property
    def is_simulated(self) -> bool:
        """Whether the culture is simulated."""
        return any(info.is_simulated for info in self.infos.values())

    @property
    def too_slow(self) -> str:
        """The reason why stimuli come too late, and a way out; empty if they do not."""
        culture = self._experiment.get("culture")
        can_lockstep = isinstance(culture, dict) and "simulated" in culture
        return self.events.too_slow(can_lockstep=can_lockstep)

    @property
    def title(self) -> str:
        """The experiment's title, with the culture's name if it was given one: that of a well."""
        title, name = (str(self._experiment.get(key, "")) for key in ("title", "name"))
        return f"{title} ({name})".strip() if name not in ("", CULTURE) else title

    def about(self) -> dict[str, Any]:
        """Return what stays the same until there are further streams."""
        labels = self.labels
        first = next(iter(self.infos.values()), None)
        return {
            "session": self.session,
            "title": self.title,
            "rate_hz": self.rate_hz,
            "labels": list(labels),
            "positions_um": list(positions_um(self._array)),
            "is_recording": is_recording(labels).tolist() if labels else [],
            "is_simulated": self.is_simulated,
            # As text: nanoseconds since 1970 exceed the 53 bits of a JavaScript number.
            "origin_t_ns": str(first.origin_t_ns) if first else "0",
        }


def _is_detect(table: Mapping[str, Any]) -> bool:
    return str(table.get("run", "")).endswith(":Detect")
