"""Recording through the program `rhx`; the contract is in tests/hw/test_recorder_contract.py."""

import numpy as np
import pytest
from pydantic import ValidationError

from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import open_recorder
from crepe.hw.rhx.recorder import RecorderSettings
from crepe.simulator.rhx.settings import Fault
from tests.running_rhx import running_rhx, running_service, wait_for


@pytest.fixture
def recorder(session):
    recorder = open_recorder("rhx://simulator?channels=A-000..A-003")
    yield recorder
    recorder.close()


def read_until_error(recorder):
    with pytest.raises(DeviceError) as error:
        while True:
            recorder.read(1.0)
    return str(error.value)


def test_the_stream_describes_itself(rhx, recorder):
    info = recorder.open(0)
    assert info.labels == ("A-000", "A-001", "A-002", "A-003")
    assert (info.dtype, info.scale_uv, info.sampling_rate_hz) == ("int16", (0.195,), 20_000.0)
    assert info.positions_um == ()
    assert info.is_live
    assert info.is_simulated
    assert f"RHX 127.0.0.1:{rhx.port} ControllerStimRecord 3.4.0" == info.source


def test_samples_are_those_of_the_controller_to_the_count(rhx, recorder, monkeypatch):
    sent = []
    block = type(rhx.controller).block

    def keep(self):
        start, values, spikes = block(self)
        sent.append(values)
        return start, values, spikes

    monkeypatch.setattr(type(rhx.controller), "block", keep)
    recorder.open(0)
    segments = [segment for segment in (recorder.read(5.0) for _ in range(10)) if segment]
    received = np.concatenate([segment.samples for segment in segments], axis=1)
    whole = np.concatenate(sent, axis=1).astype(np.int32) - 32768
    first = next(
        i for i in range(whole.shape[1]) if np.array_equal(whole[:, i : i + 64], received[:, :64])
    )
    assert first % 128 == 0
    assert np.array_equal(received, whole[:, first : first + received.shape[1]])


def test_a_recorder_that_comes_back_joins_the_run_that_is_on(rhx, recorder):
    recorder.open(0)
    run = rhx._run
    recorder.close()
    recorder.open(1000)
    segment = wait_for(lambda: recorder.read(1.0))
    assert segment.start == 1000
    assert rhx._run is run


def test_other_channels_need_another_run(rhx, recorder):
    recorder.open(0)
    run = rhx._run
    other = open_recorder("rhx://simulator?channels=A-008,A-009")
    assert other.open(0).labels == ("A-008", "A-009")
    assert wait_for(lambda: other.read(1.0)).samples.shape[0] == 2
    assert rhx._run is not run
    other.close()


@pytest.mark.parametrize("fault", [Fault.WRONG_MAGIC, Fault.LAYOUT])
def test_a_fault_of_the_stream_is_an_error_and_never_a_resync(rhx, recorder, fault):
    recorder.open(0)
    assert recorder.read(5.0)
    rhx.controller.faults.add(fault)
    assert "RHX waveforms: " in read_until_error(recorder)


def test_a_stop_on_the_screen_ends_the_data_and_the_next_open_begins_a_run(rhx, recorder):
    recorder.open(0)
    assert recorder.read(5.0)
    rhx.press_stop()
    read_until_error(recorder)

    def opens():
        try:
            return recorder.open(5000)
        except DeviceError:
            return None

    wait_for(opens)
    assert wait_for(lambda: recorder.read(1.0)).start == 5000


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("rhx://simulator?channels=B-000", "no channel B-000; it has 32 on port A"),
        ("rhx://simulator?sampling_rate_hz=30000", "runs at 20000 Hz, the device asks for 30000"),
    ],
)
def test_an_instrument_that_does_not_fit_is_refused(session, url, text):
    with pytest.raises(DeviceError, match=text):
        open_recorder(url, wait_s=0.5).open(0)


def test_without_the_program_the_error_names_it():
    with pytest.raises(DeviceError, match="the program `rhx` does not run in this run directory"):
        open_recorder("rhx://simulator", wait_s=0.1).open(0)


def test_without_a_click_the_error_says_what_to_click(rhx):
    with running_service(), pytest.raises(DeviceError, match="Remote TCP Control > Connect"):
        open_recorder("rhx://simulator", wait_s=1.0).open(0)


def test_a_controller_that_only_records_is_recorded():
    with running_rhx(controller="ControllerRecordUSB3") as simulator:
        simulator.click()
        with running_service(trains=()):
            recorder = open_recorder("rhx://simulator?channels=A-000")
            assert "ControllerRecordUSB3" in recorder.open(0).source
            assert recorder.read(5.0)
            recorder.close()


@pytest.mark.parametrize("url", ["rhx://:5000", "rhx://host:0", "rhx://simulator?channels=47"])
def test_a_device_that_names_nothing_is_refused(url):
    with pytest.raises(ConfigError, match="must be"):
        open_recorder(url)


def test_a_segment_may_not_be_tiny():
    with pytest.raises(ValidationError):
        RecorderSettings(segment_samples=1)
