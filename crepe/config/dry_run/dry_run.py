"""A dry run: actors are opened on their streams' descriptions, and stepped on made-up input."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from crepe.actors.actor import Actor, Source
from crepe.actors.output import ErrorsOf
from crepe.actors.stimulate import Stimulate
from crepe.config.context import actor_context
from crepe.config.dry_run.decisions import Decisions, compare_decisions
from crepe.config.dry_run.possible_trains import TrainJudge
from crepe.config.dry_run.trial_steps import Outputs, try_steps
from crepe.config.dry_run.unrecorded import unrecorded_signals
from crepe.config.experiment_file import written_streams
from crepe.config.mistakes import Mistakes
from crepe.config.wiring import ActorSpec
from crepe.electrodes.wells import wells_text
from crepe.errors import ActorError, ConfigError
from crepe.messages import Message, Stimulus, StreamInfo
from crepe.store.groups.names import group_infos

if TYPE_CHECKING:
    from crepe.config.experiment import Experiment

_EXAMPLE_DECISIONS = ("rock", "scissors", "paper")  # where nothing declares any


@dataclass
class _DryRun:
    """What the actors so far have shown."""

    experiment: "Experiment"
    judge: TrainJudge
    kinds: Mapping[str, type[Message]]  # by stream
    accepted: tuple[str, ...]  # values of decisions that games act on
    infos: dict[str, StreamInfo] = field(default_factory=dict)  # by stream
    decisions: dict[str, Decisions] = field(default_factory=dict)  # by actor
    notes: list[str] = field(default_factory=list)


def dry_run(experiment: "Experiment") -> list[str]:
    """Return what cannot be known before the experiment runs. Raises ConfigError: all mistakes.

    Those are electrodes, bands and pulse trains that do not fit the instrument; decisions that no
    game acts on; and mistakes in the code of actors from outside this package. No instrument is
    contacted, so an actor whose input only the instrument could describe is left out. Raises
    DeviceError for a recording that does not exist.
    """
    mistakes = Mistakes()
    notes = survey(experiment, mistakes)
    mistakes.raise_all()
    return notes


def survey(experiment: "Experiment", mistakes: Mistakes) -> list[str]:
    """Add what `dry_run` raises to `mistakes`; return what it does."""
    run = _surveyed(experiment, mistakes)
    return run.notes + unrecorded_signals(experiment)


def sub_trains(experiment: "Experiment", stimulate: str) -> list[Stimulus]:
    """Return all trains that a stimulator's instrument may be given, in the order of the games.

    Raises ConfigError, as `dry_run` does.
    """
    mistakes = Mistakes()
    run = _surveyed(experiment, mistakes)
    mistakes.raise_all()
    actor = experiment.actors[stimulate].make()
    assert isinstance(actor, Stimulate)
    return run.judge.sub_trains(actor)


def _surveyed(experiment: "Experiment", mistakes: Mistakes) -> _DryRun:
    actors = experiment.actors
    opened = {name: spec.make() for name, spec in actors.items()}
    run = _DryRun(
        experiment,
        TrainJudge(actor for actor in opened.values() if isinstance(actor, Stimulate)),
        {stream: kind for spec in actors.values() for kind, stream in spec.writes.items()},
        _accepted(opened),
    )
    for name, actor in opened.items():
        spec, place = actors[name], f"{experiment.path}: [actors.{name}]"
        _fill_in(run)
        with mistakes.collect():
            if isinstance(actor, Source):
                if (info := _expected(actor, place)) is not None:
                    run.infos |= dict.fromkeys(spec.writes.values(), info)
                    run.notes += _wells(info, name)
            # A recorder would create its file, and a stimulator contact its instrument.
            elif not actor.acts_outside and run.infos.keys() & spec.reads:
                _try(run, spec, place, mistakes)
    mistakes.add(*(f"{experiment.path}: {text}" for text in run.judge.refusals_together()))
    run.notes += [
        f"[actors.{name}] limits{actor.limits.strictness}"
        for name, actor in opened.items()
        if isinstance(actor, Stimulate) and actor.limits.strictness
    ]
    run.notes += compare_decisions(actors, run.decisions, str(experiment.path), mistakes)
    return run


def _accepted(actors: Mapping[str, Actor[Any, Any]]) -> tuple[str, ...]:
    values = [actor.accepted_decisions() for actor in actors.values()]
    return tuple(dict.fromkeys(v for some in values for v in some or ())) or _EXAMPLE_DECISIONS


def _fill_in(run: _DryRun) -> None:
    """Describe the streams of actors whose tables are wrong by their inputs, as most actors do."""
    for name, table in run.experiment.actor_tables.items():
        inputs = [run.infos[s] for s in run.experiment.reads.get(name, ()) if s in run.infos]
        if name not in run.experiment.actors and inputs:
            for stream in written_streams(table):
                run.infos.setdefault(stream, inputs[0])


def _expected(source: Source[object, object], place: str) -> StreamInfo | None:
    try:
        return source.expected()
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def _wells(info: StreamInfo, name: str) -> list[str]:
    wells = wells_text(info.labels)
    if not wells or info.is_live:  # an instrument names its channels, not a well
        return []
    return [
        f"[actors.{name}] {info.source} has several wells, here taken as one culture: {wells}; "
        "`well=NAME` in the device's URL takes one, each in an experiment of its own"
    ]


def _try(run: _DryRun, spec: ActorSpec, place: str, mistakes: Mistakes) -> None:
    """Open an actor, judge its trains, and step it if it is of another author."""
    actor = _played_by_script(spec).make()
    context = actor_context(run.experiment, spec, run.infos)
    outputs = Outputs()
    try:
        with ErrorsOf(spec.name, spec.kind):
            actor.open(context)
            info = actor.output_info(context)
            if spec.shards > 1:  # or it could have more shards than channels
                group_infos(context.first, spec.shards, spec.reads[0])
            if not isinstance(info, StreamInfo):
                raise TypeError(f"output_info returned {info!r}, must be a StreamInfo")
            run.infos |= dict.fromkeys(spec.writes.values(), info)
            trains = list(actor.possible_trains())
            possible = actor.possible_decisions()
        reasons: set[str] = set()
        refusals = run.judge.refusals(trains, info, reasons)
        mistakes.add(*(f"{place} {text}" for text in refusals))
        if not spec.kind.__module__.startswith("crepe."):  # our own have tests
            outputs = try_steps(actor, spec, run.infos, run.kinds, run.accepted)
            refusals = run.judge.refusals(outputs.stimuli, info, reasons)
            mistakes.add(*(f"{place} {text}" for text in refusals))
            if not outputs.is_stepped:
                run.notes.append(
                    f"[actors.{spec.name}] {spec.kind.__name__}: not tried, since CREPE has no "
                    "example of a message that it reads"
                )
    except ActorError as error:
        raise ActorError(f"{run.experiment.path}: {error}") from error
    except ConfigError as error:
        raise ConfigError(*(f"{place}: {text}" for text in error.mistakes)) from error
    finally:
        actor.close()
    run.decisions[spec.name] = Decisions(possible, outputs.decisions, actor.accepted_decisions())
    if Stimulus in spec.writes and not (trains or outputs.stimuli):
        run.notes.append(
            f"[actors.{spec.name}] {spec.kind.__name__}: not known which trains it can request; "
            "the gate judges each. Its method possible_trains can tell"
        )


def _played_by_script(spec: ActorSpec) -> ActorSpec:
    """Return the game as its script plays it: no gesture comes from outside in a dry run."""
    if "player" not in spec.settings:
        return spec
    return replace(spec, settings={**spec.settings, "player": "script"})
