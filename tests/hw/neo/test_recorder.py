"""`neo://`: recordings of other systems, made by the tests, replayed to the sample."""

import tracemalloc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import open_recorder
from crepe.hw.instrument import EndOfData
from crepe.messages import Segment, StreamInfo
from tests.hw.neo.recordings import BIT_VOLTS, nix, open_ephys, raw_binary

pytest.importorskip("neo")

needs_nixio = pytest.mark.skipif(
    find_spec("nixio") is None, reason="nixio is built from source, which `make test` never does"
)


def counts(n_samples: int, n_channels: int = 4, seed: int = 1) -> NDArray[np.int16]:
    random = np.random.default_rng(seed)
    return random.integers(-32768, 32768, (n_samples, n_channels)).astype(np.int16)


def play(path: Path, **settings: Any) -> tuple[StreamInfo, list[Segment]]:
    recorder = open_recorder(f"neo://{path}", speed=0, **settings)
    info = recorder.open(0)

    def segments() -> Iterator[Segment]:
        while True:
            try:
                segment = recorder.read(1.0)
            except EndOfData:
                return
            assert segment is not None
            yield segment

    played = list(segments())
    recorder.close()
    return info, played


def test_open_ephys_is_played_count_by_count_with_labels_and_units(tmp_path: Path) -> None:
    stored = counts(1050)
    info, segments = play(open_ephys(tmp_path, [(7000, stored)]))
    assert (info.labels, info.dtype, info.scale_uv) == (
        ("CH1", "CH2", "CH3", "CH4"),
        "int16",
        (BIT_VOLTS,),
    )
    assert info.sampling_rate_hz == 30_000
    assert [(s.start, s.stop) for s in segments][-2:] == [(900, 1000), (1000, 1050)]
    played = np.concatenate([s.samples for s in segments], axis=1)
    assert played.dtype == np.int16
    assert np.array_equal(played, stored.T)


def test_recordings_of_an_experiment_lie_as_far_apart_as_their_sample_numbers(
    tmp_path: Path,
) -> None:
    first, second = counts(300), counts(200, seed=2)
    _, segments = play(open_ephys(tmp_path, [(7000, first), (8000, second)]))
    assert [s.start for s in segments] == [0, 100, 200, 1000, 1100]
    assert np.array_equal(segments[3].samples, second[:100].T)
    assert not any(s.is_estimated for s in segments)


def test_a_recording_whose_numbers_begin_anew_follows_after_a_gap_that_is_called_estimated(
    tmp_path: Path,
) -> None:
    second = counts(200, seed=2)
    _, segments = play(open_ephys(tmp_path, [(7000, counts(300)), (0, second)]))
    assert [(s.start, s.is_estimated) for s in segments[-2:]] == [(30_300, True), (30_400, False)]
    assert np.array_equal(segments[-2].samples, second[:100].T)


def test_samples_that_open_ephys_lost_are_a_gap_which_neo_ignores(tmp_path: Path) -> None:
    stored = counts(300)
    _, segments = play(open_ephys(tmp_path, [(7000, stored)], missing=[7150, 7151]))
    assert [(s.start, s.stop) for s in segments] == [
        (0, 100), (100, 150), (152, 252), (252, 302),
    ]  # fmt: skip
    assert np.array_equal(segments[2].samples, stored[150:250].T)


def test_a_position_within_and_after_a_gap_continues_behind_it(tmp_path: Path) -> None:
    open_ephys(tmp_path, [(0, counts(300)), (1000, counts(200))])
    recorder = open_recorder(f"neo://{tmp_path}", speed=0)
    for position, start in ((150, 150), (700, 1000), (1150, 1150)):
        recorder.open(position)
        segment = recorder.read(1.0)
        assert segment is not None
        assert segment.start == start
    recorder.close()


def test_inputs_in_volts_are_a_stream_of_their_own(tmp_path: Path) -> None:
    stored = counts(100)
    open_ephys(tmp_path, [(0, stored)], adc=1)
    info, _ = play(tmp_path)
    assert info.labels == ("CH1", "CH2", "CH3")
    info, (segment,) = play(
        tmp_path, stream="Record Node 101#Acquisition_Board-100.Rhythm_Data_ADC"
    )
    assert info.labels == ("ADC4",)
    assert info.scale_uv == pytest.approx((152.58789,))
    assert np.array_equal(segment.samples, stored[:, 3:].T)


