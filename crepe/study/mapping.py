"""`crepe map`: a session of single pulses at one electrode after the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crepe.config.experiment import Experiment, load_experiment
from crepe.config.overrides import lockstep_changes
from crepe.errors import ConfigError
from crepe.games.single_pulses import SinglePulses
from crepe.messages import Delivered, Message, Spikes, Stimulus


def mapping(
    path: Path,
    seed: int | None = None,
    *,
    n_rounds: int | None = None,
    in_lockstep: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Experiment:
    """Return the experiment whose session is made into a map.

    Parameters
    ----------
    seed, n_rounds
        Instead of the file's. The simulated culture has the same seed, unless the file gives it
        another one and `seed` is None.
    in_lockstep
        Programs wait for each other and not for the clock.
    settings
        Values that replace the file's, by dotted name.

    Raises
    ------
    ConfigError
        The file is wrong, has not exactly one game of `SinglePulses`, or records too little.
    """
    changes: dict[str, Any] = dict(settings or {})
    if seed is not None:
        changes["seed"] = seed
    experiment = load_experiment(path, changes)
    games = experiment.actors_of(SinglePulses)
    if len(games) != 1:
        raise ConfigError(
            f"{path}: {len(games)} actors of {SinglePulses.__module__}:SinglePulses, must be one; "
            "config/map.toml has it"
        )
    _check_recorded(experiment)
    if n_rounds is not None:
        changes[f"actors.{games[0]}.n_rounds"] = n_rounds
    simulated = experiment.culture.simulated
    if simulated and (seed is not None or "seed" not in simulated.model_fields_set):
        changes["culture.simulated.seed"] = experiment.seed
    if in_lockstep:
        changes |= lockstep_changes(experiment)
    return load_experiment(path, changes)


def n_pulses(experiment: Experiment) -> int:
    """Return the number of pulses of a session."""
    (game,) = (experiment.actors[name].make() for name in experiment.actors_of(SinglePulses))
    assert isinstance(game, SinglePulses)
    return game.n_pulses


def _check_recorded(experiment: Experiment) -> None:
    """Raise ConfigError before twenty minutes of pulses of which no map could be made."""
    recorded = {stream for name in experiment.recorders for stream in experiment.actors[name].reads}
    needed: tuple[type[Message], ...] = (Spikes, Stimulus, Delivered)
    for kind in needed:
        if not recorded.intersection(experiment.streams_of(kind)):
            raise ConfigError(
                f"{experiment.path}: no stream of {kind.__name__} is recorded, "
                "a map is made of the recording; add it to `reads` of [actors.record]"
            )
