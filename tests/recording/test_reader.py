"""Parts of one session: a file that cannot be continued is set aside; all are read as one."""

import errno
import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
import pytest

from crepe.errors import DeviceError, GapError
from crepe.messages import Command, Segment, Spikes, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.reader import Recording
from crepe.recording.writer import RecordingWriter
from crepe.store import Store

INFO = StreamInfo(labels=("a", "b"), sampling_rate_hz=1000.0, longest_samples=100)  # chunk: 128
INFOS = {
    "data": INFO,
    "data:spikes": replace(INFO, message="Spikes"),
    "control": replace(INFO, message="Command"),
}


def messages(start, stop):
    """Windows of 100 samples, and now and then a command in the middle of one."""
    for at in range(start, stop, 100):
        samples = np.random.default_rng(at).integers(-1000, 1000, (2, 100), np.int32)
        yield "data", Segment(at, at + 100, samples)
        yield "data:spikes", replace(Spikes.none(at, at + 100), channel=np.zeros(1, "i4"), sample=np.array([at]), amplitude_uv=np.ones(1, "f4"))  # fmt: skip
        if at % 300 == 0:
            yield "control", Command(at + 50, at + 51, "note", str(at))


def record(path, start, stop, infos=INFOS):
    """One life of a recorder, to which Redis gives what it still has, from `start` on."""
    writer = RecordingWriter(path, About("s"), infos)
    for stream, message in messages(start, stop):
        if message.stop > writer.positions[stream]:
            writer.append(stream, message)
    writer.close()
    return writer


def no_hdf5(path):
    path.write_bytes(path.read_bytes()[:3000])


def no_streams(path):
    with h5py.File(path, "r+") as file:
        del file["CREPE/streams"]


def bad_chunk(path, number=-1):
    """What two kills made of the chunk that is written next."""
    with h5py.File(path, "r") as file:
        samples = file["CREPE/streams/data/fields/samples"].id
        chunk = samples.get_chunk_info(range(samples.get_num_chunks())[number])
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)


def bad_info(path):
    with h5py.File(path, "r+") as file:
        del file["CREPE/streams/data/info"]
        file["CREPE/streams/data/info"] = "[1"


