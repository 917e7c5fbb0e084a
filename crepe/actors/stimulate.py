"""The only path to the stimulating instrument: each train passes the gate, at most once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.hw.instrument import Stimulator
from crepe.messages import (
    Delivered,
    DeliveryState,
    Message,
    Segment,
    Stimulus,
    StreamInfo,
    Unreadable,
)
from crepe.safety.firing.form import number_of, well_formed
from crepe.safety.firing.guarded_stimulator import GuardedStimulator
from crepe.safety.firing.ledger import Ledger, requester
from crepe.safety.firing.outage import Outage
from crepe.safety.firing.timed_guard import TimedGuard
from crepe.safety.gate import Gate
from crepe.safety.limits import Limits
from crepe.safety.liveness import Liveness
from crepe.safety.real_time import RealTime
from crepe.safety.sub_trains import LONGEST_S
from crepe.safety.train import Train, TrainState
from crepe.safety.train_queue import TrainQueue

_ENDED = "the stimulator was ended"


class Stimulate(Actor[Segment | Stimulus, Delivered]):
    """A stimulator that checks each requested train, fires it when due, stops it when over.

    The data stream is the clock, and its delay against real time counts, too. A train that passes
    the gate is answered with `intended` first. It is fired one clock step later at the earliest,
    when that answer is on its stream, so that a restarted stimulator knows which trains it must
    not fire again. One train runs at a time, so groups of electrodes cannot overlap; others may
    wait, each due no earlier than the end of the one before.

    Every request has exactly one final answer, whatever restarts: each stream of requests is read
    on where this actor had answered it. A request that cannot be read is refused as number 0.

    The instrument is given at most `burst_s` of a train at once: a sub-train. The next sub-train
    follows only if the guard and all checks still allow it. The instrument is stopped after each
    train, unless a train with the same pulses waits. Everything is stopped when the clock stands
    still or jumps, a stream of requests falls behind (a rest is not silence), or this process ends.
    """

    is_sparse: ClassVar[bool] = True
    merges: ClassVar[bool] = False
    acts_outside: ClassVar[bool] = True
    priority: ClassVar[int] = 90

    device: str
    """The instrument: a URL such as `meame://HOST:8888`, `none://` for no stimulation, or the
    import path of a stimulator."""
    limits: Limits = Limits()
    """The limits of the gate; each may be made tighter here."""
    max_age_ms: float = Field(200.0, gt=0, le=200.0)
    """Longest time from the sample that led to a request to its first pulse; an older train is
    refused, and so is one that is due later."""
    stall_s: float = Field(0.2, gt=0, le=1.0)
    """Longest silence, or delay, of the data; after it a train is stopped."""
    outage_s: float = Field(10.0, gt=0, le=60.0)
    """Longest outage of the data; after it the stimulator is disarmed."""
    silence_s: float = Field(0.75, gt=0, le=2.0)
    """Longest lag of a stream of requests behind the data; after it a train is stopped."""
    burst_s: float = Field(LONGEST_S, gt=0, le=LONGEST_S)
    """Longest sub-train: the instrument finishes it even if every program dies. Only one that
    promises to stop with its program, and to prove each stop, is given longer trains at once."""

    _guard: TimedGuard = PrivateAttr()
    _stimulator: Stimulator = PrivateAttr()
    _instrument: GuardedStimulator = PrivateAttr()
    _rate_hz: float = PrivateAttr()
    _time: RealTime = PrivateAttr()
    _liveness: Liveness = PrivateAttr()
    _outage: Outage = PrivateAttr()
    _gate: Gate = PrivateAttr()
    _trains: TrainQueue = PrivateAttr()
    _ledger: Ledger = PrivateAttr()
    _is_ending: bool = PrivateAttr(False)

    def open(self, start: ActorContext) -> None:
        self._rate_hz = start.first.sampling_rate_hz
        self._time = RealTime(self._rate_hz, start.position, start.monotonic_s, start.wall_ns)
        _, *requests = start.inputs  # the first is the clock
        self._liveness = Liveness(
            self._time, self._rate_hz, requests, stall_s=self.stall_s, silence_s=self.silence_s
        )
        snapshot = start.snapshot or {}
        self._ledger = Ledger(requests, self._time, start.position, snapshot)
        self._trains = TrainQueue(self._rate_hz)
        self._guard = TimedGuard(start.open_guard())
        self._outage = Outage(self._guard, start.disarm, self.outage_s)
        self._guard.serves([requester(stream, start.inputs[stream]) for stream in requests])
        self._stimulator = start.open_stimulator(self.device, self._guard)
        promises = self._stimulator.capabilities
        self._gate = Gate(
            self.limits,
            self._time,
            self._rate_hz,
            max_age_ms=self.max_age_ms,
            sub_train_s=promises.longest_at_once_s(self.burst_s, self.limits.max_train_s),
            n_pulses=snapshot.get("n_pulses", 0),
        )
        self._instrument = GuardedStimulator(
            self._stimulator, self._guard, self._gate, self._trains, self._time
        )
        self._stimulator.open()

    def output_info(self, start: ActorContext) -> StreamInfo:
        return start.first

    def snapshot(self) -> Mapping[str, Any]:
        # Trains that wait may have been fired when a snapshot is used, so their pulses count.
        n_waiting = sum(stimulus.n_pulses for stimulus in self._trains.waiting)
        n_pulses = self._gate.n_pulses + n_waiting
        return {"n_pulses": n_pulses, **self._ledger.snapshot(self._trains.requests)}

    def resume_positions(self) -> Mapping[str, int]:
        return self._ledger.positions

    @property
    def problem(self) -> str:
        return self._outage.problem

    def close(self) -> None:
        # `open` may have failed before these existed.
        if hasattr(self, "_stimulator"):
            self._stimulator.close()
        if hasattr(self, "_guard"):
            self._guard.close()

    def step_from(self, stream: str, message: Segment | Stimulus) -> Iterator[Message]:
        yield from self._ledger.answer_lost()
        if isinstance(message, Segment):
            yield from self._on_segment(message)
        else:
            yield from self._on_request(stream, message)

    def on_unreadable(self, stream: str, unreadable: Unreadable) -> Iterator[Message]:
        if stream in self._ledger.positions:
            number = number_of(unreadable.values.get("number"))
            yield self._ledger.refuse(stream, number, unreadable.reason)

    def on_position(self, stream: str, position: int) -> None:
        self._ledger.on_position(stream, position)
        self._liveness.on_position(stream, position)

    def on_silence(self, elapsed_s: float) -> Iterator[Message]:
        self._outage.last(elapsed_s, self._clock)
        # Called in any case: the watchdog's heartbeat must not end with the data.
        reason = self._instrument.watch()
        if reason := self._liveness.stalled(elapsed_s) or reason:
            yield from self._stop(DeliveryState.STOPPED, reason)
        yield from self._refuse_waiting(
            lambda train: self._gate.too_old(train.stimulus, train.announced)
        )

    def finish(self) -> Iterator[Message]:
        yield from self._end_all("the data ended")

    def on_stop(self) -> Iterator[Message]:
        self._is_ending = True
        yield from self._end_all(_ENDED)

    def _end_all(self, reason: str) -> Iterator[Message]:
        yield from self._stop(DeliveryState.STOPPED, reason)
        yield from self._refuse_waiting(lambda _: reason)
        yield from self._ledger.answer_lost()

    # Requests

    def _on_request(self, stream: str, request: Stimulus) -> Iterator[Message]:
        stimulus = well_formed(request)
        if isinstance(stimulus, str):
            yield self._ledger.refuse(stream, number_of(request.number), stimulus)
            return
        if reason := self._ledger.use(stream, stimulus.number) or self._refusal(stimulus):
            yield self._ledger.refuse(stream, stimulus.number, reason)
            return
        train = Train(stimulus, self._gate.sub_train(stimulus), self._time.now, stream)
        # an idle instrument is set up at once: that takes long, and the train is due a little later
        if self._trains.is_empty and (reason := self._instrument.prepare(train)):
            train.move(TrainState.OVER)
            yield self._ledger.answer(train, DeliveryState.REFUSED, reason)
            return
        self._trains.append(train)
        yield self._ledger.answer(train, DeliveryState.INTENDED)

    def _refusal(self, stimulus: Stimulus) -> str | None:
        """Return why a request is refused as it comes in, or None."""
        if self._is_ending:
            return _ENDED
        return (
            self._trains.refusal(stimulus)
            or self._gate.refusal(stimulus, self._trains.waiting)
            or self._instrument.refusal(stimulus)
        )

    def _refuse_waiting(self, refusal: Callable[[Train], str | None]) -> Iterator[Message]:
        """Refuse the waiting trains for which there is a reason."""
        taken = self._trains.take_all(refusal)
        if any(train.state is TrainState.PREPARED for train, _ in taken):
            self._instrument.halt()  # its electrodes are connected
        for train, reason in taken:
            train.move(TrainState.OVER)
            yield self._ledger.answer(train, DeliveryState.REFUSED, reason)

    # The clock

    def _on_segment(self, segment: Segment) -> Iterator[Message]:
        is_gap = segment.start != self._clock
        self._outage.end((segment.start - self._clock) / self._rate_hz, self._clock)
        self._time.tick(segment, is_gap=is_gap)
        reason = self._instrument.watch() or self._liveness.missing()
        if is_gap:
            reason = "a gap in the data"
        if reason:
            yield from self._stop(DeliveryState.STOPPED, reason)
        train = self._trains.firing
        if train and train.is_sub_train_over(self._time.now):
            yield from self._end(train) if train.is_complete else self._start_sub_train(train)
        if self._trains.next and not self._trains.firing:
            yield from self._serve(self._trains.next, segment, reason)

    def _serve(self, train: Train, segment: Segment, reason: str | None) -> Iterator[Message]:
        """Prepare the next train, and fire it when it is due. `reason`: why no pulse may leave."""
        # `intended` must be on its stream before the first pulse: it was sent one step ago
        is_due = train.announced.sample < segment.start and self._clock >= train.stimulus.due
        if is_due and not reason:
            reason = self._gate.too_old(train.stimulus, train.announced)  # not prepared in vain
        has_failed = False
        if reason is None and train.state is TrainState.WAITING:
            reason = self._instrument.prepare(train)
            has_failed = reason is not None
        if is_due or has_failed:
            self._trains.take_next()
            yield from self._fire(train, segment.t_ns, reason)

    def _fire(self, train: Train, acquired_ns: int, reason: str | None) -> Iterator[Message]:
        stimulus = train.stimulus
        if reason := reason or self._gate.refusal_now(stimulus, train.announced):
            if train.state is TrainState.PREPARED:
                self._instrument.halt()  # its electrodes are connected
            train.move(TrainState.OVER)
            yield self._ledger.answer(train, DeliveryState.REFUSED, reason)
            return
        # Noted before the start: one that fails may have fired all the same, so its pulses count.
        self._trains.fire(train)
        self._gate.remember(stimulus)
        train.record = self._ledger.answer(
            train, DeliveryState.UNKNOWN, fired=self._clock, acquired_ns=acquired_ns
        )
        yield from self._start_sub_train(train)

    def _start_sub_train(self, train: Train) -> Iterator[Message]:
        state, reason = self._instrument.start(train)
        if reason:
            # if the stop fails, too, this process ends, and the next one stops as it opens
            yield from self._stop(state, reason)
        train.expect_end(self._time.now, self._rate_hz)

    def _end(self, train: Train) -> Iterator[Message]:
        """End a train that is complete: stop, unless the next one has the same pulses.

        Setting the instrument up takes two dozen calls; single pulses at 40 Hz leave no time.
        """
        stimulus, following = train.stimulus, self._trains.next
        charge = self.limits.charge_in_doubt(stimulus.phases, stimulus.unit)
        reason = "; ".join(filter(None, (self._instrument.doubts(), charge)))
        if following and following.stimulus.has_pulses_of(stimulus):
            following.move(TrainState.PREPARED)
            yield from self._conclude(DeliveryState.DELIVERED, reason)
        else:
            self._instrument.rest()
            yield from self._conclude(DeliveryState.DELIVERED, reason)

    def _stop(self, state: DeliveryState, reason: str) -> Iterator[Message]:
        """Stop a train that fires or is prepared, if there is one."""
        doubt = self._instrument.halt() if self._trains.is_connected else ""
        reason = "; ".join(filter(None, (reason, doubt)))
        yield from self._conclude(state, reason)

    def _conclude(self, state: DeliveryState, reason: str) -> Iterator[Message]:
        """Answer the outcome of the train that fired, if one did."""
        train = self._trains.end_firing()
        if train is not None and train.record is not None:
            now = self._ledger.answer(train, state, reason)
            yield replace(train.record, start=now.start, stop=now.stop, state=state, reason=reason)

    @property
    def _clock(self) -> int:
        return self._time.clock
