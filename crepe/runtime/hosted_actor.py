"""One actor at its place in the chain: fed with windows in order, its messages gathered again.

Knows of no store, process or wall clock.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from crepe.actors.actor import Actor, ActorContext, Output
from crepe.config.wiring import OUTSIDE, ActorSpec
from crepe.messages import Command, Message, StreamInfo
from crepe.store import codec

CHECKPOINT_S = 0.25  # a sparse actor says at least so often how far it is


class Batch(NamedTuple):
    """One entry's window and messages, on its way between actors."""

    stream: str
    start: int
    stop: int
    messages: Sequence[Message] = ()
    is_end: bool = False
    heard: str = ""  # ID of a command from outside the clock


class OutputBatch(NamedTuple):
    """A batch that an actor made, with what lets the actor resume from it."""

    batch: Batch
    position: int
    snapshot: Mapping[str, Any] | None
    heard: str


class Resume(NamedTuple):
    """How far an actor got before, from the last entries of its own streams."""

    position: int  # input position
    stops: Mapping[str, int]  # by output stream: where it ends
    snapshot: Mapping[str, Any] | None = None
    heard: str = ""
    is_ended: bool = False


class HostedActor:
    """One opened actor: merges its inputs, keeps its position, forms its output windows."""

    def __init__(
        self,
        spec: ActorSpec,
        start: ActorContext,
        resume: Resume | None,
        checkpoint_s: float = CHECKPOINT_S,
    ) -> None:
        self.spec = spec
        self._checkpoint_s = checkpoint_s
        self.actor: Actor[Any, Any] = spec.make()
        self.actor.open(start)
        self.is_ended = resume is not None and resume.is_ended
        self.position = resume.position if resume else start.position
        self.heard = resume.heard if resume else ""
        self._infos = self._describe(start)
        self._first_input = resume.position if resume and not self.warmup_samples else 0
        self._resumed_at = resume.position if resume else -1
        self._stops = dict.fromkeys(spec.writes.values(), 0)
        self._stops.update(resume.stops if resume else {})
        self._begun = bool(resume)
        self._clock_inputs = [stream for stream in spec.reads if stream not in OUTSIDE]
        self._lags = {s: round(lag_s * self._rate_hz) for s, lag_s in spec.feedback.items()}
        merged = (*self._clock_inputs, *self._lags)
        self._queues: dict[str, deque[Batch]] = {stream: deque() for stream in merged}
        self._reached = {stream: self._lags.get(stream, 0) for stream in merged}
        self._ended: set[str] = set()
        self._pending: dict[str, list[Message]] = {stream: [] for stream in self._stops}

    @property
    def infos(self) -> Mapping[str, StreamInfo]:
        """What its output streams carry."""
        return self._infos

    @property
    def lags(self) -> Mapping[str, int]:
        """Streams that follow from its own output: by so many samples later they are taken in."""
        return self._lags

    @property
    def warmup_samples(self) -> int:
        return int(self.actor.warmup_s * self._rate_hz)

    def _describe(self, start: ActorContext) -> dict[str, StreamInfo]:
        infos = {}
        self._rate_hz = start.first.sampling_rate_hz if start.inputs else 0.0
        about = self.actor.output_info(start)
        self._rate_hz = about.sampling_rate_hz
        for kind, stream in self.spec.writes.items():
            # What it holds back leaves in one window at a gap and at the end.
            longest = max(about.longest_samples, self.actor.delay_samples)
            if self.actor.is_sparse:
                longest += int(self._checkpoint_s * self._rate_hz) + 1
            values = {name: getattr(about, name) for name in StreamInfo.__slots__}
            values |= {"message": codec.type_name(kind), "longest_samples": longest}
            infos[stream] = StreamInfo(**{**values, "session": start.session, "writer": ""})
        return infos

    # Feeding

    def feed(self, batch: Batch) -> list[OutputBatch]:
        """Take one window of an input; returns the windows of the outputs that follow."""
        if self.is_ended:
            return []
        if batch.stream in OUTSIDE:
            self._hear(batch)
            return []
        if len(self._queues) == 1 or not self.actor.merges:
            return self._windows([batch])
        lag = self._lags.get(batch.stream, 0)
        batch = batch._replace(start=batch.start + lag, stop=batch.stop + lag)
        self._queues[batch.stream].append(batch)
        self._reached[batch.stream] = batch.stop
        if batch.is_end:
            self._ended.add(batch.stream)
        outputs: list[OutputBatch] = []
        for _, together in groupby(self._ready(), key=attrgetter("stop")):
            if not self.is_ended:
                outputs += self._windows(list(together))
        return outputs

    def _ready(self) -> Iterator[Batch]:
        """The queued windows that no other input can still precede, by sample index."""
        while True:
            heads = [(q[0].stop, i, s) for i, (s, q) in enumerate(self._queues.items()) if q]
            if not heads:
                return
            stop, _, stream = min(heads)
            if any(
                not queue and self._reached[other] < stop and other not in self._ended
                for other, queue in self._queues.items()
            ):
                return
            yield self._queues[stream].popleft()

    def _windows(self, batches: Sequence[Batch]) -> list[OutputBatch]:
        """Take the windows of all inputs that end at one sample; what follows from all of them."""
        is_taken = False
        for batch in batches:
            if batch.is_end:
                self._ended.add(batch.stream)
            else:
                is_taken = self._window(batch) or is_taken
        outputs = self._publish() if is_taken else []
        if self._ended.issuperset(self._clock_inputs):
            return outputs + self._finish()
        return outputs + self._end() if is_taken and self.actor.is_over else outputs

    def _window(self, batch: Batch) -> bool:
        """Step through a window's messages; whether it was more than to warm up."""
        done = self._resumed_at if batch.stream in self._lags else self._first_input
        if batch.stop <= done and self.actor.merges:
            return False
        self.actor.on_position(batch.stream, batch.stop)
        for message in batch.messages:
            self._gather(self.actor.step_from(batch.stream, message))
        if batch.stop <= self._resumed_at and self.actor.merges:
            self._forget()  # this window only warmed the state up
            return False
        if batch.stream in self._lags:
            return False  # the window of the clock that follows says so
        self.position = max(self.position, batch.stop)
        if not self._begun:
            self._begin(batch.start)
        return True

    def _begin(self, start: int) -> None:
        self._begun = True
        for stream in self._stops:
            self._stops[stream] = max(0, start - self.actor.delay_samples)

    def _hear(self, batch: Batch) -> None:
        for message in batch.messages:
            if isinstance(message, Command):
                at = self.position
                said = replace(message, start=at, stop=at + 1)
                self._gather(self.actor.step_from(batch.stream, said))
        self.heard = batch.heard

    def read(self, timeout_s: float) -> list[OutputBatch]:
        """For a source: its next window from the instrument. Raises EndOfData."""
        self._gather(self.actor.read(timeout_s))  # type: ignore[attr-defined]  # a Source
        newest = [messages[-1] for messages in self._pending.values() if messages]
        if not newest:
            return []
        self._begun = True
        self.position = max(message.stop for message in newest)
        return self._publish()

    def silent(self, elapsed_s: float) -> list[OutputBatch]:
        """Nothing came for a while."""
        if self.is_ended:
            return []
        self._gather(self.actor.on_silence(elapsed_s))
        return self._publish() if any(self._pending.values()) else []

    def finish(self) -> list[OutputBatch]:
        """For a source at the end of its data."""
        return self._finish()

    # Output

    def _gather(self, output: Output) -> None:
        if output is None:
            return
        for message in [output] if isinstance(output, Message) else output:
            stream = self.spec.writes.get(type(message))
            if stream is not None:
                self._pending[stream].append(message)

    def _forget(self) -> None:
        for messages in self._pending.values():
            messages.clear()

    def _publish(self) -> list[OutputBatch]:
        """The output windows that are complete now."""
        batches: list[Batch] = []
        for stream, messages in self._pending.items():
            windows = self._sparse if self.actor.is_sparse else self._dense
            batches += windows(stream, messages)
        if not batches:
            return []
        snapshot = self.actor.snapshot()
        for batch in batches:
            self._stops[batch.stream] = batch.stop
        return [OutputBatch(batch, self.position, snapshot, self.heard) for batch in batches]

    def _sparse(self, stream: str, messages: list[Message]) -> list[Batch]:
        """One window up to the present position, if something was said or it is time."""
        have = self._stops[stream]
        is_due = self.position - have >= self._checkpoint_s * self._rate_hz
        if self.position <= have or not (messages or is_due):
            return []  # what was said in this very window goes out with the next
        start = max(have, self.position - self._infos[stream].longest_samples)
        batch = Batch(stream, start, self.position, tuple(messages))
        messages.clear()
        return [batch]

    def _dense(self, stream: str, messages: list[Message]) -> list[Batch]:
        """The messages' own windows, or an empty one; a gap between messages stays a gap."""
        have = self._stops[stream]
        batches: list[Batch] = []
        for message in messages:
            if batches and batches[-1].stop == message.start:
                before = batches.pop()
                together = (*before.messages, message)
                batches.append(Batch(stream, before.start, message.stop, together))
            elif message.stop > have:
                batches.append(Batch(stream, message.start, message.stop, (message,)))
        if not messages:
            stop = self.position - self.actor.delay_samples
            start = max(have, stop - self._infos[stream].longest_samples)
            if stop > start:
                batches.append(Batch(stream, start, stop))
        messages.clear()
        return batches

    def _finish(self) -> list[OutputBatch]:
        self._gather(self.actor.finish())
        return [*self._publish(), *self._end()]

    def _end(self) -> list[OutputBatch]:
        self.is_ended = True
        snapshot = self.actor.snapshot()
        return [
            OutputBatch(Batch(stream, stop, stop, is_end=True), self.position, snapshot, self.heard)
            for stream, stop in self._stops.items()
        ]
