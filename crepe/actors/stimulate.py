"""The only way to the instrument: every pulse passes the gate here, at most once."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, Start
from crepe.errors import DeviceError
from crepe.hw.instrument import Stimulator
from crepe.messages import Delivered, Message, Segment, Stimulus, StreamInfo
from crepe.stimulus import Limits


class Stimulate(Actor[Segment | Stimulus, Delivered]):
    """Checks a train that is asked for, fires it when it is due, and stops it when it is done.

    The data stream is the clock. A train that passes the gate is answered with `intended` first;
    it is fired one clock step later at the earliest, when that answer is on its stream, so that a
    restarted stimulator knows what it must not fire again. One train runs at a time, so groups of
    electrodes cannot overlap. The instrument is given at most `burst_s` of it at once, and the
    next burst only if all is well then. When the clock stands still or jumps, when who asks for
    stimuli falls silent (a rest is not silence), or this process ends, everything is stopped.
    """

    is_sparse: ClassVar[bool] = True
    merges: ClassVar[bool] = False
    priority: ClassVar[int] = 90

    device: str
    limits: Limits = Limits()
    max_age_ms: PositiveFloat = 200.0  # from the sample that asked to the first pulse
    stall_s: float = Field(0.2, gt=0, le=1.0)  # silence of the data after which a train is stopped
    silence_s: float = Field(0.75, gt=0, le=2.0)  # so far may who asks for stimuli be behind
    burst_s: float = Field(1.0, gt=0, le=1.0)  # what goes on by itself if everything else dies

    _stimulator: Stimulator = PrivateAttr()
    _monotonic_s: Callable[[], float] = PrivateAttr()
    _wall_ns: Callable[[], int] = PrivateAttr()
    _rate_hz: float = PrivateAttr()
    _clock_stream: str = PrivateAttr("")
    _clock: int = PrivateAttr(0)
    _handled: int = PrivateAttr(0)  # highest number of a stimulus that was answered
    _waiting: Stimulus | None = PrivateAttr(None)  # intended, not fired
    _intended_at: int = PrivateAttr(0)
    _arrived_s: float = PrivateAttr(0.0)
    _age_at_arrival_ms: float = PrivateAttr(0.0)
    _running: Stimulus | None = PrivateAttr(None)
    _fired: Delivered | None = PrivateAttr(None)
    _n_bursts: int = PrivateAttr(0)  # that are still to be fired
    _burst: Stimulus = PrivateAttr()  # the part of the train that is fired at once
    _next_burst: int = PrivateAttr(0)  # sample index at which the last one is over
    _asker_at: int = PrivateAttr(0)  # how far those who ask for stimuli are
    _n_pulses: int = PrivateAttr(0)  # of all trains of the session
    _lost: int = PrivateAttr(0)  # number of a train that was open when the last process ended
    _pulses: dict[str, deque[int]] = PrivateAttr(default_factory=dict)  # last second, by electrode

    def open(self, start: Start) -> None:
        self._rate_hz = start.first.sampling_rate_hz
        self._clock = start.position
        self._clock_stream = next(iter(start.inputs))
        self._monotonic_s, self._wall_ns = start.monotonic_s, start.wall_ns
        if start.snapshot:
            self._handled = start.snapshot["handled"]
            self._lost = start.snapshot["open"]
            self._n_pulses = start.snapshot["n_pulses"]
        self._asker_at = start.position
        self._stimulator = start.open_stimulator(self.device)
        self._stimulator.open()

    def output_info(self, start: Start) -> StreamInfo:
        return start.first

    def snapshot(self) -> Mapping[str, Any]:
        is_open = self._waiting or self._running
        return {
            "handled": self._handled,
            "open": is_open.number if is_open else 0,
            "n_pulses": self._n_pulses,
        }

    def close(self) -> None:
        if hasattr(self, "_stimulator"):
            self._stimulator.close()

    def step(self, message: Segment | Stimulus) -> Iterator[Message]:
        if self._lost:
            yield self._answer(self._lost, "unknown", "the stimulator was restarted meanwhile")
            self._lost = 0
        if isinstance(message, Segment):
            yield from self._tick(message)
        else:
            yield from self._asked(message)

    def reached(self, stream: str, position: int) -> None:
        if stream != self._clock_stream:
            self._asker_at = max(self._asker_at, position)

    def silent(self, elapsed_s: float) -> Iterator[Message]:
        reason = self._stimulator.watch()
        if self._running and elapsed_s > self.stall_s:
            reason = f"no data for {elapsed_s * 1000:.0f} ms"
        if self._running and reason:
            yield from self._stop("stopped", reason)

    def finish(self) -> Iterator[Message]:
        if self._running:
            yield from self._stop("stopped", "the data ended")

    # What is asked for

    def _asked(self, stimulus: Stimulus) -> Iterator[Message]:
        if stimulus.number <= self._handled:
            return  # answered before a restart
        self._handled = stimulus.number
        reason = self._refusal(stimulus) or self._unready(stimulus)
        if reason:
            yield self._answer(stimulus.number, "refused", reason)
            return
        self._waiting = stimulus
        self._intended_at = self._clock
        self._arrived_s = self._monotonic_s()
        self._age_at_arrival_ms = self._age_ms(stimulus)
        yield self._answer(stimulus.number, "intended")

    def _refusal(self, stimulus: Stimulus) -> str | None:
        if self._waiting or self._running:
            return "another train is under way; one runs at a time"
        return (
            self.limits.refusal(
                stimulus.electrodes,
                stimulus.phases,
                stimulus.rate_hz,
                stimulus.n_pulses,
                stimulus.unit,
            )
            or self._too_old(self._age_ms(stimulus))
            or self._too_many(stimulus)
            or self._stimulator.watch()
            or self._stimulator.refusal(self._in_bursts(stimulus))
        )

    def _in_bursts(self, stimulus: Stimulus) -> Stimulus:
        """The largest equal part of a train that is not longer than a burst."""
        n = stimulus.n_pulses
        most = max(1, int(self.burst_s * stimulus.rate_hz))
        part = max(d for d in range(1, min(n, most) + 1) if n % d == 0)
        return replace(stimulus, n_pulses=part)

    def _unready(self, stimulus: Stimulus) -> str | None:
        """Have the instrument prepare; why it could not, if so."""
        try:
            self._burst = self._in_bursts(stimulus)
            self._stimulator.prepare(self._burst)
        except DeviceError as error:
            self._stimulator.stop()
            return f"the instrument failed: {error}"
        return None

    def _age_ms(self, stimulus: Stimulus) -> float:
        return (self._clock - stimulus.stop) / self._rate_hz * 1000

    def _too_old(self, age_ms: float) -> str | None:
        if age_ms > self.max_age_ms:
            return f"{age_ms:.0f} ms old, limit {self.max_age_ms:.0f} ms"
        return None

    def _too_many(self, stimulus: Stimulus) -> str | None:
        """Whether in any second, or in the session, there would be more pulses than the limit.

        A train that was stopped early counts as if it had gone on.
        """
        planned = self._times(stimulus, max(self._clock, stimulus.due))
        before = {label: list(self._pulses.get(label, ())) for label in stimulus.electrodes}
        for label, times in before.items():
            most = self._most_in_a_second([*times, *planned])
            if most > self.limits.limit("max_rate_hz"):
                limit = self.limits.limit("max_rate_hz")
                return f"electrode {label}: {most} pulses in 1 s, limit {limit:g}"
        everywhere = [t for times in self._pulses.values() for t in times]
        most = self._most_in_a_second(everywhere + planned * len(stimulus.electrodes))
        if most > self.limits.limit("max_total_rate_hz"):
            limit = self.limits.limit("max_total_rate_hz")
            return f"all electrodes: {most} pulses in 1 s, limit {limit:g}"
        total, limit = self._n_pulses + stimulus.n_pulses, self.limits.limit("max_session_pulses")
        if total > limit:
            return f"session: {total} pulses, limit {limit:g}"
        return None

    def _most_in_a_second(self, times: list[int]) -> int:
        """The largest number of sample indices within any second."""
        ordered = np.sort(times)
        until = np.searchsorted(ordered, ordered + self._rate_hz, side="left")
        return int((until - np.arange(len(ordered))).max())

    def _times(self, stimulus: Stimulus, start: int) -> list[int]:
        """Sample indices of a train's pulses."""
        return [
            start + round(i * self._rate_hz / stimulus.rate_hz) for i in range(stimulus.n_pulses)
        ]

    # What the clock says

    def _tick(self, segment: Segment) -> Iterator[Message]:
        is_gap = self._clock > 0 and segment.start != self._clock
        self._clock = segment.stop
        reason = self._stimulator.watch() or self._asker_silent()
        if is_gap:
            reason = "a gap in the data"
        if self._running and reason:
            yield from self._stop("stopped", reason)
        if self._running and self._clock >= self._next_burst:
            yield from self._start_burst() if self._n_bursts else self._stop("delivered")
        waiting = self._waiting
        is_on_stream = self._intended_at < segment.start  # the answer went out one step ago
        if waiting and is_on_stream and self._clock >= waiting.due:
            self._waiting = None
            yield from self._fire(waiting, reason)

    def _asker_silent(self) -> str | None:
        behind_s = (self._clock - self._asker_at) / self._rate_hz
        if behind_s > self.silence_s:
            return f"who asks for stimuli is {behind_s:.1f} s behind, limit {self.silence_s:g} s"
        return None

    def _fire(self, stimulus: Stimulus, reason: str | None) -> Iterator[Message]:
        waited_ms = (self._monotonic_s() - self._arrived_s) * 1000
        age_ms = self._age_ms(stimulus)
        reason = reason or self._too_old(max(age_ms, self._age_at_arrival_ms + waited_ms))
        if reason:
            self._stimulator.stop()  # it is prepared: its electrodes are connected
            yield self._answer(stimulus.number, "refused", reason)
            return
        self._running = stimulus
        self._n_bursts = stimulus.n_pulses // self._burst.n_pulses
        self._remember(stimulus)
        self._fired = self._answer(stimulus.number, "", fired=self._clock, age_ms=age_ms)
        yield from self._start_burst()
        if self._fired is not None:
            self._fired = replace(self._fired, t_ns=self._wall_ns())

    def _start_burst(self) -> Iterator[Message]:
        samples = round(self._burst.n_pulses / self._burst.rate_hz * self._rate_hz)
        self._next_burst = self._clock + samples  # late by a segment at most, never early
        self._n_bursts -= 1
        try:
            self._stimulator.start(self._burst)
        except DeviceError as error:
            # if stopping fails, too, this process ends, and opening stops it
            yield from self._stop("unknown", f"the instrument failed: {error}")

    def _remember(self, stimulus: Stimulus) -> None:
        self._n_pulses += stimulus.n_pulses
        for label in stimulus.electrodes:
            times = self._pulses.setdefault(label, deque())
            times.extend(self._times(stimulus, self._clock))
            while times[0] < self._clock - self._rate_hz:
                times.popleft()

    def _stop(self, state: str, reason: str = "") -> Iterator[Message]:
        self._stimulator.stop()
        fired = self._fired
        self._running = self._fired = None
        if fired is not None:
            yield self._answer(
                fired.number, state, reason, fired=fired.fired, age_ms=fired.age_ms, t_ns=fired.t_ns
            )

    def _answer(self, number: int, state: str, reason: str = "", **more: Any) -> Delivered:
        return Delivered(max(0, self._clock - 1), self._clock, number, state, reason, **more)
