"""What MNE-LSL receives of an `LslOutlet`: 20 s of 60 channels at 10 kHz, and a running CREPE."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from crepe.electrodes.layouts import grid_labels
from crepe.store import Store
from tests.bridge.lsl_sender import RATE_HZ, SCALE_UV
from tests.hw.lsl.outlet import CONFIG, counting
from tests.system.conftest import SMALL, running_stack

pytestmark = pytest.mark.timeout(600)  # seconds; as all tests of a stack
ROOT = Path(__file__).parents[2]
N_CHANNELS, SECONDS = 60, 20
N_SAMPLES = SECONDS * RATE_HZ
VOLT = 107  # FIFF_UNIT_V
TABLE = """
[actors.lsl]
run = "crepe.bridge.lsl_outlet:LslOutlet"
reads = ["data"]
prefix = "%s"
"""
"""A single outlet: with several on loopback alone, liblsl up to 1.18 does not find all again."""
N_RECEIVED = 2000


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """A prefix for names of streams; each liblsl, here and in senders, sees loopback only."""
    (tmp_path / "lsl_api.cfg").write_text(CONFIG % f"crepe-{os.getpid()}")
    monkeypatch.setenv("LSLAPICFG", str(tmp_path / "lsl_api.cfg"))
    return f"n{time.monotonic_ns()}"


@pytest.fixture
def stream(prefix):
    """A connected `StreamLSL`."""
    sender = subprocess.Popen(
        [sys.executable, "-m", "tests.bridge.lsl_sender", prefix, str(N_CHANNELS), str(SECONDS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    from mne_lsl.stream import StreamLSL  # reads the variable

    stream = StreamLSL(bufsize=SECONDS + 2, name=f"{prefix}:data")
    try:
        stream.connect(acquisition_delay=0.02, timeout=30)
        yield stream
        stream.disconnect()
    finally:
        sender.kill()
        sender.communicate()


def test_nothing_is_lost_or_doubled_and_labels_and_units_are_right(stream):
    assert stream.info["ch_names"] == list(grid_labels(N_CHANNELS))
    assert stream.info["sfreq"] == RATE_HZ
    assert {(int(unit), int(power)) for unit, power in stream.get_channel_units()} == {(VOLT, -6)}
    samples, stamps = stream.get_data()
    while np.count_nonzero(stamps) < N_SAMPLES:
        time.sleep(0.1)  # polls another process
        samples, stamps = stream.get_data()
    assert np.count_nonzero(stamps) == N_SAMPLES
    samples, stamps = samples[:, -N_SAMPLES:], stamps[-N_SAMPLES:]
    expected_uv = counting(0, N_SAMPLES, N_CHANNELS) * SCALE_UV
    np.testing.assert_array_equal(samples, expected_uv)
    np.testing.assert_allclose(np.diff(stamps), 1 / RATE_HZ, atol=1e-6)


@pytest.fixture
def stack(tmp_path, monkeypatch, prefix):
    """The smallest experiment, and the actor."""
    (tmp_path / "small.toml").write_text(SMALL + TABLE % prefix)
    with running_stack(tmp_path / "run") as stack:
        monkeypatch.setenv("CREPE_VAR", str(stack.var))
        stack.crepe("up", str(tmp_path / "small.toml"))
        yield stack


class Receiver:
    """An inlet of MNE-LSL, and all that it has received."""

    def __init__(self, stack, name: str) -> None:
        from mne_lsl.lsl import StreamInlet, resolve_streams

        self.info = stack.wait(lambda: next(iter(resolve_streams(name=name)), None))
        self._inlet = StreamInlet(self.info)
        self._inlet.open_stream(30)
        self.description = self._inlet.get_sinfo(30)
        self.samples = np.empty((0, self.info.n_channels), np.float32)
        self.stamps_s = np.empty(0)

    def parts(self) -> list[np.ndarray]:
        """What came until now, split at jumps of the time stamps, each (n_samples, n_channels)."""
        samples, stamps_s = self._inlet.pull_chunk(timeout=0.2)
        if len(stamps_s):
            self.samples = np.concatenate([self.samples, samples])
            self.stamps_s = np.append(self.stamps_s, stamps_s)
        jumps = np.diff(self.stamps_s) * self.info.sfreq > 1.5
        return np.split(self.samples, np.flatnonzero(jumps) + 1)


def test_a_running_crepe_sends_what_it_records_and_is_known_again_after_a_restart(stack, prefix):
    receiver = Receiver(stack, f"{prefix}:data")
    store = Store()
    info = store["data"].info
    assert receiver.description.get_channel_names() == list(info.labels)
    assert "SIMULATED" in receiver.description.as_xml

    def has(n_parts: int) -> bool:
        parts = receiver.parts()
        return len(parts) == n_parts and len(parts[-1]) > N_RECEIVED

    stack.wait(lambda: has(1))
    pid = stack.rows()["lsl"]["pid"]
    os.kill(pid, signal.SIGKILL)
    stack.wait(lambda: has(2))  # in the same inlet, which seeks the `source_id`
    assert stack.rows()["lsl"]["pid"] != pid

    recorded = store["data"].read(store["data"].first, len(store["data"])).T
    parts, starts = receiver.parts(), []
    for part in parts:
        counts = np.round(part[:N_RECEIVED] / info.scale_uv[0])
        (start,) = np.flatnonzero((recorded == counts[0]).all(1))
        np.testing.assert_array_equal(counts, recorded[start : start + N_RECEIVED])
        starts.append(start)
    step_s = receiver.stamps_s[len(parts[0])] - receiver.stamps_s[0]
    assert step_s == pytest.approx((starts[1] - starts[0]) / info.sampling_rate_hz, abs=0.05)
