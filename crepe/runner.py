"""`crepe run NAME`: one program of an experiment, between Redis and its actors.

One process, one thread, one loop: XREAD BLOCK, step, XADD. The runner alone waits, and what it
publishes in one step leaves in one round trip and arrives whole. While Redis is away the loop goes
on: actors are told of the silence, no more input is taken, and what they say is kept until it can
be published.
"""

import gc
import logging
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from crepe.actors.actor import Actor, Sink, Source, Start
from crepe.actors.real_time import real_s
from crepe.config import Experiment
from crepe.errors import NotNowError
from crepe.flow import Flow, as_entry
from crepe.heartbeat import Heartbeat
from crepe.hw.instrument import EndOfData, open_recorder, open_stimulator
from crepe.messages import StreamInfo
from crepe.parent import watch_parent
from crepe.resuming import find_resumes
from crepe.station import CHECKPOINT_S, Out, Piece, Resume, Station
from crepe.store import codec
from crepe.store.contract import Cursor, Entry, Said
from crepe.store.redis_store import RedisStore
from crepe.wiring import OUTSIDE, ActorSpec

if TYPE_CHECKING:
    from crepe.simulator.lockstep import Lockstep

log = logging.getLogger(__name__)

_BLOCK_S = 0.1  # so often silence is noticed
_ONCE_A_S = 1.0


class Stop(Exception):
    """The program must end: told so, orphaned, or overtaken by another session."""


