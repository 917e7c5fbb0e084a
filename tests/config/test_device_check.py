"""What `crepe check --instrument URL` verifies of a device, and what it only repeats."""

import json

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.config.device_check import check_device
from crepe.errors import ConfigError
from tests.running_rhx import running_rhx, running_service, wait_for


def texts(url, is_well):
    return [finding.text for finding in check_device(url) if finding.is_well is is_well]


def test_rules_are_verified_and_promises_are_repeated():
    url = "generator://?n_channels=3&speed=0&duration_s=0.1"
    assert texts(url, False) == []
    summary, *rules = texts(url, True)
    assert summary == (
        "generator, seed 1: 3 channels (0, 1, 2) at 10000 Hz, int32, 0.1 uV per count; "
        "positions of 3 are known; simulated"
    )
    assert "recorder: The end of the data is raised, and raised again" in rules
    assert "promised: sample index exact, by this computer, at `speed` times real time" in texts(
        url, None
    )


def test_a_live_instrument_is_recorded_and_its_stimulator_not_opened(simulator, monkeypatch):
    monkeypatch.setattr("crepe.hw.meame.stimulator.MeameStimulator.open", None)
    findings = list(check_device("meame://simulator"))
    verified = [finding.text for finding in findings if finding.is_well]
    not_verified = [finding.text for finding in findings if finding.is_well is None]
    assert len(verified) + len(not_verified) == len(findings)
    assert any("have the time of their arrival" in text for text in verified)
    assert "stimulator: A train that would become another one is refused" in verified
    stop = "promised: a stop is proved, known from: the DSP's registers"
    assert any(text.startswith(stop) for text in not_verified)
    assert (
        "promised: a train goes on when its program dies, to the end of the sub-train"
        in not_verified
    )
    assert "that a trigger fired" in not_verified
    assert not any("The end of the data" in finding.text for finding in findings)
    assert not simulator.instrument.dsp.shots


def test_a_half_that_the_settings_do_not_fit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("crepe.config.device_check._described", lambda *_, **__: 1 / 0)
    url = "meame://127.0.0.1:9?data_port=9"
    finding = next(check_device(url))
    assert finding.is_well is None
    assert finding.text.startswith("the stimulator is not tried: ")
    assert "data_port: Extra inputs are not permitted" in finding.text


def test_rhx_is_recorded_and_the_click_that_this_takes_is_named():
    with running_rhx() as rhx:
        rhx.click()
        findings = list(check_device("rhx://simulator?channels=A-000..A-003"))
        summary, *verified = [finding.text for finding in findings if finding.is_well]
        assert "4 channels (A-000, A-001, ..., A-003) at 20000 Hz, int16" in summary
        assert "recorder: Samples have the shape and the type of the description" in verified
        assert not any(finding.is_well is False for finding in findings)
        assert any(
            finding.text.startswith("before the next session: click Network")
            for finding in findings
        )
        assert rhx.tally()["pulses"] == []
        (wrong,) = texts("rhx://simulator?wait_s=0.1", False)
        assert "click Network > Remote TCP Control > Connect in RHX" in wrong


def test_rhx_is_left_alone_while_a_session_has_it():
    with running_rhx() as rhx:
        rhx.click()
        with running_service() as session:
            wait_for(lambda: session.is_connected)
            (wrong,) = texts("rhx://simulator", False)
            assert wrong == (
                "rhx://simulator: a session has the only connection that RHX takes; `crepe down` "
                "ends it"
            )
            assert session.is_connected


def test_an_instrument_that_does_not_answer_is_wrong_once(tmp_path):
    (wrong,) = texts("hdf5:///no/such/file.h5", False)
    assert "/no/such/file.h5" in wrong


def test_a_device_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="scheme 'acne' is not in crepe.recorders; known are"):
        list(check_device("acne://bench"))


def test_the_command_gives_the_findings_as_json():
    url = "generator://?n_channels=2&speed=0&duration_s=0.1"
    done = CliRunner().invoke(app, ["check", "--instrument", "--json", url])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["device"] == url
    assert {finding["is_well"] for finding in document["findings"]} == {True, None}


def test_a_broken_rule_is_wrong_and_fails_the_command(monkeypatch):
    monkeypatch.setattr("crepe.hw.generator.Generator.identity", property(lambda self: object()))
    done = CliRunner().invoke(app, ["check", "--instrument", "generator://?speed=0&n_channels=2"])
    assert done.exit_code == 1
    assert any(
        line.startswith("WRONG") and "is the same instrument: identity: " in line
        for line in done.output.splitlines()
    )


def test_a_device_without_the_option_is_not_taken_for_a_file():
    done = CliRunner().invoke(app, ["check", "generator://"])
    assert str(done.exception) == "generator://: is a device, which `--instrument` checks"
