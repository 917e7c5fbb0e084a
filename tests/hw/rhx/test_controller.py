"""The operations on a controller: what is read back, and what is refused before it is sent."""

import socket

import pytest

from crepe.errors import DeviceError
from crepe.hw.rhx import controller as module
from crepe.hw.rhx.connection import CommandPort
from crepe.hw.rhx.controller import Controller, close_all
from crepe.hw.rhx.patterns import patterns_of
from crepe.simulator.rhx.settings import Fault
from tests.running_rhx import RATE_HZ, STEP_UA, TRAIN, running_rhx, wait_for

PATTERNS = patterns_of([TRAIN], STEP_UA, RATE_HZ)


@pytest.fixture
def controller(rhx):
    rhx.click()
    controller = Controller(CommandPort("127.0.0.1", rhx.port))
    yield controller
    controller.port.close()


def test_the_controller_tells_what_it_is(controller):
    identity = controller.identity
    assert (identity.type, identity.sampling_rate_hz, identity.step_ua) == (
        "ControllerStimRecord",
        RATE_HZ,
        STEP_UA,
    )
    assert identity.is_demo
    assert identity.can_stimulate
    assert identity.n_by_port == {"A": 32}


def test_disarming_disables_every_channel_that_another_user_has_left_enabled(rhx, controller):
    values = rhx.controller.parameters.values
    enabled = ("a-003", "analog-out-2", "digital-out-05")
    for channel in enabled:
        values[f"{channel}.stimenabled"] = "True"
    controller.disarm()
    assert not any(on == "True" for name, on in values.items() if "stimenabled" in name)
    assert not any(it.is_enabled for it in rhx.controller.hardware._channels.values())
    assert "trigger f8 off" in rhx.controller.hardware.log


def test_patterns_are_uploaded_as_they_were_computed(rhx, controller):
    controller.load(PATTERNS, STEP_UA, RATE_HZ)
    channel = rhx.controller.hardware._channels["A-010"]
    assert channel.phases == ((-10.0, 4), (10.0, 4))
    assert (channel.n_pulses, channel.period, channel.source) == (5, 400, "KeyPressF1")


def test_the_step_is_compared_before_each_upload(rhx, controller):
    rhx.controller.faults.add(Fault.STEP_CHANGED)
    with pytest.raises(DeviceError, match="stimstepsizemicroamps is 5, must be 0.5"):
        controller.load(PATTERNS, STEP_UA, RATE_HZ)
    assert not rhx.controller.hardware._channels


def test_nothing_is_uploaded_in_a_run_though_rhx_would_take_it(rhx, controller):
    controller.start()
    n = len(rhx.controller.hardware.log)
    with pytest.raises(DeviceError, match="must be Stop for an upload"):
        controller.load(PATTERNS, STEP_UA, RATE_HZ)
    assert len(rhx.controller.hardware.log) == n


def test_an_upload_that_does_not_end_is_an_error(rhx, controller, monkeypatch):
    monkeypatch.setattr(module, "_UPLOAD_S", 0.1)
    rhx.controller.faults.add(Fault.UPLOAD_STUCK)
    with pytest.raises(DeviceError, match="uploadinprogress reads 'True'"):
        controller.load(PATTERNS, STEP_UA, RATE_HZ)


def test_a_pattern_on_a_channel_that_is_not_there_is_refused(controller):
    other = patterns_of([TRAIN], STEP_UA, RATE_HZ)[0]
    missing = type(other)(**{**vars(other), "electrodes": ("B-000",)})
    with pytest.raises(DeviceError, match="no channels B-000"):
        controller.load([missing], STEP_UA, RATE_HZ)


def test_outputs_are_connected_for_the_channels_and_no_others(rhx, controller):
    rhx.controller.parameters.values["a-020.tcpdataoutputenabled"] = "True"
    sockets = controller.connect_outputs(["A-002", "A-001"], "127.0.0.1")
    assert rhx.controller._outputs() == [("A-001", ""), ("A-002", "")]
    assert rhx.controller.parameters.values["tcpnumberdatablocksperwrite"] == "1"
    close_all(sockets)


def test_a_port_that_another_program_has_is_noticed(rhx, controller, monkeypatch):
    monkeypatch.setattr(module, "_STATUS_S", 0.2)
    with (
        socket.create_server(("127.0.0.1", rhx._data["waveform"].port)),
        pytest.raises(DeviceError, match="must be 'Connected'"),
    ):
        controller.connect_outputs(["A-000"], "127.0.0.1")


def test_a_stop_is_read_back_and_disables_all(rhx, controller):
    controller.load(PATTERNS, STEP_UA, RATE_HZ)
    controller.start()
    assert controller.stop() == []
    wait_for(lambda: not rhx.is_hardware_running)
    assert not any(it.is_enabled for it in rhx.controller.hardware._channels.values())
    assert controller.stop() == []  # harmless to repeat


def test_a_stop_that_fails_says_what_is_in_doubt(rhx, controller, monkeypatch):
    controller.start()
    monkeypatch.setattr(module, "_STOP_S", 0.05)
    monkeypatch.setattr(type(rhx), "end_run", lambda self: None)
    doubts = controller.stop()
    assert any(doubt.startswith("run mode: ") for doubt in doubts)
    monkeypatch.undo()


def test_a_controller_that_only_records_has_nothing_to_disarm_and_loads_nothing():
    with running_rhx(controller="ControllerRecordUSB3") as simulator:
        simulator.click()
        port = CommandPort("127.0.0.1", simulator.port)
        controller = Controller(port)
        assert not controller.identity.can_stimulate
        controller.disarm()
        with pytest.raises(DeviceError, match="cannot stimulate"):
            controller.load(PATTERNS, STEP_UA, RATE_HZ)
        port.close()