@needs_nixio
def test_a_file_written_by_neo_is_played_with_its_units_and_segments(tmp_path: Path) -> None:
    millivolts = np.random.default_rng(1).normal(size=(250, 3))
    path = nix(tmp_path / "a.nix", [(2.0, millivolts), (2.05, millivolts)])
    info, segments = play(path)
    assert (info.n_channels, info.sampling_rate_hz, info.scale_uv) == (3, 10_000, (1000.0,))
    assert [s.start for s in segments] == [0, 100, 200, 500, 600, 700]
    assert segments[0].samples.dtype == np.float32
    assert np.allclose(segments[1].samples, millivolts[100:200].T, rtol=1e-6)


@needs_nixio
def test_segments_that_all_begin_at_zero_follow_after_a_gap_that_is_called_estimated(
    tmp_path: Path,
) -> None:
    millivolts = np.zeros((150, 2))
    _, segments = play(nix(tmp_path / "a.nix", [(0.0, millivolts), (0.0, millivolts)]))
    assert [(s.start, s.is_estimated) for s in segments] == [
        (0, False), (100, False), (10_150, True), (10_250, False),
    ]  # fmt: skip


def test_a_raw_binary_file_is_played_by_the_description_in_the_settings(tmp_path: Path) -> None:
    stored = counts(120, 3)
    path = raw_binary(tmp_path / "a.raw", stored)
    described = {"reader": "RawBinarySignal", "n_channels": 3, "sampling_rate_hz": 10_000}
    info, segments = play(path, **described, scale_uv=0.5)
    assert (info.n_channels, info.sampling_rate_hz, info.scale_uv) == (3, 10_000, (0.5,))
    assert np.array_equal(np.concatenate([s.samples for s in segments], axis=1), stored.T)
    with pytest.raises(DeviceError, match="states no unit; state `scale_uv`"):
        play(path, **described)
    with pytest.raises(ConfigError, match="needs n_channels, sampling_rate_hz and scale_uv"):
        play(path, reader="RawBinarySignal")


def test_a_large_file_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    with path.open("wb") as file:
        file.truncate(2 * 64 * 20_000_000)  # 2.5 GB of zeros, none of them on the disk
    recorder = open_recorder(
        f"neo://{path}?reader=RawBinarySignal&n_channels=64&scale_uv=1&speed=0",
        sampling_rate_hz=20_000,
        segment_samples=2000,
    )
    recorder.open(0)
    tracemalloc.start()
    try:
        for position in range(0, 20_000_000, 5_000_000):
            recorder.open(position)
            for _ in range(20):
                assert recorder.read(1.0) is not None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    recorder.close()
    assert peak < 20e6


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"stream": "LFP"}, "no stream 'LFP'; has Record Node 101#Acquisition_Board"),
        ({"block": 3}, "no block 3; has 1, counted from 0"),
        ({"reader": "NIX"}, "NIX cannot read it: "),
    ],
)
def test_a_part_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, settings: dict[str, Any], text: str
) -> None:
    open_ephys(tmp_path, [(0, counts(10))])
    with pytest.raises(DeviceError) as refused:
        play(tmp_path, **settings)
    assert text in str(refused.value)


def test_a_file_of_no_reader_and_an_unknown_reader_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.pkl"
    path.write_bytes(b"no recording")
    with pytest.raises(DeviceError, match="no raw reader of Neo reads it"):
        play(path)
    with pytest.raises(ConfigError, match="no raw reader 'OpenEphysBinry' in Neo; did you mean"):
        play(path, reader="OpenEphysBinry")
    with pytest.raises(DeviceError, match="does not exist"):
        play(tmp_path / "none.nix")


def test_numbers_that_do_not_fit_the_samples_are_refused(tmp_path: Path) -> None:
    open_ephys(tmp_path, [(0, counts(10))])
    (numbers,) = tmp_path.rglob("sample_numbers.npy")
    np.save(numbers, np.arange(9))
    with pytest.raises(DeviceError, match="must be 10 integers"):
        play(tmp_path)
    np.save(numbers, np.array([0, 1, 2, 3, 3, 4, 5, 6, 7, 8]))
    with pytest.raises(DeviceError, match="3 at 4 follows 3"):
        play(tmp_path)
