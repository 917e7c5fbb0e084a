"""The gate: nothing unsafe, nothing twice, nothing without an end reaches the instrument."""

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crepe.actors.actor import ActorContext
from crepe.actors.stimulate import Stimulate
from crepe.errors import DeviceError
from crepe.hw.capabilities import StimulatorCapabilities, StopEvidence
from crepe.hw.instrument import InProcess, NotStarted, Stimulator
from crepe.messages import Segment, Stimulus, StreamInfo, Unreadable
from crepe.safety.limits import Limits
from crepe.store.codec import pack_value, unpack_value

INFO = StreamInfo(labels=("48", "38", "15"))  # 10 kHz, segments of 100
SAMPLES = np.zeros((3, 100), np.int32)
ASKED = ("result:stimuli",)


class Bench(Stimulator):
    """Writes down what it is told, against the sample index."""

    capabilities = StimulatorCapabilities(stop=StopEvidence.PROVED)

    def __init__(self):
        self.clock = 0
        self.seconds = 0.0
        self.log = []
        self.calls = []  # with the guard's, in order
        self.started_s = []  # by the computer's clock
        self.asked_s = {}  # by number of the stimulus
        self.prepares_s = 0.0
        self.doubt = ""
        self.is_running = False
        self.fails = False
        self.says_no = None

    def open(self):
        self.stop()

    def refusal(self, stimulus):
        return self.says_no

    def prepare(self, stimulus):
        assert not self.is_running
        self.calls.append("prepare")
        self.seconds += self.prepares_s

    def start(self, stimulus):
        self.calls.append("start")
        before = self.log[-1][2]
        is_burst = self.is_running and stimulus.number == before.number
        if self.is_running:
            # the next burst, or a train with the same pulses, when the last is over
            assert stimulus.has_pulses_of(before)
            assert self.clock >= self.burst_ends
            assert self.seconds > self.burst_ends_s - 0.051
        if not is_burst:
            assert self.seconds < self.asked_s[stimulus.number] + 0.201
        self.burst_ends = self.clock + round(stimulus.n_pulses / stimulus.rate_hz * 10_000)
        self.burst_ends_s = self.seconds + stimulus.n_pulses / stimulus.rate_hz
        self.started_s.append(self.seconds)
        self.log.append(("burst" if is_burst else "start", self.clock, stimulus))
        self.is_running = True  # also if the acknowledgement is lost
        if self.fails:
            raise DeviceError("DSP call 9: status 500")

    def stop(self):
        self.calls.append("stop")
        self.log.append(("stop", self.clock, None))
        self.is_running = False

    def doubts(self):
        assert self.is_running
        return self.doubt

    def close(self):
        self.stop()

    @property
    def started(self):
        return [(clock, stimulus) for what, clock, stimulus in self.log if what == "start"]


class RecordingGuard(InProcess):
    """A guard that the test opens and shuts; it writes into the bench's log of calls."""

    def __init__(self, bench):
        self.calls = bench.calls
        self.reason = None

    def pulsing(self, is_pulsing):
        self.calls.append(("pulsing", is_pulsing))

    def refusal(self):
        return self.reason

    def serves(self, requesters):
        self.requesters = requesters


class Gate:
    """A stimulator's life as the runner leads it."""

    def __init__(self, bench=None, snapshot=None, position=0, streams=ASKED, wall_ns=5, **fields):
        self.bench = bench or Bench()
        self.at = position
        self.alive = list(streams)
        self.answers = []
        self.guard = RecordingGuard(self.bench)
        self.actor = Stimulate(device="none://", **fields)
        self.actor.open(
            ActorContext(
                inputs=dict.fromkeys(("data", *streams), INFO),
                position=position,
                snapshot=snapshot,
                monotonic_s=lambda: self.bench.seconds,
                wall_ns=lambda: wall_ns,
                open_stimulator=self._open_stimulator,
                open_guard=lambda: self.guard,
                disarm=self._disarm,
            )
        )

    def _disarm(self):
        self.guard.reason = "not armed"

    def _open_stimulator(self, url, guard):
        self.bench.guard = guard
        return self.bench

    def tick(self, n=1, missing=0, took_s=0.01, t_ns=0):
        for _ in range(n):
            self.at += missing
            self.bench.clock = self.at + 100
            self.bench.seconds += took_s
            for stream in self.alive:
                self.actor.on_position(stream, self.at)
            self.actor.on_position("data", self.at + 100)
            self._keep(self.actor.step_from("data", Segment(self.at, self.at + 100, SAMPLES, t_ns)))
            self.at += 100

    def ask(  # noqa: PLR0917
        self,
        number=1,
        due_in=500,
        n_pulses=4,
        rate_hz=20.0,
        phases=((-10.0, 200.0), (10.0, 200.0)),
        electrodes=("48",),
        age=0,
        unit="uA",
        stream="result:stimuli",
    ):
        now = self.at - age
        self.bench.asked_s.setdefault(number, self.bench.seconds)
        self.actor.on_position(stream, self.at)
        self._keep(
            self.actor.step_from(
                stream,
                Stimulus(
                    now - 1, now, number, now + due_in, electrodes, phases, rate_hz, n_pulses,
                    unit=unit,
                ),
            )
        )  # fmt: skip

    def silence(self, elapsed_s):
        self.bench.seconds += elapsed_s
        self._keep(self.actor.on_silence(elapsed_s))

    def request(self, **fields):
        """Request with fields that may be anything."""
        at = self.at
        phases = ((-10.0, 200.0), (10.0, 200.0))
        stimulus = Stimulus(at - 1, at, 1, at + 500, ("48",), phases, 20.0, 4)
        self.bench.asked_s[1] = self.bench.seconds
        self._keep(self.actor.step_from("result:stimuli", replace(stimulus, **fields)))

    def restart(self):
        snapshot = unpack_value(pack_value(self.actor.snapshot()))
        again = Gate(self.bench, snapshot, self.at, streams=self.alive)
        again.answers = self.answers
        return again

    def _keep(self, output):
        self.answers += list(output or ())

    @property
    def states(self):
        return [(answer.number, answer.state) for answer in self.answers]


