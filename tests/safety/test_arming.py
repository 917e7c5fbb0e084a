"""Latch and arming: who may stimulate, until when, and that doubt means no."""

import pathlib
import re

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError
from crepe.safety import arming
from crepe.safety.protocol.announcement import INSTRUMENT_FILE, Instrument, announce, announced
from crepe.safety.protocol.datagrams import Latch, State

NAME = "7-abc"
ENDED = ProcessIdentity.own()._replace(start="1")  # its pid has gone to another since


@pytest.fixture
def run(tmp_path):
    announce(tmp_path, Instrument(NAME, ProcessIdentity.own(), "127.0.0.1", 8888))
    return tmp_path


def may(run, name=NAME, *, is_simulator=False, **fields):
    return arming.refusal(run, name, is_simulator=is_simulator, **fields)


def test_nothing_is_armed_at_first_but_a_proven_simulator_needs_no_arming(run):
    assert may(run) == "not armed; `crepe arm`"
    assert may(run, is_simulator=True) is None


def test_an_arming_counts_for_one_stimulator_and_not_for_its_successor(run):
    assert arming.arm(run, 1.0).stimulator == NAME
    assert may(run) is None
    assert may(run, "8-def") == "not armed; `crepe arm`"


def test_an_arming_expires(run):
    arming.arm(run, 1.0)
    now_ns = arming.boot_time_ns()
    assert may(run, now_ns=lambda: now_ns + 59_000_000_000) is None
    assert may(run, now_ns=lambda: now_ns + 61_000_000_000) == (
        "the arming has expired; `crepe arm`"
    )


def test_the_latch_holds_everybody_and_only_arming_takes_it_away(run):
    arming.arm(run, 1.0)
    arming.latch(run, "a test")
    assert may(run).startswith("stopped by a test at ")
    assert may(run, is_simulator=True).startswith("stopped by a test")
    arming.arm(run, 1.0)
    assert may(run) is None


def test_the_latch_on_the_disk_is_released_last_so_that_no_watchdog_writes_it_anew(
    run, monkeypatch
):
    arming.latch(run, "crepe stop")
    is_latched = []

    def release(run_directory):
        is_latched.append((run_directory / arming.STOPPED_FILE).exists())

    monkeypatch.setattr(arming, "release_in_memory", release)
    arming.arm(run, 1.0)
    assert is_latched == [True]
    assert may(run) is None


def test_a_file_that_cannot_be_read_counts_as_a_stop(run):
    arming.arm(run, 1.0)
    (run / arming.STOPPED_FILE).write_text("{ half")
    assert may(run).startswith("stopped by an unreadable file")
    (run / arming.STOPPED_FILE).unlink()
    (run / arming.ARMED_FILE).write_text("{ half")
    assert may(run) == "not armed; `crepe arm`"


def test_arming_needs_a_running_stimulator_and_a_bounded_time(run, tmp_path):
    for minutes in (0.0, -1.0, 481.0, float("nan")):
        with pytest.raises(ConfigError, match="at most 480"):
            arming.arm(run, minutes)
    announce(run, Instrument(NAME, ENDED, "127.0.0.1", 8888))
    with pytest.raises(ConfigError, match="no stimulator runs here"):
        arming.arm(run, 1.0)


@pytest.mark.parametrize("process", [ENDED, ProcessIdentity(1, "1", "crepe", ENDED.namespace)])
def test_a_stranger_with_a_stimulators_pid_is_no_stimulator(run, process):
    """Also one of another user, to whom no signal may go."""
    instrument = Instrument(NAME, process, "127.0.0.1", 8888)
    assert (instrument.is_running, instrument.may_run) == (False, False)
    announce(run, instrument)
    assert announced(run) == instrument
    with pytest.raises(ConfigError, match="no stimulator runs here"):
        arming.arm(run, 1.0)


def test_a_stimulator_of_another_pid_namespace_is_armed_there(run):
    unseen = ProcessIdentity.own()._replace(namespace="pid:[1]")
    announce(run, Instrument(NAME, unseen, "127.0.0.1", 8888))
    with pytest.raises(ConfigError, match=r"in another pid namespace\): cannot be seen from here"):
        arming.arm(run, 1.0)
    assert may(run) == "not armed; `crepe arm`"


def test_an_announcement_without_an_address_is_refused(run):
    (run / INSTRUMENT_FILE).write_text('{"stimulator": "7-abc"}')
    with pytest.raises(ConfigError, match=r"no 'host'; remove it"):
        announced(run)


