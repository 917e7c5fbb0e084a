"""A running CREPE as a data source of the CL SDK: frames, spikes, stims and their answers."""

import numpy as np
import pytest

cl = pytest.importorskip(
    "cl.sim", reason="needs Python 3.12 and cl-sdk 1.0, which is no dependency (CC BY-NC 4.0)"
)

from crepe.actors.actor import ActorContext  # noqa: E402
from crepe.actors.stimulate import Stimulate  # noqa: E402
from crepe.bridge.cl_frames import RATE_HZ, SCALE_UV, channel_of  # noqa: E402
from crepe.bridge.cl_live import ANSWERS, DATA, REQUESTS, SPIKES, LiveSource  # noqa: E402
from crepe.bridge.cl_requests import ClRequests  # noqa: E402
from crepe.electrodes.layouts import MCS_60_LABELS  # noqa: E402
from crepe.errors import StoreError  # noqa: E402
from crepe.hw.instrument import InProcess  # noqa: E402
from crepe.messages import Command, Delivered, Segment, Spikes, Stimulus, StreamInfo  # noqa: E402
from crepe.simulator.lockstep import Lockstep  # noqa: E402
from crepe.simulator.meame.settings import SimulatorSettings  # noqa: E402
from crepe.store import codec  # noqa: E402
from crepe.store.contract import Entry  # noqa: E402
from crepe.store.memory_store import Memory, MemoryStore  # noqa: E402


def stim(timestamp, channel, ua=1.0):
    phases = {"phase_durations_us": (160, 160), "phase_currents_uA": (-ua, ua)}
    return cl.DataSourceStim(timestamp, channel, **phases)


class Experiment:
    """The streams of a running experiment whose actors a test steps itself."""

    def __init__(self, rate_hz=10_000, *, has_requests=True):
        self.memory = Memory()
        self.writer = MemoryStore(self.memory, writer="experiment")
        info = StreamInfo(
            sampling_rate_hz=float(rate_hz), labels=MCS_60_LABELS, scale_uv=(SCALE_UV,),
            session="s", is_live=True, is_simulated=True, longest_samples=10_000,
        )  # fmt: skip
        self.info = info
        kinds = {DATA: "Segment", SPIKES: "Spikes", ANSWERS: "Delivered"}
        kinds |= {REQUESTS: "Stimulus"} if has_requests else {}
        for stream, kind in kinds.items():
            values = {name: getattr(info, name) for name in StreamInfo.__slots__}
            self.writer.declare(stream, StreamInfo(**{**values, "message": kind}))
        self.position = 0

    def append(self, stream, start, stop, *messages):
        payload = codec.pack(messages, start, stop)
        self.writer.append([(stream, Entry(start, stop, payload))])

    def acquire(self, samples, spikes=()):
        """Append samples (60, n_samples) and spikes (channel, sample) of the same window."""
        start, self.position = self.position, self.position + samples.shape[1]
        channel, sample = np.array(spikes, np.int64).reshape(-1, 2).T
        window = (start, self.position)
        self.append(DATA, *window, Segment(*window, samples))
        amplitude_uv = np.zeros(len(sample), np.float32)
        of_window = Spikes(*window, channel.astype(np.int32), sample, amplitude_uv)
        self.append(SPIKES, *window, of_window)

    def open(self):
        opened = LiveSource(lambda: MemoryStore(self.memory))
        opened.open()
        return opened

    def commands(self):
        entries = self.writer.wait({"input": "0-0"}, 0.0)
        return [m for _, e in entries for m in codec.unpack(Command, e.payload, 0, 0)]


def flat(value, n=100):
    return np.full((60, n), value, np.int32)


def begun(source_, experiment):
    """Read the first frame, which begins the session at the newest sample."""
    experiment.acquire(flat(7))
    source_._feed.begin()
    return source_


