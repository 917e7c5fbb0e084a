"""What a program reads: how far it is in each stream, and what came as batches for its actors."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from crepe.actors.actor import Sink
from crepe.config.wiring import OUTSIDE, ActorSpec
from crepe.errors import StoreUnavailableError
from crepe.messages import StreamInfo
from crepe.runtime.hosted_actor import Batch, HostedActor, Resume
from crepe.store import codec
from crepe.store.contract import Cursor, Entry, UnclockedEntry
from crepe.store.redis_store import RedisStore


class Stop(Exception):
    """The program must end: told so, orphaned, or overtaken by another session."""


class Inputs:
    """The streams that come into a program from others.

    Parameters
    ----------
    inside
        Streams that the program's own actors write: those are handed over in memory.
    session
        ID of the session; entries of any other are not ours.
    since_ms
        Wall clock of the session's start: what people said before it is not heard.

    Attributes
    ----------
    infos
        Of the streams that have been found; those outside the clock have none.
    clock
        The first of them whose writer publishes every window: what is not there is missing.
    """

    def __init__(
        self,
        program: str,
        specs: Sequence[ActorSpec],
        inside: Collection[str],
        store: RedisStore,
        *,
        session: str,
        since_ms: int,
    ) -> None:
        self._program = program
        self._store = store
        self._session = session
        self._since_ms = since_ms
        read = dict.fromkeys(stream for spec in specs for stream in spec.reads)
        self._streams = tuple(stream for stream in read if stream not in inside)
        self._kinds: dict[str, type] = {s: OUTSIDE[s] for s in self._streams if s in OUTSIDE}
        self._cursors: dict[str, Cursor] = {}
        self._keepers: dict[str, Sink[object, object]] = {}
        self._ends: dict[str, Entry] | None = None  # of the streams when a keeper was told to stop
        self.infos: dict[str, StreamInfo] = {}
        self.clock = ""

    # Opening

    def missing(self, spec: ActorSpec) -> list[str]:
        """The streams that an actor reads and that have not been found yet."""
        return [s for s in self._streams if s in spec.reads and s not in self._kinds]

    def find(self, stream: str) -> bool:
        """Look for a stream of this session; whether it is there."""
        info = self._store.info(stream)
        if info is None or info.session != self._session:
            return False
        self.infos[stream] = info
        self._kinds[stream] = codec.message_type(info.message)
        return True

    def begin(self, hosted: Sequence[HostedActor], resumes: Mapping[str, Resume | None]) -> None:
        """Set each stream to where the first of its readers goes on."""
        clocked = (s for s, info in self.infos.items() if info.kind.is_clocked)
        self.clock = next(clocked, "")
        warmup = sum(host.warmup_samples for host in hosted)
        for stream in self._streams:
            readers = [host for host in hosted if stream in host.spec.reads]
            if stream in OUTSIDE:
                heard = [host.heard for host in readers if host.heard]
                self._cursors[stream] = min(heard) if heard else f"{self._since_ms}-0"
                continue
            at: list[int] = []
            for host in readers:
                actor = host.actor
                resume = resumes[host.spec.name]
                is_clock = stream == host.spec.reads[0]
                if isinstance(actor, Sink):
                    at.append(actor.positions().get(stream, 0))
                    self._keepers.setdefault(stream, actor)
                elif resume is None:
                    at.append(0)
                elif not actor.merges and is_clock:
                    last = self._store.last(stream)
                    at.append(last.stop if last else 0)
                else:
                    at.append(max(0, resume.position - warmup))
            self._cursors[stream] = min(at)
            self._register(stream)
        for host in hosted:
            for stream, lag in host.lags.items():
                if not any(stream in other.infos for other in hosted):
                    self._cursors[stream] = max(0, host.position - lag)

    # Reading

    @property
    def has_keepers(self) -> bool:
        """Whether an actor keeps what comes: it must miss nothing."""
        return bool(self._keepers)

    @property
    def kept(self) -> int:
        """How far who keeps the clock has it; 0 if nobody does."""
        keeper = self._keepers.get(self.clock)
        return keeper.covered(self.clock) if keeper else 0

    @property
    def problem(self) -> str:
        """What people should be told of what is kept; empty if all is well."""
        return "; ".join({keeper.problem for keeper in self._keepers.values()} - {""})

    @property
    def positions(self) -> list[int]:
        """How far the program is in each stream of the clock that has not ended."""
        return [at for at in self._cursors.values() if isinstance(at, int)]

    def wait(self, timeout_s: float) -> list[tuple[str, Entry | UnclockedEntry]]:
        """What comes next; it is not taken yet. Raises StoreUnavailableError."""
        return self._store.wait(self._cursors, timeout_s)

    def take(self, stream: str, item: Entry | UnclockedEntry) -> Batch:
        """What came, for the actors. Raises Stop if it is of another session."""
        if isinstance(item, UnclockedEntry):
            self._cursors[stream] = item.id
            commands = codec.unpack(self._kinds[stream], item.payload, 0, 0)
            return Batch(stream, 0, 0, commands, heard=item.id)
        if item.session != self._session:
            raise Stop(f"session {item.session} has begun")
        self._cursors[stream] = item.stop
        if item.is_end:
            del self._cursors[stream]
        if stream not in self._kinds:  # fed back: it was written by nobody when this opened
            info = self._store.info(stream)
            self._kinds[stream] = codec.message_type(info.message if info else "")
        messages = codec.unpack(
            self._kinds[stream],
            item.payload,
            item.start,
            item.stop,
            t_ns=item.t_ns,
            is_estimated=item.is_estimated,
        )
        return Batch(stream, item.start, item.stop, messages, item.is_end)

    def stop_when_kept(self) -> None:
        """Raise Stop once a keeper has what was there at the first call, or cannot get it."""
        if not self._store.is_connected:
            raise Stop("told to, and Redis is away")
        cursors = {s: at for s, at in self._cursors.items() if isinstance(at, int)}
        with suppress(StoreUnavailableError):
            if self._ends is None:
                lasts = {stream: self._store.last(stream) for stream in cursors}
                self._ends = {stream: last for stream, last in lasts.items() if last}
            ends = [(self._ends[s], at) for s, at in cursors.items() if s in self._ends]
            if not any(last.is_end or last.stop > at for last, at in ends):
                raise Stop("told to")

    def newest(self) -> int | None:
        """The last sample that any of the streams holds."""
        return max((last.stop for s in self.infos if (last := self._store.last(s))), default=None)

    def register(self) -> None:
        """Let nobody trim what a keeper lacks; a recording that is replayed waits for everybody."""
        for stream in self.infos:
            self._register(stream)

    def _register(self, stream: str) -> None:
        keeper = self._keepers.get(stream)
        cursor = self._cursors.get(stream)
        if keeper is not None:
            self._store.register(stream, self._program, keeper.positions().get(stream, 0))
        elif not self.infos[stream].is_live and isinstance(cursor, int):
            self._store.register(stream, self._program, cursor)
