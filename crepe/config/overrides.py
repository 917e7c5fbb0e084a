"""The changes that the command line makes to an experiment file."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from crepe.actors.actor import Source
from crepe.actors.filter import BandPass
from crepe.config.experiment import Experiment, load_experiment, save_experiment
from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.hw.device import open_recorder

FILE_EXPERIMENT = Path("config") / "file.toml"
SPIKE_BAND_HZ = (300.0, 3000.0)


def prepare(
    path: Path | None,
    *,
    rounds: int | None = None,
    seed: int | None = None,
    file: Path | None = None,
    player: str | None = None,
) -> Experiment:
    """Return the experiment with the command line's changes, saved where programs find it."""
    changes: dict[str, Any] = {} if seed is None else {"seed": seed}
    if file is not None:
        if rounds is not None or player is not None:
            raise ConfigError(
                "--file: a recording plays no rounds; leave out --rounds and --person"
            )
        path = path or paths.project_directory() / FILE_EXPERIMENT
        changes |= _for_recording(file, load_experiment(path))
    if player is not None:
        changes["simulated_sensor"] = None  # the player is not simulated
    experiment = load_experiment(path, changes)
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


def _for_recording(file: Path, experiment: Experiment) -> dict[str, Any]:
    """Return the changes by which sources read a file, and filters pass its spike band."""
    url = f"hdf5://{quote(str(file.expanduser().absolute()))}?speed=0"
    recorder = open_recorder(url)
    try:
        rate_hz = recorder.open(0).sampling_rate_hz
    finally:
        recorder.close()
    low_hz, high_hz = band_hz(rate_hz)
    changes: dict[str, Any] = {}
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
