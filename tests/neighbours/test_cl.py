"""The CL SDK itself with CREPE's culture, a running CREPE and a recording; its analysis with ours."""

import os
import re
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

cl = pytest.importorskip(
    "cl.sim", reason="needs Python 3.12 and cl-sdk 1.0, which is no dependency (CC BY-NC 4.0)"
)

from crepe.actors.actor import ActorContext  # noqa: E402
from crepe.actors.stimulate import Stimulate  # noqa: E402
from crepe.analysis.bursts import max_interval, network_bursts  # noqa: E402
from crepe.analysis.rates import (  # noqa: E402
    counts_in,
    cv,
    fano_factor,
    intervals_s,
    mean_rate_hz,
    psth_hz,
)
from crepe.analysis.synchrony import sttc  # noqa: E402
from crepe.bridge.cl import CultureSource, source  # noqa: E402
from crepe.bridge.cl_frames import RATE_HZ, SCALE_UV, channel_of  # noqa: E402
from crepe.bridge.cl_live import ANSWERS, DATA, REQUESTS, SPIKES, LiveSource  # noqa: E402
from crepe.bridge.cl_requests import ClRequests  # noqa: E402
from crepe.electrodes.layouts import MCS_60_LABELS  # noqa: E402
from crepe.errors import StoreError  # noqa: E402
from crepe.hw.instrument import InProcess  # noqa: E402
from crepe.messages import Command, Delivered, Segment, Spikes, Stimulus, StreamInfo  # noqa: E402
from crepe.recording.mcs_layout import About  # noqa: E402
from crepe.recording.writer import RecordingWriter  # noqa: E402
from crepe.simulator.lockstep import Lockstep  # noqa: E402
from crepe.simulator.meame.settings import SimulatorSettings  # noqa: E402
from crepe.store import codec  # noqa: E402
from crepe.store.contract import Entry  # noqa: E402
from crepe.store.memory_store import Memory, MemoryStore  # noqa: E402

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "cl-programs.md"
PROGRAM = """
import cl
with cl.open() as neurons:
    n_spikes = 0
    for tick in neurons.loop(ticks_per_second=100, stop_after_seconds=2):
        n_spikes += len(tick.analysis.spikes)
        if tick.iteration % 50 == 10:
            neurons.stim(35, 1.0)
    print("spikes", n_spikes)
"""


def stim(timestamp, channel, ua=1.0):
    phases = {"phase_durations_us": (160, 160), "phase_currents_uA": (-ua, ua)}
    return cl.DataSourceStim(timestamp, channel, **phases)


def states(opened):
    return [(d.number, str(d.state)) for d in opened.delivered]


@pytest.fixture
def culture():
    opened = source(seed=3, n_cells=50)
    opened.open()
    yield opened
    opened.close()


