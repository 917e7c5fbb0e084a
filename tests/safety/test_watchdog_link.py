"""The stimulator's side of the watchdog: its answers, the latch in memory, the clocks."""

import contextlib
import math
import os
import socket

import pytest

from crepe.environment.clock import Clocks
from crepe.errors import DeviceError
from crepe.hw.instrument import Address
from crepe.safety import arming
from crepe.safety.protocol import orders
from crepe.safety.protocol.announcement import INSTRUMENT_FILE, announced
from crepe.safety.protocol.datagrams import Answer, Heartbeat, Latch, pack, unpack
from crepe.safety.protocol.orders import STIMULATOR_SOCKET, WATCHDOG_SOCKET
from crepe.safety.watchdog_link import FRESH_S, WatchdogLink, watchdog_link

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
BEAT = SECOND // 20


class Watchdog:
    """The watchdog's socket; it answers when the test lets it."""

    def __init__(self, socket, clocks):
        self.socket = socket
        self.clocks = clocks
        self.latch = Latch()
        self.stopped = ""

    def answer(self, process="11:5"):
        while True:
            data, sender = self.socket.recvfrom(16384)
            if isinstance(heartbeat := unpack(data), Heartbeat):
                break  # orders are not answered
        name = heartbeat.instrument.stimulator
        answer = Answer(name, self.stopped, self.clocks.now.boot_ns, process, self.latch)
        self.socket.sendto(pack(answer), sender)


class InjectedClocks:
    """Clocks that the test sets."""

    def __init__(self):
        self.now = Clocks(1_800_000_000 * SECOND, 5000 * SECOND, 4000 * SECOND)

    def __call__(self):
        return self.now

    def pass_ns(self, awake=0, asleep=0, wall=0):
        passed = awake + asleep
        self.now = Clocks(
            self.now.wall_ns + passed + wall,
            self.now.boot_ns + passed,
            self.now.awake_ns + awake,
        )


@pytest.fixture
def clocks():
    return InjectedClocks()


@pytest.fixture
def watchdog(tmp_path, clocks):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / WATCHDOG_SOCKET))
        bound.settimeout(20)
        yield Watchdog(bound, clocks)


@pytest.fixture
def make(tmp_path, clocks):
    """Makes the guard of an instrument, or of a simulator."""
    guards = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def make(*, is_simulator=False, requesters=("game (result:stimuli)",)):
            guards.append(WatchdogLink(tmp_path, clocks))
            guards[-1].serves(requesters)
            guards[-1].drives(Address("127.0.0.1", port), is_simulator=is_simulator)
            return guards[-1]

        yield make
        for guard in guards:
            guard.close()


def beat(guard, watchdog, process="11:5"):
    """A heartbeat that is due, and the watchdog's answer to it."""
    watchdog.clocks.pass_ns(awake=BEAT)
    guard.beat()
    watchdog.answer(process)
    guard._receive()
    return guard.refusal()


def arm(run, clocks, minutes=60.0):
    return arming.arm(run, minutes, now_ns=lambda: clocks.now.boot_ns)


def test_a_watchdog_that_was_replaced_stops_what_runs_however_soon_it_is_back(make, watchdog):
    guard = make(is_simulator=True)
    refusals = [beat(guard, watchdog, process) for process in ("11:5", "11:5", "11:9", "11:9")]
    assert [reason is None for reason in refusals] == [True, True, False, True]
    assert "the watchdog has not answered" in refusals[2]


def test_an_answer_counts_for_half_a_second_from_its_time_at_the_watchdog(make, watchdog, clocks):
    assert FRESH_S == 0.5
    guard = make(is_simulator=True)
    assert "the watchdog has not answered within 0.5 s" in guard.refusal()
    guard.beat()
    watchdog.answer()
    clocks.pass_ns(awake=SECOND // 2)  # the answer was queued meanwhile
    guard.beat()
    assert guard.refusal() is None
    clocks.pass_ns(awake=1)
    assert "the watchdog has not answered within 0.5 s" in guard.refusal()


def test_equal_heartbeats_are_sent_twenty_times_a_second_and_changes_at_once(
    make, watchdog, clocks
):
    guard = make(is_simulator=True)
    watchdog.socket.setblocking(False)

    def sent():
        n = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                n += isinstance(unpack(watchdog.socket.recv(16384)), Heartbeat)
        return n

    guard.beat()
    guard.beat()
    assert sent() == 1
    clocks.pass_ns(awake=BEAT - 1)
    guard.beat()
    assert sent() == 0
    clocks.pass_ns(awake=1)
    guard.beat()
    assert sent() == 1
    guard.pulsing(False)
    guard.pulsing(True)
    assert sent() == 2
    guard._disarm()  # a new name
    guard.beat()
    assert sent() == 1


def test_a_heartbeat_that_reached_no_watchdog_is_sent_again_at_once(make, tmp_path, clocks):
    guard = make(is_simulator=True)
    guard.beat()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / WATCHDOG_SOCKET))
        guard.beat()
        assert isinstance(unpack(bound.recv(16384)), Heartbeat)


