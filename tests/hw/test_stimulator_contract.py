"""The contract of all stimulators: MEAME's on the wire and in lock-step, RHX's, and `none://`."""

import time
from collections import defaultdict
from functools import cache

import pytest
import urllib3

from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import DeviceError
from crepe.hw.device import open_recorder, open_stimulator
from crepe.hw.meame.registers import Register
from crepe.messages import Stimulus
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings
from crepe.testing import Pulse, StimulatorBench, stimulator_contract
from tests.running_rhx import LONG, RATE_HZ, TRAIN, running_rhx, running_service, wait_for

TICKS_PER_S = 50_000


class NoneBench(StimulatorBench):
    """`none://`, which has no outputs."""

    def open_stimulator(self, guard):
        return open_stimulator("none://", guard)

    def let_pass(self, seconds):
        pass

    def pulses(self):
        return []

    def is_connected(self):
        return False


class DspBench(StimulatorBench):
    """A simulated DSP, which sees its own pulses."""

    train = Stimulus(9, 10, 1, 10, ("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 50.0, 5)

    def __init__(self, open_stimulator, dsp):
        self.dsp = dsp
        self._open = open_stimulator
        self._n_before = len(dsp.shots)

    def open_stimulator(self, guard):
        return self._open("meame://simulator", guard)

    def is_connected(self):
        return any(self.dsp.read(Register.HW_ENABLE + 4 * i) for i in range(2))

    def leave_connected(self):
        self.dsp.write(Register.HW_ENABLE, 1)

    def pulses(self):
        return [
            Pulse(
                shot.tick / TICKS_PER_S,
                tuple(MCS_60_LABELS[i] for i in shot.electrodes),
                shot.phases,
            )
            for shot in list(self.dsp.shots)[self._n_before :]
        ]


class WireBench(DspBench):
    """Its DSP runs in real time; what is read of it first makes the simulator catch up."""

    def __init__(self, simulator):
        self._url = f"http://127.0.0.1:{simulator.http_port}/simulator/pulses?after=0"
        super().__init__(open_stimulator, simulator.instrument.dsp)

    def let_pass(self, seconds):
        until = self._now() + seconds * TICKS_PER_S
        while self._now() < until:
            time.sleep(0.01)

    def _now(self):
        return urllib3.request("GET", self._url, retries=False).json()["now"]


class LockstepBench(DspBench):
    def __init__(self):
        super().__init__(lockstep().open_stimulator, lockstep().instrument.dsp)

    def let_pass(self, seconds):
        self.dsp.advance(round(seconds * TICKS_PER_S))


class RhxBench(StimulatorBench):
    """A simulated RHX behind the program `rhx`; it runs where its recorder has begun a run."""

    train, long_train = TRAIN, LONG

    def __init__(self, rhx):
        self._controller = rhx.controller
        self._recorder = open_recorder("rhx://simulator?channels=A-000..A-031")

    def open_stimulator(self, guard):
        return open_stimulator("rhx://simulator", guard)

    def begin_run(self, stimulator):
        self._recorder.open(0)
        wait_for(lambda: stimulator.watch() is None)

    def let_pass(self, seconds):
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                self._recorder.read(min(left_s, 0.05))
            except DeviceError:  # a stop has ended the run
                time.sleep(left_s)

    def pulses(self):
        electrodes = defaultdict(list)
        for _, pulse in list(self._controller.pulses):
            electrodes[pulse.sample, pulse.phases].append(pulse.channel)
        return [
            Pulse(
                sample / RATE_HZ,
                tuple(channels),
                tuple((current_ua, 1e6 * n / RATE_HZ) for current_ua, n in phases),
            )
            for (sample, phases), channels in sorted(electrodes.items())
        ]

    def close(self):
        self._recorder.close()


@cache  # its culture takes long to make, and is not needed here
def lockstep():
    return Lockstep(SimulatorSettings())


@pytest.fixture(params=["meame on the wire", "meame in lock-step", "rhx", "none"])
def bench(request, tmp_path, monkeypatch):
    match request.param:
        case "meame on the wire":
            yield WireBench(request.getfixturevalue("simulator"))
        case "meame in lock-step":
            yield LockstepBench()
        case "rhx":
            monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
            with running_rhx() as rhx:
                rhx.click()
                with running_service():
                    bench = RhxBench(rhx)
                    yield bench
                    bench.close()
        case _:
            yield NoneBench()


@pytest.mark.parametrize("rule", stimulator_contract)
def test_the_contract(bench, rule):
    rule(bench)


@pytest.mark.parametrize("rule", stimulator_contract)
def test_every_rule_can_be_judged_where_outputs_can_be_seen(rule):
    assert rule(LockstepBench()) is None
