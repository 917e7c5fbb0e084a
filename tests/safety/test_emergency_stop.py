"""Which instruments the emergency stop means, and that nothing keeps it from its answer.

How it stops them is tested with the instrument.
"""

import json
import os
import re
import socket
import threading

import pytest

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.safety import arming, emergency_stop, stop_command
from crepe.safety.emergency_stop import EmergencyStop
from crepe.safety.protocol.announcement import INSTRUMENT_FILE, Instrument, announce, announced
from crepe.safety.protocol.datagrams import Heartbeat, Latch, State, pack
from crepe.safety.watchdog import Watchdog
from tests.misbehaving_server import FAULTS, misbehaving

OWN = ProcessIdentity.own()
GONE = OWN._replace(start="1")  # a stranger has its pid
HUNG = 30.0


@pytest.fixture(autouse=True)
def slow_disk(monkeypatch):
    """A busy machine may need longer for a latch than a dead disk is given."""
    monkeypatch.setattr("crepe.safety.protocol.latched_directory._DISK_S", 10.0)


@pytest.fixture
def stops_everything(monkeypatch):
    """Every instrument is stopped by the first attempt; gives their ports."""
    ports = []

    def stop_dsp(control):
        ports.append(control.server.http_port)
        return []

    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", stop_dsp)
    return ports


