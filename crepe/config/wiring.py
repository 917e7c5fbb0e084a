"""The actors of an experiment and the streams between them, checked before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from crepe.actors.actor import Actor, Source
from crepe.actors.record import Record
from crepe.actors.stimulate import Stimulate
from crepe.config.experiment_file import streams
from crepe.config.explain import explain
from crepe.config.moved_names import moved_to
from crepe.errors import ConfigError, CrepeError, suggest
from crepe.hw.device import check_url
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

    def make(self) -> Actor[Any, Any]:
        """Return a new actor, not opened yet."""
        return self.kind(**self.settings)


def load_actor(name: str, table: Mapping[str, Any], place: str) -> ActorSpec:
    """Import the class that `run` names, and check its settings. Raises ConfigError."""
    settings = dict(table)
    kind = _import(settings.pop("run", None), place)
    reads = streams(settings.pop("reads", []), f"{place} reads")
    writes = streams(settings.pop("writes", []), f"{place} writes")
    feedback = _feedback(settings.pop("feedback", {}), f"{place} feedback")
    try:
        actor = kind(**settings)
    except ValidationError as error:
        raise ConfigError(f"{place} {explain(error, kind)}") from error
    except CrepeError as error:
        raise ConfigError(f"{place} {error}") from error
    device = getattr(actor, "device", None)
    if isinstance(device, str):
        try:
            check_url(device, is_source=issubclass(kind, Source))
        except ConfigError as error:
            raise ConfigError(f"{place} {error}") from error
    inputs, outputs = kind.message_types()
    if issubclass(kind, Source) and reads:
        raise ConfigError(f"{place} reads: {kind.__name__} reads an instrument, not streams")
    if inputs and not reads:
        raise ConfigError(f"{place} reads: missing; {kind.__name__} reads {_names(inputs)}")
    if len(writes) > len(outputs):
        raise ConfigError(
            f"{place} writes: {len(writes)} streams, {kind.__name__} writes {_names(outputs)}"
        )
    # Messages of a type without a stream are not published.
    written = dict(zip(outputs, writes, strict=False))
    return ActorSpec(name, kind, settings, reads, written, feedback)


def check_wiring(actors: Mapping[str, ActorSpec], place: str) -> dict[str, ActorSpec]:
    """Return the actors in the order of the flow. Raises ConfigError for a stream that misfits."""
    stimulators = [name for name, actor in actors.items() if issubclass(actor.kind, Stimulate)]
    for name in stimulators[1:]:
        raise ConfigError(
            f"{place}: [actors.{name}] run: {actors[name].kind.__name__}, but [actors."
            f"{stimulators[0]}] stimulates already; neither would count the pulses of the other"
        )
    writers: dict[str, tuple[str, type[Message]]] = {}
    for actor in actors.values():
        for kind, stream in actor.writes.items():
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
            writers[stream] = (actor.name, kind)
    before: dict[str, set[str]] = {name: set() for name in actors}
    for actor in actors.values():
        inputs, _ = actor.kind.message_types()
        for stream in (*actor.reads, *actor.feedback):
            table = "feedback" if stream in actor.feedback else "reads"
            where = f"{place}: [actors.{actor.name}] {table}: {stream!r}"
            if stream not in writers and stream not in OUTSIDE:
                raise ConfigError(f"{where} has no writer{suggest(stream, writers)}")
            writer, kind = writers.get(stream, ("", OUTSIDE.get(stream, Command)))
            if not issubclass(kind, inputs):
                raise ConfigError(
                    f"{where} carries {kind.__name__}, {actor.kind.__name__} reads {_names(inputs)}"
                )
            if stream == TRUTH and not issubclass(actor.kind, Record):
                raise ConfigError(
                    f"{where} has the true spikes of each cell; only Record may read it"
                )
            # Feedback is received late, so it closes no circle.
            if writer and stream not in actor.feedback:
                before[actor.name].add(writer)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise ConfigError(f"{place}: actors read each other in a circle: {cycle}") from error
    return {name: actors[name] for name in order}


def _import(path: Any, place: str) -> type[Actor[Any, Any]]:
    if not isinstance(path, str) or path.count(":") != 1:
        raise ConfigError(f"{place} run: {path!r}, must be an import path 'package.module:Class'")
    if new_path := moved_to(path):
        raise ConfigError(f"{place} run: {path!r} has moved to {new_path!r}")
    module_name, _, class_name = path.partition(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        new_module = moved_to(error.name or "")  # of an import inside a lab's own module
        hint = f"; it has moved to {new_module!r}" if new_module else ""
        raise ConfigError(f"{place} run: cannot import {module_name!r}: {error}{hint}") from error
    kind = getattr(module, class_name, None)
    if not (isinstance(kind, type) and issubclass(kind, Actor)):
        names = [n for n, k in vars(module).items() if isinstance(k, type) and issubclass(k, Actor)]
        raise ConfigError(
            f"{place} run: {module_name} has no actor {class_name!r}{suggest(class_name, names)}"
        )
    return kind


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