@pytest.fixture
def gate():
    new_gate = Gate()
    new_gate.tick(10)
    return new_gate


def test_a_train_is_announced_fired_when_due_and_stopped_when_done(gate):
    gate.ask()
    assert gate.states == [(1, "intended")]
    assert not gate.bench.started
    gate.tick(40)
    assert gate.states == [(1, "intended"), (1, "delivered")]
    ((fired, _),) = gate.bench.started
    assert fired == 1500
    stops = [clock for what, clock, _ in gate.bench.log if what == "stop"]
    assert stops[-1] == 1500 + 2000
    assert gate.answers[-1].fired == 1500
    assert gate.answers[-1].age_ms == 50


def test_what_was_delivered_says_when_its_segment_had_come_and_when_it_began():
    gate = Gate(wall_ns=9_000)
    gate.tick(5, t_ns=1_000)
    gate.ask()
    gate.tick(5, t_ns=2_000)  # due with the last of them
    gate.tick(30, t_ns=3_000)
    answer = gate.answers[-1]
    assert (answer.state, answer.fired, answer.acquired_ns, answer.t_ns) == (
        "delivered",
        1000,
        2_000,
        9_000,
    )


def test_an_intent_is_a_clock_step_old_before_it_is_fired(gate):
    gate.ask(due_in=-100)
    gate.tick()
    assert not gate.bench.started
    gate.tick()
    assert len(gate.bench.started) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phases": ((-20.0, 200.0), (20.0, 200.0))}, "phase 0: -20.0 uA x 200 us = -4.0 nC, limit 3.5 nC"),
        ({"electrodes": ("15",)}, "electrode 15: is never stimulated"),
        ({"n_pulses": 1000}, "train: 50.0 s, limit 5 s"),
        ({"age": 2100}, "210 ms old, limit 200 ms"),
    ],
)  # fmt: skip
def test_what_is_unsafe_is_refused_with_the_reason(gate, changes, reason):
    gate.tick(30)
    gate.ask(**changes)
    gate.tick(50)
    assert gate.states == [(1, "refused")]
    assert gate.answers[0].reason == reason
    assert not gate.bench.started


def test_what_the_instrument_cannot_do_is_refused(gate):
    gate.bench.says_no = "not proven to be a simulator"
    gate.ask()
    assert gate.answers[0].reason == "not proven to be a simulator"


def test_one_train_runs_at_a_time(gate):
    gate.ask(1)
    gate.ask(2)
    gate.tick(10)
    gate.ask(3)
    assert gate.states == [(1, "intended"), (2, "refused"), (3, "refused")]


def test_a_train_may_wait_while_another_runs_if_it_is_due_when_that_is_over(gate):
    gate.ask(1, n_pulses=2)
    gate.ask(2, due_in=1499)
    gate.ask(3, due_in=1500)
    assert gate.states == [(1, "intended"), (2, "refused"), (3, "intended")]
    assert (
        gate.answers[1].reason
        == "due at 2499, but another train is due until 2500; one runs at a time"
    )
    gate.tick(60)
    assert gate.states[3:] == [(1, "delivered"), (3, "delivered")]


def test_a_train_that_cannot_begin_in_time_is_refused_when_it_is_due(gate):
    gate.ask(1, n_pulses=1)
    gate.ask(2, n_pulses=1, due_in=1900)
    gate.tick(18)
    gate.bench.seconds += 0.04  # the data are late by less than stops everything
    gate.tick(10)
    assert gate.states[2:] == [(1, "delivered"), (2, "refused")]
    assert gate.answers[-1].reason == "230 ms old, limit 200 ms"
    assert gate.bench.calls[-2:] == ["stop", ("pulsing", False)]  # it was set up already


def test_single_pulses_of_forty_hertz_are_all_delivered_when_they_are_due(gate):
    for number in range(1, 201):
        gate.ask(
            number, due_in=500, n_pulses=1, rate_hz=50.0, electrodes=(("48", "38")[number % 2],)
        )
        gate.tick(2 + number % 2)
    gate.tick(20)
    assert [n for n, state in gate.states if state == "delivered"] == list(range(1, 201))
    assert {state for _, state in gate.states} == {"intended", "delivered"}
    assert all(clock - stimulus.due < 100 for clock, stimulus in gate.bench.started)


def test_the_instrument_is_set_up_anew_only_for_other_pulses(gate):
    for number, electrode in enumerate(("48", "48", "48", "38", "48"), 1):
        gate.ask(number, 250 * number, n_pulses=1, rate_hz=50.0, electrodes=(electrode,))
    gate.tick(30)
    what = [what for what, clock, _ in gate.bench.log if clock > 1000]
    assert what == ["start", "start", "start", "stop", "start", "stop", "start", "stop"]
    assert [state for _, state in gate.states[5:]] == ["delivered"] * 5


def test_a_train_that_is_set_up_after_another_is_not_fired_before_it_is_due(gate):
    gate.ask(1, 500, n_pulses=1, rate_hz=50.0)
    gate.ask(2, 1500, n_pulses=1, rate_hz=50.0, electrodes=("38",))
    gate.tick(30)
    assert [clock for clock, _ in gate.bench.started] == [1500, 2500]
    set_up = [name for name in gate.bench.calls if name in {"prepare", "start"}]
    assert set_up == ["prepare", "start", "prepare", "start"]


