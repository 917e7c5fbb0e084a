"""One actor in a chain: it is fed with windows in order, and its messages become windows again.

This module uses no store, process or wall clock.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from crepe.actors.actor import Actor, ActorContext, Output, Sink
from crepe.actors.output import ErrorsOf, messages_in
from crepe.config.wiring import OUTSIDE, ActorSpec
from crepe.messages import Command, Message, StreamInfo
from crepe.runtime.batch import Batch, OutputBatch, Resume
from crepe.store import codec

CHECKPOINT_S = 0.25  # a sparse actor publishes its position at least this often


class HostedActor:
    """One opened actor: merges its inputs, keeps its position, forms its output windows.

    `reads` are the streams that it is fed: those of its table, without what a recorder leaves out.
    """

    def __init__(
        self,
        spec: ActorSpec,
        start: ActorContext,
        resume: Resume | None,
        checkpoint_s: float = CHECKPOINT_S,
    ) -> None:
        self.spec = spec
        self._checkpoint_s = checkpoint_s
        self._errors = ErrorsOf(spec.name, spec.kind)
        self.actor: Actor[Any, Any] = spec.make()
        with self._errors:
            self.actor.open(start)
        self.is_ended = resume is not None and resume.is_ended
        self.position = resume.position if resume else start.position
        self.command_id = resume.command_id if resume else ""
        with self._errors:
            self._infos = self._describe(start)
        _, self._outputs = spec.kind.message_types()
        # Without a warm-up, windows before the resume position need not be stepped through again.
        self._first_input = resume.position if resume and not self.warmup_samples else 0
        self._resumed_at = resume.position if resume else -1
        self._stops = dict.fromkeys(spec.writes.values(), 0)
        self._stops.update(resume.stops if resume else {})
        self._begun = bool(resume)
        # An actor that does not merge has a position of its own in each input.
        self._done = dict(self.actor.resume_positions()) if resume else {}
        # Decision 84: what a recorder is not given.
        left_out = self.actor.left_out if isinstance(self.actor, Sink) else ()
        self.reads = tuple(stream for stream in spec.reads if stream not in left_out)
        self._clock_inputs = [stream for stream in self.reads if stream not in OUTSIDE]
        self._lags = {s: round(lag_s * self._rate_hz) for s, lag_s in spec.feedback.items()}
        merged = (*self._clock_inputs, *self._lags)
        self._queues: dict[str, deque[Batch]] = {stream: deque() for stream in merged}
        # Shifted by its lag, a feedback stream has no window before that lag: nothing to wait for.
        self._reached = {stream: self._lags.get(stream, 0) for stream in merged}
        self._ended: set[str] = set()
        self._pending: dict[str, list[Message]] = {stream: [] for stream in self._stops}

    @property
    def infos(self) -> Mapping[str, StreamInfo]:
        """The descriptions of the output streams, by name."""
        return self._infos

    @property
    def lags(self) -> Mapping[str, int]:
        """The streams that follow from its own output, and the samples by which it delays each."""
        return self._lags

    @property
    def warmup_samples(self) -> int:
        """Samples before its position that the actor must read again to restore its state."""
        return int(self.actor.warmup_s * self._rate_hz)

    def _describe(self, start: ActorContext) -> dict[str, StreamInfo]:
        infos = {}
        self._rate_hz = start.first.sampling_rate_hz if start.inputs else 0.0
        info = self.actor.output_info(start)
        self._rate_hz = info.sampling_rate_hz
        for kind, stream in self.spec.writes.items():
            # The samples that an actor holds back leave in one window at a gap and at the end.
            longest = max(info.longest_samples, self.actor.delay_samples)
            if self.actor.is_sparse:
                # A sparse window may end with the first input window after a checkpoint is due.
                longest += int(self._checkpoint_s * self._rate_hz) + 1
            values = {name: getattr(info, name) for name in StreamInfo.__slots__}
            values |= {"message": codec.type_name(kind), "longest_samples": longest}
            infos[stream] = StreamInfo(**{**values, "session": start.session, "writer": ""})
        return infos

    # Feeding

    def feed(self, batch: Batch) -> list[OutputBatch]:
        """Feed one window of an input; return the output windows. Raises ActorError."""
        with self._errors:
            return [] if self.is_ended else self._feed(batch)

    def _feed(self, batch: Batch) -> list[OutputBatch]:
        if batch.stream in OUTSIDE:
            self._receive_commands(batch)
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
        """Yield the queued windows that no window of another input can still precede."""
        while True:
            # `i` settles ties by the order of the inputs, so that one seed gives one order.
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
        """Step through the windows that end at one sample; return the output of all of them."""
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
        """Step through a window's messages; return False if they only restored the state."""
        done = self._resumed_at if batch.stream in self._lags else self._first_input
        if batch.stop <= (done if self.actor.merges else self._done.get(batch.stream, 0)):
            return False
        self.actor.on_position(batch.stream, batch.stop)
        for unreadable in batch.unreadable:
            self._gather(self.actor.on_unreadable(batch.stream, unreadable), "on_unreadable")
        for message in batch.messages:
            self._gather(self.actor.step_from(batch.stream, message), "step")
        if batch.stop <= self._resumed_at and self.actor.merges:
            self._forget()  # a window that was read again to restore the state
            return False
        if batch.stream in self._lags:
            return False  # the position advances with the next window of the clock
        self.position = max(self.position, batch.stop)
        if not self._begun:
            self._begin(batch.start)
        return True

    def _begin(self, start: int) -> None:
        self._begun = True
        for stream in self._stops:
            # Where an input begins late, so does its output, without a window from sample 0 on.
            self._stops[stream] = max(0, start - self.actor.delay_samples)

    def _receive_commands(self, batch: Batch) -> None:
        """Step through commands; each is stamped with the sample index at which it arrived."""
        for message in batch.messages:
            if isinstance(message, Command):
                at = self.position
                command = replace(message, start=at, stop=at + 1)
                self._gather(self.actor.step_from(batch.stream, command), "step")
        self.command_id = batch.command_id

    def read(self, timeout_s: float) -> list[OutputBatch]:
        """Return the next window of a source, read from its instrument. Raises EndOfData."""
        with self._errors:
            self._gather(self.actor.read(timeout_s), "read")  # type: ignore[attr-defined]  # a Source
        newest = [messages[-1] for messages in self._pending.values() if messages]
        if not newest:
            return []
        self._begun = True
        self.position = max(message.stop for message in newest)
        return self._publish()

    def pass_silence(self, elapsed_s: float) -> list[OutputBatch]:
        """Notify the actor that no input has arrived for a while; return its output."""
        if self.is_ended:
            return []
        with self._errors:
            self._gather(self.actor.on_silence(elapsed_s), "on_silence")
            return self._publish() if any(self._pending.values()) else []

    def leave(self) -> list[OutputBatch]:
        """Return the last output before the process ends by request; the streams do not end."""
        if self.is_ended:
            return []
        with self._errors:
            self._gather(self.actor.on_stop(), "on_stop")
            return self._publish(is_last=True) if any(self._pending.values()) else []

    def finish(self) -> list[OutputBatch]:
        """Finish a source at the end of its data; return its last output."""
        with self._errors:
            return self._finish()

    # Output

    def _gather(self, output: Output, method: str) -> None:
        for message in messages_in(output, self._outputs, method, self._errors):
            stream = self.spec.writes.get(type(message))
            if stream is not None:
                self._pending[stream].append(message)

    def _forget(self) -> None:
        for messages in self._pending.values():
            messages.clear()

    def _publish(self, *, is_last: bool = False) -> list[OutputBatch]:
        """Return the output windows that are complete; `is_last`: no other will follow."""
        batches: list[Batch] = []
        for stream, messages in self._pending.items():
            if self.actor.is_sparse:
                batches += self._sparse(stream, messages, is_last=is_last)
            else:
                batches += self._dense(stream, messages)
        if not batches:
            return []
        snapshot = self.actor.snapshot()
        for batch in batches:
            self._stops[batch.stream] = batch.stop
        return [OutputBatch(batch, self.position, snapshot, self.command_id) for batch in batches]

    def _sparse(self, stream: str, messages: list[Message], *, is_last: bool) -> list[Batch]:
        """Return one window up to the position, if there are messages or a checkpoint is due."""
        start, stop = self._stops[stream], self.position
        is_due = stop - start >= self._checkpoint_s * self._rate_hz
        if is_last and messages:
            stop = max(stop, start + 1)
        if stop <= start or not (messages or is_due):
            return []  # messages of this very window are published with the next
        # The store refuses a longer window, such as a gap in the input would cause.
        start = max(start, stop - self._infos[stream].longest_samples)
        batch = Batch(stream, start, stop, tuple(messages))
        messages.clear()
        return [batch]

    def _dense(self, stream: str, messages: list[Message]) -> list[Batch]:
        """Return the messages' own windows, or an empty one; a gap between messages stays a gap."""
        published = self._stops[stream]  # sample index
        batches: list[Batch] = []
        for message in messages:
            if batches and batches[-1].stop == message.start:
                before = batches.pop()
                together = (*before.messages, message)
                batches.append(Batch(stream, before.start, message.stop, together))
            elif message.stop > published:
                batches.append(Batch(stream, message.start, message.stop, (message,)))
        if not messages:
            stop = self.position - self.actor.delay_samples
            start = max(published, stop - self._infos[stream].longest_samples)
            if stop > start:
                batches.append(Batch(stream, start, stop))
        messages.clear()
        return batches

    def _finish(self) -> list[OutputBatch]:
        self._gather(self.actor.finish(), "finish")
        return [*self._publish(is_last=True), *self._end()]

    def _end(self) -> list[OutputBatch]:
        self.is_ended = True
        snapshot = self.actor.snapshot()
        return [
            OutputBatch(
                Batch(stream, stop, stop, is_end=True), self.position, snapshot, self.command_id
            )
            for stream, stop in self._stops.items()
        ]
