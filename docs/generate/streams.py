"""`reference/streams.md`: streams, keys, and messages with their fields."""

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import crepe.messages
from crepe import commands
from crepe.config.experiment import Experiment, load_experiment
from crepe.games.pong import state
from crepe.messages import DeliveryState, Message, StreamInfo
from crepe.phases import GamePhase
from docs.generate.fields import unit_of
from docs.generate.markdown import code, page, sentence, table
from docs.generate.source import description, field_sentences, source_type, summary

CONFIG = Path(__file__).parents[2] / "config"

_INTRO = """Every stream and key on the Redis server, and every message with its fields. Programs
exchange messages on Redis Streams, whose clock is the sample index. An entry covers the window
`[start, stop)` in samples, and its ID is `<stop>-0`. A stream's name follows the name of the
culture in the key: the stream `data` of the culture `crepe` has the key `crepe:data`. Reasons are
in [how streams work](../explanations/streams.md)."""

_STREAMS = """An experiment file names its streams; a name is free, but for `input`, `control` and
`data:truth`. Those of the experiments in [config](../../config):"""

_OUTSIDE = """Two streams are outside the clock: several programs write them, and the server gives
the IDs. An entry has one field, `data`: a message in msgpack."""

_MESSAGES = """A message is a statement about the samples in `[start, stop)`. It holds numbers,
strings, tuples of these and numpy arrays, so that clients in any language can read it. Every
message has these fields:"""

KEYS: Mapping[str, tuple[str, str]] = {
    "crepe:STREAM": ("stream", "The entries of a stream."),
    "crepe:STREAM:info": (
        "hash",
        "The description of the stream, see [StreamInfo](#streaminfo), and its writer.",
    ),
    "crepe:STREAM:readers": (
        "hash",
        "Sample index up to which each registered reader has read; later entries are not trimmed.",
    ),
    "crepe:STREAM:ahead": (
        "stream",
        "Samples of a row that is ahead of the others; of the original interface only.",
    ),
    "crepe:STREAM/NUMBERofCOUNT": (
        "stream",
        "Instead of the first: the entries of a group of the channels, with an info and readers "
        "of its own, see `shards`.",
    ),
    "crepe:rates": (
        "hash",
        "Bytes per second of each stream, from which follows how much of all is kept.",
    ),
    "crepe:streams": ("hash", "The names of all streams, each with its last writer."),
    "crepe:actors": ("hash", "The names of all programs with a heartbeat, each with its writer."),
    "crepe:actor:PROGRAM": (
        "hash",
        "The heartbeat of a program, once a second: state, position, delays and gaps.",
    ),
    "crepe:lease": (
        "hash",
        "The session that has the culture; renewed by its programs, and expires without them.",
    ),
    "crepe:session": (
        "hash",
        "The session as further machines join it: its ID, experiment and phase.",
    ),
    "crepe:machine:NAME": (
        "hash",
        "The sign of life of a further machine, whose age is told by its time to live.",
    ),
    "crepe:clocks": (
        "stream",
        "An entry whose ID is the server's clock, to compare those of machines with.",
    ),
}
"""Every key on the server, with its Redis type; `crepe` stands for the name of the culture."""

ENTRY: Mapping[str, str] = {
    "start": "Sample index of the first sample of the window; the last is in the ID.",
    "t_ns": "Wall clock in ns: of the acquisition of a segment, else of the publication.",
    "session": "ID of the session.",
    "writer": "Identity of the writer.",
    "data": "The messages of the window, in msgpack.",
    "position": "Sample index of the input that the entry results from, where that is not `stop`.",
    "heard": "ID of the last command that the writer has read.",
    "gap": "`estimated`, where the gap before the entry was estimated from the clock.",
    "snapshot": "State of the writer at this position, in msgpack.",
    "end": "`1` in the last entry of a stream that has ended.",
}
"""The fields of an entry, in the order in which they are written."""


def message_classes() -> list[type[Message]]:
    """Return the classes of messages, in the order of the code."""
    return [
        kind
        for kind in vars(crepe.messages).values()
        if inspect.isclass(kind) and issubclass(kind, Message) and kind is not Message
    ]