def test_a_train_that_goes_on_from_another_is_refused_like_any(gate):
    gate.ask(1, 500, n_pulses=1, rate_hz=50.0)
    gate.ask(2, 900, n_pulses=1, rate_hz=50.0)
    gate.tick(8)
    assert gate.states[2:] == [(1, "delivered")]
    assert gate.bench.is_running  # it is still set up
    gate.tick(1, missing=1000)
    assert gate.states[3:] == [(2, "refused")]
    assert not gate.bench.is_running


def test_trains_that_wait_count_in_the_limit_of_a_second(gate):
    limits = Limits(max_total_rate_hz=5)
    gate = Gate(limits=limits)
    gate.tick(10)
    for number in range(1, 4):
        gate.ask(number, due_in=300 + 400 * number, n_pulses=2, rate_hz=50.0)
    assert gate.states == [(1, "intended"), (2, "intended"), (3, "refused")]
    assert gate.answers[-1].reason == "all electrodes: 6 pulses in 1 s, limit 5"


def test_an_instrument_that_cannot_be_prepared_for_the_next_train_refuses_only_that(gate):
    gate.ask(1, n_pulses=1)
    gate.ask(2, n_pulses=1, due_in=1000, electrodes=("38",))
    gate.ask(3, n_pulses=1, due_in=1500)
    prepare = gate.bench.prepare

    def fails(stimulus):
        if stimulus.number == 2:
            raise DeviceError("DSP call 9: status 500")
        prepare(stimulus)

    gate.bench.prepare = fails
    gate.tick(40)
    assert gate.states[3:] == [(1, "delivered"), (2, "refused"), (3, "delivered")]


def test_all_that_waited_is_unknown_after_a_restart(gate):
    gate.ask(1, n_pulses=1)
    gate.ask(2, n_pulses=1, due_in=1000)
    again = gate.restart()
    again.tick(40)
    assert again.states[2:] == [(1, "unknown"), (2, "unknown")]
    assert not gate.bench.started


def test_pulses_per_second_count_across_trains(gate):
    gate.ask(1, n_pulses=40, rate_hz=40.0, due_in=0)
    gate.tick(8)
    gate.tick(1, missing=100)
    assert gate.answers[-1].state == "stopped"
    gate.ask(2, n_pulses=40, rate_hz=40.0, due_in=0)
    assert gate.answers[-1].reason == "electrode 48: 77 pulses in 1 s, limit 50"
    gate.ask(3, n_pulses=40, rate_hz=40.0, due_in=0, electrodes=("38",))
    assert gate.answers[-1].state == "intended"


def test_a_frozen_stream_does_not_make_old_stimuli_look_young(gate):
    gate.ask()
    gate.tick(2)
    gate.bench.seconds += 5.0
    gate.tick(10)
    assert gate.states == [(1, "intended"), (1, "refused")]
    assert re.match(r"the data are (4999|5000) ms late, limit 200 ms", gate.answers[-1].reason)


# Real time: samples that were held up come late, and then fast

RUSH_S = 0.0002  # a segment of 10 ms, fifty times as fast


def test_stimuli_that_were_held_up_with_the_data_are_as_old_as_they_are(gate):
    gate.bench.seconds += 10.0
    for number in range(1, 100):
        gate.ask(number, n_pulses=1)
        gate.tick(5, took_s=RUSH_S)
    assert {state for _, state in gate.states} == {"refused"}
    assert gate.answers[0].reason == "10000 ms old, limit 200 ms"


def test_a_stimulator_that_starts_behind_the_data_knows_how_late_they_are():
    gate = Gate(wall_ns=10_000_000_000)
    gate.tick(10, took_s=RUSH_S, t_ns=3_000_000_000)
    gate.ask()
    assert gate.answers[-1].reason == "6912 ms old, limit 200 ms"


def test_how_old_a_stimulus_is_can_only_be_known_when_data_have_come(gate):
    gate.ask()
    gate.tick(40)
    again = gate.restart()
    again.ask(2)
    assert again.answers[-1].state == "refused"
    assert again.answers[-1].reason == "no data yet, so nobody knows how old it is"
    again.tick(1)
    again.ask(3)
    assert again.answers[-1].state == "intended"


def test_after_a_gap_the_data_are_as_late_as_they_were_acquired():
    gate = Gate(wall_ns=10_000_000_000)
    gate.tick(10)
    gate.bench.seconds += 5.0
    gate.tick(missing=40_000, t_ns=9_999_000_000)  # a second less than went by
    gate.tick(10)
    gate.ask()
    assert gate.answers[-1].state == "intended"


def test_what_the_instrument_takes_to_prepare_counts_in_the_age(gate):
    gate.bench.prepares_s = 1.0
    gate.ask()
    gate.tick(100, took_s=RUSH_S)
    assert gate.states == [(1, "intended"), (1, "refused")]
    assert not gate.bench.started


def test_samples_that_come_too_fast_do_not_bring_the_next_burst_early(gate):
    gate.ask(n_pulses=100, rate_hz=20.0)
    gate.tick(500, took_s=0.001)
    assert len(gate.bench.started_s) == 1
    gate.tick(1000)
    assert gate.states[-1] == (1, "delivered")
    apart_s = [b - a for a, b in pairwise(gate.bench.started_s)]
    assert len(apart_s) == 4
    assert all(0.975 <= apart <= 1.01 for apart in apart_s)


def test_samples_that_come_too_fast_do_not_bring_more_pulses_per_second(gate):
    for number in range(1, 301):
        gate.ask(number, n_pulses=1, rate_hz=50.0, due_in=200)
        gate.tick(3, took_s=RUSH_S)
    fired_s = np.array(gate.bench.started_s)
    assert len(fired_s) > 10
    assert np.diff(fired_s).min() > 0.009
    assert max(np.sum((fired_s >= s) & (fired_s < s + 0.95)) for s in fired_s) <= 50


