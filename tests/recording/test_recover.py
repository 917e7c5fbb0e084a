"""Recovery: whatever is damaged, what is returned is right, and what is whole is returned."""

import json
import random
from dataclasses import replace
from functools import cache

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.errors import DeviceError
from crepe.hw.mcs.committed_file import journal_of
from crepe.messages import Command, Segment, Spikes, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.reader import Recording
from crepe.recording.recover import recover
from crepe.recording.windows import union, without
from crepe.recording.writer import RecordingWriter
from crepe.store import Store

RATE_HZ = 4200.0
CHUNK = 1024  # samples
N = 20  # samples of a message
INFO = StreamInfo(labels=("a", "b"), sampling_rate_hz=RATE_HZ, longest_samples=N)
INFOS = {
    "data": INFO,
    "data:filtered": replace(INFO, dtype="float32"),
    "data:spikes": replace(INFO, message="Spikes"),
    "control": replace(INFO, message="Command"),
}
STOP = 12_000  # the tables have two chunks, of 512 rows
GAP = (6000, 6500)


def samples(start, stop):
    index = np.arange(start, stop)
    return np.stack([index * 7919 % 1009 + 1, index * 104_729 % 1013 + 1]).astype(np.int32)


def spikes(start, stop):
    index = np.arange(start, stop, 5)
    amplitude_uv = -(index % 50 + 20).astype(np.float32)
    return Spikes(start, stop, (index // 5 % 2).astype(np.int32), index, amplitude_uv)


def messages(start=0, stop=STOP):
    for at in range(start, stop, N):
        if GAP[0] <= at < GAP[1]:
            continue
        yield "data", Segment(at, at + N, samples(at, at + N), t_ns=at)
        filtered = samples(at, at + N).astype(np.float32)
        yield "data:filtered", Segment(at, at + N, filtered, t_ns=at)
        yield "data:spikes", spikes(at, at + N)
        if at % 100 == 0:
            yield "control", Command(at, at + 1, "note", f"at {at}")


def write(path, start=0, stop=STOP):
    about = About("s", seed=3, experiment="text", culture={"id": "x"}, is_simulated=True)
    writer = RecordingWriter(path, about, INFOS)
    for stream, message in messages(start, stop):
        writer.append(stream, message)
        if stream == "control" and message.start % 1000 == 0:
            writer.commit()
    writer.end()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "s.h5"
    write(path)
    return path.read_bytes()


@cache
def written(name):
    return [message for stream, message in messages() if stream == name]


def chunks_of(content, path):
    """Return (dataset, number, byte offset, size) of each chunk of the streams."""
    path.write_bytes(content)
    places = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.chunks:
            item.id.chunk_iter(
                lambda c: places.append((name, c.chunk_offset[-1], c.byte_offset, c.size))
            )

    with h5py.File(path, "r") as file:
        for name, group in file["CREPE/streams"].items():
            group.visititems(lambda n, item, name=name: visit(f"{name}/{n}", item))
    path.unlink()
    return places


def check(path, recovery, *, checked=tuple(INFOS)):
    """All that is in the file is as it was written, and all of the rest is missing."""
    with Recording(path) as recording:
        for name in recording.streams():
            kept = recording.messages(name, 0, STOP)
            covered = union((m.start, m.stop) for m in kept)
            missing = list(recovery.streams[name].missing)
            if recovery.streams[name].is_end_unknown:
                missing.append((max([0, *(stop for _, stop in covered)]), STOP))
            everything = union((m.start, m.stop) for m in written(name))
            assert without(everything, union([*covered, *missing])) == [], name
            for message in kept if name in checked else ():
                if isinstance(message, Segment):
                    assert np.array_equal(message.samples, samples(message.start, message.stop))
                elif isinstance(message, Spikes):
                    right = spikes(message.start, message.stop)
                    for field in ("channel", "sample", "amplitude_uv"):
                        assert np.array_equal(getattr(message, field), getattr(right, field))
                else:
                    assert message == Command(
                        message.start, message.stop, "note", f"at {message.start}"
                    )
    return {name: stream.missing for name, stream in recovery.streams.items()}


def recovered(tmp_path, content, **options):
    source, out = tmp_path / "d.h5", tmp_path / "out.h5"
    source.write_bytes(content)
    out.unlink(missing_ok=True)
    recovery = recover(source, out)
    assert source.read_bytes() == content
    assert {path.name for path in tmp_path.iterdir()} == {"d.h5", "out.h5"}
    return recovery, check(out, recovery, **options)


def n_missing(missing, name):
    return sum(stop - start for start, stop in missing[name])


def test_of_a_whole_file_nothing_is_missing(tmp_path, whole):
    recovery, missing = recovered(tmp_path, whole)
    assert recovery.is_complete
    assert not any(missing.values())
    with Recording(tmp_path / "out.h5") as recording:
        for name in INFOS:
            assert len(recording.messages(name, 0, STOP)) == len(written(name))
        assert recording.gaps("data") == [GAP]
        assert [m.t_ns for m in recording.messages("data", 0, 40)] == [0, 20]
        assert (recording.session, recording.seed, recording.experiment) == ("s", 3, "text")
        assert recording.culture == {"id": "x"}
        assert recording.is_simulated
        assert recording.has_ended


def test_a_table_that_is_nested_without_end_is_a_problem_and_costs_no_sample(tmp_path, whole):
    path = tmp_path / "w.h5"
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        del file["CREPE/culture"]
        file["CREPE/culture"] = "[" * 100_000
    content = path.read_bytes()
    path.unlink()
    recovery, missing = recovered(tmp_path, content)
    assert "the table [culture]: damaged" in recovery.problems
    assert not any(missing.values())


@pytest.mark.parametrize(
    ("dataset", "shape", "open_ended"),
    [
        ("data/messages", (10**9,), {"data"}),
        ("control/messages", (10**9,), {"control"}),
        ("control/json", (10**9,), set()),
        ("data/fields/samples", (2, 10**9), set()),
    ],
)
def test_what_a_file_claims_but_cannot_hold_costs_no_message(
    tmp_path, whole, dataset, shape, open_ended
):
    path = tmp_path / "w.h5"
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file[f"CREPE/streams/{dataset}"].resize(shape)
    content = path.read_bytes()
    path.unlink()
    recovery, missing = recovered(tmp_path, content)
    with Recording(tmp_path / "out.h5") as recording:
        assert all(len(recording.messages(n, 0, STOP)) == len(written(n)) for n in INFOS)
    assert {name for name, windows in missing.items() if windows} <= open_ended
    assert open_ended == {n for n, stream in recovery.streams.items() if stream.is_end_unknown}


def zero_each_chunk(tmp_path, whole, stream):
    """Check that it costs what is in the chunk, and no other stream."""
    places = [p for p in chunks_of(whole, tmp_path / "p.h5") if p[0].startswith(f"{stream}/")]
    assert places
    for dataset, _, offset, size in places:
        content = bytearray(whole)
        content[offset : offset + size] = bytes(size)
        recovery, missing = recovered(tmp_path, bytes(content))
        assert {name for name, windows in missing.items() if windows} <= {stream}, dataset
        if dataset == "data/messages":  # from the rows around, and from the MCS side
            assert recovery.is_complete
        elif dataset.endswith("fields/samples"):
            assert 0 < n_missing(missing, stream) <= CHUNK
        else:
            assert not recovery.is_complete, dataset


@pytest.mark.parametrize("stream", ["data:spikes", "control"])  # the others: tests/long
def test_each_chunk_zeroed_costs_what_is_in_it_and_no_other_stream(tmp_path, whole, stream):
    zero_each_chunk(tmp_path, whole, stream)


def test_flipped_bytes_in_a_compressed_chunk_are_noticed(tmp_path, whole):
    chance = random.Random(1)
    places = [p for p in chunks_of(whole, tmp_path / "p.h5") if p[0] == "data/fields/samples"]
    for _, number, offset, size in chance.sample(places[:-1], 4):
        content = bytearray(whole)
        content[offset + chance.randrange(2, size)] ^= 0xFF  # not one bit, which may be padding
        _, missing = recovered(tmp_path, bytes(content))
        assert 0 < n_missing(missing, "data") <= CHUNK, number


@pytest.mark.parametrize("part", [0.999, 0.95, 0.85, 0.7, 0.5, 0.3, 0.2])
def test_what_a_truncated_file_lacks_is_missing_and_never_zeros(tmp_path, whole, part):
    size = int(len(whole) * part)
    recovery, _ = recovered(tmp_path, whole[:size])
    assert not recovery.is_complete
    assert recovery.streams["data"].n_messages > 0 or part < 0.9


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_byte_anywhere_gives_no_wrong_sample(tmp_path, whole, seed):
    chance = random.Random(seed)
    content = bytearray(whole)
    # half of them in what HDF5 itself keeps, which is mostly at the beginning
    at = chance.randrange(len(content) if seed % 2 else len(content) // 5)
    content[at] ^= 1 << chance.randrange(8)
    try:
        recovered(tmp_path, bytes(content), checked=("data",))
    except DeviceError:
        assert at < len(content) // 5  # nothing can be reached without that byte


@pytest.mark.parametrize("content", [b"", bytes(96), b"\xff" * 96])
def test_a_damaged_superblock_is_replaced(tmp_path, whole, content):
    recovery, _ = recovered(tmp_path, content + whole[len(content) :])
    assert recovery.is_complete


def test_a_lost_row_of_a_table_is_put_together_from_the_rows_around(tmp_path, whole):
    (tmp_path / "d.h5").write_bytes(whole)
    with h5py.File(tmp_path / "d.h5", "r+") as file:
        for name, column, row in (("data", "start", 40), ("data:filtered", "samples.stop", 41)):
            table = file[f"CREPE/streams/{name}/messages"]
            rows = table[()]
            rows[column][row] += 1 << 20
            table[...] = rows
        file["CREPE/streams/data/n_messages"][0] = 7
    recovery, _ = recovered(tmp_path, (tmp_path / "d.h5").read_bytes())
    assert recovery.is_complete


def test_parts_of_a_session_fill_what_another_lacks(tmp_path, whole):
    write(tmp_path / "s.h5", stop=5000)
    (tmp_path / "s.h5").rename(tmp_path / "s.damaged-1.h5")
    write(tmp_path / "s.h5", start=3000)
    places = chunks_of((tmp_path / "s.h5").read_bytes(), tmp_path / "p.h5")
    offset, size = next(p[2:] for p in places if p[:2] == ("data/fields/samples", 0))
    content = bytearray((tmp_path / "s.h5").read_bytes())
    content[offset : offset + size] = bytes(size)
    (tmp_path / "s.h5").write_bytes(content)
    out = tmp_path / "out.h5"
    recovery = recover(tmp_path / "s.damaged-1.h5", out)
    assert recovery.sources == ("s.damaged-1.h5", "s.h5")
    assert recovery.is_complete
    check(out, recovery)
    with Recording(out) as recording:
        assert recording.gaps("data") == [GAP]


def test_a_journal_is_carried_out_on_the_copy_only(tmp_path, whole):
    source = tmp_path / "d.h5"
    source.write_bytes(whole)
    journal_of(source).write_bytes(b"not whole")
    assert recover(source, tmp_path / "out.h5").is_complete
    assert journal_of(source).read_bytes() == b"not whole"


@pytest.mark.parametrize("name", ["out.h5", "new.h5"])
def test_any_name_of_a_recording_will_do(tmp_path, whole, name):
    (tmp_path / name).write_bytes(whole)
    assert recover(tmp_path / name, tmp_path / "result.h5").is_complete
    assert (tmp_path / name).read_bytes() == whole
    check(tmp_path / "result.h5", recover(tmp_path / name, tmp_path / "again.h5"))


def test_an_existing_file_is_refused_and_stays(tmp_path, whole):
    (tmp_path / "d.h5").write_bytes(whole)
    (tmp_path / "out.h5").write_bytes(b"mine")
    with pytest.raises(DeviceError, match=r"out\.h5: exists"):
        recover(tmp_path / "d.h5", tmp_path / "out.h5")
    assert (tmp_path / "out.h5").read_bytes() == b"mine"


def test_a_recording_that_is_being_written_is_refused(tmp_path):
    writer = RecordingWriter(tmp_path / "d.h5", About("s"), INFOS)
    with pytest.raises(DeviceError, match="open in a program that writes it"):
        recover(tmp_path / "d.h5", tmp_path / "out.h5")
    writer.close()


def test_the_command_lists_what_is_missing_and_its_result_is_a_recording(tmp_path, whole):
    source = tmp_path / "s.h5"
    offset, size = next(
        p[2:] for p in chunks_of(whole, source) if p[:2] == ("data/fields/samples", CHUNK)
    )
    content = bytearray(whole)
    content[offset : offset + size] = bytes(size)
    source.write_bytes(content)
    done = CliRunner().invoke(app, ["recover", str(source), "--json"])
    assert done.exit_code == 1, done.output
    stream = json.loads(done.stdout)["streams"]["data"]
    assert stream["missing"] == [[CHUNK, 2 * CHUNK]]
    assert stream["missing_s"] == pytest.approx(CHUNK / RATE_HZ)
    out = tmp_path / "s.recovered.h5"
    store = Store(out)
    store.close()
    with Recording(out) as recording:
        assert recording.gaps("data") == [(CHUNK, 2 * CHUNK), GAP]
    with h5py.File(out, "r") as file:
        raw = file["Data/Recording_0/AnalogStream/Stream_0"]
        assert raw["ChannelDataTimeStamps"].shape == (3, 3)
        assert raw["ChannelData"].shape[1] == STOP - (GAP[1] - GAP[0]) - CHUNK
        assert json.loads(file["CREPE"].attrs["recovered"])["sources"] == ["s.h5"]
    done = CliRunner().invoke(app, ["report", str(out), "--out", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    again = CliRunner().invoke(app, ["recover", str(source)])
    assert "exists" in str(again.exception)
    done = CliRunner().invoke(app, ["recover", str(out), "--out", str(tmp_path / "twice.h5")])
    assert done.exit_code == 0, done.output


def test_windows_are_joined_and_subtracted():
    assert union([(5, 6), (0, 2), (2, 3), (4, 4)]) == [(0, 3), (5, 6)]
    assert without([(0, 10), (20, 30)], [(2, 3), (8, 22)]) == [(0, 2), (3, 8), (22, 30)]
