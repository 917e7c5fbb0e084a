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
        self.clients = []
        rhx.drains.append(self)

    @property
    def received_s(self):
        return self._rhx.clock.now_s

    def join(self, client):
        assert not self.is_closed
        self.clients.append(client)

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
            assert self.rhx.run_mode == "Run"
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


@pytest.fixture
def machine():
    machine = Machine()
    yield machine
    machine.teardown()


def fields_of(train):
    names = ("electrodes", "phases", "rate_hz", "n_pulses")
    return {name: getattr(train, name) for name in names}


def begin(machine, channels=("A-000", "A-001"), rate_hz=RATE_HZ):
    replies = []
    machine.session.begin(None, replies.append, channels=channels, sampling_rate_hz=rate_hz)
    (reply,) = replies
    return reply


def test_an_experiment_that_only_records_has_no_patterns(machine):
    watched = session.RhxSession("host", None).watch(may_arm=True)
    assert (watched["patterns"], watched["step_ua"], watched["sampling_rate_hz"]) == ([], 0.0, 0.0)


def test_a_click_is_noticed_by_the_next_look(machine):
    machine.session.poll()
    assert not machine.session.is_connected
    machine.an_operator_clicks()
    machine.session.poll()
    assert machine.session.is_connected
    assert machine.session.watch()["is_connected"]


def test_the_recorder_learns_what_it_records(machine):
    machine.an_operator_clicks()
    machine.session.poll()
    reply = begin(machine)
    assert machine.rhx.run_mode == "Run"
    assert reply["source"] == f"{machine.link.name} ControllerStimRecord 3.4.0"
    assert reply["is_simulated"] == machine.link.controller.identity.is_demo
    assert reply["identity"].startswith(machine.link.controller.identity.type)
    machine.link.is_proven = True
    reply = begin(machine)
    assert (reply["is_simulated"], reply["identity"]) == (True, "")


def test_the_same_channels_join_a_run_and_others_begin_another(machine):
    machine.an_operator_clicks()
    machine.session.poll()
    for channels, n_runs in ((("A-000",), 1), (("A-000",), 1), (("A-001",), 2)):
        begin(machine, channels)
        assert len(machine.rhx.drains) == n_runs
    assert [drain.is_closed for drain in machine.rhx.drains] == [True, False]
    assert [len(drain.clients) for drain in machine.rhx.drains] == [2, 1]


@pytest.mark.parametrize("seconds", [0.0, 0.1, 5.0])
def test_rhx_rests_for_a_quarter_of_a_second_between_runs(machine, seconds):
    machine.all_is_made_ready()
    machine.session.stop()
    stopped_s = machine.clock.now_s
    machine.clock.sleep(seconds)
    begin(machine)
    starts_s = 0.1  # until the run is read back
    assert machine.clock.now_s - stopped_s == pytest.approx(max(0.25, seconds) + starts_s)


@pytest.mark.parametrize(
    ("channels", "rate_hz", "reason"),
    [
        (("A-000",), RATE_HZ + 1, "the device asks for .*; RHX has one rate from its start"),
        (("A-000", "X-1"), RATE_HZ, "no channel X-1; it has "),
    ],
)
def test_a_run_that_cannot_be_is_refused(machine, channels, rate_hz, reason):
    machine.an_operator_clicks()
    machine.session.poll()
    with pytest.raises(DeviceError, match=reason):
        begin(machine, channels, rate_hz)
    assert machine.rhx.run_mode == "Stop"


def test_without_a_connection_no_run_begins(machine):
    with pytest.raises(DeviceError, match="click"):
        begin(machine)


def test_a_run_of_another_user_is_neither_joined_nor_stopped(machine):
    machine.an_operator_clicks()
    machine.session.poll()
    machine.an_operator_presses_run()
    with pytest.raises(DeviceError):
        begin(machine)
    assert machine.rhx.run_mode == "Run"
    assert machine.rhx.drains == []


def test_data_that_are_older_than_a_fifth_of_a_second_allow_no_trigger(machine, monkeypatch):
    machine.all_is_made_ready()
    received_s = machine.clock.now_s
    monkeypatch.setattr(Drain, "received_s", received_s)
    for seconds, problem in ((0.19, ""), (0.02, "rhx://host: no data for more than 0.2 s")):
        machine.clock.sleep(seconds)
        assert (
            machine.session.watch()["problem"].replace(machine.link.name, "rhx://host") == problem
        )
    assert "no data" in machine.session.trigger(**fields_of(TRAIN))["refused"]
    machine.link.drain = None
    assert "no data" in machine.session.watch()["problem"]


def test_a_train_waits_for_the_one_before(machine):
    machine.all_is_made_ready()
    assert machine.session.trigger(**fields_of(TRAIN)) == {}
    lasts_s = machine.session._patterns[0].lasts_s
    machine.clock.sleep(lasts_s - 0.01)
    refused = machine.session.trigger(**fields_of(TRAIN))["refused"]
    assert refused == "the train before ends in 10 ms"
    machine.clock.sleep(0.0101)
    assert machine.session.trigger(**fields_of(TRAIN)) == {}


def test_between_trains_nothing_needs_a_stop(machine):
    machine.all_is_made_ready()
    assert machine.session.halt() == {"doubts": [], "name": machine.link.name}
    assert machine.rhx.run_mode == "Run"
    machine.session.trigger(**fields_of(LONG))
    assert machine.session.halt()["doubts"] == []
    assert machine.rhx.run_mode == "Stop"
    begin(machine)  # the stop has ended the train, too
    assert machine.session.trigger(**fields_of(TRAIN))["refused"] != ""
    machine.the_connection_is_lost()
    machine.clock.sleep(60.0)
    machine.session.poll()
    assert machine.session.halt()["doubts"] == [machine.link.problem]


def test_a_connection_that_is_lost_in_a_run_is_lost_to_everybody(machine):
    machine.all_is_made_ready()
    machine.the_connection_is_lost()
    with pytest.raises(ConnectionLostError):
        machine.session.trigger(**fields_of(TRAIN))
    assert not machine.session.is_connected
    assert machine.session.watch()["problem"]


def test_a_port_that_closes_in_a_run_ends_its_drain_and_no_later_one(machine):
    machine.all_is_made_ready()
    machine.session._on_data_end("data port: closed by RHX")
    assert machine.link.drain is not None  # it is of the next run already
    machine.link.drain.close()
    for _ in range(2):
        machine.session._on_data_end("data port: closed by RHX")
        assert machine.link.drain is None


def test_only_a_stimulator_that_may_arm_has_patterns_loaded(machine):
    machine.an_operator_clicks()
    machine.session.poll()
    machine.session.watch()
    assert not machine.link.may_load
    machine.session.watch(may_arm=True)
    assert machine.link.may_load


def test_what_is_in_doubt_is_stopped_although_no_train_is_under_way(machine):
    machine.all_is_made_ready()
    machine.link.doubt("a doubt")
    assert machine.session.halt()["doubts"] == []
    assert machine.rhx.run_mode == "Stop"


def test_a_stop_ends_the_wait_for_the_train_before(machine):
    machine.all_is_made_ready()
    machine.session.trigger(**fields_of(LONG))
    machine.session.stop()
    machine.session.watch(may_arm=True)
    begin(machine)
    assert machine.session.trigger(**fields_of(TRAIN)) == {}


def test_the_end_stops_what_runs_and_disconnects(machine):
    machine.all_is_made_ready()
    machine.session.trigger(**fields_of(LONG))
    machine.session.end()
    assert machine.rhx.run_mode == "Stop"
    assert machine.rhx.is_lost