class Runner:
    """Runs the actors of one program until it is told to stop.

    Parameters
    ----------
    session
        ID of the session; entries of any other are not ours.
    since_ms
        Wall clock of the session's start: what people said before it is not heard.
    """

    def __init__(
        self,
        experiment: Experiment,
        program: str,
        store: RedisStore,
        *,
        session: str,
        recordings: Path,
        since_ms: int = 0,
    ) -> None:
        self._experiment = experiment
        self._specs = experiment.in_program(program)
        self._store = store
        self._session = session
        self._recordings = recordings
        self._since_ms = since_ms
        self._heartbeat = Heartbeat(program, store, session)
        self._is_orphan = watch_parent()
        self._is_told_to_stop = False
        self._may_finish = False  # told to stop, a keeper first takes what is there
        self._ends: dict[str, Entry] | None = None  # of the streams when a keeper was told to stop
        self._unsent: list[tuple[str, Entry]] = []
        self._next_look_s = 0.0
        inside = {stream for spec in self._specs for stream in spec.writes.values()}
        names = {spec.name for spec in self._specs}
        read = [*experiment.reads.items(), *experiment.feedback.items()]
        readers = {stream for _, streams in read for stream in streams}
        outside = {stream for name, streams in read if name not in names for stream in streams}
        # A snapshot must be on a stream, or nobody could go on from it.
        kept = {
            stream
            for spec in self._specs
            if spec.kind.snapshot is not Actor.snapshot
            for stream in spec.writes.values()
        }
        self._published = {s for s in inside if s in outside or s in kept or s not in readers}
        self._inputs = tuple(
            dict.fromkeys(s for spec in self._specs for s in spec.reads if s not in inside)
        )
        self._kinds: dict[str, type] = {}
        self._cursors: dict[str, Cursor] = {}
        self._infos: dict[str, StreamInfo] = {}
        self._keepers: list[tuple[str, Sink[object, object]]] = []
        self._lockstep = self._own_instrument()

    def _own_instrument(self) -> "Lockstep | None":
        """In lock-step the simulated instrument is in the process of who has it."""
        simulated = self._experiment.culture.simulated
        has_instrument = any(issubclass(spec.kind, Source) for spec in self._specs)
        if not (simulated and self._experiment.lockstep_s and has_instrument):
            return None
        from crepe.simulator.lockstep import Lockstep  # brings scipy, which takes its time

        return Lockstep(simulated)

    def run(self) -> None:
        """Until SIGTERM, SIGINT, or the end of the session."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        self._store.meanwhile = self._check
        flow = Flow([])
        try:
            flow = self._open()
            self._store.patience_s = 0.0  # from now on only this loop waits
            gc.collect()
            gc.freeze()
            first = flow.stations[0]
            if isinstance(first.actor, Source):
                self._run_source(flow, first)
            else:
                self._run_reader(flow)
        except Stop as why:
            log.info("stopping: %s", why)
        finally:
            flow.close()
            self._store.patience_s = 0.0
            with suppress(NotNowError, Stop):
                self._heartbeat.say("stopped")

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        log.info("got %s", signal.Signals(number).name)
        self._is_told_to_stop = True

    # Opening

    def _open(self) -> Flow:
        resumes = find_resumes(self._specs, self._published, self._store, self._session)
        stations: list[Station] = []
        known: dict[str, StreamInfo] = {}
        checkpoint_s = 0.0 if self._experiment.lockstep_s else CHECKPOINT_S
        for spec in self._specs:
            self._wait_for_inputs(spec)
            known.update(self._infos)
            resume = resumes[spec.name]
            station = Station(spec, self._start(spec, known, resume), resume, checkpoint_s)
            known.update(station.infos)
            stations.append(station)
            for stream in self._published.intersection(spec.writes.values()):
                redis, info = self._experiment.redis, station.infos[stream]
                last = self._store.declare(
                    stream,
                    info,
                    takes_over=True,
                    keep_s=redis.keep_of_s(stream),
                    keep_bytes=redis.keep_bytes_of.get(stream),
                )
                if last is None and not info.is_live:
                    self._expect_readers(stream)
        self._set_cursors(stations, resumes)
        self._heartbeat.reached(max(station.position for station in stations))
        self._heartbeat.say("running")
        places = ", ".join(f"{s.spec.name} at {s.position}" for s in stations)
        log.info("session %s: %s", self._session, places)
        return Flow(stations)

    def _start(
        self, spec: ActorSpec, known: Mapping[str, StreamInfo], resume: Resume | None
    ) -> Start:
        return Start(
            inputs={stream: known[stream] for stream in spec.reads if stream not in OUTSIDE},
            position=resume.position if resume else 0,
            snapshot=resume.snapshot if resume else None,
            name=spec.name,
            session=self._session,
            seed=self._experiment.seed,
            experiment=self._experiment.text,
            culture=self._experiment.culture.flat(),
            recordings=self._recordings,
            monotonic_s=None if self._lockstep else real_s,
            open_recorder=self._lockstep.open_recorder if self._lockstep else open_recorder,
            open_stimulator=self._lockstep.open_stimulator if self._lockstep else open_stimulator,
        )

    def _wait_for_inputs(self, spec: ActorSpec) -> None:
        for stream in self._inputs:
            if stream in OUTSIDE or stream not in spec.reads or stream in self._infos:
                continue
            self._heartbeat.say(f"waiting for {stream}")
            while (info := self._store.info(stream)) is None or info.session != self._session:
                self._check()
                if self._is_time_to_look():
                    self._heartbeat.beat()
                time.sleep(_BLOCK_S)
            self._infos[stream] = info
            self._kinds[stream] = codec.message_type(info.message)
        for stream in self._inputs:
            if stream in OUTSIDE:
                self._kinds[stream] = OUTSIDE[stream]

    def _set_cursors(
        self, stations: Sequence[Station], resumes: Mapping[str, Resume | None]
    ) -> None:
        warmup = sum(station.warmup_samples for station in stations)
        for stream in self._inputs:
            readers = [station for station in stations if stream in station.spec.reads]
            if stream in OUTSIDE:
                heard = [station.heard for station in readers if station.heard]
                self._cursors[stream] = min(heard) if heard else f"{self._since_ms}-0"
                continue
            at: list[int] = []
            for station in readers:
                actor = station.actor
                resume = resumes[station.spec.name]
                is_clock = stream == station.spec.reads[0]
                if isinstance(actor, Sink):
                    at.append(actor.positions().get(stream, 0))
                    self._keepers.append((stream, actor))
                elif resume is None:
                    at.append(0)
                elif not actor.merges and is_clock:
                    last = self._store.last(stream)
                    at.append(last.stop if last else 0)
                else:
                    at.append(max(0, resume.position - warmup))
            self._cursors[stream] = min(at)
            self._register(stream)
        for station in stations:
            for stream, lag in station.lags.items():
                if not any(stream in other.infos for other in stations):
                    self._cursors[stream] = max(0, station.position - lag)

    def _expect_readers(self, stream: str) -> None:
        """A recording may be replayed faster than those start who read it: it waits for them."""
        ours = {spec.name for spec in self._specs}
        program_of = {a: name for name, chain in self._experiment.chains.items() for a in chain}
        for actor, reads in self._experiment.reads.items():
            if stream in reads and actor not in ours:
                self._store.register(stream, program_of.get(actor, actor), 0)

    # Running

    def _run_source(self, flow: Flow, source: Station) -> None:
        heard_s = time.monotonic()
        while not source.is_ended:
            self._look()
            if not self._is_clear():
                self._silence(flow, time.monotonic() - heard_s)
                time.sleep(_BLOCK_S)
                continue
            if self._lockstep is not None and not self._may_go_on(flow, source):
                continue
            began_s = time.perf_counter()
            try:
                outs = source.read(_BLOCK_S)
            except EndOfData:
                outs = source.finish()
            if not outs:
                self._silence(flow, time.monotonic() - heard_s)
                continue
            heard_s = time.monotonic()
            self._publish(flow.spread(outs))
            self._heartbeat.reached(source.position, time.perf_counter() - began_s)
        self._idle(source.position)

    def _may_go_on(self, flow: Flow, source: Station) -> bool:
        """In lock-step: whether all that may still be asked for is due later than the next three
        segments (one to be announced in, one to be due in, one for a game whose steps do not fall
        on segments); if not, take what comes. With the last who asks, time ends."""
        clocks = [at for at in self._cursors.values() if isinstance(at, int)]
        if not clocks:
            self._publish(flow.spread(source.finish()))
            return False
        (info,) = source.infos.values()
        lead = round((self._experiment.lockstep_s or 0) * info.sampling_rate_hz)
        if source.position + 3 * info.segment_samples <= min(clocks) + lead:
            return True
        for stream, item in self._next():
            self._publish(flow.push(self._piece(stream, item)))
            if self._unsent:
                break
        return False

    def _run_reader(self, flow: Flow) -> None:
        self._may_finish = bool(self._keepers)
        heard_s = time.monotonic()
        while any(isinstance(cursor, int) for cursor in self._cursors.values()):
            self._look()
            if self._is_told_to_stop:
                with suppress(NotNowError):
                    self._stop_when_kept()
            found = self._next()
            if not found:
                self._silence(flow, time.monotonic() - heard_s)
            if any(isinstance(item, Entry) for _, item in found):
                heard_s = time.monotonic()
            for stream, item in found:
                began_s = time.perf_counter()
                self._publish(flow.push(self._piece(stream, item)))
                elapsed_s = time.perf_counter() - began_s
                self._heartbeat.reached(max(s.position for s in flow.stations), elapsed_s)
                if self._is_told_to_stop or self._unsent:
                    break  # what was not taken is read again
        self._idle(max(station.position for station in flow.stations))

    def _next(self) -> list[tuple[str, Entry | Said]]:
        """What comes next; nothing while Redis is away, or has not taken what was said."""
        if self._is_clear():
            with suppress(NotNowError):
                return self._store.wait(self._cursors, _BLOCK_S)
        time.sleep(_BLOCK_S)
        return []

    def _stop_when_kept(self) -> None:
        """A keeper that is told to stop takes what is there now, however much follows meanwhile."""
        if not self._store.is_connected:
            raise Stop("told to, and Redis is away")
        cursors = {s: at for s, at in self._cursors.items() if isinstance(at, int)}
        if self._ends is None:
            lasts = {stream: self._store.last(stream) for stream in cursors}
            self._ends = {stream: last for stream, last in lasts.items() if last}
        lacks = [
            stream
            for stream, at in cursors.items()
            if (last := self._ends.get(stream)) and (last.is_end or last.stop > at)
        ]
        if not lacks:
            raise Stop("told to")

    def _idle(self, position: int) -> None:
        """Stay up after the end of the stream: an early exit would look like a failure."""
        log.info("the input ended at sample %d", position)
        self._may_finish = False
        with suppress(NotNowError):
            self._heartbeat.say("ended")
        while True:
            self._look()
            self._is_clear()
            time.sleep(_BLOCK_S)

    def _silence(self, flow: Flow, elapsed_s: float) -> None:
        if self._lockstep is not None:
            return  # time stands still
        for station in flow.stations:
            self._publish(flow.spread(station.silent(elapsed_s)))

    def _piece(self, stream: str, item: Entry | Said) -> Piece:
        if isinstance(item, Said):
            self._cursors[stream] = item.id
            commands = codec.unpack(self._kinds[stream], item.payload, 0, 0)
            return Piece(stream, 0, 0, commands, heard=item.id)
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
        return Piece(stream, item.start, item.stop, messages, item.is_end)

    def _publish(self, outs: Sequence[Out]) -> None:
        was_clear = not self._unsent
        now_ns = time.time_ns()
        self._unsent += [
            (out.piece.stream, as_entry(out, now_ns))
            for out in outs
            if out.piece.stream in self._published
        ]
        if was_clear:
            self._is_clear()

    def _is_clear(self) -> bool:
        """Whether all that was said is on its stream; if not, it is tried once."""
        if self._unsent:
            try:
                self._store.append(self._unsent)
            except NotNowError:
                return False
            self._unsent = []
        return True

    def _check(self) -> None:
        """Raise Stop if there is reason to."""
        if self._is_told_to_stop and not self._may_finish:
            raise Stop("told to")
        if self._is_orphan():
            raise Stop("supervisord is gone")

    def _is_time_to_look(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._next_look_s:
            return False
        self._next_look_s = now_s + _ONCE_A_S
        return True

    def _look(self) -> None:
        """Is there reason to stop; and once a second, is the session ours, and how are we."""
        self._check()
        if self._store.is_connected and self._is_time_to_look():
            with suppress(NotNowError):
                self._look_around()

    def _look_around(self) -> None:
        for stream in (*self._published, *self._infos):
            info = self._store.info(stream)
            if info is not None and info.session != self._session:
                raise Stop(f"session {info.session} has begun")
        newest = [last.stop for s in self._infos if (last := self._store.last(s))]
        self._heartbeat.beat(newest=max(newest, default=None))
        for stream in self._infos:
            self._register(stream)

    def _register(self, stream: str) -> None:
        """Let nobody trim what a keeper lacks; a recording that is replayed waits for everybody."""
        for kept, keeper in self._keepers:
            if kept == stream:
                self._store.register(
                    stream, self._heartbeat.name, keeper.positions().get(stream, 0)
                )
                return
        cursor = self._cursors.get(stream)
        if not self._infos[stream].is_live and isinstance(cursor, int):
            self._store.register(stream, self._heartbeat.name, cursor)