# Clocks


@pytest.fixture
def armed(make, watchdog, tmp_path, clocks):
    """The guard of an instrument that is armed for an hour and may stimulate."""
    guard = make()
    assert beat(guard, watchdog) == "not armed; `crepe arm`"
    arm(tmp_path, clocks)
    assert guard.refusal() is None
    return guard


def test_an_arming_ends_when_its_time_is_over(armed, watchdog, clocks):
    for _ in range(3599):
        clocks.pass_ns(awake=SECOND - BEAT)
        assert beat(armed, watchdog) is None
    clocks.pass_ns(awake=SECOND)
    assert beat(armed, watchdog) == "the arming has expired; `crepe arm`"


@pytest.mark.parametrize(
    ("jump", "reason"),
    [
        ({"asleep": 9 * HOUR}, "disarmed: the computer slept for 32400.0 s; `crepe arm`"),
        ({"asleep": SECOND // 2}, "disarmed: the computer slept for 0.5 s; `crepe arm`"),
        ({"wall": -HOUR}, "disarmed: the wall clock was set by -3600.0 s; `crepe arm`"),
        ({"wall": SECOND}, "disarmed: the wall clock was set by +1.0 s; `crepe arm`"),
    ],
)
def test_a_clock_that_jumps_disarms_until_it_is_armed_again(armed, watchdog, clocks, jump, reason):
    tmp_path = armed.run_directory
    clocks.pass_ns(awake=SECOND // 10, **jump)
    assert armed.refusal() == reason
    assert beat(armed, watchdog) == "not armed; `crepe arm`"
    assert not (tmp_path / arming.ARMED_FILE).exists()
    arm(tmp_path, clocks)
    assert beat(armed, watchdog) is None


def test_a_jump_counts_although_it_was_armed_after_the_sleep_but_before_the_next_look(
    make, watchdog, tmp_path, clocks
):
    guard = make()
    beat(guard, watchdog)
    clocks.pass_ns(asleep=HOUR)
    arm(tmp_path, clocks)
    assert guard.refusal().startswith("disarmed")


def test_an_answer_from_before_the_sleep_counts_no_more(make, watchdog, clocks):
    guard = make(is_simulator=True)
    assert beat(guard, watchdog) is None
    clocks.pass_ns(asleep=HOUR)  # the monotonic clock of Linux has stood still
    assert "the watchdog has not answered" in guard.refusal()
    assert beat(guard, watchdog) is None  # a proven simulator needs no arming


def test_an_arming_of_the_last_boot_or_of_an_older_version_is_none(make, watchdog, tmp_path):
    guard = make()
    beat(guard, watchdog)
    name = announced(tmp_path).stimulator
    for until in ({"until_monotonic_ns": 2**62}, {"until_boot_ns": 2**62}, {"until_boot_ns": "x"}):
        arming.paths.write_json(tmp_path / arming.ARMED_FILE, {"stimulator": name, **until})
        assert guard.refusal() == "the arming has expired; `crepe arm`"
        assert arming.armed_s(tmp_path) == 0


# Requesters


def test_a_requester_that_is_new_needs_a_new_arming(armed, watchdog, tmp_path, clocks):
    assert arming.paths.read_json(tmp_path / arming.ARMED_FILE)["requesters"] == [
        "game (result:stimuli)"
    ]
    armed.serves(["game (result:stimuli)", "stranger (result:more)"])
    assert beat(armed, watchdog) == (
        "stranger (result:more): requests stimuli, but was not when armed; `crepe arm`"
    )
    assert "stranger (result:more)" in arm(tmp_path, clocks).requesters
    assert beat(armed, watchdog) is None


def test_requesters_of_a_proven_simulator_need_no_arming(make, watchdog):
    guard = make(is_simulator=True)
    guard.serves(["anybody"])
    assert beat(guard, watchdog) is None


# The latch in memory


def test_an_order_to_stop_reaches_the_stimulator_without_watchdog_or_disk(
    make, watchdog, tmp_path, clocks
):
    guard = make(is_simulator=True)
    beat(guard, watchdog)
    orders.latch_in_memory(tmp_path, "crepe stop")  # the watchdog of this test does not answer
    assert guard.refusal() == "stopped by crepe stop; `crepe arm`"
    clocks.pass_ns(awake=SECOND // 10)
    orders.release_in_memory(tmp_path)
    assert guard.refusal() is None


def test_the_latch_of_the_watchdog_is_that_of_the_stimulator(make, watchdog, clocks):
    guard = make(is_simulator=True)
    watchdog.latch = Latch(clocks.now.boot_ns, "crepe stop")
    assert beat(guard, watchdog) == "stopped by crepe stop; `crepe arm`"
    watchdog.latch = Latch()  # it was killed, and a new one knows nothing
    assert beat(guard, watchdog, "11:9") == "stopped by crepe stop; `crepe arm`"
    guard.beat()
    assert unpack(watchdog.socket.recv(16384)).latch.is_closed
    watchdog.latch = Latch(clocks.now.boot_ns + 1)
    assert beat(guard, watchdog, "11:9") is None


def test_an_arming_releases_the_latch_in_memory(armed, watchdog, tmp_path, clocks):
    orders.latch_in_memory(tmp_path, "crepe stop")
    assert armed.refusal().startswith("stopped by crepe stop")
    clocks.pass_ns(awake=SECOND // 10)
    arm(tmp_path, clocks)
    assert beat(armed, watchdog) is None


def test_datagrams_that_are_none_do_not_end_the_stimulator(make, watchdog, tmp_path):
    guard = make(is_simulator=True)
    for data in (b"", b"\xff", b"[" * 4000, b"{}", b'{"heard": 1}'):
        watchdog.socket.sendto(data, str(tmp_path / STIMULATOR_SOCKET))
    guard.beat()
    assert beat(guard, watchdog) is None


def test_a_disk_that_cannot_be_written_disarms_all_the_same(armed, watchdog, tmp_path, monkeypatch):
    def read_only(path, content):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(arming.paths, "write_json", read_only)
    before = armed._instrument.stimulator
    watchdog.stopped = before
    beat(armed, watchdog)
    assert armed._instrument.stimulator != before
    watchdog.stopped = ""
    assert beat(armed, watchdog) == f"{tmp_path} cannot be written: Read-only file system"


def test_a_stimulator_that_cannot_be_announced_fires_nothing_not_even_at_a_simulator(
    make, watchdog, clocks, tmp_path, monkeypatch
):
    """The latch of a stop may have been in the memory of processes that have ended."""

    def full(run_directory, instrument):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("crepe.safety.watchdog_link.announce", full)
        guard = make(is_simulator=True)
        clocks.pass_ns(awake=2 * SECOND)
        assert beat(guard, watchdog) == f"{tmp_path} cannot be written: No space left on device"
    assert beat(guard, watchdog) is not None  # it tries again once a second
    clocks.pass_ns(awake=2 * SECOND)
    assert beat(guard, watchdog) is None
    assert announced(tmp_path).stimulator == guard._instrument.stimulator


def test_a_stimulator_whose_socket_cannot_be_made_does_not_start(make, tmp_path, monkeypatch):
    def read_only(path, missing_ok):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", read_only)
    with pytest.raises(DeviceError, match="Read-only file system; nothing is stimulated"):
        make(is_simulator=True)


def test_the_announcement_has_the_address_and_the_requesters(make, tmp_path):
    make()
    instrument = announced(tmp_path)
    assert (instrument.host, instrument.requesters) == ("127.0.0.1", ("game (result:stimuli)",))
    assert (tmp_path / INSTRUMENT_FILE).stat().st_mode & 0o077 == 0


def test_an_answer_to_another_stimulator_changes_nothing(make, watchdog, tmp_path, clocks):
    guard = make(is_simulator=True)
    assert beat(guard, watchdog) is None
    other = Answer("1-other", "", clocks.now.boot_ns, "11:9", Latch())
    watchdog.socket.sendto(pack(other), str(tmp_path / STIMULATOR_SOCKET))
    assert guard.refusal() is None


def test_a_jump_disarms_although_the_arming_stays_on_a_dead_disk(
    armed, watchdog, clocks, monkeypatch
):
    def dead(run_directory):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(arming, "disarm", dead)
    clocks.pass_ns(asleep=HOUR)
    assert armed.refusal().startswith("disarmed")
    assert beat(armed, watchdog) == "not armed; `crepe arm`"


def test_what_is_announced_is_not_announced_again(make, watchdog, clocks, monkeypatch):
    guard = make(is_simulator=True)
    announcements = []
    monkeypatch.setattr("crepe.safety.watchdog_link.announce", lambda *it: announcements.append(it))
    for _ in range(5):
        clocks.pass_ns(awake=SECOND)
        assert beat(guard, watchdog) is None
    assert announcements == []


# What the watchdog receives


def test_pulses_may_flow_from_the_beginning_until_a_stop_is_certain(make, watchdog, clocks):
    """An earlier process may have left a train."""

    def is_pulsing():
        heartbeat = unpack(watchdog.socket.recv(16384))
        assert heartbeat.instrument == guard._instrument
        return heartbeat.is_pulsing

    guard = make()
    guard.beat()
    assert is_pulsing()
    guard.pulsing(False)
    assert not is_pulsing()
    clocks.pass_ns(awake=BEAT)
    guard.beat()
    assert not is_pulsing()
    guard.pulsing(True)
    assert is_pulsing()
    guard.pulsing(False)
    assert not is_pulsing()
    guard.drives(guard._address, is_simulator=True)
    guard.beat()
    assert is_pulsing()


def test_an_answer_counts_for_the_same_address_and_for_no_other(make, watchdog):
    guard = make(is_simulator=True)
    assert beat(guard, watchdog) is None
    guard.drives(guard._address, is_simulator=True)
    assert guard.refusal() is None
    guard.drives(guard._address._replace(nonce="another"), is_simulator=True)
    assert "the watchdog has not answered" in guard.refusal()


def test_each_heartbeat_takes_what_has_come_since_the_last(make, watchdog, clocks):
    guard = make()
    guard.beat()
    watchdog.latch = Latch(clocks.now.boot_ns, "crepe stop")
    watchdog.answer()
    for is_closed in (False, True):
        clocks.pass_ns(awake=BEAT)
        guard.beat()
        assert unpack(watchdog.socket.recv(16384)).latch.is_closed == is_closed


def test_each_name_is_new(make, tmp_path):
    guard = make()
    names = {announced(tmp_path).stimulator}
    guard.drives(guard._address, is_simulator=False)
    names.add(announced(tmp_path).stimulator)
    guard.serves(["another"])  # the same stimulator: an arming names its requesters
    names.add(announced(tmp_path).stimulator)
    assert len(names) == 2
    assert all(name.startswith(f"{os.getpid()}-") and len(name) > 8 for name in names)


def test_before_it_drives_an_instrument_a_stimulator_sends_nothing_and_fires_nothing(
    watchdog, tmp_path, clocks
):
    guard = WatchdogLink(tmp_path, clocks)
    guard.serves(["game"])
    guard.beat()
    watchdog.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        watchdog.socket.recv(16384)
    assert guard.refusal() == "no instrument is announced"
    assert announced(tmp_path) is None
    guard.close()


def test_the_link_of_a_program_is_that_of_its_run_directory_and_knows_no_end(monkeypatch, tmp_path):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    link = watchdog_link()
    assert link.run_directory == arming.paths.run_directory()
    assert link.left_s() == math.inf
    link.close()
    with link.alone(0.0):
        with pytest.raises(DeviceError, match="another program talks"), link.alone(0.0):
            pytest.fail("two at a time")
        with link.alone(0.0, may_break=True):
            pass


def test_a_link_that_is_closed_frees_the_instrument(make, tmp_path):
    guard = make()
    guard.close()
    (tmp_path / "other").mkdir()
    other = WatchdogLink(tmp_path / "other")
    other.drives(guard._address, is_simulator=False)
    other.close()
