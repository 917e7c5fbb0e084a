"""A recording outlives its recorder: lives that end by SIGKILL, and parts that are set aside."""

import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from crepe.errors import DeviceError
from crepe.messages import Delivered, Stimulus, StreamInfo
from crepe.recording.file import mark_ended
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter

# Each life of the writer is a process of its own, forked here, and goes on where the file ends.
LIVES = """
import os, random, signal, sys, traceback
from pathlib import Path
import h5py
import numpy as np
from crepe.recording.reader import Recording
from crepe.recording.samples import chunk_samples
from crepe.recording.writer import RecordingWriter
from crepe.recording.mcs_layout import About
from crepe.messages import Segment, Spikes, StreamInfo

RATE_HZ = 2000
INFO = StreamInfo(labels=("a", "b", "c"), sampling_rate_hz=RATE_HZ, longest_samples=1000)
INFOS = {"data": INFO, "data:spikes": StreamInfo("Spikes", RATE_HZ, ("a", "b", "c"))}

def samples(start, stop):
    index = np.arange(start, stop)
    return np.stack([(index * k * 7919) % 1009 for k in (1, 2, 3)]).astype(np.int32)

def spikes(start, stop):
    index = np.arange(start, stop, 7)
    return Spikes(start, stop, (index % 3).astype("i4"), index, np.ones(len(index), "f4"))

def write(path, length, n_segments):
    "From where the file ends, with a flush each second; closed in good order if it is not killed."
    writer = RecordingWriter(path, About("s"), INFOS)
    at = min(writer.positions.values())
    flushed = at
    for start in range(at, at + n_segments * length, length):
        if start - flushed >= RATE_HZ:
            writer.commit()
            flushed = start
        if start >= writer.positions["data"]:
            writer.append("data", Segment(start, start + length, samples(start, start + length)))
        if start >= writer.positions["data:spikes"]:
            writer.append("data:spikes", spikes(start, start + length))
    return writer

def kill_me():
    os.kill(os.getpid(), signal.SIGKILL)

def life(run):
    "Whether a process that runs it was killed."
    pid = os.fork()
    if pid == 0:
        try:
            run()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0

def check(path, at_least):
    "All that is in the file is as it was written; returns how far it is."
    with Recording(path) as recording:
        last = recording.last("data")
        assert last >= at_least, (last, at_least)
        assert recording.gaps("data") == recording.gaps("data:spikes") == []
        for message in recording.messages("data", 0, last):
            assert np.array_equal(message.samples, samples(message.start, message.stop)), message
        for message in recording.messages("data:spikes", 0, last):
            assert np.array_equal(message.sample, spikes(message.start, message.stop).sample)
        assert not any(path.parent.glob("*damaged*"))
        return last
"""

KILLED_WITHIN_A_SECOND = """
length, directory, n_seeds = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
for seed in range(n_seeds):
    chance, path, last = random.Random(seed), directory / f"{seed}.h5", 0
    n_first = chance.randint(RATE_HZ // length, 5 * RATE_HZ // length)
    for n_segments in (n_first, *(chance.randint(1, RATE_HZ // length) for _ in range(4))):
        assert life(lambda: (write(path, length, n_segments), kill_me())), (seed, n_segments)
        with h5py.File(path, "r", locking=False) as file:  # as other programs see it
            matrix = file["Data/Recording_0/AnalogStream/Stream_0/ChannelData"][()]
            assert np.array_equal(matrix, samples(0, matrix.shape[1])), (seed, n_segments)
        last = check(path, last)
"""


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", LIVES + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("segment_samples", [32, 40, 100, 500])  # the chunk has 256
def test_a_writer_that_is_killed_in_the_first_second_of_each_life_damages_nothing(
    tmp_path: Path, segment_samples: int
) -> None:
    run(KILLED_WITHIN_A_SECOND, segment_samples, tmp_path, 3)  # tests/long tries 10 seeds


def test_a_recording_that_cannot_be_marked_as_ended_says_so(tmp_path):
    mark_ended(tmp_path / "none.h5")
    (tmp_path / "s.h5").write_bytes(b"no HDF5")
    with pytest.raises(DeviceError, match=r"s\.h5: cannot be marked as ended"):
        mark_ended(tmp_path / "s.h5")


def test_equal_trains_are_kept_in_memory_once_however_many_are_requested(tmp_path):
    """A game of days requests tens of thousands, of a few kinds."""
    info = {
        name: StreamInfo(name, 1000.0, longest_samples=100) for name in ("Stimulus", "Delivered")
    }
    writer = RecordingWriter(tmp_path / "s.h5", About("s"), info)
    for number in range(1, 31):
        electrodes = ["47"] if number % 3 else ["48"]  # not hashable
        train = Stimulus(
            number, number + 1, number, 2 * number, electrodes, ((-1.0, 200.0),), 20.0, 4
        )
        writer.append("Stimulus", train)
    for number in (3, 30, 31):
        answer = Delivered(100, 200, number, "delivered", fired=100, stream="Stimulus")
        writer.append("Delivered", answer)
    assert len(set(map(id, writer._requests.values()))) == 2
    writer.close()
    with h5py.File(tmp_path / "s.h5") as file:
        (table,) = [group["InfoEvent"] for group in event_streams(file)]
        assert len(table) == 2  # the trains of an unknown request, and those at 48


def event_streams(file):
    streams = file["Data/Recording_0/EventStream"]
    return [streams[name] for name in streams]