def within(function):
    """What a function returns, on a thread: one that hangs fails the test."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    thread.join(HUNG)
    assert not thread.is_alive(), "it has no deadline"
    return results[0]


def stop(directories, server="", **options):
    lines = []
    is_verified = within(lambda: emergency_stop.stop(directories, server, lines.append, **options))
    return is_verified, lines


def test_other_instruments_are_stopped_unless_their_stimulator_is_proven_to_have_ended(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(emergency_stop, "_TRY_S", 0.1)
    processes = {
        "runs": OWN,
        "unseen": OWN._replace(namespace="pid:[1]"),
        "ended": GONE,
    }
    directories = [paths.private(tmp_path / "here")]
    for port, (name, process) in enumerate(processes.items(), start=1):
        directories.append(paths.private(tmp_path / name))
        announce(directories[-1], Instrument(name, process, "127.0.0.1", port))
    is_verified, lines = stop(directories)
    assert not is_verified
    tried = sorted(line.split(": NOT")[0] for line in lines if line.endswith("off by hand."))
    assert tried == ["meame://127.0.0.1:1", "meame://127.0.0.1:2"]
    assert re.search(r": NOT VERIFIED after \d{1,2}\.\d s\. Switch the", lines[-1])


# Instruments that do not answer


@pytest.mark.parametrize("fault", FAULTS)
def test_the_answer_comes_whatever_the_server_does(tmp_path, monkeypatch, fault):
    """As on the page: it waits for the answer, and the attempts go on without it."""
    with misbehaving(fault) as server:
        announce(tmp_path, Instrument("7-abc", OWN, "127.0.0.1", server.port))
        lines = []
        attempts = EmergencyStop([tmp_path], "", by="a test")
        # Electrodes off comes first; threads of the server may note it later than what follows.
        while not ("/DSP/write" in server.requests and attempts._started.done()):
            assert not attempts.is_over
        assert not within(lambda: attempts.answer(lines.append, 0.0))
        assert "latched" in lines[0]
        assert any("NOT VERIFIED" in line for line in lines)
        assert "attempts go on, and none begins after 30 s" in lines[-1]
        n = len(server.requests)
        while len(server.requests) == n:  # they go on
            assert not attempts.is_over
        attempts.call_off()
        within(lambda: [pursuit.wait(HUNG) for pursuit in attempts._pursuits])


def test_an_instrument_that_stops_late_is_reported_verified_after_the_answer(tmp_path, monkeypatch):
    is_late = threading.Event()
    monkeypatch.setattr(
        "crepe.hw.meame.remote_stop.stop_dsp",
        lambda control: [] if is_late.is_set() else ["a doubt"],
    )
    monkeypatch.setattr(emergency_stop, "ANSWER_S", 0.2)
    announce(tmp_path, Instrument("7-abc", OWN, "127.0.0.1", 1))
    lines = []

    def report(line):
        lines.append(line)
        if "NOT VERIFIED" in line:
            is_late.set()

    assert within(lambda: emergency_stop.stop([tmp_path], "", report))
    assert any(line.startswith("NOT VERIFIED: ") for line in lines)
    assert re.search(r": stop proved: .*; after \d{1,2}\.\d\d s$", lines[-1])


def test_the_outcome_is_the_last_line_about_an_instrument(tmp_path, stops_everything):
    """Though its thread has not ended when the answer is given."""
    announce(tmp_path, Instrument("7-abc", OWN, "127.0.0.1", 1))
    is_reported, is_over = threading.Event(), threading.Event()

    def on_end(pursuit):
        is_reported.set()
        is_over.wait(60)

    attempts = EmergencyStop([tmp_path], "", by="a test", on_end=on_end)
    assert is_reported.wait(HUNG)
    attempts._started.result(HUNG)
    lines = []
    attempts.answer(lines.append, 0.0)
    is_over.set()
    assert ": stop proved: " in lines[-1]


def test_an_answer_comes_within_the_two_seconds_that_are_promised():
    assert emergency_stop.ANSWER_S <= 1.5  # the rest is for the program to start


def test_attempts_that_are_called_off_end(tmp_path, monkeypatch):
    monkeypatch.setattr(emergency_stop, "_TRY_S", 1e6)
    with misbehaving("500") as server:
        announce(tmp_path, Instrument("7-abc", OWN, "127.0.0.1", server.port))
        attempts = EmergencyStop([tmp_path], "", by="a test")
        assert not within(lambda: attempts.answer(lambda line: None, 0.1))
        assert not attempts.is_over
        attempts.call_off()
        assert not within(lambda: attempts.answer(lambda line: None, float("inf")))
    assert attempts.is_over


def test_one_instrument_that_hangs_does_not_delay_another(tmp_path, monkeypatch):
    is_over = threading.Event()

    def stop_dsp(control):
        if control.server.http_port == 1:
            is_over.wait(60)
        return []

    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", stop_dsp)
    directories = [paths.private(tmp_path / name) for name in "ab"]
    for port, directory in enumerate(directories, start=1):
        announce(directory, Instrument("7-abc", OWN, "127.0.0.1", port))
    lines = []
    attempts = EmergencyStop(directories, "", by="a test")
    while not any("127.0.0.1:2: stop proved" in line for line in lines):
        assert not within(lambda: attempts.answer(lines.append, 0.0))
    is_over.set()


def test_a_silent_name_server_delays_neither_the_latch_nor_the_answer(tmp_path, monkeypatch):
    is_over = threading.Event()
    lookup = socket.getaddrinfo

    def silent(host, *arguments, **options):
        if host == "bench" and not options.get("flags"):
            is_over.wait(60)
        return lookup(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    lines = []
    attempts = EmergencyStop([tmp_path], "bench:8888", by="a test")
    attempts._started.result(HUNG)
    assert not within(lambda: attempts.answer(lines.append, 0.0))
    assert (tmp_path / arming.STOPPED_FILE).exists()
    assert "meame://bench:8888: NOT VERIFIED" in lines[-1]
    attempts.call_off()
    is_over.set()


def test_each_instrument_whose_attempts_have_ended_is_given_to_the_page(tmp_path, stops_everything):
    announce(tmp_path, Instrument("7-abc", OWN, "127.0.0.1", 5))
    ended = []
    attempts = EmergencyStop([tmp_path], "", by="the page", on_end=ended.append)
    assert within(lambda: attempts.answer(lambda line: None, HUNG))
    assert [(pursuit.address.http_port, pursuit.is_verified) for pursuit in ended] == [(5, True)]


# Run directories that are no use


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[" * 100_000,
        '{"stimulator": "7-abc"}',
        '{"stimulator": 7, "pid": 1, "host": "h", "http_port": 1, "nonce": ""}',
        '{"stimulator": "7", "pid": "x", "host": "h", "http_port": 1, "nonce": ""}',
        '{"stimulator": "7", "pid": null, "host": "h", "http_port": 1, "nonce": ""}',
        '{"stimulator": "7", "pid": 1, "host": null, "http_port": 1, "nonce": ""}',
        '{"stimulator": "7", "pid": 1, "host": "h", "http_port": 1e9, "nonce": ""}',
    ],
    ids=range(8),
)
@pytest.mark.parametrize("is_first", [True, False])
def test_an_announcement_that_cannot_be_read_keeps_no_other_instrument_from_its_stop(
    tmp_path, stops_everything, content, is_first
):
    good, bad = (paths.private(tmp_path / name) for name in ("good", "bad"))
    announce(good, Instrument("own", OWN, "127.0.0.1", 1))
    assert stop([good, bad])[0]
    (bad / INSTRUMENT_FILE).write_text(content)
    is_verified, lines = stop([bad, good] if is_first else [good, bad])
    assert not is_verified
    assert stops_everything == [1, 1]
    assert any("NOT VERIFIED" in line and "instrument.json" in line for line in lines)
    assert all((path / arming.STOPPED_FILE).exists() for path in (good, bad))


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), RuntimeError("odd"), RuntimeError()]
)
@pytest.mark.parametrize("name", ["protocol.latched_directory.announced", "arming.latch"])
def test_no_error_ends_a_stop_before_everything_was_tried(
    tmp_path, monkeypatch, stops_everything, error, name
):
    """A file of another user, a disk that fails: also errors that nobody has thought of."""
    good, bad = (paths.private(tmp_path / name) for name in ("good", "bad"))
    for port, path in enumerate((good, bad), start=1):
        announce(path, Instrument("own", OWN, "127.0.0.1", port))
    function = {"arming.latch": arming.latch}.get(name, announced)

    def fails_for_one(path, *arguments):
        if path == bad:
            raise error
        return function(path, *arguments)

    monkeypatch.setattr(f"crepe.safety.{name}", fails_for_one)
    is_verified, lines = stop([bad, good])
    assert not is_verified
    assert 1 in stops_everything
    assert any("NOT" in line and (str(error) or repr(error)) in line for line in lines)


def test_an_error_before_the_attempts_begin_is_no_verified_stop(tmp_path, monkeypatch):
    def fails(self):
        raise RuntimeError("odd")

    monkeypatch.setattr(EmergencyStop, "_latch", fails)
    is_verified, lines = stop([tmp_path])
    assert not is_verified
    assert lines == ["NOT VERIFIED: RuntimeError('odd')"]


def test_where_nothing_has_run_no_stop_is_verified(tmp_path, stops_everything):
    is_verified, lines = stop([tmp_path])
    assert not is_verified
    assert lines[-1] == (
        "NOT VERIFIED: no stimulator has run here; name an instrument: --server HOST:PORT"
    )
    assert (tmp_path / arming.STOPPED_FILE).exists()


@pytest.mark.parametrize(
    ("process", "nonce", "another", "ports"),
    [
        (GONE, "n", OWN, [2]),  # a simulator that has ended needs no stop
        (GONE, "", OWN, [1, 2]),
        (OWN, "n", OWN, [1, 2]),
        (OWN, "", GONE, [1]),
    ],
    ids=range(4),
)
def test_what_is_announced_here_is_stopped_unless_it_is_a_simulator_that_has_ended(  # noqa: PLR0917
    tmp_path, stops_everything, process, nonce, another, ports
):
    here, there = (paths.private(tmp_path / name) for name in ("here", "there"))
    announce(here, Instrument("a", process, "127.0.0.1", 1, nonce))
    announce(there, Instrument("b", another, "127.0.0.1", 2))
    assert stop([here, there])[0]
    assert sorted(stops_everything) == ports


@pytest.mark.parametrize("is_first", [True, False])
def test_a_disk_that_hangs_delays_no_stop_of_what_is_announced_elsewhere(
    tmp_path, monkeypatch, stops_everything, is_first
):
    monkeypatch.setattr("crepe.safety.protocol.latched_directory._DISK_S", 0.35)
    is_over = threading.Event()
    good, dead = (paths.private(tmp_path / name) for name in ("good", "dead"))
    announce(good, Instrument("own", OWN, "127.0.0.1", 1))
    latch = arming.latch

    def hangs(path, by):
        if path == dead:
            is_over.wait(60)
        latch(path, by)

    monkeypatch.setattr(arming, "latch", hangs)
    is_verified, lines = stop([dead, good] if is_first else [good, dead])
    is_over.set()
    assert not is_verified
    assert stops_everything == [1]
    assert any(f"NOT LATCHED: {dead}" in line for line in lines)


def test_without_any_run_directory_a_named_instrument_is_stopped(stops_everything):
    is_verified, lines = stop([], "127.0.0.1:7", problems=["/x/var: belongs to user 0"])
    assert not is_verified
    assert stops_everything == [7]
    assert lines[0] == "NOT VERIFIED: /x/var: belongs to user 0"


@pytest.mark.parametrize("address", ["nonsense", ":8888", "127.0.0.1:", "127.0.0.1:http"])
def test_an_address_that_is_none_latches_and_stops_what_is_announced(
    tmp_path, stops_everything, address
):
    announce(tmp_path, Instrument("own", OWN, "127.0.0.1", 1))
    is_verified, lines = stop([tmp_path], address)
    assert not is_verified
    assert f"NOT VERIFIED: --server {address}: must be HOST:PORT" in lines
    assert stops_everything == [1]


def test_a_terminal_that_is_gone_does_not_end_the_stop(tmp_path, stops_everything):
    announce(tmp_path, Instrument("own", OWN, "127.0.0.1", 1))

    def report(line):
        raise BrokenPipeError

    assert within(lambda: emergency_stop.stop([tmp_path], "", report))
    assert stops_everything == [1]


# A disk that cannot be written


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A run directory on a read-only disk, with a stimulator that is announced and armed."""
    announce(tmp_path, Instrument("7-abc", OWN, "127.0.0.1", 1))
    arming.arm(tmp_path, 1.0)

    def fails(path, *arguments, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(paths, "write_json", fails)
    monkeypatch.setattr(arming, "disarm", fails)
    monkeypatch.setattr("crepe.safety.instrument_lock.os.open", fails)
    return tmp_path


def test_on_a_read_only_disk_the_instrument_is_stopped_and_nothing_is_latched_alone(
    read_only, stops_everything
):
    is_verified, lines = stop([read_only])
    assert not is_verified
    assert stops_everything == [1]
    assert lines[0].startswith("NOT LATCHED")


def test_on_a_read_only_disk_nothing_need_be_latched_where_the_stimulator_is_proven_to_have_ended(
    read_only, stops_everything
):
    announcement = Instrument("7-abc", GONE, "127.0.0.1", 1).to_json()
    (read_only / INSTRUMENT_FILE).write_text(json.dumps(announcement))
    is_verified, lines = stop([read_only])
    assert is_verified
    assert lines[0].startswith(
        f"not latched: {read_only}: [Errno 30] Read-only file system; but no stimulator runs there"
    )


def test_on_a_read_only_disk_an_announcement_that_cannot_be_read_proves_nothing(
    read_only, stops_everything
):
    (read_only / INSTRUMENT_FILE).write_text("{")
    is_verified, lines = stop([read_only])
    assert not is_verified
    assert lines[0].startswith("NOT LATCHED")


def test_on_a_read_only_disk_the_watchdog_keeps_the_latch(read_only, stops_everything):
    watchdog = Watchdog(read_only, lambda text: None)
    is_over = threading.Event()

    def run():
        while not is_over.is_set():
            watchdog.step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        is_verified, lines = stop([read_only])
    finally:
        is_over.set()
        thread.join()
        watchdog.close()
    assert is_verified
    assert stops_everything == [1]
    assert lines[0].startswith("latched in memory")
    assert "not on the disk" in lines[0]


def test_the_watchdog_names_the_instrument_that_no_file_names(read_only, stops_everything):
    (read_only / INSTRUMENT_FILE).write_text("{")
    watchdog = Watchdog(read_only, lambda text: None)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stimulator:
        heartbeat = Heartbeat(Instrument("7-abc", OWN, "127.0.0.1", 5), False)
        stimulator.sendto(pack(heartbeat), str(read_only / "watchdog.sock"))
    watchdog.step()
    is_over = threading.Event()

    def run():
        while not is_over.is_set():
            watchdog.step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        is_verified, _ = stop([read_only])
    finally:
        is_over.set()
        thread.join()
        watchdog.close()
    assert is_verified
    assert stops_everything == [5]


# The command


@pytest.fixture
def somewhere(tmp_path_factory, monkeypatch):
    """A clone of its own, and a place for temporary files that is its own, too."""
    short = tmp_path_factory.mktemp("s")
    monkeypatch.setattr("tempfile.tempdir", str(short))
    monkeypatch.setattr(paths, "project_directory", lambda: short / "clone")
    (short / "clone").mkdir()
    return short


def elsewhere(somewhere, port):
    var = paths.private(somewhere / f"var{port}")
    paths.announce(var)
    directory = paths.run_directory(var)
    announce(directory, Instrument("7-abc", OWN, "127.0.0.1", port))
    return directory


def test_a_var_of_another_user_keeps_nothing_elsewhere_from_its_stop(
    somewhere, stops_everything, monkeypatch, capsys
):
    other = elsewhere(somewhere, 3)
    private = paths.private

    def foreign(directory):
        if "clone" in str(directory):
            raise arming.ConfigError(f"{directory}: belongs to user 0, must be yours")
        return private(directory)

    monkeypatch.setattr(paths, "private", foreign)
    assert within(lambda: stop_command.main([])) == 1
    assert stops_everything == [3]
    assert (other / arming.STOPPED_FILE).exists()
    assert "belongs to user 0" in capsys.readouterr().out
    with pytest.raises(arming.ConfigError, match=r"belongs to user 0.*nothing is armed.*:3 by "):
        arming.to_arm()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_var_that_really_belongs_to_another_user_is_left_out(somewhere, stops_everything, capsys):
    elsewhere(somewhere, 3)
    var = somewhere / "clone" / "var"
    var.mkdir(mode=0o700)
    os.chown(var, 12345, 12345)
    assert within(lambda: stop_command.main([])) == 1
    assert stops_everything == [3]
    assert "belongs to user 12345" in capsys.readouterr().out


def test_an_announcement_of_a_var_that_is_damaged_keeps_no_other_from_its_stop(
    somewhere, stops_everything, capsys
):
    elsewhere(somewhere, 3)
    damaged = next((paths.temporary() / "running").glob("*.json")).with_name("0.json")
    damaged.write_text("{")
    assert within(lambda: stop_command.main([])) == 1
    assert stops_everything == [3]
    assert str(damaged) in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["--sever", "x"], ["now"], ["--json=yes"], ["--server"], ["--json"]]
)
def test_a_mistyped_stop_stops(somewhere, stops_everything, arguments, capsys):
    elsewhere(somewhere, 3)
    status = within(lambda: stop_command.main(arguments))
    assert stops_everything == [3]
    assert status == (0 if arguments in (["--server"], ["--json"]) else 1)