@pytest.mark.parametrize("hiccup_s", [0.02, 0.05])
def test_an_ordinary_hiccup_refuses_and_stops_nothing(gate, hiccup_s):
    for number in range(1, 60):
        gate.ask(number, n_pulses=20, rate_hz=40.0)
        for _ in range(6):
            gate.tick(9)
            gate.tick(1, took_s=0.01 + hiccup_s)
            gate.tick(round(hiccup_s / 0.01), took_s=0.0)  # and what was held up comes at once
    gate.tick(60)
    assert {state for _, state in gate.states} == {"intended", "delivered"}


def test_the_age_that_is_told_is_that_of_real_time(gate):
    gate.ask()
    gate.tick(4)
    gate.tick(1, took_s=0.04)
    gate.tick(2)
    assert gate.answers[-1].state == "intended"
    gate.tick(50)
    assert gate.answers[-1].age_ms == pytest.approx(50 + 30, abs=0.1)


# What stops a train


def test_silence_stops_a_running_train_and_nothing_else_starts_it_again(gate):
    gate.ask()
    gate.tick(8)
    assert gate.bench.is_running
    gate.silence(0.1)
    assert gate.bench.is_running
    gate.silence(0.3)
    assert not gate.bench.is_running
    assert gate.answers[-1].state == "stopped"
    assert gate.answers[-1].reason == "no data for 300 ms"
    gate.tick(50)
    assert len(gate.bench.started) == 1


@pytest.mark.parametrize("evidence", [StopEvidence.ASKED, StopEvidence.REPORTED])
def test_a_train_that_was_stopped_without_a_proof_says_so_and_keeps_the_next_from_the_instrument(
    evidence,
):
    bench = Bench()
    bench.capabilities = StimulatorCapabilities(stop=evidence)
    gate = Gate(bench)
    gate.tick(2)
    gate.ask(n_pulses=20)
    gate.tick(8)
    gate.guard.reason = "the door is open"
    gate.tick()
    assert gate.answers[-1].reason == f"the door is open; {evidence.sentence}"
    gate.guard.reason = None
    gate.ask(2)
    assert gate.answers[-1].state == "refused"
    assert "the last stop is NOT VERIFIED; the train may play for 1.0 s" in gate.answers[-1].reason
    gate.tick(100)
    gate.ask(3)
    gate.tick(40)
    assert gate.answers[-1].state == "delivered"


@pytest.mark.parametrize("is_promised", [True, False])
def test_only_an_instrument_that_promises_to_stop_with_its_client_is_given_a_whole_train(
    is_promised,
):
    bench = Bench()
    bench.capabilities = StimulatorCapabilities(
        stop=StopEvidence.PROVED, stops_with_client=is_promised
    )
    gate = Gate(bench)
    gate.tick(2)
    gate.ask(n_pulses=40)
    gate.tick(8)
    ((_, given),) = gate.bench.started
    assert given.n_pulses == (40 if is_promised else 20)


def test_the_gate_is_asked_once_more_at_the_moment_of_firing(gate, monkeypatch):
    reason = "electrode 48: 51 pulses in 1 s, limit 50"
    monkeypatch.setattr(gate.actor._gate, "refusal_now", lambda stimulus, announced: reason)
    gate.ask()
    gate.tick(40)
    assert gate.states == [(1, "intended"), (1, "refused")]
    assert gate.answers[-1].reason == reason
    assert not gate.bench.started
    assert gate.bench.calls[-2:] == ["stop", ("pulsing", False)]


def test_a_guard_that_refuses_while_no_data_come_stops_a_running_train(gate):
    gate.ask()
    gate.tick(8)
    gate.guard.reason = "stopped by crepe stop"
    gate.silence(0.1)
    assert not gate.bench.is_running
    assert (gate.answers[-1].state, gate.answers[-1].reason) == (
        "stopped",
        "stopped by crepe stop",
    )


def test_a_gap_in_the_data_stops_a_running_train(gate):
    gate.ask()
    gate.tick(8)
    gate.tick(1, missing=1000)
    assert not gate.bench.is_running
    assert gate.answers[-1].reason == "a gap in the data"


def test_the_end_of_the_data_and_of_the_process_stop_everything(gate):
    gate.ask()
    gate.tick(8)
    gate._keep(gate.actor.finish())
    assert not gate.bench.is_running
    assert gate.answers[-1].state == "stopped"
    gate.bench.is_running = True
    gate.actor.close()
    assert not gate.bench.is_running


@pytest.mark.parametrize("n_ticks", [0, 3, 8, 15])
def test_a_restarted_stimulator_never_fires_what_was_open(gate, n_ticks):
    gate.ask()
    gate.tick(n_ticks)
    n_before = len(gate.bench.started)
    again = gate.restart()
    assert not gate.bench.is_running
    again.tick(1)
    again.ask(1)
    again.tick(40)
    assert len(gate.bench.started) == n_before
    assert again.states[-2:] == [(1, "unknown"), (1, "refused")]
    assert "has requested a stimulus of this number before" in again.answers[-1].reason


def test_a_long_train_is_fired_in_bursts_of_a_second_at_most(gate):
    gate.ask(n_pulses=60, rate_hz=20.0)
    gate.tick(400)
    fired = [(clock, s.n_pulses) for what, clock, s in gate.bench.log if what != "stop"]
    assert fired == [(1500, 20), (11_500, 20), (21_500, 20)]
    assert gate.states[-1] == (1, "delivered")


def test_the_next_burst_is_not_fired_when_who_asks_has_fallen_silent():
    gate = Gate()
    gate.tick(10)
    gate.ask(n_pulses=60, rate_hz=20.0)
    gate.alive.clear()
    gate.tick(400)
    assert len([what for what, _, _ in gate.bench.log if what != "stop"]) == 1
    assert gate.states[-1] == (1, "stopped")
    assert "the requester on result:stimuli is 0.8 s behind" in gate.answers[-1].reason


