"""An actor: a typed record with a pure `step`, message in, messages out.

The runner owns everything else (streams, clock, processes); it calls `open` once, `step` for every
message in order, `silent` when nothing comes, and `close` at the end.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict

from crepe.environment.clock import real_s
from crepe.hw.device import open_recorder, open_stimulator
from crepe.hw.instrument import Guard, Recorder, Stimulator
from crepe.messages import Message, Stimulus, StreamInfo

In = TypeVar("In")
Out = TypeVar("Out")

Output = Message | Iterable[Message] | None


def open_watchdog_link() -> Guard:
    """The guard of an instrument outside this process; imported here, since it needs Unix."""
    from crepe.safety.watchdog_link import watchdog_link

    return watchdog_link()


@dataclass(frozen=True)
class ActorContext:
    """What an actor learns when it is opened."""

    inputs: Mapping[str, StreamInfo] = field(default_factory=dict)  # by stream, as in `reads`
    outside: tuple[str, ...] = ()  # those of `reads` that are outside the clock
    position: int = 0  # everything before this sample index is done
    snapshot: Mapping[str, Any] | None = None  # what `snapshot` gave when it got there
    name: str = ""  # of the actor
    session: str = ""
    seed: int = 0
    experiment: str = ""  # text of the experiment file
    culture: Mapping[str, str] = field(default_factory=dict)  # the [culture] table, flat
    recordings: Path = field(default_factory=Path)  # directory for files that outlive the session
    monotonic_s: Callable[[], float] | None = real_s  # None: no time but the samples' passes
    wall_ns: Callable[[], int] = time.time_ns
    open_recorder: Callable[..., Recorder] = open_recorder
    open_stimulator: Callable[..., Stimulator] = open_stimulator
    open_guard: Callable[[], Guard] = open_watchdog_link

    @property
    def first(self) -> StreamInfo:
        """What is known of the first input."""
        return next(iter(self.inputs.values()))


class Actor(BaseModel, Generic[In, Out]):
    """A processing step. Settings are fields; state is private and made in `open`.

    `In` and `Out` are message types or unions of them; each message that `step` returns goes to
    the one output stream that carries its type. Windows that yield nothing are published too, as
    empty ones, unless the actor is sparse.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )

    is_sparse: ClassVar[bool] = False  # publishes when it has something, and four times a second
    merges: ClassVar[bool] = True  # inputs are merged by sample index; False: as they arrive
    truth_type: ClassVar[type[Message] | None] = (
        None  # of its messages those that only Record reads
    )
    priority: ClassVar[int] = 50  # programs start in this order and stop in the reverse

    @property
    def warmup_s(self) -> float:
        """Seconds of input before the resume position that restore the state."""
        return 0.0

    @property
    def delay_samples(self) -> int:
        """How far the output's windows lag behind the input's; known after `open`."""
        return 0

    def open(self, start: ActorContext) -> None:
        """Make the private state. Called once, before the first `step`."""

    def output_info(self, start: ActorContext) -> StreamInfo:
        """What its streams carry; called after `open`. The runner fills in type and session."""
        return start.first

    def step(self, message: Any) -> Output:
        """The messages that follow from one input message. Pure: no clock, stream or network."""
        raise NotImplementedError

    def step_from(self, stream: str, message: Any) -> Output:
        """`step` for those who must know which stream a message came from."""
        del stream
        return self.step(message)

    def on_position(self, stream: str, position: int) -> None:
        """An input stream is known up to sample index `position`; called before its messages."""

    def on_silence(self, elapsed_s: float) -> Output:
        """Nothing has come for `elapsed_s` seconds; called about ten times a second."""
        del elapsed_s
        return None

    def finish(self) -> Output:
        """The input has ended: what was still held back. Called once, before `close`."""
        return None

    @property
    def is_over(self) -> bool:
        """True when it will never say anything again though its input goes on (a game's end)."""
        return False

    def snapshot(self) -> Mapping[str, Any] | None:
        """State that `warmup_s` of input cannot restore, stored with each output entry."""
        return None

    def possible_trains(self) -> Iterable[Stimulus]:
        """The trains of pulses it may ask for, one of each kind; `crepe check` judges them."""
        return ()

    def close(self) -> None:
        """Give back what `open` took; called once, also after an exception."""

    @classmethod
    def message_types(cls) -> tuple[tuple[type, ...], tuple[type, ...]]:
        """The message types it reads and those it writes."""
        for base in cls.__mro__:
            about = getattr(base, "__pydantic_generic_metadata__", {})
            arguments: Any = about.get("args") or ()
            if len(arguments) == 2:
                return _flat(arguments[0]), _flat(arguments[1])
        raise TypeError(f"{cls.__name__}: says no message types; derive from Actor[In, Out]")


def _flat(argument: Any) -> tuple[type, ...]:
    if argument is None or argument is type(None):
        return ()
    return get_args(argument) if isinstance(argument, UnionType) else (argument,)


class Source(Actor[In, Out]):
    """The beginning of the flow: its messages come from an instrument, not from a stream."""

    def expected(self) -> StreamInfo | None:
        """What its streams will carry; None if only the instrument itself can say."""
        return None

    def read(self, timeout_s: float) -> Output:
        """The next message, or None within `timeout_s`; raises EndOfData at the end."""
        raise NotImplementedError


class Sink(Actor[In, Out]):
    """An end of the flow that keeps what it is given, and knows by itself how far it got."""

    def positions(self) -> Mapping[str, int]:
        """By stream, the sample index before which everything is kept for good."""
        raise NotImplementedError

    def covered(self, stream: str) -> int:
        """Sample index up to which earlier files have a stream, too: from there on gaps count."""
        return self.positions().get(stream, 0)

    @property
    def problem(self) -> str:
        """What people should be told of the files that it writes; empty if all is well."""
        return ""