def test_a_stop_that_has_not_begun_in_time_reports_that(tmp_path, monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr("crepe.safety.protocol.latched_directory._DISK_S", 60.0)
    monkeypatch.setattr("crepe.safety.arming.latch", lambda *arguments: is_over.wait(60))
    lines = []
    attempts = EmergencyStop([tmp_path], "", by="crepe stop")
    assert not attempts.answer(lines.append, 0.1)
    is_over.set()
    assert lines == ["NOT VERIFIED: still latching; this machine or its disk is very slow"]


def test_directories_without_a_stimulator_share_a_line(somewhere, stops_everything, capsys):
    elsewhere(somewhere, 3)
    for port in (4, 5):
        gone = elsewhere(somewhere, port)
        announce(gone, Instrument("7-abc", GONE, "127.0.0.1", port))
    assert within(lambda: stop_command.main([])) == 0
    assert stops_everything == [3]
    latched = [line for line in capsys.readouterr().out.splitlines() if "latched" in line]
    assert len(latched) == 3  # the own one, the one that runs, and the others
    assert latched[-1] == "latched, too: 2 more, in which no stimulator runs"
    for run_directory in arming.run_directories():
        assert (run_directory / arming.STOPPED_FILE).exists()


def test_the_exit_status_is_0_only_where_everything_is_stopped(
    somewhere, stops_everything, monkeypatch, capsys
):
    elsewhere(somewhere, 3)
    assert within(lambda: stop_command.main([])) == 0
    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", lambda control: ["a doubt"])
    monkeypatch.setattr(emergency_stop, "_TRY_S", 0.3)
    assert within(lambda: stop_command.main([])) == 1
    assert "NOT VERIFIED: a doubt" in capsys.readouterr().out


def test_a_home_that_does_not_exist_is_reported(monkeypatch, somewhere, stops_everything, capsys):
    monkeypatch.setenv("CREPE_VAR", "~nobody-of-that-name/var")
    monkeypatch.chdir(somewhere)
    assert within(lambda: stop_command.main(["--server", "127.0.0.1:4"])) == 1
    assert stops_everything == [4]
    assert "NOT VERIFIED" in capsys.readouterr().out
    assert not list(somewhere.glob("*.lock"))  # no directory is one to lock in


@pytest.mark.parametrize("url", ["meame://127.0.0.1:4?wait_s=1", "http://127.0.0.1:4/"])
def test_an_address_may_be_copied_from_a_device_url(tmp_path, stops_everything, url):
    assert stop([tmp_path], url)[0]
    assert stops_everything == [4]


def unusable(kind, directory):
    """A value of CREPE_VAR that names no directory which can be used."""
    path = directory / "chosen"
    if kind == "read-only":
        return "/proc/chosen"
    if kind == "another user's":
        if os.geteuid() != 0:
            pytest.skip("only root can give a directory away")
        path.mkdir(mode=0o700)
        os.chown(path, 12345, 12345)
    elif kind == "a file":
        path.touch()
    elif kind == "below a file":
        path.touch()
        path /= "var"
    elif kind == "a dangling link":
        path.symlink_to("/proc/nowhere")
    return str(path)


UNUSABLE = ["read-only", "another user's", "a file", "below a file", "a dangling link"]


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_named_instrument_is_stopped_though_the_chosen_directory_cannot_be_used(
    somewhere, stops_everything, monkeypatch, capsys, kind
):
    other = elsewhere(somewhere, 3)
    monkeypatch.setenv("CREPE_VAR", unusable(kind, somewhere))
    assert within(lambda: stop_command.main(["--server", "127.0.0.1:4"])) == 1
    assert stops_everything == [4]
    lines = capsys.readouterr().out
    assert "chosen" in lines.splitlines()[0]  # what may run there is not latched
    assert "meame://127.0.0.1:4: stop proved" in lines
    assert (other / arming.STOPPED_FILE).exists()


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_runs_anywhere_is_stopped_if_the_chosen_directory_cannot_be_used(
    somewhere, stops_everything, monkeypatch, capsys, kind
):
    elsewhere(somewhere, 3)
    monkeypatch.setenv("CREPE_VAR", unusable(kind, somewhere))
    assert within(lambda: stop_command.main([])) == 1
    assert stops_everything == [3]
    assert "chosen" in capsys.readouterr().out.splitlines()[0]


# Three kinds of stop

STOPS = """
from crepe.hw.capabilities import StopEvidence
from crepe.hw.remote_stop import RemoteStop, StopReport


class asked(RemoteStop):
    def attempt(self, call_s, left_s, alone):
        with alone():
            return StopReport(StopEvidence(type(self).__name__))


class reported(asked): ...
class proved(asked): ...
"""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("asked", "NOT VERIFIED: the stop was asked for, and nothing has confirmed it"),
        ("reported", "NOT VERIFIED: the instrument reports that it has stopped; its outputs"),
        ("proved", "stop proved: its outputs were read back as off"),
    ],
)
def test_a_stop_is_called_asked_reported_or_proved_as_the_instrument_has_it(  # noqa: PLR0917
    somewhere, kind, text, capsys, tmp_path, monkeypatch
):
    (tmp_path / "kinds_of_stop.py").write_text(STOPS)
    monkeypatch.syspath_prepend(tmp_path)
    stop = f"kinds_of_stop:{kind}"
    announce(elsewhere(somewhere, 4), Instrument("7-abc", OWN, "bench", 4, stop=stop))
    status = within(lambda: stop_command.main(["--json"]))
    document = json.loads(capsys.readouterr().out)
    assert f"{stop}://bench:4: {text}" in document["lines"][-1]
    assert document["evidence"] == kind
    assert (status, document["is_verified"]) == ((0, True) if kind == "proved" else (1, False))