def bad_table(path):
    with h5py.File(path, "r+") as file:
        del file["CREPE/streams/data/messages"]
        file["CREPE/streams/data/messages"] = np.arange(9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording up to sample 1560, left in the middle of a packed chunk."""
    path = tmp_path / "s.h5"
    writer = RecordingWriter(path, About("s"), INFOS)
    for stream, message in messages(0, 1500):
        writer.append(stream, message)
    writer.commit()
    writer._hdf5.discard()  # as a kill leaves it
    return path


def times(recording, stream, stop=10**6):
    return [message.start for message in recording.messages(stream, 0, stop)]


def expected(stream, start, stop):
    return [message.start for name, message in messages(start, stop) if name == stream]


@pytest.mark.parametrize("spoil", [no_hdf5, no_streams, bad_chunk, bad_info, bad_table])
def test_what_cannot_be_continued_is_set_aside_whole_and_a_part_begins(path, spoil, caplog):
    spoil(path)
    damaged = path.read_bytes()
    writer = record(path, 1000, 2000)
    aside = path.with_name("s.damaged-1.h5")
    assert aside.read_bytes() == damaged
    assert f"{path}: cannot be continued" in caplog.text
    with h5py.File(path) as file:
        root = file["CREPE"].attrs
        assert (root["part"], root["before"]) == (2, aside.name)
        assert root["problem_before"]
        assert root["problem_before"] in caplog.text
        assert str(path) not in root["problem_before"]
        assert file["CREPE/streams/data"].attrs["begins"] == 1000
    assert writer.problem.startswith("part 2: s.damaged-1.h5 was set aside: ")
    assert "; data goes on at sample 1000" in writer.problem
    again = record(path, 1000, 3000)
    assert again.problem == writer.problem
    with Recording(path) as recording:
        assert recording.parts == ("s.damaged-1.h5", "s.h5")
        assert recording.problems[-1] or recording.problems
        assert times(recording, "data")[-20:] == expected("data", 1000, 3000)
        assert recording.last("data") == 3000


def test_a_damaged_part_gives_what_is_readable_and_the_newer_part_the_rest(path):
    bad_chunk(path)
    writer = record(path, 1000, 2000)
    assert "no part" not in writer.problem  # of samples, nothing is missing
    with Recording(path) as recording:
        for stream in INFOS:
            assert times(recording, stream) == expected(stream, 0, 2000)
        assert recording.first("data") == 0
        assert recording.gaps("data") == []
        for segment in recording.messages("data", 0, 2000):
            (_, original), *_ = messages(segment.start, segment.stop)
            assert np.array_equal(segment.samples, original.samples)
    with Store(path) as store:
        assert store["data"].read(0, 2000).shape == (2, 2000)


def test_what_only_a_damaged_chunk_has_is_missing_and_nothing_else(path):
    bad_chunk(path, 2)  # samples 256 to 384
    bad_chunk(path)
    record(path, 1000, 2000)
    with Store(path) as store:
        with pytest.raises(GapError) as raised:
            store["data"].read(0, 2000)
        assert raised.value.gaps == ((200, 400),)
        assert store["data:spikes"].gaps() == []


def test_what_no_part_has_is_a_gap_and_is_told(path):
    bad_chunk(path)
    writer = record(path, 1800, 2500)
    with Recording(path) as recording:
        kept = recording.gaps("data")[0][0]
        assert recording.gaps("data") == [(kept, 1800)]
        assert 1200 <= kept <= 1500
    assert f"samples {kept} to 1800 are in no part that can be read" in writer.problem
    with h5py.File(path) as file:
        stream = file["CREPE/streams/data"].attrs
        assert (stream["stop_before"], stream["begins"]) == (kept, 1800)


def test_of_a_part_that_does_not_open_nothing_is_known(path):
    no_hdf5(path)
    writer = record(path, 1000, 2000)
    assert "data goes on at sample 1000, samples 0 to 1000 are in no part" in writer.problem
    with Recording(path) as recording:
        assert recording.first("data") == 1000
        assert any("s.damaged-1.h5: truncated" in problem for problem in recording.problems)


def test_a_stream_that_has_changed_is_recorded_in_a_part_of_its_own(path):
    other = {**INFOS, "data": replace(INFO, scale_uv=(0.5,))}
    record(path, 1000, 2000, other)
    with Recording(path) as recording:
        assert recording.streams()["data"].scale_uv == (0.5,)
        assert times(recording, "data") == expected("data", 1000, 2000)
        assert times(recording, "data:spikes") == expected("data:spikes", 0, 2000)
        assert "s.damaged-1.h5: data was recorded with other scale_uv" in recording.problems


def test_parts_come_in_order_however_many_there_are(path):
    for number in range(1, 13):
        bad_info(path)
        record(path, 1000 + 400 * number, 1600 + 400 * number)
    with Recording(path) as recording:
        names = (*(f"s.damaged-{number}.h5" for number in range(1, 13)), "s.h5")
        assert recording.parts == names
        assert times(recording, "data:spikes") == expected("data:spikes", 0, 6400)
    assert "part 13: s.damaged-12.h5" in record(path, 6400, 6500).problem


def test_a_recorder_that_was_killed_between_two_parts_begins_the_next(path):
    path.rename(path.with_name("s.damaged-1.h5"))
    assert "was set aside: the recorder was killed" in record(path, 1000, 2000).problem
    with Recording(path) as recording:
        assert times(recording, "data") == expected("data", 0, 2000)


def test_a_session_whose_newest_part_is_gone_is_read_from_the_others(path):
    bad_chunk(path)
    record(path, 1400, 2000)
    path.unlink()
    with Recording(path) as recording:
        assert recording.last("data") <= 1500
        assert "s.h5: does not exist" in recording.problems


def test_a_disk_without_room_is_no_reason_to_set_a_file_aside(path, monkeypatch):
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with pytest.raises(DeviceError, match="No space left"):
            record(path, 1000, 2000)
    assert [file.name for file in path.parent.iterdir()] == ["s.h5"]
    assert path.read_bytes() == before
    record(path, 1000, 2000)
    with Recording(path) as recording:
        assert (recording.parts, recording.problems) == (("s.h5",), ())
        assert times(recording, "data") == expected("data", 0, 2000)


def test_a_recording_is_read_as_it_was_opened_whatever_its_writer_commits_meanwhile(tmp_path):
    path = tmp_path / "living.h5"
    writer = RecordingWriter(path, About("s"), INFOS)
    given = messages(0, 300_000)

    def write(n):
        for stream, message in islice(given, n):
            writer.append(stream, message)
        writer.commit()

    write(40)
    with Recording(path) as recording:
        stops = {stream: recording.last(stream) for stream in INFOS}
        for _ in range(30):
            write(200)
            for stream, stop in stops.items():
                read = [m.start for m in recording.messages(stream, 0, 300_000)]
                assert read == expected(stream, 0, stop)
            assert recording.last("data") == stops["data"]
    writer.close()


def replaced(place, content):
    """A function that puts other content into a dataset of a recording."""

    def spoil(path):
        with h5py.File(path, "r+") as file:
            if place in file:
                del file[place]
            file[place] = content

    return spoil


def attribute(name, value):
    """A function that changes an attribute of a recording."""

    def spoil(path):
        with h5py.File(path, "r+") as file:
            file["CREPE"].attrs[name] = value

    return spoil


def longer(place, shape):
    """A function that makes a dataset so large, without a byte more in the file."""

    def spoil(path):
        with h5py.File(path, "r+") as file:
            file[place].resize(shape)
            if place.endswith("messages"):
                file[place].parent["n_messages"][0] = shape[0]

    return spoil


DEEP = "[" * 100_000
BILLION = 1_000_000_000


@pytest.mark.parametrize(
    "spoil",
    [
        replaced("CREPE/experiment", np.zeros(3)),
        replaced("CREPE/culture", np.zeros(3)),
        replaced("CREPE/culture", DEEP),
        attribute("format", np.inf),
        attribute("format", np.zeros(3)),
        replaced("CREPE/streams/data/info", np.zeros(3)),
        replaced("CREPE/streams/data/info", DEEP),
        replaced("CREPE/streams/data/n_messages", 5),
        replaced("CREPE/streams/data/messages", np.dtype("i4")),
        replaced("CREPE/streams/data/messages", 5),
        replaced("CREPE/streams/data/fields/samples", np.zeros((3, 1500), np.int32)),
        replaced("CREPE/streams/data/fields/samples", np.int32(1)),
        replaced("CREPE/streams/data/fields/samples", np.dtype("i4")),
        replaced("CREPE/streams/control/json", np.frombuffer(15 * b"[[[[]]]]", np.uint8)),
        replaced("CREPE/streams/control/json", np.frombuffer(30 * b'{"a":1}', np.uint8)),
        longer("CREPE/streams/control/messages", (BILLION,)),
        longer("CREPE/streams/control/json", (BILLION,)),
        longer("CREPE/streams/data/fields/samples", (2, BILLION)),
    ],
    ids=range(18),
)
def test_whatever_a_file_holds_the_error_is_that_of_a_damaged_file(path, spoil):
    spoil(path)
    with pytest.raises(DeviceError, match=r"s\.h5"), Recording(path) as recording:
        for name in recording.streams():
            recording.last(name)
            recording.messages(name, 0, 10**6)


def test_the_rows_of_samples_must_be_those_of_the_channels(path):
    replaced("CREPE/streams/data/fields/samples", np.zeros((3, 1500), np.int32))(path)
    with Store(path) as store, pytest.raises(DeviceError, match="samples: 3 rows for 2 channels"):
        store["data"].read(0, 100)
