"""The changes that the command line makes to an experiment file."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from crepe.actors.acquire import Acquire
from crepe.actors.actor import Source
from crepe.actors.blank import Blank
from crepe.actors.filter import BandPass
from crepe.actors.stimulate import Stimulate
from crepe.config.experiment import Experiment, load_experiment, save_experiment
from crepe.config.own_files import default_file
from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.hw.device import open_recorder
from crepe.messages import GameState

FILE_EXPERIMENT = "file"
SPIKE_BAND_HZ = (300.0, 3000.0)


class FileChoice(NamedTuple):
    """A recorded file, and what to read of it; by default the first raw electrode data."""

    path: Path
    recording: str = ""  # label or name
    stream: str = ""  # label or name


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Return the values of `NAME=VALUE` by dotted name; a value that is no TOML is text.

    Raises ConfigError for a text of another form.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, is_set, value = text.partition("=")
        if not (name and is_set):
            raise ConfigError(f"--set {text!r}: must be NAME=VALUE, such as dashboard.port=8080")
        try:
            values[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name] = value
    return values


def prepare(
    path: Path | None,
    *,
    settings: Mapping[str, Any] | None = None,
    rounds: int | None = None,
    seed: int | None = None,
    file: FileChoice | None = None,
    geometry: str = "",
    player: str | None = None,
    in_lockstep: bool = False,
) -> Experiment:
    """Return the experiment with the command line's changes, saved where programs find it."""
    changes: dict[str, Any] = dict(settings or {})
    if seed is not None:
        changes["seed"] = seed
    if file is not None:
        if rounds is not None or player is not None or in_lockstep:
            raise ConfigError(
                "--file: a recording plays no rounds; leave out --rounds, --person and --lockstep"
            )
        is_ours = path is None
        path = path or default_file(FILE_EXPERIMENT)
        changes |= _for_recording(file, load_experiment(path), is_ours=is_ours)
    if geometry:
        for name in load_experiment(path).actors_of(Acquire):
            changes[f"actors.{name}.geometry"] = geometry
    if player is not None:
        changes["simulated_sensor"] = None  # the player is not simulated
    if in_lockstep:
        if player is not None:
            raise ConfigError("--lockstep: time does not wait for a person; leave out --person")
        player = "script"  # no sensor keeps up with simulated time
        changes |= {"sensor": None, "simulated_sensor": None}
    # A player without the gateway that it waits for would be refused.
    experiment = load_experiment(path, {} if in_lockstep else changes)
    if in_lockstep:
        changes |= lockstep_changes(experiment)
    for name, actor in experiment.actors.items():
        if rounds is not None and "n_trials" in actor.kind.model_fields:
            changes[f"actors.{name}.n_trials"] = rounds
        if player is not None and "player" in actor.kind.model_fields:
            changes[f"actors.{name}.player"] = player
    if not changes:
        return experiment
    # Loaded again, since only the actors of the first load show which settings exist.
    changed = load_experiment(path, changes)
    return save_experiment(changed, paths.run_directory() / "experiment.json")


def lockstep_changes(experiment: Experiment) -> dict[str, Any]:
    """Return the changes by which programs wait for each other and not for the clock.

    Raises ConfigError without a simulated culture, and without one game that states the time by
    which its stimuli follow its decisions (`delay_s`): the culture must not run ahead of that.
    """
    games = [actor for actor in experiment.actors.values() if GameState in actor.writes]
    delay_s = getattr(games[0].make(), "delay_s", None) if len(games) == 1 else None
    if delay_s is None:
        place = f"[actors.{games[0].name}] {games[0].kind.__name__}" if games else "no game"
        raise ConfigError(f"{experiment.path}: {place}: no delay_s, which --lockstep needs")
    if experiment.culture.simulated is None:
        raise ConfigError(
            f"{experiment.path}: no [culture.simulated]; a living culture keeps its own pace"
        )
    # Decision 25: the simulated instrument and its two ends share one process.
    ends = [*experiment.actors_of(Source), *experiment.actors_of(Stimulate)]
    return {
        "culture.simulated.lockstep_s": delay_s,
        "chains": {"instrument": {"actors": ends}},
    }


def _for_recording(file: FileChoice, experiment: Experiment, *, is_ours: bool) -> dict[str, Any]:
    """Return the changes by which sources read a file, and filters pass its spike band.

    `is_ours`: the experiment is FILE_EXPERIMENT, whose blanking is fitted to the file as well.
    """
    choice = {"recording": file.recording, "stream": file.stream}
    query = urlencode({"speed": 0, **{name: value for name, value in choice.items() if value}})
    url = f"hdf5://{quote(str(file.path.expanduser().absolute()))}?{query}"
    recorder = open_recorder(url)
    try:
        info = recorder.open(0)
    finally:
        recorder.close()
    low_hz, high_hz = band_hz(info.sampling_rate_hz)
    changes: dict[str, Any] = {}
    least = Blank.model_fields["min_channels"].default
    if is_ours and info.n_channels >= least and (low_hz, high_hz) == SPIKE_BAND_HZ:
        # Half of the channels: a large burst jumps on a few, and an artefact on nearly all.
        changes["actors.blank.min_channels"] = max(least, info.n_channels // 2)
    elif is_ours:
        changes |= {"chains": None, "actors.blank": None, "actors.filter.reads": ["data"]}
    for name in experiment.actors_of(Source):
        changes[f"actors.{name}.device"] = url
    for name in experiment.actors_of(BandPass):
        changes |= {f"actors.{name}.low_hz": low_hz, f"actors.{name}.high_hz": high_hz}
    return changes


def band_hz(sampling_rate_hz: float) -> tuple[float, float]:
    """Return the spike band, lowered to fit below the Nyquist frequency of a slow recording."""
    low_hz, high_hz = SPIKE_BAND_HZ
    if high_hz < 0.45 * sampling_rate_hz:
        return low_hz, high_hz
    return min(low_hz, 0.1 * sampling_rate_hz), 0.45 * sampling_rate_hz
