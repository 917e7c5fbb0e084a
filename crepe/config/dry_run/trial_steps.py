"""An actor stepped on made-up input, to see what it returns before an experiment runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Any

from crepe.actors.actor import Actor
from crepe.actors.output import ErrorsOf, messages_in
from crepe.config.dry_run.example_messages import examples
from crepe.config.wiring import ActorSpec
from crepe.errors import ActorError
from crepe.messages import Decision, Message, Segment, Stimulus, StreamInfo
from crepe.store import codec

_MOST_WINDOWS = 300  # 3 s in windows of 10 ms: decoders look at a second or so
_MOST_DECISIONS = 5000  # a game of trials takes 3 s a trial, and its steps are quick
_MOST_SAMPLES = 2_000_000  # of all channels


@dataclass
class Outputs:
    """The output of an actor for made-up input."""

    is_stepped: bool = False  # False: CREPE has no made-up messages of its input
    decisions: set[str | float | None] = field(default_factory=set)
    stimuli: list[Stimulus] = field(default_factory=list)

    def add(self, message: Message) -> None:
        """Add a message that the actor has returned."""
        if isinstance(message, Decision):
            self.decisions.add(message.value)
        elif isinstance(message, Stimulus) and not any(map(message.has_pulses_of, self.stimuli)):
            self.stimuli.append(message)


def try_steps(
    actor: Actor[Any, Any],
    spec: ActorSpec,
    infos: Mapping[str, StreamInfo],
    kinds: Mapping[str, type[Message]],
    decisions: Sequence[str],
) -> Outputs:
    """Step an opened actor on made-up messages; return what it gave.

    Raises ActorError for an exception, or for output that is no message it declares.

    Parameters
    ----------
    infos, kinds
        Description and type of messages of the streams that it reads.
    decisions
        The values of decisions and gestures in its input.
    """
    outputs = Outputs()
    streams = {
        stream: examples(kinds[stream], infos[stream], decisions)
        for stream in (*spec.reads, *spec.feedback)
        if stream in infos and stream in kinds
    }
    if None in streams.values() or not streams:
        return outputs
    outputs.is_stepped = True
    errors = ErrorsOf(spec.name, spec.kind)
    _, allowed = spec.kind.message_types()

    # With several inputs the order of windows depends on their lengths: not judged here.
    is_judged = not actor.is_sparse and len(streams) == 1
    published: dict[type[Message], int] = dict.fromkeys(spec.writes, 0) if is_judged else {}

    def gather(output: object, method: str) -> None:
        place = f"{errors.place}: {method}"
        for message in messages_in(output, allowed, method, errors):
            _check_content(message, place)
            if type(message) in published:
                _check_window(message, published[type(message)], place)
                published[type(message)] = message.stop
            outputs.add(message)

    with errors:
        for _ in range(_n_windows(infos, kinds, streams)):
            for stream, messages in streams.items():
                message = next(messages)  # type: ignore[arg-type]  # none is None, see above
                if message is not None:
                    actor.on_position(stream, message.stop)
                    gather(actor.step_from(stream, message), "step")
                    # A window without a message is published as an empty one.
                    reached = message.stop - actor.delay_samples
                    published = {kind: max(stop, reached) for kind, stop in published.items()}
            if actor.is_over:
                break
        gather(actor.on_silence(0.1), "on_silence")
        gather(actor.finish(), "finish")
        _check_packed(actor.snapshot(), f"{errors.place}: snapshot")
    return outputs


def _check_content(message: Message, place: str) -> None:
    """Raise ActorError for a message that could not be sent, or that no reader understands."""
    name = type(message).__name__
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    _check_packed(values, f"{place}: {name}")
    if isinstance(message, Decision) and not isinstance(message.value, str | Real | None):
        value, kind = message.value, type(message.value).__name__
        raise ActorError(f"{place}: Decision of {value!r} ({kind}), must be text, a number or None")


def _check_window(message: Message, published: int, place: str) -> None:
    """Raise ActorError for a window that begins before the end of what is published."""
    if message.start < published:
        raise ActorError(
            f"{place}: {type(message).__name__} of the window [{message.start}, {message.stop}), "
            f"must begin at {published} or later; where `step` returns None, its input's window is "
            "published as empty, and the next message begins at the `start` of its own input"
        )


def _check_packed(value: object, place: str) -> None:
    try:
        codec.pack_value(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ActorError(f"{place} cannot be sent: {error}") from error


def _n_windows(
    infos: Mapping[str, StreamInfo], kinds: Mapping[str, type[Message]], streams: Mapping[str, Any]
) -> int:
    if all(issubclass(kinds[stream], Decision) for stream in streams):
        return _MOST_DECISIONS
    samples = [
        infos[stream].n_channels * infos[stream].segment_samples
        for stream in streams
        if issubclass(kinds[stream], Segment)
    ]
    return max(3, min(_MOST_WINDOWS, _MOST_SAMPLES // max(1, sum(samples))))
