"""What a readout was trained for: how an experiment stimulates, taken from its text."""

import json
import tomllib
from typing import Any

from crepe.errors import ConfigError

_STIMULATION = ("electrodes", "rates_hz", "phases", "stimulation_s", "response_s", "task")


def stimulation(experiment: str) -> dict[str, Any]:
    """The settings of an experiment's game that its stimuli and its windows follow from.

    Parameters
    ----------
    experiment
        Text of the file, TOML or JSON; of one without a game nothing is known.
    """
    try:
        table = tomllib.loads(experiment)
    except tomllib.TOMLDecodeError:
        table = json.loads(experiment) if experiment.startswith("{") else {}
    for actor in table.get("actors", {}).values():
        if "rates_hz" in actor and "phases" in actor:
            known = {name: actor[name] for name in _STIMULATION if name in actor}
            plain: dict[str, Any] = json.loads(json.dumps(known))
            return plain
    return {}


def check_same(trained_on: str, experiment: str) -> None:
    """Raise ConfigError if an experiment stimulates otherwise than that of the training."""
    before, now = stimulation(trained_on), stimulation(experiment)
    if not before or not now:
        return
    for name in _STIMULATION:
        if before.get(name) != now.get(name):
            raise ConfigError(
                f"the readout was trained with {name} = {before.get(name)!r}, "
                f"the experiment has {now.get(name)!r}"
            )
