"""A recorded session through the same actors again: are their messages the same, bit for bit?"""

# Decision 101: what is fed, what is run, what is compared.

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from crepe.actors.actor import Sink, Source
from crepe.actors.stimulate import Stimulate
from crepe.commands import INPUT
from crepe.config.context import actor_context
from crepe.config.experiment import Experiment, load_experiment
from crepe.config.wiring import OUTSIDE, ActorSpec
from crepe.environment.session import course_of
from crepe.errors import ConfigError
from crepe.messages import Command, Message, Segment
from crepe.recording.computed import experiment_tables
from crepe.recording.reader import Recording
from crepe.runtime.batch import Batch, OutputBatch
from crepe.runtime.chain import Chain
from crepe.runtime.hosted_actor import HostedActor

_PAGE_S = 1.0
_TAIL_S = 1.0  # programs stop one after the other, so the last messages of one may be missing
_INPUT_NAMES = frozenset({"gesture", "frame", "pulse"})  # of commands on `input`, not `control`


@dataclass(frozen=True)
class Difference:
    """The first message of a stream that differs."""

    stream: str
    index: int  # of the message in its stream, from 0
    stop: int  # sample index
    text: str  # field, recorded and replayed value

    def __str__(self) -> str:
        return f"{self.stream}, message {self.index}, sample {self.stop}: {self.text}"


@dataclass(frozen=True)
class Verification:
    """The result of a replay: how much was compared, and the first difference if there is one."""

    session: str
    n_compared: Mapping[str, int]  # messages by stream
    difference: Difference | None
    fed: Sequence[str]  # streams taken from the recording, not computed
    versions: Mapping[str, str]  # of the programs that recorded the session


def verify(path: Path, directory: Path) -> Verification:
    """Run the actors of a session on its recorded data and commands; compare what they write.

    Neither instrument nor stimulator is opened: what they gave is taken from the recording.

    Parameters
    ----------
    path
        The recording.
    directory
        Where modules of the experiment's own are, if the recording does not name it.

    Raises
    ------
    ConfigError
        The recording has no data, or its experiment does not load any more.
    """
    with Recording(path) as recording:
        return _Replay(recording, _experiment(recording, directory)).run()


def _experiment(recording: Recording, directory: Path) -> Experiment:
    text = recording.experiment
    is_json = text.lstrip().startswith("{")
    changes: dict[str, Any] = {"seed": recording.seed}
    tables = experiment_tables(text)
    if tables.get("course") is None:  # decision 87: what the session drew with
        is_real_time = any(info.origin_t_ns for info in recording.streams().values())
        changes["course"] = course_of(recording.session) if is_real_time else 0
    if not (is_json and "directory" in tables):
        changes["directory"] = str(directory.resolve())
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / f"{recording.session}.{'json' if is_json else 'toml'}"
        path.write_text(text, encoding="utf-8")
        return load_experiment(path, changes)