def test_one_stream_of_stimuli_that_lives_does_not_hide_another_that_hangs():
    gate = Gate(streams=("result:stimuli", "result:other"))
    gate.tick(10)
    gate.ask(n_pulses=60, rate_hz=20.0)
    gate.alive.remove("result:other")
    gate.tick(400)
    assert gate.states[-1] == (1, "stopped")
    assert "the requester on result:other is 0.8 s behind" in gate.answers[-1].reason


@pytest.mark.parametrize("n_pulses", [61, 67, 122])
def test_a_train_that_would_be_cut_into_single_pulses_is_refused(gate, n_pulses):
    gate.ask(n_pulses=n_pulses, rate_hz=30.3)
    assert gate.answers[-1].state == "refused"
    assert re.fullmatch(
        rf"train: {n_pulses} pulses at 30.3 Hz cannot be cut into equal bursts of 1 s at most, "
        r"(60|66|120) can",
        gate.answers[-1].reason,
    )


def test_the_pulses_of_a_cut_train_have_the_rate_that_was_asked_for(gate):
    gate.ask(n_pulses=60, rate_hz=30.3)
    gate.tick(300)
    fired = [(clock, s.n_pulses) for what, clock, s in gate.bench.log if what != "stop"]
    assert [n for _, n in fired] == [30, 30]
    assert fired[1][0] - fired[0][0] == pytest.approx(30 / 30.3 * 10_000, abs=100)


def test_what_is_in_doubt_of_a_delivered_train_is_said(gate):
    gate.bench.doubt = "the shot is not confirmed"
    gate.ask(1)
    gate.tick(40)
    assert gate.states[-1] == (1, "delivered")
    assert gate.answers[-1].reason == "the shot is not confirmed"
    gate.ask(2, phases=((-100_000.0, 200.0),), unit="uV")
    gate.tick(40)
    assert (
        gate.answers[-1].reason
        == "the shot is not confirmed; charge unknown: no limits.impedance_kohm"
    )
    gate.bench.doubt = ""
    gate.ask(3)
    gate.tick(40)
    assert (gate.answers[-1].state, gate.answers[-1].reason) == ("delivered", "")


def test_age_may_be_made_tighter_but_not_looser():
    assert Stimulate(device="none://", max_age_ms=60.0).max_age_ms == 60.0
    for max_age_ms in (201.0, 1e9, float("nan"), 0.0):
        with pytest.raises(ValidationError):
            Stimulate(device="none://", max_age_ms=max_age_ms)


@pytest.mark.parametrize(
    ("name", "longest"),
    [("max_age_ms", 200.0), ("stall_s", 1.0), ("silence_s", 2.0), ("burst_s", 1.0)],
)
def test_a_time_limit_may_be_short_but_not_longer_than_is_safe(name, longest):
    for value in (1e-3, longest):
        assert getattr(Stimulate(device="none://", **{name: value}), name) == value
    for value in (0.0, longest + 1e-3):
        with pytest.raises(ValidationError):
            Stimulate(device="none://", **{name: value})


def test_the_guard_is_released_with_the_instrument(gate):
    gate.guard.close = lambda: gate.bench.calls.append("guard released")
    gate.actor.close()
    assert gate.bench.calls[-2:] == ["stop", "guard released"]


def test_answers_have_the_clock_of_the_data(gate):
    assert gate.actor.output_info(ActorContext(inputs={"data": INFO})) == INFO


def test_a_train_that_is_refused_when_it_is_due_leaves_nothing_connected(gate):
    gate.ask(due_in=500)
    n_stops = len([what for what, _, _ in gate.bench.log if what == "stop"])
    gate.bench.seconds += 1.0  # by the monotonic clock it is too old by now
    gate.tick(10)
    assert gate.states[-1] == (1, "refused")
    assert len([what for what, _, _ in gate.bench.log if what == "stop"]) == n_stops + 1


def test_an_instrument_that_fails_is_stopped_and_what_happened_is_unknown(gate):
    gate.bench.fails = True
    gate.ask()
    gate.tick(10)
    assert gate.states == [(1, "intended"), (1, "unknown")]
    assert "status 500" in gate.answers[-1].reason
    assert not gate.bench.is_running


# The guard: the bench is a driver that never asks it


def test_a_driver_that_never_asks_its_guard_prepares_and_fires_nothing_while_that_refuses(gate):
    gate.guard.reason = "EMERGENCY STOP"
    gate.ask()
    gate.tick(40)
    assert gate.states == [(1, "refused")]
    assert gate.answers[0].reason == "EMERGENCY STOP"
    assert not gate.bench.started
    assert "prepare" not in gate.bench.calls


def test_a_guard_that_refuses_only_as_a_train_is_due_lets_nothing_out(gate):
    gate.ask()
    gate.guard.reason = "not armed"
    gate.tick(40)
    assert gate.states == [(1, "intended"), (1, "refused")]
    assert gate.answers[-1].reason == "not armed"
    assert not gate.bench.started
    assert gate.bench.calls[-2:] == ["stop", ("pulsing", False)]


def test_a_guard_that_refuses_during_a_train_keeps_the_next_sub_train_from_the_instrument(gate):
    gate.ask(n_pulses=60, rate_hz=20.0)
    gate.tick(8)
    gate.guard.reason = "the watchdog has not answered"
    gate.tick(400)
    assert gate.bench.calls.count("start") == 1
    assert gate.states[-1] == (1, "stopped")
    assert gate.answers[-1].reason == "the watchdog has not answered"


def test_the_guard_is_asked_once_more_between_all_checks_and_the_start(gate):
    gate.ask()
    answers = iter([None] * 5 + ["latched meanwhile"])  # five segments, then the start
    gate.guard.refusal = lambda: next(answers, None)
    gate.tick(10)
    assert gate.states == [(1, "intended"), (1, "refused")]
    assert gate.answers[-1].reason == "no pulse was triggered: latched meanwhile"
    assert gate.answers[-1].fired == gate.answers[0].fired  # as of one that was not fired
    assert "start" not in gate.bench.calls


