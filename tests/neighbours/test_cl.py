"""Programs of the CL API on CREPE's simulated culture, and on a recording; with the CL SDK itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

cl = pytest.importorskip(
    "cl.sim", reason="needs Python 3.12 and cl-sdk 1.0, which is no dependency (CC BY-NC 4.0)"
)

from crepe.bridge.cl import CultureSource, source  # noqa: E402
from crepe.bridge.cl_frames import RATE_HZ, SCALE_UV, channel_of  # noqa: E402
from crepe.electrodes.layouts import MCS_60_LABELS  # noqa: E402
from crepe.messages import Segment, StreamInfo  # noqa: E402
from crepe.recording.mcs_layout import About  # noqa: E402
from crepe.recording.writer import RecordingWriter  # noqa: E402
from tests.document_files import ROOT, printed_files  # noqa: E402

GUIDE = os.environ.get("CL_API_DOC", "")
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
    """Run a program on the simulated culture in accelerated time; return its output and the refusals in its log."""
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
    return ended.stdout, [line for line in ended.stderr.splitlines() if " refused: " in line]


def test_an_unmodified_program_runs_and_each_run_is_the_same(tmp_path):
    first, refusals = run(PROGRAM, tmp_path)
    assert run(PROGRAM, tmp_path) == (first, refusals)
    n_spikes = int(first.rpartition("spikes ")[2].split()[0])
    assert n_spikes > 100
    assert refusals == []


def test_the_closed_loop_of_the_page_runs_as_it_is_printed(tmp_path):
    output, refusals = run(printed_files(PAGE)["answer.py"], tmp_path)
    (n_answers,) = re.findall(r"^(\d+) answers$", output, re.M)
    assert int(n_answers) > 0
    assert refusals == []


def test_a_program_that_stimulates_at_every_spike_gets_what_the_gate_lets_pass(tmp_path):
    output, refusals = run(printed_files(PAGE)["echo.py"], tmp_path)
    (n_requests,) = re.findall(r"^(\d+) requests$", output, re.M)
    assert 0 < len(refusals) < int(n_requests)


@pytest.mark.skipif(not GUIDE, reason="needs CL_API_DOC, where Cortical Labs' cl-api-doc is cloned")
def test_the_closed_loops_of_the_developer_guide_run_as_they_are(tmp_path):
    (notebook,) = Path(GUIDE).glob("CL-01. *.ipynb")
    cells = ["".join(cell["source"]) for cell in json.loads(notebook.read_text("utf-8"))["cells"]]
    programs = [cell for cell in cells if "neurons.loop(" in cell and "neurons.stim(" in cell]
    assert programs
    for program in programs:
        _, refusals = run(program, tmp_path)
        assert refusals  # it stimulates at every spike


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