@pytest.mark.parametrize("rate_hz", [10_000, 25_000])
def test_a_running_crepe_is_read_from_its_newest_sample_on(rate_hz):
    experiment = Experiment(rate_hz)
    experiment.acquire(flat(5), [(0, 3)])
    live = begun(experiment.open(), experiment)
    experiment.acquire(flat(100), [(MCS_60_LABELS.index("47"), 240)])
    experiment.acquire(flat(100), [(MCS_60_LABELS.index("21"), 300)])
    batch = live.read(0, 125)
    assert batch.frames.shape == (125, 64)
    assert (batch.frames[50:100, channel_of("47")] == 100).all()
    assert not batch.frames[:, [0, 7, 56, 63]].any()
    expected = [(40 * RATE_HZ // rate_hz, channel_of("47"))]
    expected += [(100, channel_of("21"))] if rate_hz == RATE_HZ else []
    assert [(spike.timestamp, spike.channel) for spike in batch.spikes] == expected
    live.close()


def test_a_gap_of_a_running_crepe_is_0_and_in_the_log(caplog):
    experiment = Experiment(RATE_HZ)
    experiment.acquire(flat(5))
    live = begun(experiment.open(), experiment)
    experiment.position += 50
    experiment.acquire(flat(100))
    frames = live.read(0, 150).frames[:, channel_of("47")]
    assert frames.tolist() == [0] * 50 + [100] * 100
    assert "samples 200 to 250 are missing" in caplog.text
    assert "SIMULATED" in caplog.text
    live.close()


def test_no_experiment_is_an_error_that_says_so():
    with pytest.raises(StoreError, match="no experiment acquires 'data'"):
        LiveSource(MemoryStore).open()


def test_the_end_of_a_session_ends_the_frames():
    experiment = Experiment(RATE_HZ)
    experiment.acquire(flat(5))
    live = begun(experiment.open(), experiment)
    experiment.acquire(flat(5))
    stop = experiment.position
    experiment.writer.append([(s, Entry(stop, stop, is_end=True)) for s in (DATA, SPIKES)])
    live.read(0, 50)
    with pytest.raises(RuntimeError, match="closed before enough"):
        live.read(50, 100)
    live.close()


def test_without_the_requester_every_stim_is_refused_in_the_log(caplog):
    experiment = Experiment(has_requests=False)
    experiment.acquire(flat(5))
    live = begun(experiment.open(), experiment)
    live.on_stims([stim(10, 30)])
    assert experiment.commands() == []
    assert "1 pulses refused: no actor writes result:cl" in caplog.text
    live.close()


def test_stims_on_a_running_crepe_pass_its_gate_and_refusals_come_back(caplog):
    """The actors of config/cl.toml, stepped in lock-step around the streams."""
    experiment = Experiment(10_000)
    settings = SimulatorSettings(seed=3, n_cells=20, sampling_rate_hz=10_000)
    lockstep = Lockstep(settings)
    recorder = lockstep.open_recorder("", sampling_rate_hz=10_000, segment_samples=100)
    context = ActorContext(
        inputs={DATA: recorder.open(0), REQUESTS: experiment.info},
        monotonic_s=None,
        wall_ns=lambda: 0,
        open_stimulator=lockstep.open_stimulator,
        open_guard=InProcess,
        disarm=lambda: None,
    )
    stimulate, requests = Stimulate(device="meame://simulated"), ClRequests()
    stimulate.open(context)
    requests.open(context)
    answers = []

    def advance():
        segment = recorder.read(1.0)
        experiment.acquire(segment.samples)
        answers.extend(stimulate.step_from(DATA, segment))
        stimulate.on_position(REQUESTS, segment.stop)

    advance()
    live = experiment.open()
    live._feed.begin()
    for _ in range(3):
        advance()
    live.read(0, 500)
    live.on_stims([stim(500, 30), stim(500, 31), stim(700, 30, ua=1000.0)])
    assert [(c.name, c.sender) for c in experiment.commands()] == [("pulse", "cl")] * 2
    at = experiment.position
    for command in experiment.commands():
        stamped = Command(at, at + 1, command.name, command.value, command.sender)
        for message in requests.step(stamped):
            if isinstance(message, Stimulus):
                answers += stimulate.step_from(REQUESTS, message)
                assert message.stop == 100 + (200 if message.number == 1 else 280)
                assert message.electrodes == (("47", "48") if message.number == 1 else ("47",))
    for _ in range(5):
        advance()
    stimulate.close()
    assert [(a.number, str(a.state)) for a in answers] == [
        (1, "intended"), (2, "refused"), (1, "delivered"),
    ]  # fmt: skip
    assert all(isinstance(a, Delivered) and a.stream == REQUESTS for a in answers)
    experiment.append(ANSWERS, 0, experiment.position, *answers)
    live.close()  # at once: answers that are there are still read
    assert "stimulus 2 refused: " in caplog.text
    assert "stimulus 1" not in caplog.text
