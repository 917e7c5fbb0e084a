"""Commands to a session: they need no actor's class, and a latch is released knowingly."""

import json

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.cli.output import Output
from crepe.cli.start import report_latch
from crepe.config.experiment import load_experiment
from crepe.config.overrides import prepare
from crepe.environment import paths, session
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError, StoreError
from crepe.safety import arming
from crepe.safety.protocol.announcement import Instrument, announce
from crepe.supervise.status import running_file


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A session of an experiment whose actor cannot be imported here."""
    (tmp_path / "var").mkdir()
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    path = tmp_path / "foreign.toml"
    path.write_text(
        'title = "Theirs"\nname = "theirs"\n[actors.game]\nrun = "not_here.at_all:Game"\n'
        'reads = ["result"]\nwrites = ["result:game"]\n'
    )
    with pytest.raises(ConfigError, match="cannot import"):
        load_experiment(path)
    session.begin(session.new(path, "digest", 1))
    return path


def test_no_command_to_a_session_imports_an_actor(foreign):
    assert (running_file().title, running_file().name) == ("Theirs", "theirs")
    for arguments in (["say", "note", "hello"], ["gesture", "rock"]):
        error = CliRunner().invoke(app, arguments).exception
        assert isinstance(error, StoreError), error  # only the server is missing
    for arguments in (["status"], ["sessions"], ["down"], ["stop"], ["arm"], ["top"]):
        error = CliRunner().invoke(app, arguments).exception
        assert "import" not in str(error)


# The latch


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    return paths.run_directory()


def test_a_latch_without_a_stimulator_is_released_by_an_option_that_arms_nothing(run):
    arming.latch(run, "crepe stop")
    refused = CliRunner().invoke(app, ["arm"]).exception
    assert "no stimulator runs here" in str(refused)
    assert "`crepe arm --release`" in str(refused)
    assert arming.stopped_by(run) is not None
    released = CliRunner().invoke(app, ["arm", "--release", "--json"])
    assert json.loads(released.stdout)["released"].startswith("crepe stop at ")
    assert arming.stopped_by(run) is None
    assert arming.armed_s(run) == 0.0
    again = CliRunner().invoke(app, ["arm", "--release"]).exception
    assert "no latch" in str(again)


def test_a_latch_stays_while_a_stimulator_may_run(run):
    unseen = ProcessIdentity.own()._replace(namespace="pid:[1]")
    for process in (ProcessIdentity.own(), unseen):
        announce(run, Instrument("7-abc", process, "127.0.0.1", 8888))
        arming.latch(run, "crepe stop")
        refused = CliRunner().invoke(app, ["arm", "--release"]).exception
        assert "may run" in str(refused)
        assert arming.stopped_by(run) is not None


def test_a_latch_is_reported_before_anything_starts_where_something_can_stimulate(run, capsys):
    rps, record = (
        load_experiment(paths.project_directory() / "config" / name)
        for name in ("rps.toml", "record.toml")
    )
    report_latch(rps, Output())
    arming.latch(run, "crepe stop")
    report_latch(record, Output())
    assert capsys.readouterr().out == ""
    report_latch(rps, Output())
    shown = capsys.readouterr().out
    assert shown.startswith("STOPPED by crepe stop at ")
    assert "`crepe arm`" in shown


def test_a_latch_that_does_not_hold_in_lock_step_is_reported_as_that(run, capsys):
    arming.latch(run, "crepe stop")
    report_latch(prepare(None, in_lockstep=True), Output())
    shown = capsys.readouterr().out
    assert shown.startswith("the stop by crepe stop at ")
    assert "does not hold in lock-step, where no instrument is driven" in " ".join(shown.split())


def test_stop_prints_a_document(run, monkeypatch):
    done = CliRunner().invoke(app, ["stop", "--json"])
    document = json.loads(done.stdout)
    assert document["is_verified"] is False
    assert any("latched" in line for line in document["lines"])
    assert document["lines"] == done.stderr.splitlines()
    assert done.exit_code == 1
