"""Acquire puts an instrument's samples on the session's clock, gaps included."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from crepe.actors import acquire
from crepe.actors.acquire import Acquire
from crepe.actors.actor import ActorContext
from crepe.environment.clock import Clocks
from crepe.errors import ConfigError, DeviceError
from crepe.hw.instrument import EndOfData, Recorder
from crepe.messages import Segment, Spikes, StreamInfo

RATE_HZ = 1000.0
WHOLE = 100  # samples of a segment: 0.1 s
INFO = StreamInfo(
    sampling_rate_hz=RATE_HZ, labels=("a", "b"), segment_samples=WHOLE, is_live=True, source="fake"
)


class World:
    """A computer's clocks, and a live instrument whose segments come, each with its delay.

    `now_s` is the time since boot; the wall clock is `set_s` ahead of it, and may be set.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        self.set_s = 1.8e9
        self.late_s = 0.0  # delay of the newest segment
        self.boot_id = "this boot"
        self.is_down = False
        self.drift = 0.0
        self.delays_s: Iterable[float] = iter(())
        self.n_attempts = 0
        self.settings: dict[str, Any] = {}
        self.info = INFO
        self.identity = "serial 1"
        self.n_disarmed = 0
        monkeypatch.setattr(acquire, "time", self)

    def monotonic(self) -> float:
        return self.now_s

    def clocks(self) -> Clocks:
        boot_ns = round((self.now_s + self.late_s) * 1e9)
        return Clocks(boot_ns + round(self.set_s * 1e9), boot_ns, boot_ns)

    def disarm(self) -> None:
        self.n_disarmed += 1

    def reboot(self) -> None:
        """Begin to count the time since boot anew; the wall clock goes on."""
        self.set_s += self.now_s
        self.now_s = 0.0
        self.boot_id = "the next boot"

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def open_recorder(self, url: str, **settings: Any) -> Recorder:
        self.settings = settings
        return Live(self)


class Live(Recorder):
    def __init__(self, world: World) -> None:
        self._world = world
        self._position = 0
        self._due_s = 0.0

    def open(self, position: int) -> StreamInfo:
        self._world.n_attempts += 1
        if self._world.is_down:
            raise DeviceError("fake: nobody answers")
        self._position = position
        self._due_s = self._world.now_s
        return self._world.info

    @property
    def identity(self) -> str:
        return self._world.identity

    def read(self, timeout_s: float) -> Segment | None:
        if self._world.is_down:
            raise DeviceError("fake: closed the connection")
        start, self._position = self._position, self._position + WHOLE
        self._due_s += WHOLE / RATE_HZ * (1 + self._world.drift)
        self._world.now_s = self._due_s
        self._world.late_s = next(iter(self._world.delays_s), 0.0)
        t_ns = self._world.clocks().wall_ns
        return Segment(start, start + WHOLE, np.zeros((2, WHOLE), np.int32), t_ns)

    def close(self) -> None:
        pass


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def opened(world: World, **start: Any) -> Acquire:
    actor = Acquire(device="fake://")
    clocks: dict[str, Any] = {"clocks": world.clocks, "boot_id": lambda: world.boot_id}
    context = ActorContext(
        open_recorder=world.open_recorder, disarm=world.disarm, **clocks, **start
    )
    actor.open(context)
    return actor


def read(actor: Acquire, n: int) -> list[Segment]:
    result: list[Segment] = []
    while len(result) < n:
        segment = actor.read(0.1)
        if segment is not None:
            assert isinstance(segment, Segment)
            result.append(segment)
    return result


def test_segments_follow_each_other_on_the_session_clock(world: World) -> None:
    assert [s.start for s in read(opened(world), 4)] == [0, 100, 200, 300]


@pytest.mark.parametrize(
    ("away_s", "n_missing"), [(0.0, 0), (3.0, 3000), (2.96, 3000), (7.23, 7200)]
)
def test_a_restart_jumps_by_what_a_live_instrument_sent_meanwhile(
    world: World, away_s: float, n_missing: int
) -> None:
    first = opened(world)
    stop = read(first, 150)[-1].stop
    world.now_s += away_s
    second = opened(world, position=stop, snapshot=first.snapshot())
    result = read(second, 8)
    assert result[0].start == stop + n_missing
    assert [b.start - a.stop for a, b in pairwise(result)] == [0] * 7
    assert [s.is_estimated for s in result] == [n_missing > 0] + [False] * 7


