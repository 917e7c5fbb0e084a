"""Recordings of other systems, written by the tests: Open Ephys binary, NIX, raw binary."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BIT_VOLTS = 0.195


def open_ephys(
    directory: Path,
    recordings: Sequence[tuple[int, NDArray[np.int16]]],
    *,
    rate_hz: float = 30_000.0,
    missing: Sequence[int] = (),
    adc: int = 0,
) -> Path:
    """Write one experiment as the GUI 0.6 does; each recording begins at a sample number.

    The samples are (n_samples, n_channels) counts, of which the last `adc` channels are inputs in
    volts. `missing` are sample numbers that the GUI lost.
    """
    node = directory / "Record Node 101"
    for number, (first, counts) in enumerate(recordings, 1):
        numbers = np.arange(first, first + len(counts) + len(missing), dtype=np.int64)
        numbers = numbers[~np.isin(numbers, missing)][: len(counts)]
        folder = node / "experiment1" / f"recording{number}"
        stream = folder / "continuous" / "Acquisition_Board-100.Rhythm_Data"
        stream.mkdir(parents=True)
        counts.astype("<i2").tofile(stream / "continuous.dat")
        np.save(stream / "sample_numbers.npy", numbers)
        np.save(stream / "timestamps.npy", numbers / rate_hz)
        n_channels = counts.shape[1]
        channels = [
            {
                "channel_name": f"CH{i + 1}" if i < n_channels - adc else f"ADC{i + 1}",
                "description": "",
                "identifier": "",
                "history": "",
                "bit_volts": BIT_VOLTS if i < n_channels - adc else 0.00015258789,
                "units": "uV" if i < n_channels - adc else "V",
            }
            for i in range(n_channels)
        ]
        structure = {
            "GUI version": "0.6.7",
            "continuous": [
                {
                    "folder_name": f"{stream.name}/",
                    "sample_rate": rate_hz,
                    "source_processor_name": "Acquisition Board",
                    "source_processor_id": 100,
                    "stream_name": "Rhythm_Data",
                    "recorded_processor": "Record Node",
                    "recorded_processor_id": 101,
                    "num_channels": n_channels,
                    "channels": channels,
                }
            ],
            "events": [],
            "spikes": [],
        }
        (folder / "structure.oebin").write_text(json.dumps(structure))
    (node / "settings.xml").write_text("<SETTINGS/>")
    return directory


def nix(path: Path, segments: Sequence[tuple[float, NDArray[np.float64]]]) -> Path:
    """Write segments at times in s, (n_samples, n_channels) millivolts at 10 kHz, with Neo."""
    import neo
    import quantities as pq

    block = neo.Block(name="session")
    for start_s, millivolts in segments:
        segment = neo.Segment()
        segment.analogsignals.append(
            neo.AnalogSignal(
                millivolts * pq.mV, sampling_rate=10_000 * pq.Hz, t_start=start_s * pq.s, name="MEA"
            )
        )
        block.segments.append(segment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with neo.io.NixIO(str(path), mode="ow") as file:
            file.write_block(block)
    return path


def raw_binary(path: Path, counts: NDArray[np.int16]) -> Path:
    """Write (n_samples, n_channels) counts with Neo, which adds no description."""
    import neo
    import quantities as pq

    segment = neo.Segment()
    segment.analogsignals.append(
        neo.AnalogSignal(counts.astype(float) * pq.uV, sampling_rate=10_000 * pq.Hz)
    )
    neo.io.RawBinarySignalIO(
        filename=str(path), nb_channel=counts.shape[1], sampling_rate=10_000.0
    ).write_segment(segment)
    return path
