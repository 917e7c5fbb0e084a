"""The contract of all recorders: generator, MCS file, MEAME on the wire and in lock-step, RHX."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
import pytest

from crepe.hw.device import open_recorder
from crepe.hw.instrument import EndOfData, Recorder
from crepe.messages import Segment
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings
from tests.running_rhx import running_rhx, running_service

N_SAMPLES = 1000  # of a recorder that comes to an end
FINITE = ("generator", "hdf5")


def make_file(path: Path) -> Path:
    """Write the least that an MCS recording has: 3 channels at 10 kHz."""
    columns = [
        ("ChannelID", "i4"), ("RowIndex", "i4"), ("Exponent", "i4"), ("ADZero", "i4"),
        ("Label", "S8"), ("Tick", "i8"), ("ConversionFactor", "i8"),
    ]  # fmt: skip
    info = np.array([(i, i, -9, 0, f"E{i}", 100, 59_605) for i in range(3)], columns)
    with h5py.File(path, "w") as file:
        group = file.create_group("Data/Recording_0/AnalogStream/Stream_0")
        group.attrs["Label"] = np.bytes_("Electrode Raw Data")
        group.attrs["DataSubType"] = np.bytes_("Electrode")
        group["ChannelData"] = np.arange(3 * N_SAMPLES, dtype=np.int32).reshape(3, N_SAMPLES)
        group["ChannelDataTimeStamps"] = np.array([(0, 0, N_SAMPLES - 1)], np.int64)
        group["InfoChannel"] = info
        group["InfoChannel"].attrs["InfoVersion"] = np.int32(1)
    return path


@cache  # its culture takes long to make
def lockstep() -> Lockstep:
    return Lockstep(SimulatorSettings(seed=3))


@pytest.fixture
def rhx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A simulated RHX for which an operator has clicked, and the program that has its connection."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    with running_rhx() as simulator:
        simulator.click()
        with running_service():
            yield


Maker = Callable[..., Recorder]


def maker(kind: str, request: pytest.FixtureRequest, directory: Path) -> Maker:
    """Return what makes recorders of a kind; their segments have 100 samples by default."""
    match kind:
        case "generator":
            settings = {"n_channels": 3, "duration_s": N_SAMPLES / 10_000, "spike_rate_hz": 50}
            return partial(open_recorder, "generator://", speed=0, **settings)
        case "hdf5":
            return partial(open_recorder, f"hdf5://{make_file(directory / 'a.h5')}", speed=0)
        case "meame on the wire":
            request.getfixturevalue("simulator")
            return partial(open_recorder, "meame://simulator")
        case "rhx on the wire":
            request.getfixturevalue("rhx")
            return lambda **settings: open_recorder(
                "rhx://simulator", **{"segment_samples": 100, **settings}
            )
    return partial(lockstep().open_recorder, "meame://simulator")


@pytest.fixture(params=[*FINITE, "meame on the wire", "meame in lock-step", "rhx on the wire"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    """Make recorders of every kind."""
    return maker(request.param, request, tmp_path)


@pytest.fixture(params=FINITE)
def finite(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    """Make recorders that come to an end."""
    return maker(request.param, request, tmp_path)


def segments(recorder: Recorder) -> Iterator[Segment]:
    while True:
        segment = recorder.read(1.0)
        if segment is not None:
            yield segment


def read(recorder: Recorder, position: int, n: int = 5) -> list[Segment]:
    recorder.open(position)
    try:
        return list(islice(segments(recorder), n))
    finally:
        recorder.close()


def test_what_is_expected_is_what_opening_gives(make: Maker) -> None:
    recorder = make()
    expected, info = recorder.expected(), recorder.open(0)
    recorder.close()
    for name in ("labels", "sampling_rate_hz", "scale_uv", "segment_samples", "longest_samples"):
        assert getattr(expected, name) == getattr(info, name)
    assert (expected.is_live, expected.dtype) == (info.is_live, info.dtype)


def test_labels_are_different_and_scales_are_for_all_or_for_each(make: Maker) -> None:
    info = make().expected()
    assert len(set(info.labels)) == info.n_channels > 0
    assert len(info.scale_uv) in (1, info.n_channels)
    assert info.source


@pytest.mark.parametrize("position", [0, 100])
def test_segments_follow_each_other_from_the_position_asked_for(make: Maker, position: int) -> None:
    parts = read(make(), position)
    assert [(s.start, s.stop) for s in parts] == [
        (position + 100 * i, position + 100 * (i + 1)) for i in range(5)
    ]


def test_segments_have_the_shape_and_the_type_that_opening_gives(make: Maker) -> None:
    recorder = make(segment_samples=50)
    info = recorder.open(0)
    for segment in islice(segments(recorder), 5):
        assert segment.stop - segment.start == info.segment_samples == 50 <= info.longest_samples
        assert segment.samples.shape == (info.n_channels, 50)
        assert segment.samples.dtype == info.dtype
    recorder.close()


def test_a_recorder_opens_again_at_another_position(make: Maker) -> None:
    recorder = make()
    assert read(recorder, 0)[0].start == 0
    assert read(recorder, 300)[0].start == 300


def test_closing_is_harmless_before_opening_and_when_repeated(make: Maker) -> None:
    recorder = make()
    recorder.close()
    assert len(read(recorder, 0)) == 5
    recorder.close()


def test_true_spikes_lie_in_the_window_asked_for_or_are_unknown(make: Maker) -> None:
    recorder = make()
    recorder.open(500)
    first, *_, last = islice(segments(recorder), 5)
    truth = recorder.truth(first.start, last.stop)
    recorder.close()
    if truth is not None:
        assert (truth.start, truth.stop) == (500, 1000)
        assert np.all((truth.sample >= 500) & (truth.sample < 1000))
        assert len(truth.channel) == len(truth.sample) == len(truth.amplitude_uv)


def test_the_end_of_the_data_is_raised_and_raised_again(finite: Maker) -> None:
    recorder = finite()
    recorder.open(0)
    stops = []
    with pytest.raises(EndOfData):
        stops += [segment.stop for segment in segments(recorder)]
    with pytest.raises(EndOfData):
        recorder.read(1.0)
    recorder.close()


def test_the_samples_of_an_index_are_the_same_wherever_reading_begins(finite: Maker) -> None:
    whole = np.concatenate([s.samples for s in read(finite(), 0, 10)], axis=1)
    assert whole.shape[1] == N_SAMPLES
    for segment in read(finite(), 370, 6):
        assert np.array_equal(segment.samples, whole[:, segment.start : segment.stop])