AWAY_S = [2.96, 3.04, 0.96, 0.03] * 10
"""Outages that rounding makes longer or shorter, each by less than half a segment."""


def off(world: World, newest: Segment, began_s: float) -> float:
    """How many samples the session's clock is ahead of the wall clock."""
    return newest.stop - (world.now_s - began_s) * RATE_HZ


@pytest.mark.parametrize("away_s", [[2.96] * 40, [3.04] * 40, [0.03] * 40, AWAY_S])
def test_many_restarts_are_not_further_off_than_one(world: World, away_s: list[float]) -> None:
    began_s = world.now_s
    actor = opened(world)
    newest = read(actor, 8)[-1]
    for one_s in away_s:
        world.now_s += one_s
        actor = opened(world, position=newest.stop, snapshot=actor.snapshot())
        newest = read(actor, 8)[-1]
        assert abs(off(world, newest, began_s)) <= WHOLE / 2 + 1


def test_many_lost_connections_are_not_further_off_than_one(world: World) -> None:
    began_s = world.now_s
    actor = opened(world)
    newest = read(actor, 8)[-1]
    for one_s in AWAY_S:
        world.is_down = True
        assert actor.read(0.1) is None
        world.is_down = False
        world.now_s += one_s
        newest = read(actor, 8)[-1]
        assert abs(off(world, newest, began_s)) <= WHOLE / 2 + 1


def test_a_clock_that_drifts_from_the_instruments_makes_no_gap(world: World) -> None:
    world.drift = 1e-3  # half a second in all, which is five segments
    actor = opened(world)
    stop = read(actor, 5000)[-1].stop
    actor = opened(world, position=stop, snapshot=actor.snapshot())
    assert read(actor, 1)[0].start == stop


STEPS_S = [5.0, 3600.0, -5.0, -0.3]


def lose(world: World, actor: Acquire, away_s: float, step_s: float) -> None:
    """Take the instrument away for a while, in which the wall clock is set."""
    world.is_down = True
    assert actor.read(0.1) is None
    world.is_down = False
    world.now_s += away_s
    world.set_s += step_s


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_step_of_the_wall_clock_in_an_outage_is_no_part_of_the_gap(
    world: World, caplog: pytest.LogCaptureFixture, step_s: float
) -> None:
    actor = opened(world)
    stop = read(actor, 20)[-1].stop
    lose(world, actor, 2.0, step_s)
    result = read(actor, 8)
    assert result[0].start == stop + 2000
    assert result[0].is_estimated
    step = f"the wall clock was set by {step_s:+.1f} s at about sample {stop}; times of day contain"
    assert step in caplog.text
    assert actor.problem.startswith(step)  # a program makes a note on `control` of it
    lose(world, actor, 3.0, 0.0)
    assert read(actor, 1)[0].start == result[-1].stop + 3000


@pytest.mark.parametrize("step_s", STEPS_S)
@pytest.mark.parametrize("n_before", [1, 30, 120])
def test_a_step_of_the_wall_clock_before_an_outage_changes_nothing(
    world: World, step_s: float, n_before: int
) -> None:
    actor = opened(world)
    read(actor, 20)
    world.set_s += step_s
    stop = read(actor, n_before)[-1].stop
    lose(world, actor, 2.0, 0.0)
    assert read(actor, 1)[0].start == stop + 2000


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_step_of_the_wall_clock_right_after_an_outage_changes_nothing(
    world: World, step_s: float
) -> None:
    actor = opened(world)
    stop = read(actor, 20)[-1].stop
    lose(world, actor, 2.0, 0.0)
    assert actor.read(0.1) is None  # the first segment is held
    assert actor.read(0.1) is None
    world.set_s += step_s
    assert read(actor, 1)[0].start == stop + 2000


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_step_of_the_wall_clock_between_two_processes_is_no_part_of_the_gap(
    world: World, caplog: pytest.LogCaptureFixture, step_s: float
) -> None:
    first = opened(world)
    stop = read(first, 20)[-1].stop
    world.now_s += 2.0
    world.set_s += step_s
    second = opened(world, position=stop, snapshot=first.snapshot())
    assert read(second, 1)[0].start == stop + 2000
    assert f"the wall clock was set by {step_s:+.1f} s at about sample {stop}" in caplog.text
    assert second.problem in caplog.text


