"""`crepe run NAME`: one program of an experiment, between Redis and its actors.

One process, one thread, one loop: XREAD BLOCK, step, XADD. The runner alone waits, and what it
publishes in one step leaves in one round trip and arrives whole.
"""

import gc
import logging
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from crepe.actors.actor import Sink, Source, Start
from crepe.config import Experiment
from crepe.flow import Flow, as_entry
from crepe.heartbeat import Heartbeat
from crepe.hw.instrument import EndOfData, open_recorder, open_stimulator
from crepe.messages import StreamInfo
from crepe.parent import watch_parent
from crepe.station import CHECKPOINT_S, Out, Piece, Resume, Station
from crepe.store import codec
from crepe.store.contract import Cursor, Entry, Said, StreamStore
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
        store: StreamStore,
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
        self._next_look_s = 0.0
        inside = {stream for spec in self._specs for stream in spec.writes.values()}
        names = {spec.name for spec in self._specs}
        read = [*experiment.reads.items(), *experiment.feedback.items()]
        readers = {stream for _, streams in read for stream in streams}
        outside = {stream for name, streams in read if name not in names for stream in streams}
        self._published = {s for s in inside if s in outside or s not in readers}
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
        flow = Flow([])
        try:
            flow = self._open()
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
            self._heartbeat.say("stopped")

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        log.info("got %s", signal.Signals(number).name)
        self._is_told_to_stop = True

    # Opening

    def _open(self) -> Flow:
        resumes = {spec.name: self._resume(spec) for spec in self._specs}
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
                last = self._store.declare(stream, station.infos[stream], takes_over=True)
                if last is None and not station.infos[stream].is_live:
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
            open_recorder=self._lockstep.open_recorder if self._lockstep else open_recorder,
            open_stimulator=self._lockstep.open_stimulator if self._lockstep else open_stimulator,
        )

    def _wait_for_inputs(self, spec: ActorSpec) -> None:
        for stream in self._inputs:
            if stream in OUTSIDE or stream not in spec.reads or stream in self._infos:
                continue
            self._heartbeat.say(f"waiting for {stream}")
            while (info := self._store.info(stream)) is None or info.session != self._session:
                self._look(has_begun=False)
                time.sleep(_BLOCK_S)
            self._infos[stream] = info
            self._kinds[stream] = codec.message_type(info.message)
        for stream in self._inputs:
            if stream in OUTSIDE:
                self._kinds[stream] = OUTSIDE[stream]

    def _resume(self, spec: ActorSpec) -> Resume | None:
        """How far the actor got in this session, from the last entries of its streams."""
        stops: dict[str, int] = {}
        newest: Entry | None = None
        n_ended = 0
        for stream in spec.writes.values():
            if stream not in self._published:
                continue
            info = self._store.info(stream)
            last = self._store.last(stream)
            if info is None or info.session != self._session or last is None:
                continue
            stops[stream] = last.stop
            n_ended += last.is_end
            if newest is None or last.input_position > newest.input_position:
                newest = last
        if newest is None:
            return None
        snapshot = codec.unpack_value(newest.snapshot) if newest.snapshot else None
        is_ended = n_ended == len(spec.writes)
        return Resume(newest.input_position, stops, snapshot, newest.heard, is_ended)

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
        while not source.is_ended:
            self._look()
            if self._lockstep is not None and not self._may_go_on(flow, source):
                continue
            began_s = time.perf_counter()
            try:
                outs = source.read(_BLOCK_S)
            except EndOfData:
                outs = source.finish()
            if outs:
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
        for stream, item in self._store.wait(self._cursors, _BLOCK_S):
            self._publish(flow.push(self._piece(stream, item)))
        return False

    def _run_reader(self, flow: Flow) -> None:
        heard_s = time.monotonic()
        while any(isinstance(cursor, int) for cursor in self._cursors.values()):
            if not (self._is_told_to_stop and self._keepers):
                self._look()
            found = self._store.wait(self._cursors, _BLOCK_S)
            if not found:
                self._look()
                self._silence(flow, time.monotonic() - heard_s)
                continue
            if any(isinstance(item, Entry) for _, item in found):
                heard_s = time.monotonic()
            for stream, item in found:
                began_s = time.perf_counter()
                self._publish(flow.push(self._piece(stream, item)))
                elapsed_s = time.perf_counter() - began_s
                self._heartbeat.reached(max(s.position for s in flow.stations), elapsed_s)
                if self._is_told_to_stop and not self._keepers:
                    break  # a keeper, though, takes all that is there before it stops
        self._idle(max(station.position for station in flow.stations))

    def _idle(self, position: int) -> None:
        """Stay up after the end of the stream: an early exit would look like a failure."""
        log.info("the input ended at sample %d", position)
        self._heartbeat.say("ended")
        while True:
            self._look()
            time.sleep(_BLOCK_S)

    def _silence(self, flow: Flow, elapsed_s: float) -> None:
        for station in flow.stations:
            self._publish(flow.spread(station.silent(elapsed_s)))

    def _piece(self, stream: str, item: Entry | Said) -> Piece:
        if isinstance(item, Said):
            self._cursors[stream] = item.id
            commands = codec.unpack(self._kinds[stream], item.payload, 0, 0)
            return Piece(stream, 0, 0, commands, heard=item.id)
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
        now_ns = time.time_ns()
        batch = [
            (out.piece.stream, as_entry(out, now_ns))
            for out in outs
            if out.piece.stream in self._published
        ]
        if batch:
            self._store.append(batch)

    def _look(self, *, has_begun: bool = True) -> None:
        """Once a second: is there reason to stop, and how are we."""
        if self._is_told_to_stop:
            raise Stop("told to")
        now_s = time.monotonic()
        if now_s < self._next_look_s:
            return
        self._next_look_s = now_s + _ONCE_A_S
        if self._is_orphan():
            raise Stop("supervisord is gone")
        if not has_begun:
            self._heartbeat.beat()
            return
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
