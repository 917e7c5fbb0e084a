"""The actors of an experiment and the streams between them, checked before anything runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crepe.actors.actor import Actor, Source
from crepe.actors.output import reason_of
from crepe.config.actor_class import import_actor
from crepe.config.experiment_file import streams
from crepe.config.mistakes import Mistakes, explain
from crepe.config.shards import check_value
from crepe.environment.source_place import place_of
from crepe.errors import ConfigError, CrepeError, suggest
from crepe.hw.device import address, check_url
from crepe.hw.entry_points import OWN, RECORDERS, STIMULATORS
from crepe.messages import TRUTH, Command, Message

OUTSIDE = {"input": Command, "control": Command}
"""Streams outside the clock: several writers, server-given IDs."""

LEAST_LAG_S, LONGEST_LAG_S = 0.5, 2.0
"""Bounds of a feedback lag: a game publishes four times a second, so no reader waits for it."""


@dataclass(frozen=True)
class ActorSpec:
    """One `[actors.NAME]` table, checked."""

    name: str
    kind: type[Actor[Any, Any]]
    settings: Mapping[str, Any]
    reads: tuple[str, ...]
    writes: Mapping[type[Message], str]  # stream by message type
    feedback: Mapping[str, float] = field(default_factory=dict)
    """Streams that follow from its own output, and the seconds by which it receives each late."""
    shards: int = 1
    """Number of programs that share its channels."""

    def make(self) -> Actor[Any, Any]:
        """Return a new actor, not opened yet."""
        return self.kind(**self.settings)


def load_actor(name: str, table: Mapping[str, Any], place: str, directory: Path) -> ActorSpec:
    """Import the class that `run` names, and check its table. Raises ConfigError: all mistakes.

    `directory` is that of the experiment file, from which modules can be imported.
    """
    settings = dict(table)
    mistakes = Mistakes()
    run = settings.pop("run", None)
    settings.pop("machine", None)  # of the program, not of the class
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    feedback: dict[str, float] = {}
    with mistakes.collect():
        reads = streams(settings.pop("reads", []), f"{place} reads")
    with mistakes.collect():
        writes = streams(settings.pop("writes", []), f"{place} writes")
    with mistakes.collect():
        feedback = _feedback(settings.pop("feedback", {}), f"{place} feedback")
    n_shards = settings.pop("shards", 1)
    kind: type[Actor[Any, Any]] | None = None
    with mistakes.collect():
        kind = import_actor(run, place, directory)
        device = settings.get("device", getattr(kind.model_fields.get("device"), "default", None))
        with mistakes.collect():
            _make(kind, settings, place)
        if isinstance(device, str):
            with mistakes.collect():
                _check_device(device, place, is_source=issubclass(kind, Source))
        with mistakes.collect():
            check_value(n_shards, kind, place)
        if not mistakes:
            _check_streams(kind, reads, writes, place)
    mistakes.raise_all()
    assert kind is not None
    _, outputs = kind.message_types()
    if TRUTH not in writes and not settings.get("publish_truth"):  # its stream has a fixed name
        outputs = tuple(output for output in outputs if output is not kind.truth_type)
    # Messages of a type without a stream are not published.
    written = dict(zip(outputs, writes, strict=False))
    return ActorSpec(name, kind, settings, reads, written, feedback, n_shards)


def _make(kind: type[Actor[Any, Any]], settings: Mapping[str, Any], place: str) -> None:
    try:
        kind(**settings)
    except ValidationError as error:
        if error.errors()[0]["type"] == "frozen_instance":  # in a method such as `__init__`
            raise ConfigError(f"{place} {place_of(error)}: {reason_of(error)}") from error
        raise ConfigError(*(f"{place} {text}" for _, text in explain(error, kind))) from error
    except CrepeError as error:
        raise ConfigError(f"{place} {error}") from error
    except Exception as error:  # of a validator in the author's class
        raise ConfigError(f"{place} {type(error).__name__}: {error} ({place_of(error)})") from error


def _check_device(url: str, place: str, *, is_source: bool) -> None:
    try:
        check_url(url, is_source=is_source)
    except ConfigError as error:
        scheme, stimulators = address(url).scheme, OWN[STIMULATORS]
        if not is_source and scheme in OWN[RECORDERS].keys() - stimulators:
            raise ConfigError(
                f"{place} device {url!r}: {scheme}:// only records, nothing can be stimulated "
                f"through it; known are {', '.join(f'{name}://' for name in stimulators)}"
            ) from error
        raise ConfigError(f"{place} {error}") from error


def _check_streams(
    kind: type[Actor[Any, Any]], reads: Sequence[str], writes: Sequence[str], place: str
) -> None:
    """Raise ConfigError if a class needs other numbers of streams."""
    inputs, outputs = kind.message_types()
    if issubclass(kind, Source) and reads:
        raise ConfigError(f"{place} reads: {kind.__name__} reads an instrument, not streams")
    if inputs and not reads:
        raise ConfigError(f"{place} reads: missing; {kind.__name__} reads {_names(inputs)}")
    if len(writes) > len(outputs):
        raise ConfigError(
            f"{place} writes: {len(writes)} streams, {kind.__name__} writes {_names(outputs)}"
        )


def check_wiring(
    actors: Mapping[str, ActorSpec], place: str, unchecked: Collection[str] = ()
) -> dict[str, ActorSpec]:
    """Return the actors in the order of the flow. Raises ConfigError: all streams that misfit.

    `unchecked` are the streams of actors whose own tables are wrong: they may carry anything.
    """
    mistakes = Mistakes()
    with mistakes.collect():
        _check_instruments(actors, place)
    writers: dict[str, tuple[str, type[Message]]] = {}
    for actor in actors.values():
        for kind, stream in actor.writes.items():
            with mistakes.collect():
                _check_output(actor, kind, stream, writers, place)
            writers.setdefault(stream, (actor.name, kind))
    before: dict[str, set[str]] = {name: set() for name in actors}
    for actor in actors.values():
        for stream in (*actor.reads, *actor.feedback):
            if stream not in writers and stream in unchecked:
                continue
            with mistakes.collect():
                _check_input(actor, stream, writers, place)
            # Feedback is received late, so it closes no circle.
            if stream in writers and stream not in actor.feedback:
                before[actor.name].add(writers[stream][0])
    order = list(actors)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        mistakes.add(f"{place}: actors read each other in a circle: {cycle}")
    mistakes.raise_all()
    return {name: actors[name] for name in order}


def _check_instruments(actors: Mapping[str, ActorSpec], place: str) -> None:
    """Raise ConfigError for two stimulators, or for one that is not the recorded instrument."""
    from crepe.actors.stimulate import Stimulate  # a program without one does not import it

    stimulators = [actor for actor in actors.values() if issubclass(actor.kind, Stimulate)]
    for actor in stimulators[1:]:
        raise ConfigError(
            f"{place}: [actors.{actor.name}] run: {actor.kind.__name__}, but [actors."
            f"{stimulators[0].name}] stimulates already; neither would count the pulses of the "
            "other"
        )
    sources = [actor for actor in actors.values() if issubclass(actor.kind, Source)]
    for source, stimulator in product(sources, stimulators):
        recorded, stimulated = (str(a.settings.get("device", "")) for a in (source, stimulator))
        if address(recorded).scheme == address(stimulated).scheme and (
            address(recorded) != address(stimulated)
        ):
            raise ConfigError(
                f"{place}: [actors.{stimulator.name}] device: {stimulated!r}, but [actors."
                f"{source.name}] records {recorded!r}; must be one instrument"
            )


def _check_output(
    actor: ActorSpec,
    kind: type[Message],
    stream: str,
    writers: Mapping[str, tuple[str, type[Message]]],
    place: str,
) -> None:
    where = f"{place}: [actors.{actor.name}] writes: {stream!r}"
    if stream in OUTSIDE:
        raise ConfigError(f"{where} is written from outside the clock")
    if (stream == TRUTH) != (kind is actor.kind.truth_type):
        raise ConfigError(
            f"{where}: {TRUTH!r} is for the true spikes that Acquire publishes, and they "
            "are for no other stream"
        )
    if stream in writers:
        raise ConfigError(f"{where} is written by [actors.{writers[stream][0]}] already")


def _check_input(
    actor: ActorSpec, stream: str, writers: Mapping[str, tuple[str, type[Message]]], place: str
) -> None:
    inputs, _ = actor.kind.message_types()
    table = "feedback" if stream in actor.feedback else "reads"
    where = f"{place}: [actors.{actor.name}] {table}: {stream!r}"
    if stream not in writers and stream not in OUTSIDE:
        raise ConfigError(f"{where} has no writer{suggest(stream, writers)}")
    _, kind = writers.get(stream, ("", OUTSIDE.get(stream, Command)))
    if not issubclass(kind, inputs):
        raise ConfigError(
            f"{where} carries {kind.__name__}, {actor.kind.__name__} reads {_names(inputs)}"
        )
    if stream != TRUTH:
        return
    from crepe.actors.record import Record  # likewise

    if not issubclass(actor.kind, Record):
        raise ConfigError(f"{where} has the true spikes of each cell; only Record may read it")


def _feedback(value: Any, place: str) -> dict[str, float]:
    """Return the lag in seconds of each stream that follows from the actor's own output."""
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: {value!r}, must be a table of streams and seconds")
    names = streams(list(value), place)
    for stream, lag_s in value.items():
        if not isinstance(lag_s, int | float) or not LEAST_LAG_S <= lag_s <= LONGEST_LAG_S:
            raise ConfigError(
                f"{place}.{stream}: {lag_s!r}, must be {LEAST_LAG_S:g} to {LONGEST_LAG_S:g} s"
            )
    return dict(zip(names, map(float, value.values()), strict=True))


def _names(kinds: tuple[type, ...]) -> str:
    return " and ".join(kind.__name__ for kind in kinds) or "nothing"
