"""Electrodes and samples of an NWB file; samples are read and written block by block."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crepe.electrodes.geometry import as_array, positions_um
from crepe.messages import StreamInfo
from crepe.store.stream import Stream

if TYPE_CHECKING:
    from hdmf.data_utils import GenericDataChunkIterator
    from pynwb import NWBFile
    from pynwb.core import DynamicTableRegion
    from pynwb.device import Device

_CHUNK_BYTES = 1 << 20  # the unit of compression
_CHUNKS_PER_BLOCK = 8  # in memory at once

Reached = Callable[[float, float], None] | None
"""Receiver of the seconds of data that are written, and of all."""


def add_electrodes(file: "NWBFile", device: "Device", info: StreamInfo) -> "DynamicTableRegion":
    """Add an electrode for each channel, and return a reference to them all.

    `rel_x` and `rel_y` are in micrometres, nan where a position is not known; without any known
    position the columns are left out.
    """
    group = file.create_electrode_group(
        name="array", description="All electrodes", location="cell culture", device=device
    )
    places = as_array(positions_um(info))
    has_places = not np.isnan(places).all()
    file.add_electrode_column("label", "Name of the electrode in the stream and on the array")
    for label, (x_um, y_um) in zip(info.labels, places, strict=True):
        place = {"rel_x": float(x_um), "rel_y": float(y_um)} if has_places else {}
        file.add_electrode(group=group, location="cell culture", label=label, **place)
    everyone = list(range(info.n_channels))
    return file.create_electrode_table_region(everyone, "All channels, in order")


def add_samples(
    file: "NWBFile", stream: Stream, electrodes: "DynamicTableRegion", reached: Reached
) -> None:
    """Add the samples as counts, with the exact factor to volts; gaps are 0 and invalid times.

    Row i of the series is sample `first + i` of the session.
    """
    from hdmf.backends.hdf5 import H5DataIO
    from pynwb.ecephys import ElectricalSeries

    info, first = stream.info, stream.first
    scale_uv = np.asarray(info.scale_uv, np.float64)
    is_same = scale_uv.size == 1 or bool((scale_uv == scale_uv[0]).all())
    file.add_acquisition(
        ElectricalSeries(
            name=stream.name.replace(":", "_"),
            description=f"Voltages as acquired, from sample {first} of the session on",
            comments="Counts; samples in `invalid_times` are missing and stored as 0.",
            data=H5DataIO(
                _blocks(stream, first, reached),
                compression="gzip",
                compression_opts=2,
                shuffle=True,
            ),
            electrodes=electrodes,
            conversion=float(scale_uv[0]) * 1e-6 if is_same else 1e-6,
            channel_conversion=None if is_same else scale_uv,
            starting_time=first / info.sampling_rate_hz,
            rate=info.sampling_rate_hz,
        )
    )
    for start, stop in stream.gaps(first):
        file.add_invalid_time_interval(
            start_time=start / info.sampling_rate_hz, stop_time=stop / info.sampling_rate_hz
        )


def _blocks(stream: Stream, first: int, reached: Reached) -> "GenericDataChunkIterator":
    """Return the samples from `first` on, time first, to be read as the file is written."""
    from hdmf.data_utils import GenericDataChunkIterator

    info, length = stream.info, len(stream) - first
    kind = np.dtype(info.dtype)
    n_samples = min(length, max(1, _CHUNK_BYTES // (kind.itemsize * info.n_channels)))

    class Blocks(GenericDataChunkIterator):  # type: ignore[misc]
        def _get_data(self, selection: tuple[slice, ...]) -> NDArray[Any]:
            rows, columns = selection
            samples = stream.read(first + rows.start, first + rows.stop, fill=0)
            if reached is not None:
                reached(rows.stop / info.sampling_rate_hz, length / info.sampling_rate_hz)
            return samples[columns].T.astype(kind)

        def _get_maxshape(self) -> tuple[int, int]:
            return length, info.n_channels

        def _get_dtype(self) -> np.dtype[Any]:
            return kind

    return Blocks(
        chunk_shape=(n_samples, info.n_channels),
        buffer_shape=(min(length, n_samples * _CHUNKS_PER_BLOCK), info.n_channels),
    )
