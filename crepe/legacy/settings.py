"""The settings of the original interface, from the running or the default experiment."""

from typing import Any

from crepe.actors.actor import Source
from crepe.config.experiment import Experiment, load_experiment
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.environment import paths
from crepe.supervise import control
from crepe.supervise.status import running_file

_FIRST_PORT = 18861

RPYC_CONFIG: dict[str, Any] = {
    "allow_pickle": False,
    "allow_public_attrs": False,
    "allow_all_attrs": False,
    "exposed_prefix": "exposed_",
}
"""For an RPC server: only the methods that the original exposed are callable."""


def services() -> dict[str, str]:
    """Return the stream of each service, by name."""
    written = [s for actor in _experiment().actors.values() for s in actor.writes.values()]
    names = {"STREAM": "data", "RESULT": "result", "TESTING": "testing"}
    others = {stream.upper(): stream for stream in written if stream not in names.values()}
    return names | others


def ports() -> dict[str, int]:
    """Return the port of each service, by name."""
    return {service: _FIRST_PORT + i for i, service in enumerate(services())}


def _experiment() -> Experiment:
    is_up = control.is_running()
    return load_experiment(running_file().path if is_up else paths.experiment_path())


def n_channels() -> int:
    """Return the number of the instrument's channels, a stream's default number of rows."""
    actors = (spec.make() for spec in _experiment().actors.values())
    infos = (actor.expected() for actor in actors if isinstance(actor, Source))
    return next((info.n_channels for info in infos if info), len(MCS_60_LABELS))