def test_an_instrument_that_only_its_driver_can_stop_is_not_verified(tmp_path):
    announce(tmp_path, Instrument("7-abc", OWN, "bench", 4, stop=""))
    is_verified, lines = stop([tmp_path])
    assert not is_verified
    assert lines[0].startswith("latched: ")
    assert lines[1].startswith(
        "NOT VERIFIED: instrument bench:4: only the program that drives it can stop it"
    )
    assert "Switch the stimulator off by hand" in lines[2]


# What a run directory reports when its disk refuses the latch


def in_memory(monkeypatch, state):
    monkeypatch.setattr(
        "crepe.safety.protocol.latched_directory.latch_in_memory", lambda path, by: state
    )


CLOSED = State(Latch(1, "crepe stop"), None)
OPEN = State(Latch(), None)


def without_a_stimulator(directory):
    announcement = Instrument("7-abc", GONE, "127.0.0.1", 1).to_json()
    (directory / INSTRUMENT_FILE).write_text(json.dumps(announcement))


def test_an_error_that_is_none_of_the_disk_is_no_proof_though_no_stimulator_runs(
    read_only, stops_everything, monkeypatch
):
    def fails(path, by):
        raise RuntimeError("odd")

    without_a_stimulator(read_only)
    monkeypatch.setattr(arming, "latch", fails)
    is_verified, lines = stop([read_only])
    assert not is_verified
    assert lines[0].startswith(f"NOT LATCHED: {read_only}: odd")


def test_a_latch_in_memory_is_reported_as_that_though_no_stimulator_runs(
    read_only, stops_everything, monkeypatch
):
    without_a_stimulator(read_only)
    in_memory(monkeypatch, CLOSED)
    _, lines = stop([read_only])
    assert lines[0].startswith("latched in memory")


def test_a_watchdog_whose_latch_is_open_has_latched_nothing(
    read_only, stops_everything, monkeypatch
):
    in_memory(monkeypatch, OPEN)
    is_verified, lines = stop([read_only])
    assert not is_verified
    assert lines[0].startswith("NOT LATCHED")


def test_a_watchdog_that_names_no_instrument_is_no_proof_that_there_is_none(
    tmp_path, stops_everything, monkeypatch
):
    (tmp_path / INSTRUMENT_FILE).write_text("{")
    in_memory(monkeypatch, CLOSED)
    is_verified, lines = stop([tmp_path])
    assert not is_verified
    assert any("instrument.json" in line for line in lines)