def test_after_a_reboot_the_wall_clock_measures_the_gap_and_the_log_states_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first = opened(world)
    stop = read(first, 20)[-1].stop
    snapshot = first.snapshot()
    world.now_s += 60.0
    world.reboot()
    second = opened(world, position=stop, snapshot=snapshot)
    result = read(second, 8)
    assert result[0].start == stop + 60_000
    assert "restarted since sample 2000, or was another one: what is missing is" in caplog.text
    lose(world, second, 2.0, 5.0)  # from then on, the clock since boot
    assert read(second, 1)[0].start == result[-1].stop + 2000


def test_after_a_reboot_an_instrument_that_is_lost_at_once_is_still_measured(world: World) -> None:
    first = opened(world)
    stop = read(first, 20)[-1].stop
    snapshot = first.snapshot()
    world.now_s += 60.0
    world.reboot()
    second = opened(world, position=stop, snapshot=snapshot)
    lose(world, second, 2.0, 0.0)
    assert read(second, 1)[0].start == stop + 62_000


def test_a_snapshot_without_a_boot_is_measured_by_the_wall_clock(world: World) -> None:
    first = opened(world)
    stop = read(first, 20)[-1].stop
    lead_ns = (first.snapshot() or {})["lead_ns"]
    world.now_s += 3.0
    second = opened(world, position=stop, snapshot={"lead_ns": lead_ns})
    assert read(second, 1)[0].start == stop + 3000


def test_a_wall_clock_that_was_set_back_over_a_reboot_costs_one_gap_at_most(world: World) -> None:
    actor = opened(world)
    stop = read(actor, 8)[-1].stop
    snapshot = actor.snapshot()
    world.reboot()
    world.set_s -= 50.0
    actor = opened(world, position=stop, snapshot=snapshot)
    result = read(actor, 8)
    assert result[0].start == stop
    world.now_s += 3.0
    actor = opened(world, position=result[-1].stop, snapshot=actor.snapshot())
    assert abs(read(actor, 1)[0].start - result[-1].stop - 3000) <= WHOLE / 2 + 1


