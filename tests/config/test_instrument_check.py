"""What `crepe check --instrument` knows of a MEAME, and what it says it cannot know."""

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.config import instrument_check
from crepe.config.experiment import load_experiment
from crepe.config.instrument_check import UNKNOWABLE, check_instrument
from crepe.environment import paths
from crepe.hw.meame.registers import Register
from crepe.simulator.meame.quirks import Quirk
from crepe.simulator.meame.settings import Firmware

SIMULATED = {"actors.stimulate.device": "meame://simulator"}


def findings(changes=SIMULATED):
    return list(check_instrument(load_experiment(changes=changes), paths.run_directory()))


def texts(found, is_well):
    return [finding.text for finding in found if finding.is_well is is_well]


def test_the_check_says_what_it_knows_and_what_it_cannot(simulator):
    found = findings()
    assert texts(found, False) == []
    known = "\n".join(texts(found, True))
    for text in ("counted 1 of 1", "firmware: the lab's of 2019", "a call takes ", "read 0x20100"):
        assert text in known
    assert set(UNKNOWABLE) < set(texts(found, None))
    assert "data port 12340" not in known  # the simulator has another
    dsp = simulator.instrument.dsp
    assert not dsp.shots
    assert [dsp.read(Register.HW_BLANKING), dsp.read(Register.HW_BLANK_PROT)] == [0, 0]


def test_the_check_knows_the_public_firmware_and_what_another_client_has_left(simulate):
    with simulate(firmware=Firmware.PUBLIC) as simulator:
        simulator.instrument.dsp.write(Register.TRIGGER_REPEATS, 50)
        known = "\n".join(texts(findings(), True))
    assert "firmware: the public one of 2018" in known
    assert "read 0x20100, 0x20100, 50" in known


def test_the_check_tries_the_data_port_when_it_should_be_open(simulator):
    """MEAME opens it when acquisition is started, so the check starts it, as `crepe up` does."""
    port = f"[actors.acquire] device: data port {simulator.data_port}: samples arrive"
    first, again = texts(findings(), True), texts(findings(), True)
    assert any(text.startswith("acquisition started: False; starting it now") for text in first)
    assert port in first
    assert "acquisition started: True" in again
    assert port in again


@pytest.mark.parametrize("is_started", [False, True])
def test_another_data_port_than_that_of_the_file_is_wrong_and_the_setting_is_named(
    simulator, monkeypatch, is_started
):
    if is_started:
        findings()
    here = f"meame://127.0.0.1:{simulator.http_port}"
    changes = {"actors.acquire.device": f"{here}?data_port=9", "actors.stimulate.device": here}
    with monkeypatch.context() as patch:
        patch.setattr(instrument_check, "_SAMPLES_S", 0.2)
        (wrong,) = texts(findings(changes), False)
    assert wrong.startswith("[actors.acquire] device: data port 9: ")
    assert "add ?data_port=N to that device" in wrong
    changes["actors.acquire.device"] = f"{here}?data_port={simulator.data_port}"
    assert texts(findings(changes), False) == []


@pytest.mark.parametrize(
    ("quirk", "text"),
    [
        (Quirk.MOCK_EXECUTOR, "the server acknowledges what the DSP does not do"),
        (Quirk.STICKY_ERROR, "error register: 2"),
        (Quirk.NO_ACKNOWLEDGEMENT, "/DSP/call: status 500"),
    ],
)
def test_the_command_says_wrong_and_fails(simulate, quirk, text):
    with simulate(quirk):
        done = CliRunner().invoke(app, ["check", "--instrument"])
    assert done.exit_code == 1
    assert any("WRONG" in line and text in line for line in done.output.splitlines())


def test_the_command_says_ok_and_not_verified_and_succeeds(simulator):
    done = CliRunner().invoke(app, ["check", "--instrument"])
    assert done.exit_code == 0
    assert "NOT VERIFIED" in done.output
    assert "WRONG" not in done.output
