"""How long the disk lasts at an experiment's data rate."""

# Decision 71: the append-only file holds every stream, and is bounded.

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crepe.actors.actor import Source
from crepe.actors.record import Record
from crepe.config.experiment import Experiment
from crepe.errors import DeviceError
from crepe.hw.device import check_url
from crepe.messages import Segment
from crepe.recording.computed import left_to_readers
from crepe.redis_server.server import append_only_bytes

_SAMPLE_BYTES = 4.0  # in Redis: float32; of an instrument its own type
# Compressed, measured: noise of an instrument has 10 to 12 bits, the mantissa of a float is noise.
_COUNT_BYTES, _FLOAT_BYTES = 1.6, 3.5
LEAST_S = 600.0
"""Length that must fit on the disk of an experiment whose end nobody knows."""


class DiskUse(NamedTuple):
    """The data rates of a recording, and of an append-only file up to its largest size."""

    recording: float  # bytes per second
    append_only: float  # bytes per second
    append_only_limit: float  # bytes: then Redis writes a shorter file instead

    def bytes_after(self, seconds: float) -> float:
        """Return how much is on the disk after a time."""
        append_only = min(self.append_only * seconds, self.append_only_limit)
        return self.recording * seconds + append_only

    def hours_in(self, free_bytes: float) -> float:
        """Return how long a free space lasts."""
        rate = self.recording + self.append_only
        seconds = free_bytes / rate if rate else float("inf")
        if self.append_only * seconds > self.append_only_limit:
            left = free_bytes - self.append_only_limit
            seconds = left / self.recording if self.recording else float("inf")
        return seconds / 3600


class DiskLeft(NamedTuple):
    """The space on a disk, and how long an experiment can record to it."""

    free_bytes: int
    hours: float | None  # None: the instrument states its data rate later


def disk_left(directory: Path, experiment: Experiment) -> DiskLeft:
    """Return what is left on a disk. Raises DeviceError for a recording that does not exist."""
    free = _free_bytes(directory)
    sources = [spec.make() for spec in experiment.actors.values() if issubclass(spec.kind, Source)]
    if any(isinstance(each, Source) and each.expected() is None for each in sources):
        return DiskLeft(free, None)
    return DiskLeft(free, disk_use(experiment).hours_in(free))


def disk_message(directory: Path, experiment: Experiment) -> str:
    """Return one line for the operator: how many hours of the experiment the disk can hold.

    Raises DeviceError for a recording that does not exist.
    """
    use, (free, hours) = disk_use(experiment), disk_left(directory, experiment)
    if hours is None:
        return f"{directory}: {free / 1e9:.1f} GB free; the instrument states its data rate later"
    text = f"{directory}: the disk lasts {hours:.1f} h: {use.recording / 1e6:.1f} MB/s of recording"
    if not use.append_only:
        return text
    return f"{text}, at most {use.append_only_limit / 1e9:.1f} GB of append-only file"


def check_room(directory: Path, experiment: Experiment, length_s: float = LEAST_S) -> None:
    """Raise DeviceError if so much of an experiment that records does not fit on the disk."""
    reserve = reserve_bytes(experiment)
    if not reserve:
        return
    in_time = disk_use(experiment).bytes_after(length_s)
    free, least = _free_bytes(directory), in_time + reserve
    if free < least:
        raise DeviceError(
            f"{directory}: {free / 1e6:.0f} MB free, must be at least {least / 1e6:.0f} MB: "
            f"{in_time / 1e6:.0f} MB of {length_s / 60:.3g} minutes, and "
            f"{reserve / 1e6:.0f} MB that the recorder "
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


def disk_use(experiment: Experiment) -> DiskUse:
    """Estimate what the samples of an experiment take on the disk; all else is small."""
    own = (n for n in experiment.recorders if experiment.is_own(experiment.program_of[n]))
    recorded = {stream for name in own for stream in _recorded(experiment, name)}
    actors = [spec.make() for spec in experiment.actors.values()]
    rates = [_rate(actor) for actor in actors if isinstance(actor, Source)]
    samples_per_s = sum(rate.samples_per_s for rate in rates)
    count_bytes = max((rate.sample_bytes for rate in rates), default=_SAMPLE_BYTES)
    compressed = min((a.compress_mb_per_s for a in actors if isinstance(a, Record)), default=0.0)
    bytes_recorded, bytes_sent = 0.0, 0.0
    for spec in experiment.actors.values():
        stream = spec.writes.get(Segment)
        is_source = issubclass(spec.kind, Source)
        if stream is None:
            continue
        sample_bytes = count_bytes if is_source else _SAMPLE_BYTES
        bytes_sent += sample_bytes
        if stream not in recorded:
            continue
        if samples_per_s * sample_bytes > compressed * 1e6:
            bytes_recorded += sample_bytes
        else:
            bytes_recorded += _COUNT_BYTES if is_source else _FLOAT_BYTES
    return DiskUse(
        samples_per_s * bytes_recorded,
        samples_per_s * bytes_sent * experiment.redis.append_only,
        append_only_bytes(experiment.redis.maxmemory_mb),
    )


def _recorded(experiment: Experiment, recorder: str) -> set[str]:
    spec = experiment.actors[recorder]
    if spec.settings.get("records_filtered"):
        return set(spec.reads)
    return set(spec.reads) - left_to_readers(experiment.text, spec.reads).keys()


class _Rate(NamedTuple):
    """The samples of an instrument."""

    samples_per_s: float  # over all channels
    sample_bytes: float


def _rate(source: Source[object, object]) -> _Rate:
    """Return the rate of a source; unlimited replay counts as real time."""
    info = source.expected()
    if info is None:
        return _Rate(0.0, _SAMPLE_BYTES)
    device = getattr(source, "device", None)
    settings = check_url(device, is_source=True) if device else None
    speed = getattr(settings, "speed", 1.0) or 1.0
    per_s = info.n_channels * info.sampling_rate_hz * speed
    return _Rate(per_s, np.dtype(info.dtype).itemsize)
