"""Actors that run as several programs, each of which has a group of the channels."""

# Decision 118: what is split, and where.

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crepe.actors.actor import Actor
from crepe.config.mistakes import Mistakes
from crepe.errors import ConfigError
from crepe.messages import Message
from crepe.store.groups.names import group_name, group_number, whole_name
from crepe.store.groups.parts import BY_CHANNEL

if TYPE_CHECKING:
    from crepe.config.experiment import Experiment
    from crepe.config.experiment_file import ExperimentFile
    from crepe.config.wiring import ActorSpec

MOST_SHARDS = 64


def check_value(value: Any, kind: type[Actor[Any, Any]], place: str) -> int:
    """Return `shards` of an actor's table. Raises ConfigError if the actor cannot be split."""
    if type(value) is not int or not 1 <= value <= MOST_SHARDS:
        raise ConfigError(f"{place} shards: {value!r}, must be an integer of 1 to {MOST_SHARDS}")
    _, outputs = kind.message_types()
    if value > 1 and not (kind.is_per_channel and set(outputs) <= set(BY_CHANNEL)):
        raise ConfigError(
            f"{place} shards: {value}, but {kind.__name__} does not treat each channel for itself; "
            "only an actor that does can be several programs (`is_per_channel` of its class)"
        )
    return value


def shard(spec: "ActorSpec", number: int, kinds: Mapping[str, type[Message]]) -> "ActorSpec":
    """Return an actor as one of its programs runs it: with the groups of its streams.

    `kinds` are the message types of the streams that it reads, as far as actors write them.
    """
    if spec.shards == 1:
        return spec
    reads = (_group(s, number, spec) if kinds.get(s) in BY_CHANNEL else s for s in spec.reads)
    writes = {kind: _group(stream, number, spec) for kind, stream in spec.writes.items()}
    return replace(spec, reads=tuple(reads), writes=writes)


def _group(stream: str, number: int, spec: "ActorSpec") -> str:
    return group_name(stream, number, spec.shards)


def split_streams(file: "ExperimentFile", specs: Sequence["ActorSpec"]) -> dict[str, int]:
    """Return the streams of actors that their program publishes in groups, and how many."""
    written = {s: kind for spec in specs if spec.shards == 1 for kind, s in spec.writes.items()}
    return {
        stream: file.shards[name]
        for name, reads in file.reads.items()
        for stream in reads
        if written.get(stream) in BY_CHANNEL and file.shards[name] > 1
    }


def readers_outside(file: "ExperimentFile", name: str, ours: Collection[str]) -> Iterator[str]:
    """Yield the programs that read a stream, or a group of one, of actors other than `ours`."""
    number = group_number(name)
    for actor, reads in file.reads.items():
        if whole_name(name) in reads and actor not in ours:
            programs = file.programs_of[actor]
            if number is not None and len(programs) > 1:
                programs = programs[number : number + 1]
            yield from programs


def check_shards(experiment: "Experiment", mistakes: Mistakes) -> None:
    """Add to `mistakes` the actors whose programs do not fit each other's groups of channels."""
    path, actors = experiment.path, experiment.actors
    for name, chain in experiment.chains.items():
        counts = {actor: actors[actor].shards for actor in chain if actor in actors}
        if len(set(counts.values())) > 1:
            texts = ", ".join(f"{actor} {count}" for actor, count in counts.items())
            mistakes.add(
                f"{path}: [chains.{name}]: actors of one chain must have the same number of "
                f"shards, not {texts}"
            )
    kinds = {s: kind for spec in actors.values() for kind, s in spec.writes.items()}
    first: dict[str, ActorSpec] = {}  # by stream that is split: the actor whose number counts
    for spec in actors.values():
        streams = (*spec.reads, *spec.writes.values()) if spec.shards > 1 else ()
        for stream in streams:
            if kinds.get(stream) not in BY_CHANNEL:
                continue
            other = first.setdefault(stream, spec)
            if other.shards != spec.shards:
                mistakes.add(
                    f"{path}: [actors.{spec.name}] shards: {spec.shards}, but {stream!r} is split "
                    f"for the {other.shards} shards of [actors.{other.name}]; must be equal"
                )
    for spec in actors.values():
        for stream in first.keys() & spec.feedback:
            mistakes.add(
                f"{path}: [actors.{spec.name}] feedback: {stream!r} is split for the shards of "
                f"[actors.{first[stream].name}]; it can only be in `reads`"
            )
    programs = [program.name for program in experiment.programs]
    for name in dict.fromkeys(each for each in programs if programs.count(each) > 1):
        mistakes.add(f"{path}: two programs would be called {name!r}: an actor and a shard")
