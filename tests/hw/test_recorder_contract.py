"""The contract of all recorders: generator, files, live inputs, MEAME and RHX."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
import pytest

from crepe.hw.device import open_recorder
from crepe.hw.instrument import Recorder
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings
from crepe.simulator.openephys.publisher import Publisher, PublisherSettings, publishing
from crepe.testing import Rule, recorder_contract
from tests.hw.lsl.outlet import lsl, sending
from tests.hw.neo.recordings import open_ephys
from tests.running_rhx import running_rhx, running_service

N_SAMPLES = 1000  # of a recorder that comes to an end


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


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """Run a simulated Open Ephys."""
    with publishing(PublisherSettings(block_samples=(300, 250))) as running:
        yield running


@pytest.fixture
def outlet() -> Iterator[str]:
    """Run a stream of LSL on a thread."""
    try:
        lsl()
    except (ImportError, OSError, RuntimeError) as error:  # no liblsl for this computer
        pytest.skip(f"pylsl: {error}")
    with sending("contract") as name:
        yield name


@pytest.fixture(
    params=[
        "generator",
        "hdf5",
        "neo",
        "lsl",
        "open ephys",
        "meame on the wire",
        "meame in lock-step",
        "rhx on the wire",
    ]
)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    """Make recorders of every kind; their segments have 100 samples by default."""
    match request.param:
        case "generator":
            settings = {"n_channels": 3, "duration_s": N_SAMPLES / 10_000, "spike_rate_hz": 50}
            return partial(open_recorder, "generator://", speed=0, **settings)
        case "hdf5":
            return partial(open_recorder, f"hdf5://{make_file(tmp_path / 'a.h5')}", speed=0)
        case "neo":
            pytest.importorskip("neo")
            counts = np.arange(4 * N_SAMPLES, dtype=np.int16).reshape(N_SAMPLES, 4)
            recording = open_ephys(tmp_path, [(5000, counts)])
            return partial(open_recorder, f"neo://{recording}", speed=0)
        case "open ephys":
            pytest.importorskip("zmq")
            publisher = request.getfixturevalue("publisher")
            return partial(open_recorder, f"openephys://127.0.0.1:{publisher.port}")
        case "lsl":
            outlet = request.getfixturevalue("outlet")
            return partial(open_recorder, f"lsl://{outlet}?source_id={outlet}")
        case "meame on the wire":
            request.getfixturevalue("simulator")
            return partial(open_recorder, "meame://simulator")
        case "rhx on the wire":
            request.getfixturevalue("rhx")
            return lambda **settings: open_recorder(
                "rhx://simulator", **{"segment_samples": 100, **settings}
            )
    return partial(lockstep().open_recorder, "meame://simulator")


@pytest.mark.parametrize("rule", recorder_contract)
def test_the_contract(make: Maker, rule: "Rule[Maker]") -> None:
    rule(make)


@pytest.mark.parametrize("rule", recorder_contract)
def test_every_rule_can_be_judged_of_one_of_our_recorders(rule: "Rule[Maker]") -> None:
    settings = {"n_channels": 3, "duration_s": N_SAMPLES / 10_000, "spike_rate_hz": 50}
    finite = partial(open_recorder, "generator://", speed=0, **settings)
    live = partial(lockstep().open_recorder, "meame://simulator")
    assert None in (rule(finite), rule(live))


def test_segments_have_the_requested_length(make: Maker) -> None:
    recorder = make(segment_samples=50)
    info = recorder.open(100)
    segments = (recorder.read(1.0) for _ in range(100))
    windows = [(s.start, s.stop) for s in islice((s for s in segments if s is not None), 5)]
    recorder.close()
    assert info.segment_samples == info.longest_samples == 50
    assert windows == [(100 + 50 * i, 150 + 50 * i) for i in range(5)]
