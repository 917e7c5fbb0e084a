"""The electrodes of a game with a coach, chosen from a map of the same culture."""

# Decision 113: where the choice is made, and from what.

from pathlib import Path
from typing import Any

import numpy as np

from crepe.actors.region_rates import RegionWinner
from crepe.analysis.units import choose_units
from crepe.config.experiment import Experiment
from crepe.errors import ConfigError
from crepe.games.gymnasium import CoachedGame
from crepe.results.evoked_map import EvokedMap


def unit_changes(experiment: Experiment, path: Path) -> dict[str, Any]:
    """Return an experiment's settings with the electrodes that `choose_units` takes from a map.

    The first encoder gets the input that drives the first region of the decoder, the second the
    other; the coach gets the training electrodes. Numbers of electrodes are those of the file. Of
    the map, direct links count, and a link's effect is the probability that its pulses add.

    Raises
    ------
    ConfigError
        The experiment has not two encoders of one site, two regions and a coach, the map is of
        another culture, or it has too few links.
    """
    names = experiment.actors_of(CoachedGame)
    if len(names) != 1:
        raise ConfigError(f"{experiment.path}: {len(names)} games with a coach, --map is for one")
    game = experiment.actors[names[0]].make()
    assert isinstance(game, CoachedGame)
    decides = experiment.reads[names[0]][0]
    decoders = [
        name
        for name in experiment.actors_of(RegionWinner)
        if decides in experiment.actors[name].writes.values()
    ]
    if len(decoders) != 1:
        raise ConfigError(f"{experiment.path}: {decides!r} is not decided by a RegionWinner")
    decoder = experiment.actors[decoders[0]].make()
    assert isinstance(decoder, RegionWinner)
    n_sites = [len(encoder.sites) for encoder in game.encoders]
    n_outputs = {sum(map(len, parts)) for parts in decoder.regions.values()}
    if n_sites != [1, 1] or len(decoder.regions) != 2 or len(n_outputs) != 1:
        raise ConfigError(
            f"{experiment.path}: --map chooses for two encoders of one site and two regions of the "
            "same size"
        )
    evoked = EvokedMap.load(path)
    _check_culture(experiment, evoked, path)
    window = list(evoked.windows_ms).index("direct")
    added = evoked.probability[window] - evoked.probability_before[window]
    units = choose_units(
        np.where(evoked.is_link[window], added, 0.0),
        evoked.stimulated,
        evoked.recorded,
        n_outputs=n_outputs.pop(),
        n_training=len(game.coach.units),
    )
    tables = experiment.actors[names[0]].settings["encoders"]
    return {
        f"actors.{names[0]}.encoders": [
            {**table, "sites": [site]} for table, site in zip(tables, units.inputs, strict=True)
        ],
        f"actors.{names[0]}.coach.units": list(units.training),
        f"actors.{decoders[0]}.regions": {
            name: [list(labels)]
            for name, labels in zip(decoder.regions, units.outputs, strict=True)
        },
    }


def _check_culture(experiment: Experiment, evoked: EvokedMap, path: Path) -> None:
    is_simulated = experiment.culture.simulated is not None
    if evoked.is_simulated != is_simulated:
        kinds = {True: "a simulated culture", False: "a living culture"}
        raise ConfigError(
            f"{path}: is of {kinds[evoked.is_simulated]}, the experiment of {kinds[is_simulated]}"
        )
    if is_simulated and evoked.seed != experiment.seed:
        raise ConfigError(
            f"{path}: is of the culture of seed {evoked.seed}, the experiment of that of seed "
            f"{experiment.seed}; make a map of it with `crepe map --seed {experiment.seed}`"
        )
