"""What is known of one session, live or recorded: gathered from its streams entry by entry."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from crepe.actors.detect import Detect
from crepe.dashboard.counts import Counts
from crepe.dashboard.events import SessionEvents
from crepe.dashboard.latency import Latency
from crepe.dashboard.traces import Traces
from crepe.electrodes.layouts import is_recording, positions_um
from crepe.messages import TRUTH, Delivered, Segment, Spikes, StreamInfo
from crepe.store import codec
from crepe.store.contract import Entry

_numbers = count(1)


class SessionView:
    """One session as those who look at it see it.

    Streams are known by what they carry: segments can be shown as traces, the first stream of
    spikes is the raster, whatever games and stimulators say is the events.
    """

    def __init__(self, session: str, experiment: Mapping[str, Any] | None = None) -> None:
        self.session = session
        self.number = next(_numbers)  # no two pictures of a process have the same
        self.infos: dict[str, StreamInfo] = {}
        self.now = 0  # newest sample index of all
        self.counts: Counts | None = None
        self.traces: dict[str, Traces] = {}  # by stream that somebody looks at
        self.events = SessionEvents()
        self.decided = Latency()
        self.fired = Latency()
        self._experiment = experiment or {}

    # What there is

    def learn(self, infos: Mapping[str, StreamInfo]) -> list[str]:
        """Take in the streams that there are; names of those that are new."""
        new = [name for name in infos if name not in self.infos and name != TRUTH]
        for name in new:
            self.infos[name] = infos[name]
        if self.counts is None and (spikes := self.spikes_stream) is not None:
            self.counts = Counts(self.infos[spikes])
        return new

    def _of(self, *kinds: str) -> list[str]:
        return [name for name, info in self.infos.items() if info.message in kinds]

    @property
    def segment_streams(self) -> list[str]:
        return sorted(self._of("Segment"))

    @property
    def spikes_stream(self) -> str | None:
        found = sorted(self._of("Spikes"))
        return found[0] if found else None

    @property
    def result_stream(self) -> str | None:
        found = sorted(self._of("Decision"))
        return found[0] if found else None

    @property
    def followed(self) -> list[str]:
        """Streams that are read whether anybody looks or not; they are small."""
        small = [n for n, i in self.infos.items() if i.kind.is_event or i.message == "Court"]
        return [*small, *([self.spikes_stream] if self.spikes_stream else [])]

    @property
    def rate_hz(self) -> float:
        return next((info.sampling_rate_hz for info in self.infos.values()), 10_000.0)

    @property
    def labels(self) -> tuple[str, ...]:
        found = (info.labels for info in self.infos.values() if info.labels)
        return next(found, ())

    @property
    def default_traces(self) -> str | None:
        """The stream whose spikes are detected, else any."""
        for table in self._actors():
            reads = table.get("reads") or []
            is_detect = str(table.get("run", "")).endswith(":Detect")
            if is_detect and reads and reads[0] in self.infos:
                return str(reads[0])
        return self.segment_streams[-1] if self.segment_streams else None

    def threshold_sd(self, stream: str) -> float | None:
        """Noise levels below which a spike is detected on a stream; None if none is."""
        for table in self._actors():
            if str(table.get("run", "")).endswith(":Detect") and stream in table.get("reads", []):
                return float(table.get("threshold_sd", Detect.model_fields["threshold_sd"].default))
        return None

    def _actors(self) -> Iterable[Mapping[str, Any]]:
        actors = self._experiment.get("actors", {})
        tables = actors.values() if isinstance(actors, dict) else ()
        return [table for table in tables if isinstance(table, dict)]

    # What comes

    def watch(self, wanted: Mapping[str, tuple[int, ...]]) -> None:
        """Keep the traces that somebody looks at: channels by stream."""
        for stream in [name for name in self.traces if name not in wanted]:
            del self.traces[stream]
        for stream, channels in wanted.items():
            if stream in self.infos and self.infos[stream].message == "Segment":
                if stream not in self.traces:
                    self.traces[stream] = Traces(self.infos[stream])
                self.traces[stream].keep(channels)

    def take(self, stream: str, entry: Entry) -> None:
        """Take in an entry of a stream that `learn` was told of."""
        info = self.infos[stream]
        self.now = max(self.now, entry.stop)
        if entry.is_end:
            return
        kind = codec.message_type(info.message)
        found = codec.unpack(kind, entry.payload, entry.start, entry.stop)
        for message in found:
            if isinstance(message, Segment):
                if stream in self.traces:
                    self.traces[stream].take(message)
            elif isinstance(message, Spikes):
                if self.counts is not None:
                    self.counts.take(message)
            else:
                self.events.take(message)
            if isinstance(message, Delivered) and message.fired:
                self.fired.take(message.age_ms)
        if stream == self.spikes_stream and self.counts is not None:
            self.counts.reach(entry.stop)

    # What it looks like

    def about(self) -> dict[str, Any]:
        """What stays the same while the session lasts."""
        labels = self.labels
        places = positions_um(labels).tolist() if labels else []
        first = next(iter(self.infos.values()), None)
        return {
            "session": self.session,
            "title": str(self._experiment.get("title", "")),
            "rate_hz": self.rate_hz,
            "labels": list(labels),
            "positions_um": places,
            "is_recording": is_recording(labels).tolist() if labels else [],
            "is_simulated": any(info.is_simulated for info in self.infos.values()),
            "origin_t_ns": str(first.origin_t_ns) if first else "0",
            "segment_streams": self.segment_streams,
            "default_traces": self.default_traces,
            "n_raster_rows": self.counts.n_rows if self.counts else 0,
            "can_be_played": self.can_be_played(),
            "gestures": self._gestures(),
            "conditions": self._conditions(),
            "has_game": bool(self._of("GameState")),
            "has_court": bool(self._of("Court")),
        }

    def _game(self) -> Mapping[str, Any]:
        for table in self._actors():
            writes = table.get("writes") or []
            if any(self.infos.get(name, StreamInfo()).message == "GameState" for name in writes):
                return table
        return {}

    def can_be_played(self) -> bool:
        """Whether the game hears gestures, and no plan says that nobody is to show any."""
        game = self._game()
        return "input" in (game.get("reads") or []) and not game.get("blocks")

    def _gestures(self) -> list[str]:
        rates = self._game().get("rates_hz", {})
        return sorted(rates) if isinstance(rates, dict) else []

    def _conditions(self) -> list[str]:
        """Those that may be chosen by hand; none where a plan decides."""
        game = self._game()
        if not game or game.get("blocks"):
            return []
        return ["stimulation", "sham", *game.get("decisions", {})]