class NotAsPrepared(Bench):
    """Its set-up is changed by another client before one of its starts."""

    def __init__(self, n_starts):
        super().__init__()
        self.n_starts = n_starts

    def start(self, stimulus):
        if self.calls.count("start") == self.n_starts:
            raise NotStarted("register 9158: reads 0x4, must be 0x8")
        super().start(stimulus)


def test_a_train_whose_set_up_was_changed_is_refused_with_the_reason_and_stopped():
    gate = Gate(bench=NotAsPrepared(0))
    gate.tick(10)
    gate.ask()
    gate.tick(10)
    assert gate.states == [(1, "intended"), (1, "refused")]
    assert "register 9158: reads 0x4, must be 0x8" in gate.answers[-1].reason
    assert not gate.bench.started
    assert gate.bench.calls[-2:] == ["stop", ("pulsing", False)]


def test_a_sub_train_whose_set_up_was_changed_ends_its_train():
    gate = Gate(bench=NotAsPrepared(1))
    gate.tick(10)
    gate.ask(n_pulses=60, rate_hz=20.0)
    gate.tick(300)
    assert gate.states == [(1, "intended"), (1, "stopped")]
    assert gate.bench.calls.count("start") == 1


def test_the_guard_is_given_the_programs_that_request_stimuli():
    writers = {"result:stimuli": "game-0123456789ab", "more": ""}
    guard = RecordingGuard(Bench())
    infos = {stream: replace(INFO, writer=writer) for stream, writer in writers.items()}
    actor = Stimulate(device="none://")
    actor.open(ActorContext(inputs={"data": INFO, **infos}, open_guard=lambda: guard))
    assert guard.requesters == ["game (result:stimuli)", "more"]
    actor.close()


def test_the_guard_learns_of_pulses_before_electrodes_are_connected_and_after_the_stop(gate):
    gate.bench.calls.clear()
    gate.ask()
    gate.tick(40)
    calls = gate.bench.calls
    assert calls == [("pulsing", True), "prepare", "start", "stop", ("pulsing", False)]


def test_the_guard_takes_a_train_for_under_way_until_a_stop_has_succeeded(gate):
    def fails():
        raise DeviceError("NOT STOPPED for certain")

    gate.ask()
    gate.tick(8)
    gate.bench.stop = fails
    with pytest.raises(DeviceError, match="NOT STOPPED"):
        gate.tick(40)
    assert gate.bench.calls[-2:] == ["prepare", "start"]
    assert ("pulsing", False) not in gate.bench.calls


# The time of a request


def test_a_train_that_waited_for_the_instrument_is_judged_with_the_lock_in_hand(gate):
    asks_guard = []

    def start(stimulus):
        gate.bench.seconds += 0.45  # another program has the lock
        asks_guard.append(gate.bench.guard.refusal())
        raise NotStarted(asks_guard[-1])

    gate.bench.start = start
    gate.ask()
    gate.tick(10)
    assert asks_guard == ["500 ms old, limit 200 ms"]
    assert gate.states == [(1, "intended"), (1, "refused")]
    assert gate.answers[-1].reason == "no pulse was triggered: 500 ms old, limit 200 ms"


def test_a_driver_is_given_the_time_within_which_the_first_pulse_must_leave(gate):
    left_s = []
    start = gate.bench.start
    gate.bench.start = lambda stimulus: (left_s.append(gate.bench.guard.left_s()), start(stimulus))
    gate.ask(n_pulses=60, rate_hz=20.0)
    gate.tick(300)
    assert left_s == [pytest.approx(0.15), float("inf"), float("inf")]


def test_the_age_that_is_reported_is_that_at_the_acknowledged_start(gate):
    start = gate.bench.start

    def slow(stimulus):
        start(stimulus)
        gate.bench.seconds += 0.1

    gate.bench.start = slow
    gate.ask()
    gate.tick(40)
    assert gate.states[-1] == (1, "delivered")
    assert gate.answers[-1].age_ms == pytest.approx(150)


def test_a_train_whose_start_was_acknowledged_too_late_is_stopped_and_reported_as_it_was(gate):
    start = gate.bench.start

    def slow(stimulus):
        start(stimulus)
        gate.bench.seconds += 0.4

    gate.bench.start = slow
    gate.ask(n_pulses=20)
    gate.tick(40)
    assert gate.states == [(1, "intended"), (1, "stopped")]
    assert not gate.bench.is_running
    assert gate.answers[-1].age_ms == pytest.approx(450)
    assert "acknowledged too late: 450 ms old, limit 200 ms" in gate.answers[-1].reason


def test_a_request_from_the_future_of_the_clock_is_refused_and_never_fired(gate):
    gate.request(start=gate.at + 99_999, stop=gate.at + 100_000, due=gate.at + 100_500)
    gate.tick(1200)
    assert gate.states == [(1, "refused")]
    assert gate.answers[0].reason == "requested at sample 101000, the data have reached 1000"


def test_a_request_that_follows_from_a_command_is_a_sample_ahead_and_passes(gate):
    gate.request(start=gate.at, stop=gate.at + 1)
    assert gate.states == [(1, "intended")]


def test_a_request_that_is_due_when_it_will_be_too_old_keeps_no_other_out(gate):
    gate.request(due=gate.at + 36_000_000)
    gate.request(number=2, due=gate.at + 2001)
    gate.request(number=3, due=gate.at + 2000)
    assert gate.states == [(1, "refused"), (2, "refused"), (3, "intended")]
    assert gate.answers[0].reason == "due 3600000 ms after its request, limit 200 ms"


# One final answer to each request


