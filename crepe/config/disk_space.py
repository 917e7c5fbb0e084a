"""How long the disk lasts at an experiment's data rate."""

import shutil
from pathlib import Path

from crepe.actors.actor import Source
from crepe.actors.record import Record
from crepe.config.experiment import Experiment
from crepe.errors import DeviceError
from crepe.hw.device import check_url
from crepe.messages import Segment

_SAMPLE_BYTES = 4  # int32 and float32
_LEAST_S = 600.0


def disk_message(directory: Path, experiment: Experiment) -> str:
    """Return one line for the operator: how many hours of the experiment the disk can hold.

    Raises DeviceError for a recording that does not exist.
    """
    rate = bytes_per_s(experiment)
    hours = disk_hours(directory, rate)
    return f"{directory}: the disk lasts {hours:.1f} h at {rate / 1e6:.1f} MB/s"


def disk_hours(directory: Path, bytes_per_s: float) -> float:
    """Return how long the free space of the file system of `directory` lasts at a data rate."""
    free = _free_bytes(directory)
    return free / bytes_per_s / 3600 if bytes_per_s > 0 else float("inf")


def check_room(directory: Path, experiment: Experiment) -> None:
    """Raise DeviceError if ten minutes of an experiment that records do not fit on the disk."""
    reserve = reserve_bytes(experiment)
    if not reserve:
        return
    rate = bytes_per_s(experiment)
    free, least = _free_bytes(directory), rate * _LEAST_S + reserve
    if free < least:
        raise DeviceError(
            f"{directory}: {free / 1e6:.0f} MB free, must be at least {least / 1e6:.0f} MB: ten "
            f"minutes at {rate / 1e6:.1f} MB/s, and {reserve / 1e6:.0f} MB that the recorder "
            "leaves free; make room, or set CREPE_VAR to a directory on a larger disk"
        )


def reserve_bytes(experiment: Experiment) -> float:
    """Return the space that the experiment's recorders leave free; 0 without a recorder."""
    actors = (spec.make() for spec in experiment.actors.values())
    return max((a.spare_mb * 1e6 for a in actors if isinstance(a, Record)), default=0.0)


def _free_bytes(directory: Path) -> int:
    existing = directory.absolute()
    # Before the first session there is no var/ yet, but there is its file system.
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free


def bytes_per_s(experiment: Experiment) -> float:
    """Estimate the data rate on disk: the recording and the append-only file."""
    n_streams = sum(issubclass(k, Segment) for a in experiment.actors.values() for k in a.writes)
    n_copies = 1 + experiment.redis.append_only
    actors = (spec.make() for spec in experiment.actors.values())
    rates = (_samples_per_s(actor) for actor in actors if isinstance(actor, Source))
    return sum(rates) * _SAMPLE_BYTES * n_streams * n_copies


def _samples_per_s(source: Source[object, object]) -> float:
    """Return the rate over all channels; unlimited replay counts as real time."""
    info = source.expected()
    if info is None:
        return 0.0
    device = getattr(source, "device", None)
    settings = check_url(device, is_source=True) if device else None
    return info.n_channels * info.sampling_rate_hz * (getattr(settings, "speed", 1.0) or 1.0)
