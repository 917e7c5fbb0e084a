"""An experiment's programs all work when they are said to run, or are stopped again."""

import os
import signal
from contextlib import nullcontext
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from crepe import CREPE
from crepe.cli.app import app
from crepe.config.experiment import load_experiment
from crepe.environment import paths, session
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError, CrepeError, StoreError
from crepe.study.runs import live
from crepe.supervise import control, start, unfinished
from tests.config.test_machines import ACQUIRE, MACHINE, ON_B

LATE = """#!/bin/sh
if [ "$2" = pipeline ]; then sleep 1.3; echo "decode electrodes: no electrode '99'"; exit 1; fi
exec sleep 1000
"""


def test_a_program_that_fails_after_its_imports_stops_the_start(clone, monkeypatch, redis_url):
    (clone / "bin" / "crepe").write_text(LATE)
    monkeypatch.setenv("CREPE_REDIS", redis_url)
    with pytest.raises(CrepeError, match=r"(?s)program pipeline: .* no electrode '99'"):
        start.up(load_experiment(), None, "new")
    assert not control.is_running()


def test_what_runs_already_is_not_stopped_by_another_start(clone):
    control.up([("detect", 50)])
    with pytest.raises(ConfigError, match="run already"), start.running(load_experiment()):
        pass
    with pytest.raises(ConfigError, match="run already"):
        unfinished.abandon(new=True)
    assert control.is_running()


@pytest.mark.parametrize(
    ("url", "said"),
    [("foo", "CREPE_REDIS: .*: must begin with"), ("unix:///nobody", "no Redis server answers")],
)
def test_a_server_that_is_not_there_is_said_before_anything_starts(clone, monkeypatch, url, said):
    monkeypatch.setenv("CREPE_REDIS", url)
    monkeypatch.setattr(start, "_SERVER_S", 0.1)
    with pytest.raises(StoreError, match=said):
        start.up(load_experiment(), None, "new")
    assert not (clone / "var" / "run" / "supervisord.conf").exists()


def test_the_page_of_a_process_that_has_ended_is_not_taken_for_its_successors(clone, monkeypatch):
    """As in a container that was started again, in which it has the same pid."""
    page = ProcessIdentity(7, "500")
    programs = [control.Status("dashboard", "RUNNING", page, 1.0, 0)]
    monkeypatch.setattr(control, "status", lambda: programs)
    monkeypatch.setattr(start, "_START_S", 0.1)
    path = paths.run_directory() / "dashboard.json"
    assert start.page_links(load_experiment()) is None
    for process, is_known in ((ProcessIdentity(7, "400"), False), (page, True)):
        page_at = {"url": "http://127.0.0.1:8080", "public_url": None, "token": "a&b"}
        paths.write_json(path, {**page_at, **process._asdict()})
        links = start.page_links(load_experiment())
        assert (links is not None) is is_known
    assert links.operator == "http://127.0.0.1:8080/?token=a%26b"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_lost_terminal_ends_it_as_ctrl_c_does(tmp_path, monkeypatch, number):
    ended = []
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))

    def down():  # a second signal does not disturb it
        os.kill(os.getpid(), number)
        ended.append(number)
        return control.Stopped(has_stopped=True)

    monkeypatch.setattr(start, "up", lambda *_, **__: nullcontext())
    monkeypatch.setattr(control, "down", down)
    found = signal.signal(number, signal.default_int_handler)  # `nohup make test` ignores SIGHUP
    with pytest.raises(KeyboardInterrupt), start.running(load_experiment()):
        os.kill(os.getpid(), number)
    assert ended == [number]
    assert signal.signal(number, found) is signal.default_int_handler


def test_what_was_cut_off_is_given_up_only_by_a_person(clone, monkeypatch):
    unfinished.abandon(new=False)
    with pytest.raises(ConfigError, match="nothing to resume in .*: no session has begun"):
        unfinished.resume_or_new(resume=True, new=False)
    session.begin(session.new(clone, "digest", 1))
    session.end()
    with pytest.raises(ConfigError, match="nothing to resume in .* ended in good order"):
        unfinished.resume_or_new(resume=True, new=False)
    with pytest.raises(ConfigError, match="not both"):
        unfinished.resume_or_new(resume=True, new=True)
    begun = session.begin(session.new(clone, "digest", 1))
    with pytest.raises(ConfigError, match="--new, or new=True"):
        unfinished.abandon(new=False)
    with pytest.raises(ConfigError, match="--resume to go on"):
        unfinished.resume_or_new(resume=False, new=False)
    assert unfinished.resume_or_new(resume=True, new=False) == "resume"
    unfinished.abandon(new=True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer in (True, False):
        monkeypatch.setattr(unfinished.Confirm, "ask", lambda _, answer=answer: answer)
        asked = unfinished.resume_or_new(resume=False, new=False)
        assert asked == ("resume" if answer else "new")
    with pytest.raises(ConfigError):
        unfinished.abandon(new=False)
    assert session.find_unfinished() == begun


def test_a_session_of_an_older_version_is_not_resumed_and_only_a_person_abandons_it(clone):
    begun = session.begin(replace(session.new(clone, "digest", 1), format=1))
    for attempt in (
        lambda: unfinished.resume_or_new(resume=True, new=False),
        lambda: unfinished.resume_or_new(resume=False, new=False),
        lambda: unfinished.abandon(new=False),
    ):
        with pytest.raises(ConfigError, match=f"session {begun.id} was begun by an older version"):
            attempt()
    assert unfinished.resume_or_new(resume=False, new=True) == "new"
    unfinished.abandon(new=True)
    assert session.find_unfinished() == begun


def test_a_take_over_is_asked_for_on_the_command_line_or_in_python(clone, monkeypatch):
    asked = []

    def up(*_, take_over, **__):
        asked.append(take_over)
        raise ConfigError("enough")

    monkeypatch.setattr(start, "up", up)
    for words in (["play"], ["play", "--take-over"], ["up"], ["up", "--take-over"]):
        CliRunner().invoke(app, words)
    for how in ({}, {"take_over": True}):
        with pytest.raises(ConfigError, match="enough"):
            CREPE(**how)
    assert asked == [False, True] * 3


def test_up_checks_the_experiment_that_its_programs_will_load(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("CREPE_EXPERIMENT", str(tmp_path / "gone.toml"))
    result = CliRunner().invoke(app, ["up", "--new"])
    assert isinstance(result.exception, ConfigError)
    assert "gone.toml: no such experiment file" in str(result.exception)


def test_what_a_recording_lacks_is_an_error_after_ctrl_c(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.setattr(start, "up", lambda *_, **__: nullcontext())
    monkeypatch.setattr(control, "down", lambda: control.Stopped(True, "data lacks samples"))
    with pytest.raises(CrepeError, match="data lacks samples"), start.running(load_experiment()):
        raise KeyboardInterrupt


def test_sessions_with_settings_of_their_own_run_on_one_machine(tmp_path):
    (tmp_path / "two.toml").write_text(MACHINE + ACQUIRE + ON_B)
    experiment = load_experiment(tmp_path / "two.toml")
    with pytest.raises(ConfigError, match=r"\[machines\.B\]: this command .* use `crepe play` or"):
        live(experiment, on_state=print)
