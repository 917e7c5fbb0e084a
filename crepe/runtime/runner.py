"""`crepe run NAME`: one program of an experiment, between Redis and its actors.

One process, one thread, one loop: XREAD BLOCK, step, XADD. Only the runner waits. The output of a
step, or of a backlog, is sent in one round trip and arrives whole. While Redis is away, actors are
notified of the silence, no more input is read, and their output is kept until it can be published.
"""

# Decisions 37 and 134: why the store does not wait, and when output is gathered.

import gc
import logging
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from crepe.actors.actor import Source
from crepe.config.context import actor_context
from crepe.config.program_part import ProgramPart
from crepe.config.tables import LOCKSTEP_SEGMENTS
from crepe.config.wiring import ActorSpec
from crepe.environment.process import is_orphan
from crepe.errors import ActorError, StoreError, StoreUnavailableError
from crepe.hw.instrument import EndOfData
from crepe.messages import StreamInfo
from crepe.runtime.chain import Chain
from crepe.runtime.heartbeat import Heartbeat
from crepe.runtime.hosted_actor import CHECKPOINT_S, HostedActor
from crepe.runtime.inputs import Inputs
from crepe.runtime.outputs import Outputs
from crepe.runtime.recorder_watch import RecorderWatch
from crepe.runtime.resume import find_resumes
from crepe.runtime.stops import Stop
from crepe.store.contract import Entry, UnclockedEntry
from crepe.store.lease import Lease
from crepe.store.redis_store import RedisStore

if TYPE_CHECKING:
    from crepe.simulator.lockstep import Lockstep

log = logging.getLogger(__name__)

_BLOCK_S = 0.1  # how often silence is noticed