def final(gate):
    return Counter(
        (answer.stream, answer.number) for answer in gate.answers if answer.state != "intended"
    )


def test_a_number_far_from_all_others_mutes_no_later_request(gate):
    gate.bench.asked_s[10**18] = 1e9
    for number in (10**18, *range(1, 11)):
        gate.ask(number, n_pulses=1)
        gate.tick(10)
    assert len(gate.bench.started) == 11
    assert set(final(gate).values()) == {1}
    assert len(final(gate)) == 11


def test_two_requesters_that_count_alike_are_told_apart():
    streams = ("a:stimuli", "b:stimuli")
    gate = Gate(streams=streams)
    gate.tick(10)
    for number in range(1, 4):
        for stream in streams:
            gate.bench.asked_s[number] = gate.bench.seconds
            gate.ask(number, n_pulses=1, rate_hz=50.0, stream=stream)
            gate.tick(10)
    assert final(gate) == {(stream, number): 1 for stream in streams for number in range(1, 4)}
    assert {answer.state for answer in gate.answers} == {"intended", "delivered"}
    again = gate.restart()
    again.tick(1)
    again.ask(3, stream="b:stimuli")
    assert again.answers[-1].state == "refused"
    again.ask(4, stream="b:stimuli")
    assert again.answers[-1].state == "intended"


def test_each_stream_of_requests_is_read_on_at_its_own_position_and_not_at_the_clocks():
    gate = Gate(streams=("a:stimuli", "b:stimuli"))
    gate.alive = ["a:stimuli"]
    gate.tick(10)
    gate.actor.on_position("b:stimuli", 250)
    assert gate.actor.resume_positions() == {"a:stimuli": 900, "b:stimuli": 250}
    gate.alive = ["a:stimuli", "b:stimuli"]
    assert gate.restart().actor.resume_positions() == {"a:stimuli": 900, "b:stimuli": 250}


def test_pulses_that_may_have_left_before_a_restart_count_in_the_session():
    gate = Gate(limits=Limits(max_session_pulses=10))
    gate.tick(10)
    gate.ask(1, n_pulses=6)
    again = gate.restart()
    again.actor._gate._limits = gate.actor.limits
    assert again.actor._gate.n_pulses == 6


@pytest.mark.parametrize("end", ["finish", "on_stop"])
@pytest.mark.parametrize("n_ticks", [0, 3, 8])
def test_every_request_is_answered_when_the_data_or_the_process_end(gate, end, n_ticks):
    gate.ask(1, n_pulses=1)
    gate.ask(2, n_pulses=1, due_in=1000, electrodes=("38",))
    gate.ask(3, n_pulses=1, due_in=1500)
    gate.tick(n_ticks)
    gate._keep(getattr(gate.actor, end)())
    assert not gate.bench.is_running
    assert final(gate) == {("result:stimuli", number): 1 for number in (1, 2, 3)}
    assert gate.actor.snapshot()["open_trains"] == []


def test_a_request_that_is_read_after_the_stop_is_refused_and_connects_nothing(gate):
    gate._keep(gate.actor.on_stop())
    n = len(gate.bench.calls)
    gate.ask(1, n_pulses=1)
    assert gate.states == [(1, "refused")]
    assert gate.answers[-1].reason == "the stimulator was ended"
    assert gate.bench.calls[n:] == []


def test_what_was_open_before_a_restart_is_answered_when_no_data_come_any_more(gate):
    gate.ask()
    again = gate.restart()
    again._keep(again.actor.finish())
    assert again.states == [(1, "intended"), (1, "unknown")]


def test_trains_that_wait_for_data_that_never_come_are_refused_for_their_age(gate):
    gate.ask(1, n_pulses=1)
    gate.ask(2, n_pulses=1, due_in=1000)
    gate.silence(0.1)
    assert len(gate.answers) == 2
    gate.silence(0.15)
    assert gate.states[2:] == [(1, "refused"), (2, "refused")]
    assert gate.answers[-1].reason == "250 ms old, limit 200 ms"
    assert gate.bench.calls[-2:] == ["stop", ("pulsing", False)]


def test_a_train_that_is_set_up_and_waits_alone_is_disconnected_when_it_is_too_old(gate):
    gate.ask(n_pulses=1)
    gate.silence(0.1)
    gate.silence(0.15)
    assert gate.states == [(1, "intended"), (1, "refused")]
    assert gate.bench.calls[-2:] == ["stop", ("pulsing", False)]


MALFORMED = [
    {"n_pulses": float("nan")}, {"n_pulses": "x"}, {"n_pulses": 10**400}, {"n_pulses": None},
    {"n_pulses": 4.5}, {"rate_hz": "20"}, {"rate_hz": float("nan")}, {"rate_hz": 10**400},
    {"rate_hz": ()}, {"phases": None}, {"phases": ((1.0,),)}, {"phases": ((1.0, 2.0, 3.0),)},
    {"phases": (1.0, 2.0)}, {"phases": "ab"}, {"phases": ((complex(1), 200.0),)},
    {"phases": ((np.array([1, 2]), 200.0),)}, {"phases": ((float("inf"), 200.0),)},
    {"electrodes": "48"}, {"electrodes": (48,)}, {"electrodes": None}, {"electrodes": (("48",),)},
    {"unit": ["uA"]}, {"unit": None}, {"due": float("nan")}, {"due": "now"}, {"due": 2**80},
    {"stop": float("inf")}, {"start": None}, {"stop": [1]}, {"meaning": 5}, {"number": "one"},
    {"number": None}, {"number": 0}, {"number": -1}, {"number": True}, {"number": 2**80},
]  # fmt: skip


