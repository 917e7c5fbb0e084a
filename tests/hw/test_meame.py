"""The MEAME recorder against a server that another client has set up, and one at another rate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crepe import places
from crepe.errors import DeviceError
from crepe.hw import meame
from crepe.hw.instrument import Recorder, open_recorder
from crepe.hw.meame_http import HttpControl, find_server
from crepe.hw.meame_wire import pack_block
from crepe.simulator.server import running_simulator
from crepe.simulator.settings import SimulatorSettings

SETTINGS = SimulatorSettings(seed=3, http_port=0, data_port=0, sawtooth_port=0)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A simulator that another client has set to 20 kHz and segments of 50 samples."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))
    with running_simulator(SETTINGS, places.run_directory()):
        with HttpControl(find_server("simulator", 0, 20.0)) as control:
            control.connect(20_000, 50)
        yield


@pytest.mark.parametrize(("rate_hz", "segment"), [(10_000, 50), (20_000, 100), (10_000, 100)])
@pytest.mark.usefixtures("configured")
def test_a_simulator_that_runs_otherwise_than_asked_is_refused(rate_hz: int, segment: int) -> None:
    recorder = open_recorder("meame://simulator", sampling_rate_hz=rate_hz, segment_samples=segment)
    said = (
        f"runs at 20000 Hz in segments of 50 samples, asked for {rate_hz} Hz and {segment}; "
        "restart it"
    )
    with pytest.raises(DeviceError, match=said):
        recorder.open(0)
    with pytest.raises(DeviceError, match="not open"):
        recorder.read(0.1)


@pytest.mark.usefixtures("configured")
def test_a_simulator_that_runs_as_asked_is_shared() -> None:
    recorder = open_recorder("meame://simulator", sampling_rate_hz=20_000, segment_samples=50)
    info = recorder.open(0)
    segment = recorder.read(20.0)
    recorder.close()
    assert (info.sampling_rate_hz, info.segment_samples) == (20_000.0, 50)
    assert segment is not None
    assert segment.samples.shape == (60, 50)


class Bench:
    """A MEAME that sends at a rate of its own, and the clock that goes by its samples."""

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.now_s = 0.0
        self._rest = b""

    # what the recorder has of `time`

    def monotonic(self) -> float:
        return self.now_s

    def time_ns(self) -> int:
        return round(self.now_s * 1e9)

    # of `socket`

    def create_connection(self, address: Any, timeout_s: float) -> "Bench":
        return self

    def settimeout(self, timeout_s: float) -> None:
        pass

    def recv(self, n_bytes: int) -> bytes:
        if not self._rest:
            self.now_s += 100 / self.rate_hz
            self._rest = pack_block(np.zeros((60, 100), np.int32))
        found, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        return found

    def close(self) -> None:
        pass


class Lenient(HttpControl):
    """MEAME's answers: whatever is asked for, 200."""

    def _ask(self, verb: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        return b""


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Opens a recorder of 10 kHz at a MEAME that sends at another rate."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.setattr(meame, "HttpControl", Lenient)

    def at(rate_hz: float) -> tuple[Recorder, Bench]:
        bench = Bench(rate_hz)
        monkeypatch.setattr(meame, "time", bench)
        monkeypatch.setattr(meame, "socket", bench)
        recorder = open_recorder("meame://bench:8888", sampling_rate_hz=10_000)
        assert not recorder.open(0).is_simulated
        return recorder, bench

    return at


def read_for(recorder: Recorder, bench: Bench, seconds: float) -> None:
    until_s = bench.now_s + seconds
    while bench.now_s < until_s:
        assert recorder.read(1.0) is not None


@pytest.mark.parametrize(("rate_hz", "said"), [(20_000, "20000"), (5_000, "5000"), (8_000, "8000")])
def test_samples_at_another_rate_than_asked_for_are_warned_of(
    at: Any, caplog: pytest.LogCaptureFixture, rate_hz: float, said: str
) -> None:
    recorder, bench = at(rate_hz)
    read_for(recorder, bench, 9.0)
    assert caplog.messages == []  # not measured long enough
    read_for(recorder, bench, 12.0)
    assert set(caplog.messages) == {f"data port: {said} samples/s, asked for 10000"}
    assert 1 <= len(caplog.messages) <= 2


@pytest.mark.parametrize("rate_hz", [10_000, 10_002, 9_000, 11_000])
def test_a_rate_within_the_tolerance_is_not_warned_of(
    at: Any, caplog: pytest.LogCaptureFixture, rate_hz: float
) -> None:
    recorder, bench = at(rate_hz)
    read_for(recorder, bench, 25.0)
    assert caplog.messages == []


def test_the_rate_is_measured_anew_after_the_instrument_was_away(
    at: Any, caplog: pytest.LogCaptureFixture
) -> None:
    recorder, bench = at(10_000)
    read_for(recorder, bench, 6.0)
    bench.now_s += 30.0
    recorder.open(60_000)
    read_for(recorder, bench, 12.0)
    assert caplog.messages == []
