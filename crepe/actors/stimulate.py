"""The only way to the instrument: every pulse passes the gate here, at most once."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from pydantic import Field, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.errors import DeviceError
from crepe.hw.instrument import Guard, Stimulator
from crepe.messages import Delivered, Message, Segment, Stimulus, StreamInfo
from crepe.safety.gate import Gate
from crepe.safety.limits import Limits
from crepe.safety.liveness import Liveness
from crepe.safety.real_time import JITTER_S, Moment, RealTime
from crepe.safety.sub_trains import BURST_S


class _Waiting(NamedTuple):
    """A train that was announced and is not fired yet."""

    stimulus: Stimulus
    intended_at: int  # sample index


class Stimulate(Actor[Segment | Stimulus, Delivered]):
    """Checks a train that is asked for, fires it when it is due, and stops it when it is done.

    The data stream is the clock, and what it is late by real time counts, too. A train that passes
    the gate is answered with `intended` first; it is fired one clock step later at the earliest,
    when that answer is on its stream, so that a restarted stimulator knows what it must not fire
    again. One train runs at a time, so groups of electrodes cannot overlap; others may wait, each
    due no earlier than the one before is over. The instrument is given at most `burst_s` of a train
    at once, and the next burst only if all is well then. It is stopped after each train, unless one
    with the same pulses waits. When the clock stands still or jumps, when who asks for stimuli
    falls silent (a rest is not silence), or this process ends, everything is stopped.
    """

    is_sparse: ClassVar[bool] = True
    merges: ClassVar[bool] = False
    priority: ClassVar[int] = 90

    device: str
    limits: Limits = Limits()
    max_age_ms: float = Field(200.0, gt=0, le=200.0)
    """From the sample that asked to the first pulse."""
    stall_s: float = Field(0.2, gt=0, le=1.0)
    """Silence, or lateness, of the data after which a train is stopped."""
    silence_s: float = Field(0.75, gt=0, le=2.0)
    """So far may who asks for stimuli be behind."""
    burst_s: float = Field(BURST_S, gt=0, le=BURST_S)
    """What goes on by itself if everything else dies."""

    _guard: Guard = PrivateAttr()
    _stimulator: Stimulator = PrivateAttr()
    _wall_ns: Callable[[], int] = PrivateAttr()
    _rate_hz: float = PrivateAttr()
    _time: RealTime = PrivateAttr()
    _handled: int = PrivateAttr(0)  # highest number of a stimulus that was answered
    _waiting: deque[_Waiting] = PrivateAttr(default_factory=deque)  # in order of what is due
    _planned: int = PrivateAttr(0)  # when the last of them would be over if it began when due
    _prepared: int = PrivateAttr(0)  # number of the train that the instrument is ready for
    _running: Stimulus | None = PrivateAttr(None)
    _fired: Delivered | None = PrivateAttr(None)
    _n_bursts: int = PrivateAttr(0)  # that are still to be fired
    _burst: Stimulus = PrivateAttr()  # the part of the train that is fired at once
    _burst_ends: Moment = PrivateAttr(Moment(0, 0))  # when the last one is over
    _alive: Liveness = PrivateAttr()
    _gate: Gate = PrivateAttr()
    _lost: tuple[int, ...] = PrivateAttr(())  # trains that were open when the last process ended

    def open(self, start: ActorContext) -> None:
        self._rate_hz = start.first.sampling_rate_hz
        self._wall_ns = start.wall_ns
        self._time = RealTime(self._rate_hz, start.position, start.monotonic_s, start.wall_ns)
        _, *askers = start.inputs  # the first is the clock
        self._alive = Liveness(
            self._time, self._rate_hz, askers, stall_s=self.stall_s, silence_s=self.silence_s
        )
        n_pulses = 0
        if start.snapshot:
            self._handled = start.snapshot["handled"]
            self._lost = tuple(start.snapshot["open"])
            n_pulses = start.snapshot["n_pulses"]
        self._gate = Gate(
            self.limits,
            self._time,
            self._rate_hz,
            max_age_ms=self.max_age_ms,
            burst_s=self.burst_s,
            n_pulses=n_pulses,
        )
        self._guard = start.open_guard()
        self._stimulator = start.open_stimulator(self.device, self._guard)
        self._stimulator.open()

    def output_info(self, start: ActorContext) -> StreamInfo:
        return start.first

    def snapshot(self) -> Mapping[str, Any]:
        running = [self._running.number] if self._running else []
        return {
            "handled": self._handled,
            "open": [*self._lost, *running, *(one.stimulus.number for one in self._waiting)],
            "n_pulses": self._gate.n_pulses,
        }

    def close(self) -> None:
        if hasattr(self, "_stimulator"):
            self._stimulator.close()
        if hasattr(self, "_guard"):
            self._guard.close()

    def step(self, message: Segment | Stimulus) -> Iterator[Message]:
        lost, self._lost = self._lost, ()
        for number in lost:
            yield self._answer(number, "unknown", "the stimulator was restarted meanwhile")
        if isinstance(message, Segment):
            yield from self._tick(message)
        else:
            yield from self._asked(message)

    def on_position(self, stream: str, position: int) -> None:
        self._alive.reached(stream, position)

    def on_silence(self, elapsed_s: float) -> Iterator[Message]:
        reason = self._watch()
        if reason := self._alive.stalled(elapsed_s) or reason:
            yield from self._stop("stopped", reason)

    def finish(self) -> Iterator[Message]:
        yield from self._stop("stopped", "the data ended")

    # What is asked for

    def _asked(self, stimulus: Stimulus) -> Iterator[Message]:
        if stimulus.number <= self._handled:
            return  # answered before a restart
        self._handled = stimulus.number
        is_next = not self._running and not self._waiting
        reason = self._refusal(stimulus)
        if reason is None and is_next:
            reason = self._unready(stimulus)
        if reason:
            yield self._answer(stimulus.number, "refused", reason)
            return
        self._waiting.append(_Waiting(stimulus, self._clock))
        self._planned = stimulus.due + self._lasts(stimulus)
        yield self._answer(stimulus.number, "intended")

    def _refusal(self, stimulus: Stimulus) -> str | None:
        is_free = not self._running and not self._waiting
        if not is_free and stimulus.due < self._planned:
            return (
                f"due at {stimulus.due}, but another train is due until {self._planned}; "
                "one runs at a time"
            )
        return (
            self._gate.refusal(stimulus, [one.stimulus for one in self._waiting])
            or self._stimulator.refusal(self._gate.burst(stimulus))
            or self._watch()
        )

    def _unready(self, stimulus: Stimulus) -> str | None:
        """Have the instrument prepare; why it could not, if so."""
        try:
            self._burst = self._gate.burst(stimulus)
            self._guard.pulsing(True)  # electrodes are about to be connected
            self._stimulator.prepare(self._burst)
        except DeviceError as error:
            self._halt()
            return f"the instrument failed: {error}"
        self._prepared = stimulus.number
        return None

    def _lasts(self, stimulus: Stimulus) -> int:
        """Samples that a train takes, the pause after its last pulse included."""
        return round(stimulus.n_pulses / stimulus.rate_hz * self._rate_hz)

    # What the clock says

    def _tick(self, segment: Segment) -> Iterator[Message]:
        is_gap = self._clock > 0 and segment.start != self._clock
        self._time.tick(segment, is_gap=is_gap)
        reason = self._watch() or self._alive.missing()
        if is_gap:
            reason = "a gap in the data"
        if reason:
            yield from self._stop("stopped", reason)
        if self._running and self._is_burst_over():
            yield from self._start_burst() if self._n_bursts else self._end()
        if self._waiting and not self._running:
            yield from self._next(segment, reason)

    def _next(self, segment: Segment, reason: str | None) -> Iterator[Message]:
        """Prepare the train that is next, and fire it when it is due."""
        first = self._waiting[0]
        is_on_stream = first.intended_at < segment.start  # the answer went out one step ago
        is_due = is_on_stream and self._clock >= first.stimulus.due
        if is_due and not reason:
            reason = self._gate.too_old(first.stimulus)  # then nothing is prepared for it
        has_failed = False
        if reason is None and self._prepared != first.stimulus.number:
            reason = self._unready(first.stimulus)
            has_failed = reason is not None
        if is_due or has_failed:
            self._waiting.popleft()
            yield from self._fire(first.stimulus, segment.t_ns, reason)

    def _fire(self, stimulus: Stimulus, acquired_ns: int, reason: str | None) -> Iterator[Message]:
        age_ms = self._gate.age_ms(stimulus)
        reason = reason or self._gate.refusal_now(stimulus)
        if reason:
            if self._prepared:
                self._halt()  # its electrodes are connected
            yield self._answer(stimulus.number, "refused", reason)
            return
        self._running = stimulus
        self._n_bursts = stimulus.n_pulses // self._burst.n_pulses
        self._gate.remember(stimulus)
        self._fired = self._answer(
            stimulus.number, "", fired=self._clock, age_ms=age_ms, acquired_ns=acquired_ns
        )
        yield from self._start_burst()
        if self._fired is not None:
            self._fired = replace(self._fired, t_ns=self._wall_ns())

    def _start_burst(self) -> Iterator[Message]:
        self._n_bursts -= 1
        try:
            if reason := self._guard.refusal():  # asked here, so that no driver can forget it
                raise DeviceError(reason)
            self._stimulator.start(self._burst)
        except DeviceError as error:
            # if stopping fails, too, this process ends, and opening stops it
            yield from self._stop("unknown", f"the instrument failed: {error}")
        # late by a segment at most, never early
        lasts, sooner_s = self._lasts(self._burst), min(0.5 / self._burst.rate_hz, JITTER_S)
        sample, real = self._time.now
        self._burst_ends = Moment(sample + lasts, real + lasts - round(sooner_s * self._rate_hz))

    def _is_burst_over(self) -> bool:
        """By the samples, and in fact: samples come too fast where they came late before."""
        sample, real = self._time.now
        return sample >= self._burst_ends.sample and real >= self._burst_ends.real

    def _halt(self) -> None:
        self._prepared = 0
        self._stimulator.stop()
        self._guard.pulsing(False)

    def _watch(self) -> str | None:
        """Feed the watchdog; why no pulse may leave now, or None."""
        self._guard.beat()
        return self._stimulator.watch() or self._guard.refusal()

    def _end(self) -> Iterator[Message]:
        """A train is over: stop, unless the next one has the same pulses.

        Setting the instrument up takes two dozen calls; single pulses at 40 Hz leave no time.
        """
        train, following = self._running, self._waiting[0].stimulus if self._waiting else None
        assert train is not None
        doubts = (self._stimulator.doubts(), self.limits.charge_in_doubt(train.phases, train.unit))
        reason = "; ".join(filter(None, doubts))
        if following and following.has_pulses_of(train):
            self._prepared = following.number
            self._burst = self._gate.burst(following)
            yield from self._told("delivered", reason)
        else:
            yield from self._stop("delivered", reason)

    def _stop(self, state: str, reason: str = "") -> Iterator[Message]:
        """Stop what runs or could run, if there is anything."""
        if self._running or self._prepared:
            self._halt()
        yield from self._told(state, reason)

    def _told(self, state: str, reason: str = "") -> Iterator[Message]:
        """No train runs any more; what became of the one that did."""
        fired = self._fired
        self._running = self._fired = None
        if fired is not None:
            now = self._answer(fired.number, state, reason)
            yield replace(fired, start=now.start, stop=now.stop, state=state, reason=reason)

    @property
    def _clock(self) -> int:
        return self._time.clock

    def _answer(self, number: int, state: str, reason: str = "", **more: Any) -> Delivered:
        return Delivered(max(0, self._clock - 1), self._clock, number, state, reason, **more)
