"""Provenance of a readout: the culture, the processing of its signal, and its stimuli."""

# Decision 24: what must be equal.

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from crepe.errors import ConfigError
from crepe.messages import StreamInfo

_STIMULATION = ("electrodes", "rates_hz", "phases", "stimulation_s", "response_s", "task")
_WIRING = {"reads", "writes", "shards"}  # of which no sample depends


def check_same(
    provenance: Mapping[str, Any], experiment: str, stream: str, info: StreamInfo
) -> None:
    """Raise ConfigError unless a readout was trained under the conditions of an experiment.

    Parameters
    ----------
    provenance
        The readout's.
    experiment
        Text of the file, TOML or JSON.
    stream, info
        Source of its spikes. If that is a recording, the experiment determines neither the culture
        nor its stimuli, and only the processing of the signal is compared.
    """
    if "experiment" not in provenance:
        raise ConfigError("the readout has no provenance; calibrate again")
    culture = {True: "a simulated culture", False: "a living culture"}
    trained_on = bool(provenance.get("simulated"))
    if trained_on != info.is_simulated:
        raise ConfigError(
            f"the readout was trained on {culture[trained_on]}, "
            f"the experiment has {culture[info.is_simulated]}"
        )
    tables = [_parsed(text) for text in (provenance["experiment"], experiment)]
    before, now = (dict(_signal(table, stream)) for table in tables)
    if info.is_live:
        before |= _culture_and_stimuli(tables[0])
        now |= _culture_and_stimuli(tables[1])
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            raise ConfigError(
                f"the readout was trained with {name} = {before.get(name)!r}, "
                f"the experiment has {now.get(name)!r}"
            )


def _parsed(experiment: str) -> dict[str, Any]:
    try:
        table: dict[str, Any] = (
            json.loads(experiment) if experiment.startswith("{") else tomllib.loads(experiment)
        )
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"neither TOML nor JSON: {error}") from error
    return table


def _signal(table: Mapping[str, Any], stream: str) -> Iterator[tuple[str, Any]]:
    """Yield the settings of all actors between the instrument and a stream, by dotted name."""
    for name, actor in table.get("actors", {}).items():
        reads, writes = (_listed(actor.get(key, [])) for key in ("reads", "writes"))
        if stream in writes and reads:  # the instrument itself is compared by labels and rate
            for key in actor.keys() - _WIRING:
                yield f"actors.{name}.{key}", actor[key]
            for before in reads:
                yield from _signal(table, before)


def _culture_and_stimuli(table: Mapping[str, Any]) -> dict[str, Any]:
    culture = table.get("culture", {})
    settings = {"culture.id": culture.get("id", "")}
    if "simulated" in culture:
        settings["culture.simulated.seed"] = culture["simulated"].get("seed", 0)
    for actor in table.get("actors", {}).values():
        if "rates_hz" in actor and "phases" in actor:
            settings |= {name: actor[name] for name in _STIMULATION if name in actor}
    return settings


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names
