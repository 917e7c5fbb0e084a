"""The settings of the original interface, from the running or the default experiment."""

from typing import Any

from crepe.actors.actor import Source
from crepe.config.experiment import Experiment, load_experiment
from crepe.config.tables import RpycTable
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.environment import paths
from crepe.supervise import control
from crepe.supervise.status import running_file

RPYC_CONFIG: dict[str, Any] = {
    "allow_pickle": False,
    "allow_public_attrs": False,
    "allow_all_attrs": False,
    "exposed_prefix": "exposed_",
}
"""For clients and servers of RPyC: only exposed functions can be called, and nothing is pickled."""


def services(experiment: Experiment | None = None) -> dict[str, str]:
    """Return the stream of each service, by name; default: of the running experiment."""
    actors = (experiment or _experiment()).actors.values()
    written = [stream for actor in actors for stream in actor.writes.values()]
    # HDF5Reader is what the original's example calls the service of the samples.
    names = {"STREAM": "data", "HDF5Reader": "data", "RESULT": "result", "TESTING": "testing"}
    others = {stream.upper(): stream for stream in written if stream not in names.values()}
    return names | others


def ports(experiment: Experiment | None = None) -> dict[str, int]:
    """Return the port of each service, by name; one port for each stream, from `[rpyc] port` on."""
    experiment = experiment or _experiment()
    stream_of = services(experiment)
    streams = list(dict.fromkeys(stream_of.values()))
    first = (experiment.rpyc or RpycTable()).port
    return {service: first + streams.index(stream) for service, stream in stream_of.items()}


def _experiment() -> Experiment:
    is_up = control.is_running()
    return load_experiment(running_file().path if is_up else paths.experiment_path())


def n_channels() -> int:
    """Return the number of the instrument's channels, a stream's default number of rows."""
    actors = (spec.make() for spec in _experiment().actors.values())
    infos = (actor.expected() for actor in actors if isinstance(actor, Source))
    return next((info.n_channels for info in infos if info), len(MCS_60_LABELS))
