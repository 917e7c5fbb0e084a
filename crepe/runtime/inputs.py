"""The streams that a program reads: its position in each, and their entries as batches."""

# Decision 8: why some actors do not merge their inputs.

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from crepe.actors.actor import Sink
from crepe.config.wiring import OUTSIDE, ActorSpec
from crepe.errors import StoreUnavailableError
from crepe.messages import Message, StreamInfo, Unreadable
from crepe.runtime.batch import Batch, Resume
from crepe.runtime.hosted_actor import HostedActor
from crepe.runtime.stops import Stop, UnrecordedError
from crepe.store import codec
from crepe.store.contract import READ_COUNT, Cursor, Entry, UnclockedEntry, entries_at_once
from crepe.store.redis_store import RedisStore

log = logging.getLogger(__name__)

_MOST_LOGGED = 100  # unreadable messages
_GATHER_S = 0.05  # a recorder's pause between reads: a wake-up costs more than an entry


class Inputs:
    """The streams that a program reads from other programs.

    Parameters
    ----------
    session
        ID of the session; an entry of another one raises Stop.
    since_ms
        Wall clock of the session's start; earlier commands are ignored.

    Attributes
    ----------
    infos
        The descriptions of the streams that exist; streams outside the clock have none.
    clock
        The first of them whose writer publishes every window, so that a gap means missing samples.
    n_unreadable
        Number of messages that could not be read, and were skipped.
    """

    def __init__(
        self,
        program: str,
        specs: Sequence[ActorSpec],
        store: RedisStore,
        *,
        session: str,
        since_ms: int,
    ) -> None:
        self._program = program
        self._store = store
        self._session = session
        self._since_ms = since_ms
        # What the program's own actors write is handed over in memory.
        inside = {stream for spec in specs for stream in spec.writes.values()}
        read = dict.fromkeys(stream for spec in specs for stream in spec.reads)
        self._has_sinks = any(issubclass(spec.kind, Sink) for spec in specs)
        self._streams = tuple(stream for stream in read if stream not in inside)
        self._kinds: dict[str, type[Message]] = {
            s: OUTSIDE[s] for s in self._streams if s in OUTSIDE
        }
        self._cursors: dict[str, Cursor] = {}
        self._recorders: dict[str, Sink[object, object]] = {}
        self._sinks: list[Sink[object, object]] = []
        # Requests: one that was trimmed could not be answered.
        answering = (s for s in specs if not (s.kind.merges or issubclass(s.kind, Sink)))
        self._answered = {stream for spec in answering for stream in spec.reads[1:]}
        self._is_behind, self._n_at_once = False, READ_COUNT  # entries of a stream read at once
        self._ends: dict[str, Entry] | None = None  # last entries when a recorder was stopped
        self.infos: dict[str, StreamInfo] = {}
        self.clock = ""
        self.n_unreadable = 0

    # Opening

    def missing(self, spec: ActorSpec) -> list[str]:
        """Return the streams that an actor reads and that do not exist yet."""
        return [s for s in self._streams if s in spec.reads and s not in self._kinds]

    def find(self, stream: str) -> bool:
        """Look a stream of this session up; return whether it exists."""
        info = self._store.info(stream)
        if info is None or info.session != self._session:
            return False
        self.infos[stream] = info
        self._kinds[stream] = codec.message_type(info.message)
        return True

    def begin(self, hosted: Sequence[HostedActor], resumes: Mapping[str, Resume | None]) -> None:
        """Set the cursor of each stream to where the first of its readers resumes."""
        self._sinks = [host.actor for host in hosted if isinstance(host.actor, Sink)]
        warmup = sum(host.warmup_samples for host in hosted)
        for stream in self._streams:
            readers = [host for host in hosted if stream in host.spec.reads]
            if stream in OUTSIDE:
                ids = [host.command_id for host in readers if host.command_id]
                # IDs begin with a wall clock in ms: this one skips earlier sessions' commands.
                self._cursors[stream] = min(ids) if ids else f"{self._since_ms}-0"
                continue
            at: list[int] = []
            for host in readers:
                actor, resume = host.actor, resumes[host.spec.name]
                is_clock = stream == host.spec.reads[0]
                if isinstance(actor, Sink):
                    self._recorders.setdefault(stream, actor)
                    at += [actor.positions().get(stream, 0)] if stream in host.reads else []
                elif resume is None:
                    at.append(0)
                elif not actor.merges and is_clock:
                    # A stimulator resumes at the newest sample: older ones are too late.
                    last = self._store.last(stream)
                    at.append(last.stop if last else 0)
                elif not actor.merges:
                    # A stream of requests, each of which must be answered.
                    at.append(actor.resume_positions().get(stream, resume.position))
                else:
                    # A sum: an actor warms up on output of the actors before it.
                    at.append(max(0, resume.position - warmup))
            if at:  # else it is recorded without being read
                self._cursors[stream] = min(at)
            self._register([stream])
        self._n_at_once = entries_at_once(self.infos[s] for s in self._cursors if s in self.infos)
        clocked = (s for s in self._cursors if s in self.infos and self.infos[s].kind.is_clocked)
        self.clock = next(clocked, "")
        for host in hosted:
            for stream, lag in host.lags.items():
                if not any(stream in other.infos for other in hosted):
                    self._cursors[stream] = max(0, host.position - lag)

    def missed(
        self, hosted: Sequence[HostedActor], resumes: Mapping[str, Resume | None]
    ) -> Iterator[tuple[HostedActor, Batch]]:
        """Yield what an actor needs again of the published streams of others in this program.

        Their writers resume behind what they have published, and hand over only what follows. A
        stimulator gets its requests, to answer them, and no samples: they are too late.
        """
        for host in hosted:
            resume = resumes[host.spec.name]
            for stream in (*host.reads, *host.lags):
                if not any(stream in other.infos for other in hosted):
                    continue
                start = (resume.position if resume else 0) - host.warmup_samples
                if isinstance(host.actor, Sink):
                    start = host.actor.positions().get(stream, 0)
                elif not host.actor.merges:
                    if stream == host.spec.reads[0]:
                        continue
                    start = host.actor.resume_positions().get(stream, 0)
                yield from self._again(host, stream, max(0, start - host.lags.get(stream, 0)))

    def _again(
        self, host: HostedActor, stream: str, start: int
    ) -> Iterator[tuple[HostedActor, Batch]]:
        """Yield the entries of a stream that end behind `start`; none if it is not published."""
        info, last = self._store.info(stream), self._store.last(stream)
        if info is None or last is None or last.session != self._session:
            return
        kind, count = codec.message_type(info.message), entries_at_once([info])
        while entries := self._store.entries(stream, start, last.stop, count):
            yield from ((host, self._as_batch(stream, kind, entry)) for entry in entries)
            start = entries[-1].stop
        if last.is_end:
            yield host, Batch(stream, last.stop, last.stop, is_end=True)

    # Reading

    @property
    def has_recorders(self) -> bool:
        """True if an actor records its input and must miss none of it."""
        return bool(self._recorders)

    @property
    def _may_gather(self) -> bool:
        """True if entries may wait: only recorders read, in real time, and there is no backlog."""
        is_hasty = not self._sinks or self._is_behind or not self.infos[self.clock].is_live
        return not is_hasty and all(stream in self._recorders for stream in self.infos)

    @property
    def recorded(self) -> int:
        """Sample index up to which the clock stream is recorded; 0 without a recorder."""
        recorder = self._recorders.get(self.clock)
        return recorder.covered(self.clock) if recorder else 0

    @property
    def positions(self) -> list[int]:
        """The program's position in each stream of the clock that has not ended."""
        return [at for at in self._cursors.values() if isinstance(at, int)]

    def wait(self, timeout_s: float) -> list[tuple[str, Entry | UnclockedEntry]]:
        """Return the next entries without advancing the cursors; none while a recorder pauses.

        Raises StoreUnavailableError.
        """
        if self.is_paused:
            time.sleep(timeout_s)
            return []
        if self._may_gather:
            time.sleep(_GATHER_S)
        items = self._store.wait(self._cursors, timeout_s, self._n_at_once)
        self._is_behind = len(items) >= self._n_at_once
        return items

    def unread_requests(self) -> Iterator[Batch]:
        """Yield the requests that have come but were not read, for a last answer."""
        while at := {s: c for s in self._answered if isinstance(c := self._cursors.get(s), int)}:
            if not (items := self._store.wait(at, 0.0)):
                return
            yield from (self.take(stream, item) for stream, item in items)

    def take(self, stream: str, item: Entry | UnclockedEntry) -> Batch:
        """Return an entry as a batch and advance past it. Raises Stop for another session's."""
        if isinstance(item, UnclockedEntry):
            self._cursors[stream] = item.id
            commands, unreadable = codec.read(self._kinds[stream], item.payload, 0, 0)
            self._count(stream, unreadable)
            return Batch(stream, 0, 0, commands, command_id=item.id, unreadable=unreadable)
        # A reader blocked at an old cursor also receives what a new session writes behind it.
        if item.session != self._session:
            raise Stop(f"session {item.session} has begun")
        self._cursors[stream] = item.stop
        if item.is_end:
            del self._cursors[stream]  # without streams of the clock the program's loop ends
        if stream not in self._kinds:  # a feedback stream had no writer yet when the program opened
            info = self._store.info(stream)
            self._kinds[stream] = codec.message_type(info.message if info else "")
        return self._as_batch(stream, self._kinds[stream], item)

    def _as_batch(self, stream: str, kind: type[Message], entry: Entry) -> Batch:
        window, of_segment = (entry.start, entry.stop), entry.of_segment
        messages, unreadable = codec.read(kind, entry.payload, *window, **of_segment)
        self._count(stream, unreadable)
        return Batch(stream, entry.start, entry.stop, messages, entry.is_end, unreadable=unreadable)

    def _count(self, stream: str, unreadable: Sequence[Unreadable]) -> None:
        """Count messages that are skipped; log the first few, as a flood must not fill a disk."""
        for message in unreadable:
            self.n_unreadable += 1
            if self.n_unreadable <= _MOST_LOGGED:
                log.error("%s: skipped %s", stream, message.reason)

    @property
    def is_paused(self) -> bool:
        """True while a recorder has no room."""
        return any(sink.is_paused for sink in self._sinks)

    def stop_at_once(self) -> Exception:
        """Return what ends the program on request where no recorder has to finish first."""
        if self._has_sinks and not self._recorders:
            return UnrecordedError("stopped before the recorder had opened its streams")
        return Stop("requested")

    def stop_when_recorded(self) -> None:
        """Raise Stop once the recorder has all entries of the first call.

        Raises UnrecordedError if it cannot read or store them.
        """
        if not self._store.is_connected:
            raise UnrecordedError("stopped while Redis is away; what it holds is not recorded")
        if self.is_paused:
            raise UnrecordedError("stopped while the recorder has no room on the disk")
        cursors = {s: at for s, at in self._cursors.items() if isinstance(at, int)}
        with suppress(StoreUnavailableError):
            if self._ends is None:
                # Looked up once: a writer that still runs would move the end on and on.
                lasts = {stream: self._store.last(stream) for stream in cursors}
                self._ends = {stream: last for stream, last in lasts.items() if last}
            ends = {s: last for s, last in self._ends.items() if s in cursors}
            if not any(last.is_end or last.stop > cursors[s] for s, last in ends.items()):
                raise Stop("requested")

    def newest(self) -> int | None:
        """Return the sample index after the last one that any of the streams holds."""
        return self._store.newest(self.infos)

    def register(self) -> None:
        """Protect data the recorder has not stored, and requests without answer, from trimming.

        A recording that is replayed waits for every reader.
        """
        self._register(self.infos)

    def _register(self, streams: Iterable[str]) -> None:
        positions: dict[str, int] = {}
        for stream in streams:
            recorder, cursor = self._recorders.get(stream), self._cursors.get(stream)
            if recorder is not None:
                positions[stream] = recorder.positions().get(stream, 0)
            elif isinstance(cursor, int) and (
                not self.infos[stream].is_live or stream in self._answered
            ):
                positions[stream] = cursor
        self._store.register_all(self._program, positions)
