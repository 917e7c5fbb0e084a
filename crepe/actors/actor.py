"""An actor: a typed record with a pure `step`, message in, messages out.

The runner owns everything else (streams, clock, processes). It calls `open` once, `step` for every
message in order, `on_silence` while no message comes, and `close` at the end.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict

from crepe.environment.clock import Clocks, boot_id, read_clocks, real_s
from crepe.hw.device import open_recorder, open_stimulator
from crepe.hw.instrument import Guard, Recorder, Stimulator
from crepe.messages import Message, Stimulus, StreamInfo, Unreadable

In = TypeVar("In")
Out = TypeVar("Out")

Output = Message | Iterable[Message] | None


def open_watchdog_link() -> Guard:
    """Return the guard of an instrument outside this process; the import here needs Unix."""
    from crepe.safety.watchdog_link import watchdog_link

    return watchdog_link()


def disarm_stimulator() -> None:
    """Disarm the stimulator that runs with these programs."""
    from crepe.environment import paths
    from crepe.safety import arming

    arming.disarm(paths.run_directory())


@dataclass(frozen=True)
class ActorContext:
    """The surroundings of an actor, given to it when it is opened."""

    inputs: Mapping[str, StreamInfo] = field(default_factory=dict)  # by stream, as in `reads`
    outside: tuple[str, ...] = ()  # the streams of `reads` that are outside the clock
    outputs: tuple[str, ...] = ()  # the streams of `writes`
    position: int = 0  # everything before this sample index is done
    snapshot: Mapping[str, Any] | None = None  # the actor's snapshot at that position
    name: str = ""  # of the actor
    session: str = ""
    seed: int = 0  # of the experiment
    course: int = 0  # tells the session from others of its seed
    experiment: str = ""  # text of the experiment file
    culture: Mapping[str, str] = field(default_factory=dict)  # the [culture] table, flat
    recordings: Path = field(default_factory=Path)  # directory for files that outlive the session
    monotonic_s: Callable[[], float] | None = real_s  # None: time is that of the samples only
    wall_ns: Callable[[], int] = time.time_ns
    clocks: Callable[[], Clocks] = read_clocks
    boot_id: Callable[[], str] = boot_id
    open_recorder: Callable[..., Recorder] = open_recorder
    open_stimulator: Callable[..., Stimulator] = open_stimulator
    open_guard: Callable[[], Guard] = open_watchdog_link
    disarm: Callable[[], None] = disarm_stimulator

    @property
    def session_seed(self) -> int:
        """The number from which all that an actor draws follows: of the seed and the course."""
        if not self.course:
            return self.seed
        import numpy as np  # most actors draw nothing

        mixed = np.random.SeedSequence([self.seed, self.course])
        return int(mixed.generate_state(1, np.uint64)[0])

    @property
    def first(self) -> StreamInfo:
        """Description of the first input stream."""
        return next(iter(self.inputs.values()))


class Actor(BaseModel, Generic[In, Out]):
    """A processing step. Settings are fields; state is private and created in `open`.

    `In` and `Out` are message types or unions of them; each message that `step` returns goes to
    the one output stream that carries its type. A window without a message is published too, as
    an empty one, unless the actor is sparse.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )

    #: Publishes its rare messages only, and its position four times a second, no empty windows.
    is_sparse: ClassVar[bool] = False
    merges: ClassVar[bool] = True  #: Inputs are merged by sample index; False: as they arrive.
    #: Each channel is treated for itself, and all alike: groups of them can be programs (shards).
    is_per_channel: ClassVar[bool] = False
    truth_type: ClassVar[type[Message] | None] = None  # the output type that only Record reads
    #: Of a decoder: what an answer follows from, for people who read results.
    decides_by: ClassVar[str] = ""
    acts_outside: ClassVar[bool] = False  #: On a file, a network or an instrument: never tried.
    priority: ClassVar[int] = 50  # programs start in this order and stop in the reverse

    @property
    def warmup_s(self) -> float:
        """Seconds of input before the resume position that restore the state."""
        return 0.0

    @property
    def delay_samples(self) -> int:
        """Lag of the output's windows behind the input's; valid after `open`."""
        return 0

    def open(self, context: ActorContext) -> None:
        """Create the private state. Called once, before the first `step`."""

    def output_info(self, context: ActorContext) -> StreamInfo:
        """Return the description of the output streams, without type and session.

        Called after `open`; the runner sets type and session.
        """
        return context.first

    def step(self, message: Any) -> Output:
        """Return the messages for one input message. Pure: no clock, stream or network.

        `Output` is one message, several in order, or None: then an empty window is published.
        """
        raise NotImplementedError

    def step_from(self, stream: str, message: Any) -> Output:
        """Return what `step` does; for actors that treat their input streams differently."""
        del stream
        return self.step(message)

    def on_position(self, stream: str, position: int) -> None:
        """Note that a stream is complete up to `position`; called before the window's messages."""

    def on_silence(self, elapsed_s: float) -> Output:
        """Act on `elapsed_s` seconds without input; called about ten times a second."""
        del elapsed_s
        return None

    def on_unreadable(self, stream: str, unreadable: Unreadable) -> Output:
        """Act on a message that could not be read; it is logged and counted already."""
        del stream, unreadable
        return None

    def on_stop(self) -> Output:
        """Return the last messages before the process ends by request; it may be resumed."""
        return None

    def finish(self) -> Output:
        """Return the messages still held when the input ends. Called once, before `close`."""
        return None

    @property
    def is_over(self) -> bool:
        """Whether no more messages will follow although the input continues (a game's end)."""
        return False

    @property
    def problem(self) -> str:
        """Problem, as text for people: for the heartbeat, and a note on `control`; or empty."""
        return ""

    def snapshot(self) -> Mapping[str, Any] | None:
        """Return the state that `warmup_s` of input cannot restore, for each output entry."""
        return None

    def resume_positions(self) -> Mapping[str, int]:
        """Return, by input stream, where an actor that does not merge reads on after a restart."""
        return {}

    def possible_trains(self) -> Iterable[Stimulus]:
        """Return the trains of pulses it may request, each kind once; `crepe check` judges them."""
        return ()

    def possible_decisions(self) -> Collection[str] | None:
        """Return the values that its decisions can have, besides None; valid after `open`.

        None: not known. `crepe check` compares them with what the reader of its decisions accepts.
        """
        return None

    def accepted_decisions(self) -> Collection[str] | None:
        """Return the values of decisions that it acts on; its decoder must make each, and no other.

        None: any, or it reads no decisions.
        """
        return None

    def close(self) -> None:
        """Release what `open` acquired; called once, also after an exception."""

    if not TYPE_CHECKING:  # else mypy would allow any attribute
        # A step reads its private state a hundred times. Where pydantic keeps it, each reading is a
        # search that fails and two calls, so the values stand beside the settings, too.

        def __getattr__(self, name: str) -> Any:
            try:
                value = object.__getattribute__(self, "__pydantic_private__")[name]
            except (AttributeError, TypeError, KeyError):  # no private state, or not this
                return super().__getattr__(name)
            self.__dict__[name] = value  # where the next reading finds it
            return value

        def __setattr__(self, name: str, value: Any) -> None:
            try:
                private = object.__getattribute__(self, "__pydantic_private__")
            except AttributeError:
                private = None
            if private is not None and name in private:
                private[name] = self.__dict__[name] = value
            else:
                super().__setattr__(name, value)

        def __delattr__(self, name: str) -> None:
            super().__delattr__(name)
            self.__dict__.pop(name, None)

    @classmethod
    def message_types(cls) -> tuple[tuple[type, ...], tuple[type, ...]]:
        """Return the message types that it reads and those that it writes."""
        # A subclass of a concrete actor has no type arguments of its own.
        for base in cls.__mro__:
            about = getattr(base, "__pydantic_generic_metadata__", {})
            arguments: Any = about.get("args") or ()
            if len(arguments) == 2:
                return _flat(arguments[0]), _flat(arguments[1])
        raise TypeError(f"{cls.__name__}: has no message types; derive from Actor[In, Out]")


