"""Scripts, also those of the original, beside or above a whole experiment."""

import os
import signal
import socket
import subprocess
import sys

import numpy as np

from crepe.environment import session
from crepe.messages import Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.store import Store
from tests.legacy.rpyc_clients import SegmentIterator, connected
from tests.system.conftest import SMALL

WITH_A_FILE = """
import sys
from crepe import CREPE
from crepe.stream_service import StreamSegmentIterator
from crepe.utils import get_connection

with CREPE(path_to_file=sys.argv[1]) as crepe, get_connection("STREAM") as connection:
    segments = StreamSegmentIterator(_range=1000)
    while (found := segments.next_or_wait(connection, timeout=100)) is not False:
        print(*found.shape, found[1, 0])
crepe.shutdown()
"""

UNTIL_TOLD = """
import time
from crepe import CREPE

crepe = CREPE()
print("runs", flush=True)
time.sleep(1000)
"""


def script(stack, text, *arguments):
    command = [sys.executable, "-c", text, *arguments]
    return subprocess.Popen(
        command, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_recording_is_the_instrument_of_a_script(stack, tmp_path):
    path = tmp_path / "made.h5"
    info = StreamInfo(sampling_rate_hz=10_000.0, labels=("1", "2"), dtype="int32")
    writer = RecordingWriter(path, About("made"), {"data": info})
    samples = np.arange(6000, dtype=np.int32).reshape(2, 3000)
    writer.append("data", Segment(0, 3000, samples))
    writer.end()
    running = script(stack, WITH_A_FILE, str(path))
    output, wrong = running.communicate()
    assert running.returncode == 0, wrong
    assert output.split() == "2 1000 3000 2 1000 4000 2 1000 5000".split()
    assert stack.pids() == []
    assert session.current().state == session.ENDED


def test_a_script_that_is_told_to_stop_stops_all_it_has_started(stack):
    with script(stack, UNTIL_TOLD) as running:
        assert running.stdout.readline() == "runs\n", running.stderr.read()
        assert {row["state"] for row in stack.rows().values()} == {"running"}
        with script(stack, UNTIL_TOLD) as again:
            assert "programs run already" in again.stderr.read()
        running.send_signal(signal.SIGTERM)
    assert running.returncode != 0
    assert stack.pids() == []
    assert session.current().state == session.ENDED


def test_a_script_of_the_original_reads_by_rpyc_what_redis_has_across_a_kill(stack, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "with-rpyc.toml"
    path.write_text(f"{SMALL}\n[rpyc]\nport = {port}\n", encoding="utf-8")
    stack.crepe("up", str(path), "--new")
    segments, parts = SegmentIterator(1000), []
    for _ in range(2):
        with connected(port) as connection:
            parts += [segments.next_or_wait(connection, 0.01) for _ in range(3)]
        pid = stack.rows()["rpyc"]["pid"]
        os.kill(pid, signal.SIGKILL)
        stack.wait(lambda pid=pid: stack.rows()["rpyc"]["pid"] not in (0, pid))
    with Store() as store:
        # At the live end a part is what has come so far.
        np.testing.assert_array_equal(np.hstack(parts), store["data"][:, 0 : segments.index])
    assert segments.index >= 6 * 100  # the samples of a segment
    stack.crepe("down")