@pytest.mark.parametrize("fields", MALFORMED, ids=lambda fields: next(iter(fields)))
def test_a_malformed_request_is_refused_with_the_field_and_the_next_is_fired(gate, fields):
    gate.request(**fields)
    (answer,) = gate.answers
    assert answer.state == "refused"
    assert next(iter(fields)) in answer.reason
    assert answer.number == (0 if "number" in fields else 1)
    gate.ask(2)
    gate.tick(40)
    assert gate.states[-1] == (2, "delivered")


def test_numbers_of_numpy_and_lists_are_as_good_as_those_of_python(gate):
    gate.request(
        number=np.int64(1), n_pulses=np.int32(4), rate_hz=np.float32(20), electrodes=["48"],
        phases=[[-10, 200], [np.float64(10), np.int16(200)]], due=np.int64(gate.at + 500),
    )  # fmt: skip
    gate.tick(40)
    assert gate.states == [(1, "intended"), (1, "delivered")]


def test_a_request_that_cannot_be_read_is_refused_under_its_number(gate):
    for values in ({"number": 7}, {"number": "x"}, {}):
        unreadable = Unreadable("an entry of Stimulus at sample 5: n_pulses", values)
        gate._keep(gate.actor.on_unreadable("result:stimuli", unreadable))
    assert gate.states == [(7, "refused"), (0, "refused"), (0, "refused")]
    assert gate.answers[0].reason == "an entry of Stimulus at sample 5: n_pulses"
    assert not list(gate.actor.on_unreadable("data", Unreadable("broken", {})))


phase = st.tuples(st.sampled_from([-20.0, -10.0, 0.0, 10.0, 20.0]), st.just(100.0))
event = st.one_of(
    st.tuples(st.just("tick"), st.integers(1, 30)),
    st.tuples(st.just("freeze"), st.floats(0, 3)),
    st.tuples(st.just("rush"), st.integers(1, 150)),
    st.tuples(st.just("phases"), st.integers(1, 6), st.lists(phase, max_size=6)),
    st.tuples(st.just("gap"), st.integers(1, 5000)),
    st.tuples(
        st.just("ask"),
        st.integers(1, 6),
        st.integers(-300, 900),
        st.integers(-1, 150),
        st.floats(0, 70),
        st.floats(-25, 25),
        st.sampled_from([("48",), ("38", "48"), ("15",), ()]),
        st.integers(0, 3000),
    ),
    st.tuples(st.just("row"), st.integers(1, 10), st.integers(50, 700), st.integers(0, 3)),
    st.tuples(st.just("silence"), st.floats(0, 2)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("fail"), st.booleans()),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(event, max_size=30))
@example([("row", 6, 501, 2), ("gap", 4601)])
def test_no_course_of_events_gets_anything_unsafe_to_the_instrument(course):
    gate = Gate()
    bench = gate.bench
    gate.tick(30)
    last_number, rushed = 10, 0
    for name, *values in course:
        match name:
            case "tick":
                gate.tick(values[0])
            case "gap":
                gate.tick(1, missing=values[0])
            case "freeze":
                bench.seconds += values[0]
            case "rush":
                gate.tick(values[0], took_s=RUSH_S)
                rushed += 100 * values[0]
            case "phases":
                last_number = max(last_number, values[0]) + 1
                gate.ask(last_number, n_pulses=40, rate_hz=30.0, phases=tuple(values[1]))
            case "ask":
                number, due_in, n_pulses, rate_hz, current, electrodes, age = values
                phases = ((current, 200.0), (-current, 200.0))
                gate.ask(number, due_in, n_pulses, rate_hz, phases, electrodes, age)
            case "row":
                n, apart, n_ticks = values
                for i in range(n):
                    last_number += 1
                    gate.ask(last_number, 500 + apart * i, n_pulses=1, rate_hz=50.0)
                    gate.tick(n_ticks)
            case "silence":
                gate.silence(values[0])
                assert not (values[0] > 0.2 and bench.is_running)
            case "restart":
                gate = gate.restart()
            case "fail":
                bench.fails = values[0]
    gate.tick(700)
    assert not bench.is_running
    assert {a.number for a in gate.answers} == {
        a.number for a in gate.answers if a.state != "intended"
    }
    for number in {a.number for a in gate.answers}:
        states = [a.state for a in gate.answers if a.number == number]
        repeated = [a for a in gate.answers if a.number == number and "before" in a.reason]
        assert len([s for s in states if s != "intended"]) == 1 + len(repeated)
    numbers = [stimulus.number for _, stimulus in bench.started]
    assert len(numbers) == len(set(numbers))
    bursts = Counter(stimulus.number for what, _, stimulus in bench.log if what != "stop")
    trains = [entry for entry in bench.log if entry[0] != "burst"]
    for (what, begin, stimulus), (then, end, following) in pairwise(trains):
        if what != "start":
            continue
        assert then == "stop" or following.has_pulses_of(stimulus)
        assert (
            gate.actor.limits.refusal(
                stimulus.electrodes, stimulus.phases, stimulus.rate_hz, stimulus.n_pulses
            )
            is None
        )
        assert begin >= stimulus.due
        assert begin - stimulus.stop <= 2000
        n = bursts[stimulus.number]
        lasts = n * (stimulus.n_pulses / stimulus.rate_hz * 10_000 + 100)
        # It stays set up for a train with the same pulses that waits, and a gap is noticed at its end.
        assert end - begin <= lasts + 100 + 2000 + 5000 + rushed
        assert (stimulus.number, "intended") in gate.states


@pytest.mark.parametrize(("away_s", "is_armed"), [(2, True), (9, True), (11, False)])
def test_an_arming_survives_a_reconnect_but_no_long_outage(gate, away_s, is_armed):
    gate.silence(away_s)
    gate.tick(missing=away_s * 10_000)
    gate.tick(3)
    gate.ask()
    gate.tick(10)
    assert bool(gate.bench.started) is is_armed
    assert gate.actor.problem.endswith("" if is_armed else "then `crepe arm`")
    assert bool(gate.actor.problem) is not is_armed