def test_any_reads_give_the_same_frames(culture):
    again = source(seed=3, n_cells=50)
    again.open()
    whole = again.read(0, 2000).frames
    parts = [culture.read(at, n).frames for at, n in ((0, 1), (1, 999), (1000, 1000))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.shape == (2000, 64)
    assert np.abs(whole[:, 9]).max() * SCALE_UV > 5
    again.close()


def test_a_pulse_passes_the_gate_and_a_larger_one_is_refused(culture, caplog):
    culture.read(0, 500)
    culture.on_stims([stim(500, 35)])
    culture.read(500, 1000)
    culture.on_stims([stim(1500, 36, ua=1000.0), stim(1500, 0)])
    culture.read(1500, 500)
    assert states(culture)[:3] == [(1, "intended"), (1, "delivered"), (2, "refused")]
    assert states(culture)[3:] == [(3, "refused")]
    assert culture.delivered[1].fired - 500 < 0.005 * RATE_HZ
    assert "limit" in caplog.text


def run(program, directory):
    """Run a program on the simulated culture in accelerated time; return its output and its log."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CL_SDK_ACCELERATED_TIME": "1",
        "CL_SDK_VISUALISATION": "0",
        "CL_SDK_DATA_SOURCE": f"{CultureSource.__module__}:source",
        "CL_SDK_DATA_SOURCE_CONFIG": '{"seed": 3}',
    }
    (directory / "program.py").write_text(program)
    command = [sys.executable, "program.py"]
    for _ in range(4):
        ended = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, check=False
        )
        if "Timeout waiting for timestamp" not in ended.stderr:  # of the SDK, on a busy machine
            break
    assert ended.returncode == 0, ended.stderr
    assert "refused" not in ended.stderr
    return ended.stdout


def test_an_unmodified_program_runs_and_each_run_is_the_same(tmp_path):
    first, second = run(PROGRAM, tmp_path), run(PROGRAM, tmp_path)
    assert first == second
    n_spikes = int(first.rpartition("spikes ")[2].split()[0])
    assert n_spikes > 100


def test_the_closed_loop_of_the_page_runs_as_it_is_printed(tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (n_answers,) = re.findall(r"^(\d+) answers$", run(program, tmp_path), re.M)
    assert int(n_answers) > 0


@pytest.mark.parametrize("rate_hz", [25_000, 10_000])
def test_a_recording_is_read_at_the_rate_of_cl(tmp_path, rate_hz):
    info = StreamInfo(
        sampling_rate_hz=rate_hz, labels=MCS_60_LABELS, dtype="int16", scale_uv=(SCALE_UV,),
        longest_samples=rate_hz, session="s",
    )  # fmt: skip
    about = About("s", 0, "", {}, is_simulated=True, origin_t_ns=1)
    writer = RecordingWriter(tmp_path / "s.h5", about, {"data": info})
    tone = 1000 * np.sin(2 * np.pi * 200 * np.arange(rate_hz) / rate_hz)
    counts = np.tile(np.round(tone).astype(np.int16), (60, 1))
    writer.append("data", Segment(0, rate_hz, counts))
    writer.end()
    recording = source(session=str(tmp_path / "s.h5"))
    assert recording.metadata.duration_frames == RATE_HZ
    recording.open()
    parts = [recording.read(at, 2500).frames for at in range(0, RATE_HZ, 2500)]
    recording.close()
    frames = np.concatenate(parts)[2500:-2500, channel_of("47")]
    expected = 1000 * np.sin(2 * np.pi * 200 * np.arange(2500, RATE_HZ - 2500) / RATE_HZ)
    np.testing.assert_allclose(frames, expected, atol=3)


# A running CREPE: the streams of an experiment, in memory


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
    experiment.acquire(flat(5))
    live.read(500, 1000)  # frames behind the answers
    live.close()
    assert "stimulus 2 refused: " in caplog.text
    assert "stimulus 1" not in caplog.text


# Our statistics and those of cl.analysis, of the same spikes

DURATION_S = 60
BURSTS_S = tuple(float(at) for at in range(5, 60, 10))
"""Beginnings of the true network bursts, each 0.2 s long."""


@pytest.fixture(scope="module")
def trains():
    """Frames of spikes by channel of CL: tonic at 1 Hz, and six bursts of all electrodes."""
    rng = np.random.default_rng(5)
    frames = {}
    for label in MCS_60_LABELS:
        tonic_s = rng.uniform(0, DURATION_S, rng.poisson(DURATION_S))
        in_bursts_s = [at + rng.uniform(0, 0.2, 12) for at in BURSTS_S]
        times_s = np.concatenate([tonic_s, *in_bursts_s])
        frames[channel_of(label)] = np.unique((times_s * RATE_HZ).astype(np.int64))
    return frames


@pytest.fixture(scope="module")
def view(trains, tmp_path_factory):
    """The same spikes as a recording that `cl.RecordingView` reads."""
    import tables
    from cl import RecordingView

    path = tmp_path_factory.mktemp("cl") / "spikes.h5"
    rows = [(frame, channel) for channel, of in trains.items() for frame in of.tolist()]
    spikes = np.array(sorted(rows), [("timestamp", "i8"), ("channel", "u1")])
    with tables.open_file(str(path), "w") as file:
        file.create_table("/", "spikes", spikes)
        attributes = {
            "channel_count": 64, "sampling_frequency": RATE_HZ, "frames_per_second": RATE_HZ,
            "uV_per_sample_unit": SCALE_UV, "duration_frames": DURATION_S * RATE_HZ,
            "duration_seconds": float(DURATION_S), "start_timestamp": 0,
            "end_timestamp": DURATION_S * RATE_HZ,
        }  # fmt: skip
        for name, value in attributes.items():
            file.root._v_attrs[name] = value
    with RecordingView(str(path)) as opened:
        yield opened


def test_rates_counts_and_intervals_are_those_of_cl_analysis(trains, view):
    theirs = view.analyse_firing_stats(bin_size_sec=1.0)
    for channel, frames in trains.items():
        times_s = frames / RATE_HZ
        counts = counts_in(times_s, 1.0, DURATION_S)
        np.testing.assert_array_equal(theirs.firing_counts[channel], counts)
        mean, variance = (
            of[channel]
            for of in (theirs.channel_mean_firing_rates, theirs.channel_var_firing_rates)
        )
        assert mean_rate_hz(times_s, DURATION_S) == pytest.approx(mean)
        assert fano_factor(counts) == pytest.approx(variance / mean)
        np.testing.assert_allclose(intervals_s(times_s), theirs.channel_ISI[channel])
        ratio = np.sqrt(theirs.channel_ISI_var[channel]) / theirs.channel_ISI_mean[channel]
        assert cv(times_s) == pytest.approx(ratio)


def test_spike_triggered_histograms_are_those_of_cl_analysis(trains, view):
    theirs = view.analyse_spike_triggered_histogram(
        bin_size_sec=0.0101, start_sec=0.0505, end_sec=0.0505, num_channels=4
    )
    assert len(theirs.histograms) == 12
    for (trigger, channel), histogram in theirs.histograms.items():
        times_s, events_s = trains[channel] / RATE_HZ, trains[trigger] / RATE_HZ
        rates_hz = psth_hz(times_s, events_s, 0.0505, 0.0505, 0.0101)
        counts = rates_hz * len(events_s) * 0.0101
        # Edges are computed differently, so a spike on one may be in either bin.
        assert np.abs(np.cumsum(counts) - np.cumsum(histogram[: len(counts)])).max() <= 1


def test_both_detect_the_true_network_bursts_with_other_edges(trains, view):
    theirs = view.analyse_network_bursts(0.05, onset_freq_hz=15, offset_freq_hz=8)
    times_s = [frames / RATE_HZ for frames in trains.values()]
    ours = network_bursts(times_s, [max_interval(each) for each in times_s], DURATION_S)
    begins_s = [burst.start_frame / RATE_HZ for burst in theirs.bursts]
    np.testing.assert_allclose([begin_s for begin_s, _ in ours], BURSTS_S, atol=0.1)
    np.testing.assert_allclose(begins_s, BURSTS_S, atol=0.05)
    # MaxInterval extends a burst by spikes up to 0.3 s away; theirs ends with a bin.
    assert all(0.15 < end_s - begin_s < 0.7 for begin_s, end_s in ours)
    assert all(0.2 <= d <= 0.25 for d in theirs.network_burst_durations_sec)


def test_pearson_links_and_sttc_order_pairs_alike_where_bursts_are_shared(trains, view):
    theirs = view.analyse_functional_connectivity(0.1, correlation_threshold=0.0)
    few = [channel_of(label) for label in ("47", "48", "21", "87", "55")]
    rng = np.random.default_rng(1)
    for one, other in permutations(few, 2):
        shared = sttc(trains[one] / RATE_HZ, trains[other] / RATE_HZ, DURATION_S)
        alone = rng.permutation(np.diff(trains[other], prepend=0)).cumsum() / RATE_HZ
        shuffled = sttc(trains[one] / RATE_HZ, alone, DURATION_S)
        assert theirs.adjacency_matrix[one, other] > 0.5
        assert shared > 0.3
        assert shuffled < shared / 2