def streams() -> str:
    """Return the page."""
    parts = [_INTRO, "## Streams", _STREAMS, _stream_table(), "## Streams outside the clock"]
    parts += [_OUTSIDE, _commands(), "## Keys", _keys(), "## Fields of an entry", _entry()]
    parts += [
        "## Messages",
        description(Message).replace("itself.", "itself.", 1),
        _fields(Message),
    ]
    for kind in message_classes():
        parts += [f"### {kind.__name__}", description(kind), _traits(kind), _fields(kind)]
    parts += ["## StreamInfo", description(StreamInfo), _fields(StreamInfo)]
    parts += [
        "## Values",
        *_values("GamePhase", GamePhase),
        *_values("DeliveryState", DeliveryState),
    ]
    parts += _values("Phases of Pong", state.Phase)
    return page("Streams and messages", *parts)


def _stream_table() -> str:
    experiments = [load_experiment(path) for path in sorted(CONFIG.rglob("*.toml"))]
    rows: dict[str, list[list[str]]] = {}
    for experiment in experiments:
        for stream, (message, writer) in _written(experiment).items():
            row = rows.setdefault(stream, [[], [], []])
            readers = [
                name
                for name, actor in experiment.actors.items()
                if stream in actor.reads or stream in actor.feedback
            ]
            for names, new in zip(row, ([message], [writer], readers), strict=True):
                names += [name for name in new if name not in names]
    return table(
        ("stream", "messages", "written by", "read by"),
        [
            (
                code(stream),
                ", ".join(f"[{name}](#{name.lower()})" for name in messages),
                ", ".join(map(code, writers)),
                ", ".join(map(code, readers)),
            )
            for stream, (messages, writers, readers) in sorted(rows.items())
        ],
    )


def _written(experiment: Experiment) -> dict[str, tuple[str, str]]:
    return {
        stream: (kind.__name__, name)
        for name, actor in experiment.actors.items()
        for kind, stream in actor.writes.items()
    }


def _commands() -> str:
    return table(
        ("stream", "commands", "written by"),
        [
            (
                code(commands.INPUT),
                "gestures, and frames of sensors",
                "`crepe gesture`, the page, the sensor gateway",
            ),
            (
                code(commands.CONTROL),
                ", ".join(map(code, commands.SAYABLE)) + ", and notices of arming and stops",
                "`crepe say`, `crepe arm`, `crepe stop`, the page, the watchdog",
            ),
        ],
    )


def _keys() -> str:
    return table(
        ("key", "type", "content"), [(code(key), kind, text) for key, (kind, text) in KEYS.items()]
    )


def _entry() -> str:
    return table(("field", "content"), [(code(name), text) for name, text in ENTRY.items()])


def _traits(kind: type[Message]) -> str:
    if kind.is_clocked:
        return "Clocked: its windows follow the clock without a break, so a hole is a gap."
    return (
        "An event: rare, so a reader can follow the stream from its beginning."
        if kind.is_event
        else ""
    )


def _fields(kind: Any) -> str:
    sentences = field_sentences(kind)
    common = () if kind is Message else [field.name for field in fields(Message)]
    return table(
        ("field", "type", "unit", "default", "meaning"),
        [
            (
                code(field.name),
                code(source_type(kind, field.name)),
                unit_of(field.name),
                _default(field),
                sentence(sentences.get(field.name, "")),
            )
            for field in fields(kind)
            if field.name not in common
        ],
    )


def _default(field: Field[Any]) -> str:
    if field.default_factory is not MISSING:
        return code(repr(field.default_factory()))
    if field.default is MISSING:
        return "required"
    return code(repr(field.default))


def _values(heading: str, kind: type[StrEnum]) -> list[str]:
    sentences = field_sentences(kind)
    rows = [(code(member.value), sentence(sentences[member.name])) for member in kind]
    return [f"### {heading}", summary(kind), table(("value", "meaning"), rows)]