class Runner:
    """The loop of one program, which runs its actors until SIGTERM.

    Parameters
    ----------
    session
        ID of the session; an entry of another one ends the program.
    since_ms
        Wall clock of the session's start; earlier commands are ignored.
    """

    def __init__(
        self,
        experiment: ProgramPart,
        store: RedisStore,
        *,
        session: str,
        lease: Lease,
        recordings: Path,
        since_ms: int = 0,
    ) -> None:
        self._experiment = experiment
        self._specs = experiment.actors
        program = experiment.program
        self._store = store
        self._session = session
        self._recordings = recordings
        self._heartbeat = Heartbeat(program, store, session, lease)
        self._inputs = Inputs(program, self._specs, store, session=session, since_ms=since_ms)
        self._outputs = Outputs(experiment, self._specs, store, self._heartbeat.answers)
        self._is_stop_requested = False
        self._may_finish = False  # a recorder first reads the entries that exist when it is stopped
        self._lockstep = self._own_instrument()

    def _own_instrument(self) -> "Lockstep | None":
        """Return the simulated instrument if it runs in this process, as it does in lock-step."""
        simulated = self._experiment.culture.simulated
        has_instrument = any(issubclass(spec.kind, Source) for spec in self._specs)
        if not (simulated and self._experiment.lockstep_s and has_instrument):
            return None
        from crepe.simulator.lockstep import Lockstep  # scipy takes time to import

        return Lockstep(simulated)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raises LeaseError if another session has the culture."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)
        # While the program opens, the store itself waits for Redis; SIGTERM must end that wait.
        self._store.meanwhile = self._check
        chain = Chain([])
        try:
            chain = self._open()
            self._store.patience_s = 0.0  # from now on only this loop waits
            # What the imports have created is left out of later collections, which pause the loop.
            gc.collect()
            gc.freeze()
            gc.enable()
            first = chain.hosted[0]
            if isinstance(first.actor, Source):
                self._run_source(chain, first)
            else:
                self._run_reader(chain)
        except Stop as reason:
            log.info("stopping: %s", reason)
            with suppress(StoreError, Stop):  # Redis is away, or another session has the streams
                self._outputs.publish(chain.leave())
                self._outputs.publish(chain.refuse(self._inputs.unread_requests()))
        except ActorError as error:
            self._heartbeat.problem = str(error)  # `crepe status` shows it between two starts
            with suppress(StoreError):
                self._outputs.flush()  # of the windows before
            raise
        finally:
            chain.close()
            self._store.patience_s = 0.0  # a start that was cut short does not wait, either
            with suppress(StoreUnavailableError, Stop):
                self._heartbeat.set_state("stopped")

    def _request_stop(self, number: int, _: FrameType | None) -> None:
        log.info("got %s", signal.Signals(number).name)
        self._is_stop_requested = True

    # Opening

    def _open(self) -> Chain:
        self._heartbeat.beat()  # before a stream is touched: the culture must be ours
        resumes = find_resumes(self._specs, self._outputs.streams, self._store, self._session)
        hosted: list[HostedActor] = []
        infos: dict[str, StreamInfo] = {}
        # Simulated time waits for positions, so that each step must report one (decision 25).
        checkpoint_s = 0.0 if self._experiment.lockstep_s else CHECKPOINT_S
        for spec in self._specs:
            self._wait_for_inputs(spec)
            infos.update(self._inputs.infos)
            resume = resumes[spec.name]
            context = actor_context(
                self._experiment,
                spec,
                infos,
                session=self._session,
                recordings=self._recordings,
                lockstep=self._lockstep,
                position=resume.position if resume else 0,
                snapshot=resume.snapshot if resume else None,
            )
            host = HostedActor(spec, context, resume, checkpoint_s)
            infos.update(host.infos)
            hosted.append(host)
            self._outputs.declare(host)
        self._inputs.begin(hosted, resumes)
        reached = max(host.position for host in hosted)
        self._heartbeat.set_position(reached)
        self._recorders = RecorderWatch([h.actor for h in hosted], self._store, self._session)
        self._heartbeat.begin_at(max(reached, self._inputs.recorded))
        self._heartbeat.problem = self._recorders.look(None)
        self._heartbeat.set_state("running")
        at = ", ".join(f"{host.spec.name} at {host.position}" for host in hosted)
        log.info("session %s: %s", self._session, at)
        chain = Chain(hosted)
        self._outputs.publish(chain.catch_up(self._inputs.missed(hosted, resumes)))
        return chain

    def _wait_for_inputs(self, spec: ActorSpec) -> None:
        for stream in self._inputs.missing(spec):
            self._heartbeat.set_state(f"waiting for {stream}")
            while not self._inputs.find(stream):
                self._check()
                if self._heartbeat.is_due():
                    self._heartbeat.beat()
                time.sleep(_BLOCK_S)

    # Running

    def _run_source(self, chain: Chain, source: HostedActor) -> None:
        last_input_s = time.monotonic()
        while not source.is_ended:
            self._check_all()
            if not self._outputs.flush():
                self._silence(chain, time.monotonic() - last_input_s)
                time.sleep(_BLOCK_S)
                continue
            if self._lockstep is not None and not self._may_read(chain, source):
                continue
            began_s = time.perf_counter()
            try:
                outputs = source.read(_BLOCK_S)
            except EndOfData:
                outputs = source.finish()
            if not outputs:
                self._silence(chain, time.monotonic() - last_input_s)
                continue
            last_input_s = time.monotonic()
            for out in outputs:
                self._heartbeat.cover(out.batch.start, out.batch.stop)
            self._outputs.publish(chain.spread(outputs))
            self._heartbeat.set_position(source.position, time.perf_counter() - began_s)
        self._idle(source.position)

    def _may_read(self, chain: Chain, source: HostedActor) -> bool:
        """Return whether, in lock-step, the source may read its next window; if not, feed readers.

        It may if every stimulus that can still be requested is due after the next segments. Time
        ends with the last program that requests stimuli.
        """
        if not (clocks := self._inputs.positions):
            self._outputs.publish(chain.spread(source.finish()))
            return False
        (info,) = source.infos.values()
        lead = round((self._experiment.lockstep_s or 0) * info.sampling_rate_hz)
        if source.position + LOCKSTEP_SEGMENTS * info.segment_samples <= min(clocks) + lead:
            return True
        for stream, item in self._next():
            self._outputs.publish(chain.push(self._inputs.take(stream, item)))
            if self._outputs.is_away:
                break
        return False

    def _run_reader(self, chain: Chain) -> None:
        self._may_finish = self._inputs.has_recorders
        last_input_s = time.monotonic()
        while self._inputs.positions:
            self._check_all()
            if self._is_stop_requested:
                self._inputs.stop_when_recorded()
            items = self._next()
            if not items:
                self._silence(chain, time.monotonic() - last_input_s)
            # Commands do not end a silence: they are outside the clock.
            if any(isinstance(item, Entry) for _, item in items):
                last_input_s = time.monotonic()
            for n_left, (stream, item) in zip(range(len(items) - 1, -1, -1), items, strict=True):
                began_s = time.perf_counter()
                batch = self._inputs.take(stream, item)
                if stream == self._inputs.clock:
                    self._heartbeat.cover(batch.start, batch.stop)
                for outputs in chain.push_by_group(batch):
                    self._outputs.publish(outputs, gather_since_s=last_input_s if n_left else None)
                self._heartbeat.set_position(chain.position, time.perf_counter() - began_s)
                # A recorder goes on: to read many large entries again for each takes too long.
                is_over = self._is_stop_requested and not self._may_finish
                if is_over or self._outputs.is_away or self._inputs.is_paused:
                    break  # the other items are read again
        self._idle(chain.position)

    def _next(self) -> list[tuple[str, Entry | UnclockedEntry]]:
        """Return the next entries; none while Redis is away or output waits to be published."""
        if self._outputs.flush():
            with suppress(StoreUnavailableError):
                return self._inputs.wait(_BLOCK_S)
        time.sleep(_BLOCK_S)
        return []

    def _idle(self, position: int) -> None:
        """Stay up after the end of the stream: an early exit would look like a failure."""
        log.info("the input ended at sample %d", position)
        self._may_finish = False
        with suppress(StoreUnavailableError):
            self._heartbeat.set_state("ended")
        while True:
            self._check_all()
            self._outputs.flush()
            time.sleep(_BLOCK_S)

    def _silence(self, chain: Chain, elapsed_s: float) -> None:
        if self._lockstep is None:  # else simulated time stands still
            self._outputs.publish(chain.pass_silence(elapsed_s))

    def _check(self) -> None:
        """Raise Stop if the program must end."""
        if self._is_stop_requested and not self._may_finish:
            raise self._inputs.stop_at_once()
        if is_orphan():
            raise Stop("supervisord is gone")

    def _check_all(self) -> None:
        """Raise Stop if the program must end; once a second, check session and send heartbeat."""
        is_due = self._heartbeat.is_due()
        if is_due or self._is_stop_requested:
            self._check()
        if is_due and self._store.is_connected:
            with suppress(StoreUnavailableError):
                self._check_session()

    def _check_session(self) -> None:
        newest = self._inputs.newest()
        self._heartbeat.disarms_after_s = self._recorders.disarms_after_s
        self._heartbeat.beat(newest, self._inputs.n_unreadable + self._store.n_foreign)
        for session in self._store.sessions((*self._outputs.streams, *self._inputs.infos)):
            if session not in (None, self._session):
                raise Stop(f"session {session} has begun")
        self._heartbeat.report(self._recorders.look(newest))
        self._inputs.register()