class _Replay:
    """The actors of one session, and the recorded streams that they are compared with."""

    def __init__(self, recording: Recording, experiment: Experiment) -> None:
        self._recording = recording
        self._infos = recording.streams()
        specs = experiment.actors.values()
        self._specs = [s for s in specs if not issubclass(s.kind, Source | Sink | Stimulate)]
        given = [s for s in specs if issubclass(s.kind, Source | Stimulate)]
        self._fed = [n for s in given for n in s.writes.values() if n in self._infos]
        if not self._fed:
            raise ConfigError(f"session {recording.session}: its data were not recorded")
        self._chain = Chain(list(self._open(experiment)))
        self._replayed: dict[str, list[Message]] = {n: [] for n in self._compared()}
        self._received = {
            host.spec.name: self._commands(host.spec, host.spec.reads)
            for host in self._chain.hosted
        }

    def _open(self, experiment: Experiment) -> Iterator[HostedActor]:
        infos = {name: self._infos[name] for name in self._fed}
        for spec in self._specs:
            if not infos.keys() & set(spec.reads):
                continue  # its input was not recorded, and cannot be computed
            context = actor_context(
                experiment, spec, infos, session=self._recording.session, wall_ns=lambda: 0
            )
            host = HostedActor(spec, context, None)
            infos |= host.infos
            yield host

    def _compared(self) -> list[str]:
        """Return the streams that are recorded and computed; readers compute filtered samples."""
        names = [name for host in self._chain.hosted for name in host.spec.writes.values()]
        return [
            name
            for name in names
            if name in self._infos and not issubclass(self._infos[name].kind, Segment)
        ]

    def _commands(self, spec: ActorSpec, reads: Sequence[str]) -> list[tuple[str, Command]]:
        """Return the commands that an actor received, each with its stream, by sample index.

        Those that it has published again have the index at which it received them. Of others the
        index is that of another actor that has: within a window or two the same.
        """
        commands: list[tuple[str, Command]] = []
        for outside in (stream for stream in reads if stream in OUTSIDE):
            writers = sorted(self._specs, key=lambda other: other.name != spec.name)
            for writer in writers:
                stream = writer.writes.get(Command, "")
                if outside not in writer.reads or stream not in self._infos:
                    continue
                received = [
                    message
                    for message in self._all(stream)
                    if isinstance(message, Command)
                    and (message.name in _INPUT_NAMES) == (outside == INPUT)
                ]
                if received:
                    commands += [(outside, command) for command in received]
                    break
        return sorted(commands, key=lambda item: item[1].start)

    def _all(self, stream: str) -> list[Message]:
        return self._recording.messages(stream, 0, self._recording.last(stream) + 1)

    def run(self) -> Verification:
        try:
            for window in self._windows():
                self._hear()
                for batch in window:
                    self._take(self._chain.push(batch))
            self._hear()
            for stream in self._fed:
                stop = self._recording.last(stream)
                self._take(self._chain.push(Batch(stream, stop, stop, is_end=True)))
        finally:
            self._chain.close()
        differences = [d for name in self._replayed if (d := self._compare(name)) is not None]
        return Verification(
            self._recording.session,
            {name: len(self._all(name)) for name in self._replayed},
            min(differences, key=lambda d: d.stop, default=None),
            self._fed,
            self._recording.versions,
        )

    def _windows(self) -> Iterator[list[Batch]]:
        """Yield the windows of the clock, each with those of the other streams that are fed."""
        clock, *others = self._fed
        events = {name: self._all(name) for name in others}
        step = round(_PAGE_S * self._infos[clock].sampling_rate_hz)
        for after in range(0, self._recording.last(clock), step):
            for message in self._recording.messages(clock, after, after + step):
                if not after < message.stop <= after + step:
                    continue
                window = []
                for name, messages in events.items():
                    until = next((i for i, m in enumerate(messages) if m.stop > message.stop), None)
                    together = messages[:until]
                    events[name] = messages[len(together) :]
                    window.append(Batch(name, message.start, message.stop, together))
                yield [*window, Batch(clock, message.start, message.stop, (message,))]

    def _hear(self) -> None:
        """Feed each actor with the commands that it had received at its present position."""
        for host in self._chain.hosted:
            commands = self._received[host.spec.name]
            while commands and commands[0][1].start <= host.position:
                stream, command = commands.pop(0)
                host.feed(Batch(stream, command.start, command.stop, (command,)))

    def _take(self, outputs: Sequence[OutputBatch]) -> None:
        for out in outputs:
            if out.batch.stream in self._replayed:
                self._replayed[out.batch.stream] += out.batch.messages

    def _compare(self, stream: str) -> Difference | None:
        recorded, replayed = self._all(stream), self._replayed[stream]
        pairs = zip(recorded, replayed, strict=False)
        for index, (message, again) in enumerate(pairs):
            if text := _difference(message, again):
                return Difference(stream, index, min(message.stop, again.stop), text)
        index = min(len(recorded), len(replayed))
        if len(recorded) > index:
            return Difference(stream, index, recorded[index].stop, "recorded, not replayed")
        rate_hz = self._infos[stream].sampling_rate_hz
        tail = self._recording.last(self._fed[0]) - _TAIL_S * rate_hz
        if len(replayed) > index and replayed[index].stop < tail:
            return Difference(stream, index, replayed[index].stop, "replayed, not recorded")
        return None


def _difference(recorded: Message, replayed: Message) -> str:
    """Return the first field that differs, with both values; empty if none does."""
    if type(recorded) is not type(replayed):
        return f"recorded {type(recorded).__name__}, replayed {type(replayed).__name__}"
    for field in fields(recorded):
        before, now = getattr(recorded, field.name), getattr(replayed, field.name)
        if not _is_equal(before, now):
            return f"{field.name} recorded {_short(before)}, replayed {_short(now)}"
    return ""


def _is_equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_is_equal(a[name], b[name]) for name in a)
    return bool(a == b) or repr(a) == repr(b)  # nan is equal to itself here


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:76]} ..."