def test_in_lock_step_no_clock_of_the_computer_counts(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first = opened(world, monotonic_s=None)
    stop = read(first, 20)[-1].stop
    snapshot = first.snapshot() or {}
    assert snapshot["boot_id"] == ""
    world.now_s += 3.0
    second = opened(world, position=stop, snapshot=snapshot, monotonic_s=None)
    assert read(second, 1)[0].start == stop + 3000  # by the times of the segments
    assert "wall clock" not in caplog.text


def test_a_restart_leaves_the_time_of_sample_0_as_it_was(world: World) -> None:
    world.info = replace(INFO, origin_t_ns=1_000)
    first = opened(world)
    stop = read(first, 8)[-1].stop
    world.info = replace(INFO, origin_t_ns=9_000)  # an instrument knows when it was opened only
    second = opened(world, position=stop, snapshot=first.snapshot())
    assert second.output_info(ActorContext()).origin_t_ns == 1_000
    read(second, 8)
    assert (second.snapshot() or {})["origin_t_ns"] == 1_000


def test_the_least_delayed_segments_tell_the_gap(world: World) -> None:
    world.delays_s = iter([0.9, 0.02, 0.5] * 50)
    first = opened(world)
    stop = read(first, 150)[-1].stop
    world.now_s += 5.0
    world.delays_s = iter([1.7, 1.6, 0.03, 1.2, 1.1])
    result = read(opened(world, position=stop, snapshot=first.snapshot()), 1)
    assert result[0].start == stop + 5000


def test_an_instrument_that_stood_still_and_catches_up_leaves_the_index_with_the_clock(
    world: World,
) -> None:
    began_s = world.now_s
    actor = opened(world)
    stop = read(actor, 20)[-1].stop
    lose(world, actor, 6.0, 0.0)
    # What it has missed for 4 s comes ten times as fast as in real time.
    world.delays_s = iter([max(-0.09 * n, -4.0) for n in range(100)])
    result = read(actor, 80)
    assert result[0].start - stop == 2000
    assert [s.is_estimated for s in result] == [True] + [False] * 79
    assert [b.start - a.stop for a, b in pairwise(result)] == [0] * 79
    at_s = result[-1].t_ns / 1e9 - world.set_s
    assert abs(result[-1].stop - (at_s - began_s) * RATE_HZ) <= WHOLE


def test_a_restart_in_the_middle_of_a_backlog_measures_the_whole_gap(world: World) -> None:
    first = opened(world)
    read(first, 20)
    world.delays_s = iter([6.0 - 0.03 * n for n in range(150)])
    stop = read(first, 150)[-1].stop
    world.now_s += 5.0
    second = opened(world, position=stop, snapshot=first.snapshot())
    assert read(second, 1)[0].start == stop + 5000


def test_the_rounding_of_many_gaps_does_not_add_up(world: World) -> None:
    actor = opened(world)
    stop = read(actor, 150)[-1].stop
    for _ in range(10):
        world.now_s += 1.04  # each gap by itself is rounded to 1.0 s
        actor = opened(world, position=stop, snapshot=actor.snapshot())
        stop = read(actor, 150)[-1].stop
    assert abs(stop / RATE_HZ - (world.now_s - 1000.0)) <= WHOLE / RATE_HZ


def test_without_a_snapshot_the_gap_stays_unknown(world: World) -> None:
    result = read(opened(world, position=700), 2)
    assert [s.start for s in result] == [700, 800]
    assert not result[0].is_estimated


def test_a_lost_instrument_is_sought_until_it_is_back_and_the_gap_is_marked(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    actor = opened(world)
    stop = read(actor, 20)[-1].stop
    world.is_down, world.n_attempts = True, 0
    lost_s = world.now_s
    while world.now_s < lost_s + 60:
        before_s = world.now_s
        assert actor.read(0.1) is None
        assert world.now_s - before_s < 0.11
    assert 5 <= world.n_attempts <= 12
    assert sum(record.levelname == "ERROR" for record in caplog.records) == 1
    world.is_down = False
    result = read(actor, 7)
    away = round((world.now_s - lost_s) * RATE_HZ) - 7 * WHOLE
    assert abs(result[0].start - stop - away) <= WHOLE
    assert (result[0].start - stop) % WHOLE == 0
    assert [s.is_estimated for s in result] == [True] + [False] * 6


def test_a_second_outage_right_after_the_first_is_counted_too(world: World) -> None:
    actor = opened(world)
    stop = read(actor, 20)[-1].stop
    began_s = world.now_s
    for n_segments in (2, 0, 7):
        world.is_down = True
        while actor.read(0.1) is not None:
            pass
        world.now_s += 10
        world.is_down = False
        for _ in range(n_segments + 1):  # held back, until five of them are there
            actor.read(0.1)
    newest = read(actor, 1)[0]
    assert abs(newest.stop - stop - (world.now_s - began_s) * RATE_HZ) <= 8 * WHOLE


@pytest.mark.parametrize(
    ("change", "is_now"),
    [
        ({"labels": ("a",)}, r"an instrument of 1 channels \(a\) at 1000 Hz"),
        ({"sampling_rate_hz": 500.0}, "at 500 Hz"),
        ({"scale_uv": (0.5,)}, "0.5 uV per count"),
        ({"is_simulated": True}, "a simulated culture"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_instrument_that_comes_back_different_is_refused(
    world: World, change: dict[str, Any], is_now: str
) -> None:
    actor = opened(world)
    read(actor, 20)
    world.is_down = True
    actor.read(0.1)
    world.is_down = False
    world.info = replace(INFO, **change)
    was = r"in this session it was an instrument of 2 channels \(a, b\) at 1000 Hz and 1 uV"
    with pytest.raises(DeviceError, match=f"fake: is .*{is_now}.*{was}"):
        read(actor, 1)


def test_an_instrument_that_is_not_live_fails_at_once(world: World) -> None:
    world.info = StreamInfo(labels=("a", "b"), source="file")
    actor = opened(world)
    world.is_down = True
    with pytest.raises(DeviceError, match="closed the connection"):
        actor.read(0.1)


def test_only_what_is_set_is_asked_of_the_instrument(world: World) -> None:
    opened(world)
    assert world.settings == {}
    actor = Acquire(device="fake://", segment_samples=10)
    actor.open(ActorContext(open_recorder=world.open_recorder))
    assert world.settings == {"segment_samples": 10}
    assert actor.output_info(ActorContext()) is world.info


GENERATOR = "generator://?speed=0&duration_s=0.5&n_channels=4&spike_rate_hz=40"


def all_of(actor: Acquire, start: ActorContext) -> list[Any]:
    actor.open(start)
    result: list[Any] = []
    with pytest.raises(EndOfData):
        while True:
            output = actor.read(0.1)
            result += output if isinstance(output, list) else [output]
    actor.close()
    return result


def test_a_recording_goes_on_where_it_was_without_a_gap() -> None:
    whole = all_of(Acquire(device=GENERATOR), ActorContext())
    rest = all_of(Acquire(device=GENERATOR), ActorContext(position=2000, snapshot={"lead_ns": 1}))
    assert [s.start for s in rest] == [s.start for s in whole if s.start >= 2000]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(rest, whole[20:], strict=True))
    assert not any(s.is_estimated for s in rest)


def test_the_truth_comes_in_the_same_windows_as_the_samples() -> None:
    result = all_of(Acquire(device=GENERATOR, publish_truth=True), ActorContext())
    segments = [m for m in result if isinstance(m, Segment)]
    truth = [m for m in result if isinstance(m, Spikes)]
    assert [(s.start, s.stop) for s in segments] == [(t.start, t.stop) for t in truth]
    assert sum(t.sample.size for t in truth) > 20
    assert all(np.all((t.sample >= t.start) & (t.sample < t.stop)) for t in truth)


def test_truth_that_nobody_knows_is_an_error(world: World) -> None:
    actor = Acquire(device="fake://", publish_truth=True)
    with pytest.raises(ConfigError, match="'fake://' gives no true spikes"):
        actor.open(ActorContext(open_recorder=world.open_recorder))


def test_positions_come_from_the_setting_or_else_from_the_device(monkeypatch):
    world = World(monkeypatch)
    world.info = replace(INFO, labels=("47", "48"), positions_um=((1.0, 2.0), None))
    context = ActorContext(open_recorder=world.open_recorder, name="acquire")
    for geometry, positions in (("", ((1.0, 2.0), None)), ("60MEA100", ((300, 600), (300, 700)))):
        actor = Acquire(device="fake://", geometry=geometry)
        actor.open(context)
        assert actor.output_info(context).positions_um == positions
    with pytest.raises(ConfigError, match="geometry of 'fake://': no array 'MEA'"):
        Acquire(device="fake://", geometry="MEA").open(context)


def test_channels_of_one_label_are_refused(monkeypatch):
    world = World(monkeypatch)
    world.info = replace(INFO, labels=("47", "47"))
    with pytest.raises(DeviceError, match="fake: several channels are labelled '47'"):
        Acquire(device="fake://").open(ActorContext(open_recorder=world.open_recorder))


def test_a_lost_instrument_is_a_problem_with_one_text_until_it_is_back(world: World) -> None:
    actor = opened(world)
    read(actor, 3)
    assert actor.problem == ""
    world.is_down = True
    problems = set()
    for _ in range(300):
        assert actor.read(0.1) is None
        problems.add(actor.problem)
    (problem,) = problems
    assert problem.startswith("no instrument since ")
    assert problem.endswith(
        "sample 300: fake: closed the connection; tried again after 0.5 to 10 s each time"
    )
    world.is_down = False
    read(actor, 1)
    assert actor.problem == ""
    assert world.n_disarmed == 0


def test_another_instrument_at_the_address_disarms_at_once_and_is_reported(world: World) -> None:
    actor = opened(world)
    read(actor, 3)
    for identity, n_disarmed in (("serial 1", 0), ("serial 2", 1), ("serial 2", 1)):
        world.identity = identity
        lose(world, actor, 1.0, 0.0)
        read(actor, 6)  # the first five are held together until the gap is estimated
        assert world.n_disarmed == n_disarmed
    assert "fake: another instrument than before sample " in actor.problem
    assert "`crepe arm`" in actor.problem


def test_an_instrument_that_the_session_refuses_disarms(world: World) -> None:
    actor = opened(world)
    read(actor, 3)
    world.info = replace(INFO, labels=("a", "c"))
    lose(world, actor, 1.0, 0.0)
    with pytest.raises(DeviceError, match="a session has one instrument"):
        read(actor, 1)
    assert world.n_disarmed == 1