def _flat(argument: Any) -> tuple[type, ...]:
    kinds = get_args(argument) if get_origin(argument) in (Union, UnionType) else (argument,)
    return tuple(kind for kind in kinds if kind not in (None, type(None)))


class Source(Actor[In, Out]):
    """An actor whose messages come from an instrument, not from a stream."""

    def expected(self) -> StreamInfo | None:
        """Return the description of its future streams; None if it needs the instrument."""
        return None

    def read(self, timeout_s: float) -> Output:
        """Return the next message, or None after `timeout_s`; raise EndOfData at the end."""
        raise NotImplementedError


class Sink(Actor[In, Out]):
    """An actor without output that stores its input, and tracks its own positions."""

    acts_outside: ClassVar[bool] = True

    def positions(self) -> Mapping[str, int]:
        """Return, by stream, the sample index before which everything is stored for good."""
        raise NotImplementedError

    @property
    def left_out(self) -> Collection[str]:
        """The input streams that it does not store and is not given; valid after `open`.

        It has a position in each all the same.
        """
        return ()

    def covered(self, stream: str) -> int:
        """Return the sample index up to which its files have a stream, earlier files included.

        Gaps count from there on.
        """
        return self.positions().get(stream, 0)

    @property
    def is_paused(self) -> bool:
        """Whether its input must wait, as far as Redis can keep it."""
        return False

    @property
    def disarms_after_s(self) -> float | None:
        """Seconds for which it may store nothing before the stimulator is disarmed; None: any."""
        return None
