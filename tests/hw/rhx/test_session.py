"""The session as a state machine, on simulated time: whatever comes in whatever order.

The simulated RHX answers by direct calls, so that thousands of steps take a second.
"""

import socket

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crepe.errors import DeviceError
from crepe.hw.rhx import controller, link, session
from crepe.hw.rhx.commands import Reply, command, is_same, text_of
from crepe.hw.rhx.connection import ConnectionLostError, PortClosedError
from crepe.hw.rhx.link_state import LinkState
from crepe.hw.rhx.patterns import patterns_of
from crepe.simulator.rhx.instrument import SimulatedController
from crepe.simulator.rhx.interpreter import Interpreter
from crepe.simulator.rhx.settings import RhxSimulatorSettings
from tests.running_rhx import LONG, RATE_HZ, STEP_UA, TRAIN

TRAINS = (TRAIN, LONG)
CHANNELS = [["A-000", "A-001"], ["A-005"]]
SETTINGS = RhxSimulatorSettings(n_cells=1)
CONTROLLER = SimulatedController(SETTINGS, {"waveform": 1, "spike": 2})


class Clock:
    """Stands still unless a test or a sleep lets time pass."""

    def __init__(self):
        self.now_s = 1000.0

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


class Rhx:
    """RHX without sockets: the machine behind the interpreter, and what a client did wrong."""

    def __init__(self, clock):
        self.clock = clock
        self.is_listening = False
        self.is_lost = False
        self.run_mode = "Stop"
        self.drains = []
        self.wrong = []
        self.controller = CONTROLLER
        CONTROLLER.parameters.__init__(SETTINGS, {"waveform": 1, "spike": 2})
        CONTROLLER.hardware.__init__(RATE_HZ)
        CONTROLLER.pulses.clear()
        self.interpreter = Interpreter(CONTROLLER, self)

    def begin_run(self, mode):
        self.run_mode = mode
        CONTROLLER.begin(self.clock.now_s)

    def end_run(self):
        self.run_mode = "Stop"
        CONTROLLER.end(self.clock.now_s)

    def status(self, output):
        return "Disconnected"

    def connect(self, output):
        pass

    disconnect = connect

    def proof(self, challenge):
        return ""

    def sample(self):
        return None if self.run_mode == "Stop" else CONTROLLER.sample_at(self.clock.now_s)

    def take(self, data):
        """What a client sends, one command at a time; notes what must never be sent."""
        text = data.decode()
        if "upload" in text and self.run_mode != "Stop":
            self.wrong.append(f"in a run: {text}")
        if text == "set runmode stop;" and any(not drain.is_closed for drain in self.drains):
            self.wrong.append("stop before the data sockets were closed")
        if text.startswith("set ") and self.run_mode == "Run" and "runmode" not in text:
            self.wrong.append(f"in a run: {text}")
        return self.interpreter.handle(text)


class DirectPort:
    """A `CommandPort` by direct calls."""

    name, host = "RHX", "127.0.0.1"

    def __init__(self, rhx):
        if not rhx.is_listening:
            raise PortClosedError("click")
        rhx.is_listening = rhx.is_lost = False
        self._rhx = rhx
        self._left = ""
        self.type = self.get("type")

    def _send(self, data):
        if self._rhx.is_lost:
            raise ConnectionLostError("lost")
        self._left += self._rhx.take(data)

    def get(self, parameter, *, accepts=None):
        self._send(command("get", parameter))
        reply, self._left = Reply(parameter, self._left), ""
        if reply.errors or reply.value is None:
            raise DeviceError(reply.errors)
        return reply.value.strip()

    def set(self, parameter, value):
        self._send(command("set", parameter, text_of(value)))
        actual = self.get(parameter)
        if not is_same(actual, value):
            raise DeviceError(f"{parameter} reads {actual}")

    def execute(self, *action):
        self._send(command("execute", *action))

    def set_unread(self, parameter, value):
        self._send(command("set", parameter, value))

    def drop_reports(self):
        self._send(b"")
        self._left, left = "", self._left
        return left

    def close(self):
        self._rhx.is_lost = True


class Drain:
    """A drain that always gets data while RHX runs."""

    def __init__(self, rhx):
        self._rhx = rhx
        self.is_closed = False
        rhx.drains.append(self)

    @property
    def received_s(self):
        return self._rhx.clock.now_s

    def join(self, client):
        assert not self.is_closed

    def close(self):
        self.is_closed = True


class Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock()
        self.rhx = Rhx(self.clock)
        for module in (controller, link, session):
            self.patch.setattr(module, "time", self.clock)
        self.patch.setattr(link, "find_place", lambda *_: PLACE)
        self.patch.setattr(link, "CommandPort", lambda *_: DirectPort(self.rhx))
        self.patch.setattr(session, "Drain", lambda *_: Drain(self.rhx))
        self.patch.setattr(
            controller.Controller, "_connected", lambda *_: socket.socket(socket.AF_UNIX)
        )
        self.patch.setattr(controller.Controller, "connect_outputs", lambda *_: [])
        self.session = session.RhxSession(
            "host", None, patterns_of(TRAINS, STEP_UA, RATE_HZ), step_ua=STEP_UA, rate_hz=RATE_HZ
        )
        self.link = self.session._link
        self.n_pulses_allowed = 0
        self.last_ends_s = 0.0

    def teardown(self):
        self.patch.undo()

    @rule()
    def all_is_made_ready(self):
        """Most sequences by chance would never come as far as a train."""
        self.an_operator_clicks()
        self.an_operator_presses_stop()
        for _ in range(2):
            self.session.poll()
        self.session.watch(may_arm=True)
        self.the_recorder_begins(CHANNELS[0])
        self.clock.sleep(2.0)

    @rule()
    def an_operator_clicks(self):
        if self.link.controller is None or self.rhx.is_lost:
            self.rhx.is_listening = True

    @rule()
    def it_polls(self):
        before, is_ours = self.rhx.run_mode, self.link.state is LinkState.RUNNING
        self.session.poll()
        if not is_ours:
            assert self.rhx.run_mode == before  # neither started nor stopped unasked

    @rule()
    def the_connection_is_lost(self):
        self.rhx.is_lost = True

    @rule()
    def an_operator_presses_run(self):
        if self.rhx.run_mode == "Stop":
            self.rhx.begin_run("Run")

    @rule()
    def an_operator_presses_stop(self):
        if self.rhx.run_mode != "Stop":
            self.rhx.end_run()

    @rule(seconds=st.floats(0.001, 2.0))
    def time_passes(self, seconds):
        self.clock.sleep(seconds)

    @rule(channels=st.sampled_from(CHANNELS))
    def the_recorder_begins(self, channels):
        replies, n_runs = [], len(self.rhx.drains)
        try:
            self.session.begin(None, replies.append, channels=channels, sampling_rate_hz=RATE_HZ)
        except DeviceError:
            assert not replies
        else:
            assert replies
            assert self.link.state is LinkState.RUNNING
        if len(self.rhx.drains) > n_runs:  # a train of the run before has ended with it
            self.last_ends_s = 0.0

    @rule(may_arm=st.booleans())
    def the_stimulator_watches(self, may_arm):
        self.session.watch(may_arm=may_arm)

    @rule(train=st.sampled_from(TRAINS))
    def the_stimulator_triggers(self, train):
        fields = {name: getattr(train, name) for name in ("electrodes", "phases", "n_pulses")}
        may_pass = (
            self.link.state is LinkState.RUNNING
            and self.link.is_loaded
            and self.clock.now_s >= self.last_ends_s
        )
        try:
            answer = self.session.trigger(**fields, rate_hz=train.rate_hz)
        except DeviceError:
            assert may_pass
        else:
            assert ("refused" in answer) is not may_pass
            if may_pass:
                self.n_pulses_allowed += train.n_pulses * len(train.electrodes)
        if may_pass:
            lasts_s = (train.n_pulses - 1) / train.rate_hz
            self.last_ends_s = max(self.last_ends_s, self.clock.now_s + lasts_s + 0.0014)

    @rule()
    def the_stimulator_halts(self):
        is_busy = self.clock.now_s < self.last_ends_s
        doubts = self.session.halt()["doubts"]
        if is_busy and not doubts:
            self.is_stopped()

    @rule()
    def crepe_stop_stops(self):
        doubts = self.session.stop()["doubts"]
        assert doubts or not self.rhx.is_lost
        if not doubts:
            self.is_stopped()

    def is_stopped(self):
        assert self.rhx.run_mode == "Stop"
        assert all(drain.is_closed for drain in self.rhx.drains)
        assert not any(it.is_enabled for it in CONTROLLER.hardware._channels.values())
        assert self.link.state is LinkState.READY
        self.last_ends_s = 0.0

    @precondition(lambda self: self.link.state is LinkState.RUNNING and not self.rhx.is_lost)
    @rule()
    def loaded_patterns_are_there_and_nothing_else(self):
        enabled = {n for n, it in CONTROLLER.hardware._channels.items() if it.is_enabled}
        expected = {"A-010", "A-011", "A-020"} if self.link.is_loaded else set()
        assert enabled == expected

    @invariant()
    def nothing_was_sent_that_must_not_be(self):
        assert self.rhx.wrong == []

    @invariant()
    def no_pulse_reaches_an_electrode_that_was_not_triggered(self):
        if self.rhx.run_mode != "Stop":
            ready = CONTROLLER.hardware.until(CONTROLLER.sample_at(self.clock.now_s))
            CONTROLLER.pulses += [(0.0, pulse) for pulse in ready]
        assert len(CONTROLLER.pulses) <= self.n_pulses_allowed

    @invariant()
    def nothing_is_loaded_unless_it_may_be(self):
        if self.link.is_loaded:
            assert self.link.may_load
            assert self.link.state in (LinkState.RUNNING, LinkState.READY)


PLACE = type("Place", (), {"host": "host", "port": 5000, "nonce": ""})
Machine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSession = Machine.TestCase


def test_a_train_that_is_no_pattern_is_refused():
    with pytest.MonkeyPatch.context():
        machine = Machine()
        fields = {"electrodes": ["A-001"], "phases": TRAIN.phases, "rate_hz": 5.0, "n_pulses": 5}
        assert "none of the patterns" in machine.session.trigger(**fields)["refused"]
        machine.teardown()


def test_a_run_that_began_right_after_the_stop_to_arm_is_stopped_and_loaded():
    machine = Machine()
    try:
        machine.all_is_made_ready()
        machine.session.stop()
        machine.the_recorder_begins(CHANNELS[0])
        machine.link.may_load = True  # the recorder was faster than the stimulator
        assert "not loaded" in machine.session.watch(may_arm=False)["problem"]
        machine.session.watch(may_arm=True)
        machine.the_recorder_begins(CHANNELS[0])
        assert machine.session.watch(may_arm=True)["problem"] == ""
    finally:
        machine.teardown()