def test_a_disk_that_is_full_keeps_the_latch_away_and_the_arming_does_not_stay(run, monkeypatch):
    arming.arm(run, 1.0)

    def full(path, text, **_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        arming.latch(run, "a test")
    assert may(run) == "not armed; `crepe arm`"


@pytest.fixture
def elsewhere(tmp_path_factory, monkeypatch):
    """A stimulator that runs with another CREPE_VAR than ours, which is not set."""
    short = tmp_path_factory.mktemp("s")
    monkeypatch.setattr("tempfile.tempdir", str(short))
    monkeypatch.setattr(paths, "project_directory", lambda: short / "clone")
    (short / "clone").mkdir()

    def start(name):
        var = paths.private(short / name)
        paths.announce(var)
        directory = paths.run_directory(var)
        announce(directory, Instrument(NAME, ProcessIdentity.own(), "127.0.0.1", 9))
        return directory

    return start


def test_what_runs_with_another_var_is_found_from_a_plain_window_and_not_from_a_chosen_one(
    elsewhere, monkeypatch
):
    other = elsewhere("there")
    assert arming.run_directories() == [paths.run_directory(), other]
    monkeypatch.setenv("CREPE_VAR", str(paths.project_directory() / "chosen"))
    assert arming.run_directories() == [paths.run_directory()]
    assert arming.to_arm() == paths.run_directory()


@pytest.mark.parametrize("names", [["one"], ["one", "two"]])
def test_a_stimulator_elsewhere_is_named_but_armed_only_by_choice(elsewhere, names, monkeypatch):
    others = [elsewhere(name) for name in names]
    with pytest.raises(ConfigError, match="no stimulator runs here, so nothing is armed") as caught:
        arming.to_arm()
    assert str(caught.value).count("127.0.0.1:9 by `CREPE_VAR=") == len(names)
    choice = re.findall(r"CREPE_VAR=(\S+) crepe arm", str(caught.value))
    assert len(choice) == len(names)
    announce(paths.run_directory(), Instrument(NAME, ProcessIdentity.own(), "127.0.0.1", 9))
    assert arming.to_arm() == paths.run_directory()
    monkeypatch.setenv("CREPE_VAR", choice[0])
    assert arming.to_arm() in others


def test_the_command_arms_what_runs_and_says_so_or_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    with pytest.raises(ConfigError, match="no stimulator runs here"):
        CliRunner().invoke(app, ["arm"], standalone_mode=False, catch_exceptions=False)
    run = paths.run_directory()
    announce(run, Instrument(NAME, ProcessIdentity.own(), "127.0.0.1", 8888))
    arming.latch(run, "a test")
    done = CliRunner().invoke(app, ["arm", "--minutes", "5"])
    assert f"armed for 5 minutes: stimulator {NAME} on 127.0.0.1:8888" in done.output
    assert may(run) is None


def test_a_latch_is_released_where_no_stimulator_runs_and_nothing_is_armed_by_that(run):
    arming.arm(run, 1.0)
    arming.latch(run, "crepe stop")
    (run / arming.ARMED_FILE).write_text("{}")  # as on a disk on which it could not be removed
    with pytest.raises(ConfigError, match="may run; `crepe arm`, where it runs, releases"):
        arming.release(run)
    assert arming.stopped_by(run).startswith("crepe stop at ")
    announce(run, Instrument(NAME, ENDED, "127.0.0.1", 8888))
    assert arming.release(run).startswith("crepe stop at ")
    assert arming.stopped_by(run) is None
    assert not (run / arming.ARMED_FILE).exists()
    with pytest.raises(ConfigError, match="no latch of `crepe stop` to release"):
        arming.release(run)


def test_a_latch_that_cannot_be_removed_remains(run, monkeypatch):
    arming.latch(run, "crepe stop")
    announce(run, Instrument(NAME, ENDED, "127.0.0.1", 8888))

    def read_only(path):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(arming, "disarm", read_only)
    with pytest.raises(ConfigError, match="Read-only file system; the latch remains"):
        arming.release(run)
    assert arming.stopped_by(run) is not None


def test_nothing_is_armed_where_the_arming_cannot_be_written(run, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paths, "write_json", full)
    with pytest.raises(ConfigError, match="No space left on device; nothing is armed"):
        arming.arm(run, 1.0)
    assert may(run) == "not armed; `crepe arm`"


def test_an_arming_lasts_as_long_as_it_states_and_at_most_eight_hours(run):
    arming.arm(run, arming.LONGEST_MIN, now_ns=lambda: 0)
    assert arming.armed_s(run, now_ns=lambda: 0) == 8 * 3600
    assert arming.armed_s(run, now_ns=lambda: 8 * 3600 * 10**9 - 1) == pytest.approx(1e-9)
    assert arming.armed_s(run, now_ns=lambda: 8 * 3600 * 10**9) == 0
    assert arming.armed_s(run, now_ns=lambda: -1) == 0  # of another boot: longer than can be
    (run / arming.ARMED_FILE).unlink()
    assert arming.armed_s(run) == 0


# The latch in the memory of a watchdog


@pytest.fixture
def watchdog(monkeypatch):
    """Sets the state that a watchdog reports."""

    def set_state(state):
        monkeypatch.setattr(arming, "watchdog_state", lambda run_directory: state)

    return set_state


@pytest.mark.parametrize("is_announced", [False, True])
def test_a_latch_that_only_a_watchdog_keeps_is_released_too(tmp_path, watchdog, is_announced):
    if is_announced:
        announce(tmp_path, Instrument(NAME, ENDED, "127.0.0.1", 8888))
    watchdog(State(Latch(1, "a page"), None))
    assert arming.release(tmp_path) == "a page"
    for state in (None, State(Latch(), None)):
        watchdog(state)
        with pytest.raises(ConfigError, match="no latch of `crepe stop` to release"):
            arming.release(tmp_path)


@pytest.mark.parametrize("state", [None, State(Latch(), None), State(Latch(1, "a page"), None)])
@pytest.mark.parametrize("is_latched", [False, True])
def test_who_cannot_arm_hears_of_a_release_only_where_there_is_a_latch(
    tmp_path, watchdog, state, is_latched
):
    watchdog(state)
    if is_latched:
        arming.latch(tmp_path, "crepe stop")
    with pytest.raises(ConfigError, match="no stimulator runs here") as refused:
        arming.arm(tmp_path, 1.0)
    has_latch = is_latched or (state is not None and state.latch.is_closed)
    assert ("--release" in str(refused.value)) == has_latch


# Directories that cannot be used


def test_if_the_chosen_directory_cannot_be_used_all_others_count(elsewhere, monkeypatch):
    other = elsewhere("there")
    chosen = paths.project_directory() / "chosen"
    chosen.touch()
    for value in (str(chosen), "~nobody-of-that-name/var"):
        monkeypatch.setenv("CREPE_VAR", value)
        problems = []
        assert arming.run_directories(problems.append) == [other]
        assert len(problems) >= 1
        with pytest.raises(ConfigError, match=r"nothing is armed; elsewhere: 127.0.0.1:9"):
            arming.to_arm()


def test_where_nothing_runs_anywhere_the_reason_is_that_of_the_chosen_directory(
    elsewhere, monkeypatch
):
    elsewhere("empty").joinpath(INSTRUMENT_FILE).unlink()
    announce(elsewhere("ended"), Instrument(NAME, ENDED, "127.0.0.1", 9))
    chosen = paths.project_directory() / "chosen"
    chosen.touch()
    monkeypatch.setenv("CREPE_VAR", str(chosen))
    with pytest.raises(ConfigError) as refused:
        arming.to_arm()
    assert str(chosen) in str(refused.value)
    assert "elsewhere" not in str(refused.value)


def test_an_ended_stimulator_here_is_not_armed_in_place_of_one_elsewhere(elsewhere):
    elsewhere("there")
    announce(paths.run_directory(), Instrument(NAME, ENDED, "127.0.0.1", 9))
    with pytest.raises(ConfigError, match="nothing is armed; elsewhere: 127.0.0.1:9"):
        arming.to_arm()


def test_a_disk_that_fails_elsewhere_is_reported_and_keeps_nothing_from_a_stop(
    elsewhere, monkeypatch
):
    other = elsewhere("there")
    run_directory = paths.run_directory

    def dead(var=None):
        if var is not None and var.name == "there":
            raise OSError(5, "Input/output error")
        return run_directory(var)

    problems = []
    monkeypatch.setattr(paths, "run_directory", dead)
    assert arming.run_directories(problems.append) == [run_directory()]
    assert problems == [f"{other.parent}: [Errno 5] Input/output error"]
