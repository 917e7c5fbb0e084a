"""A dry run: actors are opened on their streams' descriptions to find errors before the start."""

from collections.abc import Iterable

from crepe.actors.actor import Actor, ActorContext, Sink, Source
from crepe.actors.stimulate import Stimulate
from crepe.config.context import actor_context
from crepe.config.experiment import Experiment
from crepe.electrodes.layouts import channels_of
from crepe.errors import ConfigError
from crepe.messages import StreamInfo
from crepe.safety.limits import Limits


def dry_run(experiment: Experiment) -> None:
    """Raise ConfigError for electrodes, bands and pulse trains that do not fit the instrument.

    No instrument is contacted, so an actor whose input only the instrument could describe is left
    out. Raises DeviceError for a recording that does not exist.
    """
    actors = {name: spec.make() for name, spec in experiment.actors.items()}
    limits = [actor.limits for actor in actors.values() if isinstance(actor, Stimulate)]
    infos: dict[str, StreamInfo] = {}
    for name, actor in actors.items():
        spec = experiment.actors[name]
        place = f"{experiment.path}: [actors.{name}]"
        if isinstance(actor, Source):
            info = _expected(actor, place)
        # A sink would create its file, and a stimulator contact its instrument.
        elif isinstance(actor, Sink | Stimulate) or not infos.keys() & spec.reads:
            continue
        else:
            context = actor_context(experiment, spec, infos)
            info = _opened(actor, context, place)
            _check_trains(actor, limits, info, place)
        if info is not None:
            infos |= dict.fromkeys(spec.writes.values(), info)


def _expected(source: Source[object, object], place: str) -> StreamInfo | None:
    try:
        return source.expected()
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def _opened(actor: Actor[object, object], start: ActorContext, place: str) -> StreamInfo:
    try:
        actor.open(start)
        return actor.output_info(start)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error
    finally:
        actor.close()


def _check_trains(
    actor: Actor[object, object], limits: Iterable[Limits], info: StreamInfo, place: str
) -> None:
    for train in actor.possible_trains():
        where = f"{place} {train.meaning}"
        channels_of(train.electrodes, info.labels, where)
        for gate in limits:
            refused = gate.refusal(
                train.electrodes, train.phases, train.rate_hz, train.n_pulses, train.unit
            )
            if refused:
                raise ConfigError(f"{where}: would be refused: {refused}")
