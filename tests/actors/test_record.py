"""The recording: everything comes back as it was, whatever happens to the writer."""

import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from crepe.actors.actor import ActorContext
from crepe.actors.record import Record
from crepe.errors import DeviceError
from crepe.hw.device import open_recorder
from crepe.hw.instrument import EndOfData
from crepe.messages import (
    Command,
    Decision,
    Delivered,
    GameState,
    Message,
    Segment,
    Spikes,
    Stimulus,
    StreamInfo,
)
from crepe.recording.reader import Recording

LABELS = ("47", "48", "46")
RAW = StreamInfo(labels=LABELS, scale_uv=(0.059605, 0.1, 381.47), longest_samples=1000)
INFOS = {
    "data": RAW,
    "data:filtered": replace(RAW, dtype="float32", scale_uv=(1.0,)),
    "data:spikes": replace(RAW, message="Spikes"),
    "result": replace(RAW, message="Decision"),
    "result:game": replace(RAW, message="GameState"),
    "result:stimuli": replace(RAW, message="Stimulus"),
    "result:delivered": replace(RAW, message="Delivered"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Census(Message):
    """What somebody else's actor publishes."""

    counts: NDArray[np.int64]  # (2, n)
    active: bool
    name: str
    where: tuple[float, float] | None
    extra: Any = None


def messages(n_windows: int, first: int = 0, gap_before: int = -1) -> Iterator[tuple[str, Message]]:
    """Windows of 100 samples with something on every stream; deterministic in `first`."""
    for number in range(first, first + n_windows):
        random = np.random.default_rng(number)
        start = number * 100 + (1000 if number >= gap_before >= 0 else 0)
        stop = start + 100
        counts = random.integers(-(2**20), 2**20, (3, 100), dtype=np.int32)
        is_late = number == gap_before
        yield "data", Segment(start, stop, counts, t_ns=number + 1, is_estimated=is_late)
        yield "data:filtered", Segment(start, stop, counts.astype(np.float32) / 3, t_ns=7)
        n_spikes = int(random.integers(4))
        sample = np.sort(random.integers(start, stop, n_spikes)).astype(np.int64)
        channel = random.integers(3, size=n_spikes).astype(np.int32)
        yield "data:spikes", Spikes(start, stop, channel, sample, np.full(n_spikes, -9.5, "f4"))
        answer = ("rock", 1.5, None)[number % 3]
        yield "result", Decision(start, stop, answer, {"rock": 0.1, "paper": float(number)})
        if number % 7 == 0:
            yield "result:game", GameState(start, stop, number, "rest", None, "stein på 石", "won")
            train = (("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 4, "rock")
            yield "result:stimuli", Stimulus(start, stop, number, stop + 50, *train)
            state = "delivered" if number % 2 else "refused"
            yield "result:delivered", Delivered(start, stop, number, state, "why", start, 1.25, 99)


def opened(directory: Path, infos: dict[str, StreamInfo] | None = None, **options: Any) -> Record:
    record = Record()
    record.open(ActorContext(inputs=infos or INFOS, session="s", recordings=directory, **options))
    return record


def take(record: Record, values_read: Iterator[tuple[str, Message]]) -> list[tuple[str, Message]]:
    taken = list(values_read)
    for stream, message in taken:
        record.step_from(stream, message)
    return taken


def same(a: Message, b: Message) -> bool:
    def equal(x: Any, y: Any) -> bool:
        if isinstance(x, np.ndarray):
            return x.dtype == y.dtype and x.shape == y.shape and np.array_equal(x, y)
        return type(x) is type(y) and x == y

    return type(a) is type(b) and all(
        equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(a)
    )


def assert_holds(path: Path, taken: list[tuple[str, Message]]) -> None:
    """The recording has exactly these messages, on every stream, in order."""
    with Recording(path) as recording:
        for stream in recording.streams():
            expected = [message for name, message in taken if name == stream]
            values_read = recording.messages(stream, 0, 10**9)
            assert len(values_read) == len(expected), stream
            assert all(map(same, values_read, expected)), stream


@pytest.mark.parametrize("gap_before", [-1, 40])
def test_every_message_comes_back_as_it_was(tmp_path: Path, gap_before: int) -> None:
    record = opened(tmp_path)
    taken = take(record, messages(100, gap_before=gap_before))
    record.finish()
    record.close()
    assert_holds(tmp_path / "s.h5", taken)
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.streams() == INFOS
        assert recording.has_ended
        assert recording.first("data") == 0
        assert recording.last("data") == (11_000 if gap_before >= 0 else 10_000)
        assert recording.gaps("data") == ([(4000, 5000)] if gap_before >= 0 else [])


FILTER = """
[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]
"""


def test_a_signal_that_readers_can_compute_is_not_recorded(tmp_path: Path) -> None:
    record = opened(tmp_path, experiment=FILTER)
    assert set(record.left_out) == {"data:filtered"}
    take(record, messages(150))
    record.on_silence(2.0)
    assert record.positions()["data:filtered"] == record.positions()["data"] == 15_000
    assert record.covered("data:filtered") == 15_000  # Redis may trim it, nothing is missing
    record.close()
    with h5py.File(tmp_path / "s.h5") as file:
        assert "data:filtered" not in file["CREPE/streams"]
    with Recording(tmp_path / "s.h5") as recording:
        (message,) = recording.messages("data:filtered", 100, 200)
        assert (message.start, message.samples.dtype) == (100, np.float32)


@pytest.mark.parametrize(
    ("experiment", "settings"),
    [
        (FILTER, {"records_filtered": True}),
        (FILTER.replace("crepe.actors", "my_lab"), {}),
        (FILTER.replace('["data"]', '["data:clean"]'), {}),  # which is not recorded
        ("", {}),
    ],
)
def test_it_is_recorded_on_request_and_where_it_cannot_be_computed(
    tmp_path: Path, experiment: str, settings: dict[str, bool]
) -> None:
    record = Record(**settings)
    record.open(ActorContext(inputs=INFOS, session="s", recordings=tmp_path, experiment=experiment))
    taken = take(record, messages(20))
    record.close()
    assert_holds(tmp_path / "s.h5", taken)
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["CREPE/streams/data:filtered/n_messages"][0] == 20


def test_a_file_that_has_a_filtered_signal_gets_the_rest_of_it(tmp_path: Path) -> None:
    record = Record(records_filtered=True)
    record.open(ActorContext(inputs=INFOS, session="s", recordings=tmp_path, experiment=FILTER))
    taken = take(record, messages(20))
    record.close()
    record = opened(tmp_path, experiment=FILTER)
    assert not record.left_out
    taken += take(record, messages(20, first=20))
    record.close()
    assert_holds(tmp_path / "s.h5", taken)


def test_counts_of_16_bits_take_16_bits_in_the_file(tmp_path: Path) -> None:
    record = opened(tmp_path, {"data": replace(RAW, dtype="int16")})
    counts = np.arange(-150, 150, dtype=np.int16).reshape(3, 100)
    record.step_from("data", Segment(0, 100, counts))
    record.close()
    with h5py.File(tmp_path / "s.h5") as file:
        samples = file["Data/Recording_0/AnalogStream/Stream_0/ChannelData"]
        assert samples.dtype == np.int16
        assert np.array_equal(samples, counts)
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.messages("data", 0, 100)[0].samples.dtype == np.int16


def test_a_window_gives_the_messages_that_overlap_it(tmp_path: Path) -> None:
    record = opened(tmp_path)
    taken = take(record, messages(50))
    record.close()
    with Recording(tmp_path / "s.h5") as recording:
        for stream in INFOS:
            for start, stop in [
                (0, 1),
                (99, 101),
                (100, 200),
                (650, 2150),
                (4999, 9000),
                (700, 700),
            ]:
                expected = [
                    m for name, m in taken if name == stream and m.start < stop and m.stop > start
                ]
                values_read = recording.messages(stream, start, stop)
                assert len(values_read) == len(expected)
                assert all(map(same, values_read, expected))


def test_what_is_taken_is_safe_after_a_second_and_positions_say_so(tmp_path: Path) -> None:
    record = opened(tmp_path)
    take(record, messages(99))
    assert set(record.positions().values()) == {0}
    take(record, messages(2, first=99))
    positions = record.positions()
    assert 9_800 - 2048 < positions["data"] <= 9_900
    assert positions["result"] == 9_900
    record.on_silence(0.5)
    assert record.positions() == positions
    record.on_silence(1.0)
    assert record.positions()["data"] == 10_100
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.last("data") == 10_100
        assert (recording.has_ended, recording.is_closed) == (False, False)
    record.close()
    with Recording(tmp_path / "s.h5") as recording:
        assert (recording.has_ended, recording.is_closed) == (False, True)
        assert {"crepe", "numpy", "h5py"} <= set(recording.versions)
    record = opened(tmp_path)  # goes on
    with Recording(tmp_path / "s.h5") as recording:
        assert not recording.is_closed
    record.close()


def test_empty_windows_count_once_all_messages_before_them_are_safe(tmp_path: Path) -> None:
    record = opened(tmp_path)
    record.on_position("result:game", 100)
    assert record.positions()["result:game"] == 0  # its messages may still come
    record.on_position("result:stimuli", 100)
    assert record.positions()["result:game"] == 100
    record.on_position("result:game", 200)
    record.step_from("result:game", GameState(199, 200, 1, "rest"))
    record.on_position("result:game", 300)
    record.on_position("result:game", 400)
    assert record.positions()["result:game"] == 0
    record.on_silence(1.0)
    assert record.positions()["result:game"] == 400
    assert record.positions()["result:delivered"] == 0
    record.close()


@pytest.mark.parametrize("n_windows", [3, 21, 64, 130])
def test_a_recording_that_was_closed_is_gone_on_with(tmp_path: Path, n_windows: int) -> None:
    taken: list[tuple[str, Message]] = []
    for part in range(3):
        record = opened(tmp_path)
        first = part * n_windows
        assert record.positions()["data"] == (taken[-1][1].stop if taken else 0)
        taken += take(record, messages(n_windows, first, gap_before=70))
        record.close()
    assert_holds(tmp_path / "s.h5", taken)


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_record import opened, messages
record = opened(Path(sys.argv[1]))
first = record.positions()["data"] // 100
for number, (stream, message) in enumerate(messages(100_000, first)):
    record.step_from(stream, message)
    if number % 100 == 0:
        print(message.stop, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_was_confirmed(tmp_path: Path) -> None:
    kept = 0
    for n_lines in (5, 11, 23, 47):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            stop = [int(writer.stdout.readline()) for _ in range(n_lines)][-1]
            writer.send_signal(signal.SIGKILL)
        with Recording(tmp_path / "s.h5") as recording:
            has = recording.last("data")
            assert has >= max(kept, stop - 10_000 - 2048)
            kept = has
    record = opened(tmp_path)
    again = record.positions()
    tail = list(messages(30, min(again.values()) // 100))
    for stream, message in tail:
        if message.stop > again[stream]:
            record.step_from(stream, message)
    record.finish()
    record.close()
    n_windows = tail[-1][1].stop // 100
    assert_holds(tmp_path / "s.h5", list(messages(n_windows)))
    assert_mcs_side_agrees(tmp_path / "s.h5", list(messages(n_windows)))


def assert_mcs_side_agrees(path: Path, taken: list[tuple[str, Message]]) -> None:
    raw = [m for name, m in taken if name == "data" and isinstance(m, Segment)]
    spikes = [m for _, m in taken if isinstance(m, Spikes)]
    trains = [m for _, m in taken if isinstance(m, Delivered) and m.state == "delivered"]
    with h5py.File(path, "r") as file:
        recording = file["Data/Recording_0"]
        stream = recording["AnalogStream/Stream_0"]
        assert sorted(stream) == ["ChannelData", "ChannelDataTimeStamps", "InfoChannel"]
        assert np.array_equal(stream["ChannelData"], np.concatenate([m.samples for m in raw], 1))
        for channel in range(3):
            entity = recording[f"TimeStampStream/Stream_0/TimeStampEntity_{channel}"]
            times = np.concatenate([m.sample[m.channel == channel] for m in spikes]) * 100
            assert np.array_equal(entity[0], times)
        stream = recording["EventStream/Stream_0"]
        table = stream["InfoEvent"][()]
        events = np.concatenate([stream[f"EventEntity_{row['EventID']}"][()] for row in table], 1)
        events = events[:, np.argsort(events[0], kind="stable")]
        assert events[0].tolist() == [m.fired * 100 for m in trains]
        assert events[1].tolist() == [(m.stop - m.fired) * 100 for m in trains]
        if trains:
            assert table["Label"].tolist()[1:] == [
                b"rock: 4 pulses at 20 Hz, each -10 uA 200 us, 10 uA 200 us"
            ]
            assert table["SourceChannelLabels"].tolist()[1:] == [b"48,38"]
            assert table["SourceChannelIDs"].tolist()[1:] == [b"1,-1"]  # 38 is not recorded


def test_each_kind_of_train_is_an_entity_also_after_a_restart(tmp_path: Path) -> None:
    def trains(*numbers: int) -> Iterator[tuple[str, Message]]:
        for number in numbers:
            at, meaning = 100 * number, ("rock", "paper")[number % 2]
            pulses = ((-10.0, 200.0), (10.0, 200.0)), 20.0 + number % 2, 4, meaning
            yield "result:stimuli", Stimulus(at, at + 1, number, at + 50, ("48",), *pulses)
            yield "result:delivered", Delivered(at, at + 100, number, "delivered", fired=at)

    def ordered(items: Iterator[tuple[str, Message]]) -> Iterator[tuple[str, Message]]:
        return iter(sorted(items, key=lambda item: item[0]))  # outcomes first: it can be

    for numbers in ((1, 2), (3, 4)):
        record = opened(tmp_path)
        take(record, ordered(trains(*numbers)))
        record.close()
    record = opened(tmp_path)
    unknown = Delivered(900, 1000, 9, "delivered", fired=900, stream="other:stimuli")
    record.step_from("result:delivered", unknown)
    record.close()
    with h5py.File(tmp_path / "s.h5") as file:
        stream = file["Data/Recording_0/EventStream/Stream_0"]
        labels = [label.decode().split(":")[0] for label in stream["InfoEvent"]["Label"]]
        times = [stream[f"EventEntity_{i}"][0].tolist() for i in range(len(labels))]
        assert dict(zip(labels, times, strict=True)) == {
            "pulse train": [90_000],
            "paper": [10_000, 30_000],
            "rock": [20_000, 40_000],
        }


def test_the_mcs_side_holds_samples_spikes_trains_and_gaps(tmp_path: Path) -> None:
    record = opened(tmp_path)
    taken = take(record, messages(100, gap_before=40))
    record.finish()
    assert_mcs_side_agrees(tmp_path / "s.h5", taken)
    with h5py.File(tmp_path / "s.h5", "r") as file:
        rows = file["Data/Recording_0/AnalogStream/Stream_0/ChannelDataTimeStamps"]
        assert rows[()].tolist() == [[0, 0, 3999], [500_000, 4000, 9999]]
        assert file["Data/Recording_0"].attrs["Duration"] == 1_100_000
        info = file["Data/Recording_0/AnalogStream/Stream_0/InfoChannel"][()]
        volts = [int(f) * 10.0 ** int(e) for f, e in info[["ConversionFactor", "Exponent"]]]
        assert volts == pytest.approx([0.059605e-6, 0.1e-6, 381.47e-6])


def test_a_recording_replays_as_it_was_acquired(tmp_path: Path) -> None:
    info = replace(RAW, sampling_rate_hz=30_000.0)  # Tick, in whole us, cannot say that
    record = opened(tmp_path, {"data": info})
    for number in range(50):
        start = number * 100 + (12_345 if number >= 20 else 0)
        record.step_from("data", Segment(start, start + 100, np.full((3, 100), number, np.int32)))
    record.finish()
    recorder = open_recorder(f"hdf5://{tmp_path / 's.h5'}?speed=0")
    replayed = recorder.open(0)
    assert replayed.sampling_rate_hz == 30_000
    assert (replayed.labels, replayed.scale_uv) == (info.labels, info.scale_uv)
    values_read = []
    with pytest.raises(EndOfData):
        while segment := recorder.read(1.0):
            values_read.append((segment.start, segment.samples[0, 0]))
    assert values_read == [(n * 100 + (12_345 if n >= 20 else 0), n) for n in range(50)]


def test_a_simulated_culture_says_so_and_has_no_species(tmp_path: Path) -> None:
    simulated = replace(RAW, is_simulated=True)
    culture = {"id": "well-3", "species": "rat", "experimenter": "Åse"}
    opened(tmp_path, {"data": simulated}, culture=culture, experiment="seed = 1  # æ").close()
    with h5py.File(tmp_path / "s.h5", "r") as file:
        data = file["Data"].attrs
        assert b"SIMULATED" in data["Comment"]
        assert data["MeaName"] == b"SIMULATED"
        assert all(isinstance(value, np.bytes_ | np.int64) for value in data.values())
        assert file["CREPE"].attrs["kind"] == "SIMULATED"
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.is_simulated
        assert recording.culture == {"id": "well-3", "experimenter": "Åse"}
        assert recording.experiment == "seed = 1  # æ"
    assert open_recorder(f"hdf5://{tmp_path / 's.h5'}").open(0).is_simulated


def test_a_living_culture_is_described(tmp_path: Path) -> None:
    opened(
        tmp_path, {"data": RAW}, culture={"id": "c7", "species": "rat", "mea_serial": "M1"}
    ).close()
    with h5py.File(tmp_path / "s.h5", "r") as file:
        assert file["Data"].attrs["MeaName"] == b"c7"
        assert file["Data"].attrs["MeaSN"] == b"M1"
        assert b"species rat" in file["Data"].attrs["Comment"]
        assert b"SIMULATED" not in file["Data"].attrs["Comment"]


def test_messages_of_somebody_elses_type_come_back(tmp_path: Path) -> None:
    sys.modules["census"] = sys.modules[Census.__module__]
    infos = {"data": RAW, "census": replace(RAW, message="census:Census")}
    taken = [
        Census(0, 100, np.arange(6).reshape(2, 3), True, "a", (1.0, 2.5)),
        Census(100, 150, np.empty((2, 0), np.int64), False, "", None, {"a": (1, (2, "b"))}),
        Census(150, 160, np.ones((2, 1), np.int64), True, "nul \0", None, 3),
    ]
    record = opened(tmp_path, infos)
    for message in taken:
        record.step_from("census", message)
    record.finish()
    with Recording(tmp_path / "s.h5") as recording:
        values_read = recording.messages("census", 0, 1000)
    assert all(map(same, values_read, taken))
    del sys.modules["census"]
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.last("census") == 160
        with pytest.raises(DeviceError, match="import its module first"):
            recording.messages("census", 0, 1000)


def test_a_stream_that_is_new_after_a_restart_is_kept_too(tmp_path: Path) -> None:
    infos = {"data": RAW}
    record = opened(tmp_path, infos)
    taken = take(record, (values_read for values_read in messages(30) if values_read[0] in infos))
    record.close()
    record = opened(tmp_path)
    assert record.positions()["data:spikes"] == 0
    taken += take(record, messages(30, 30))
    record.finish()
    assert_holds(tmp_path / "s.h5", taken)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DeviceError, match=r"file/sub/s\.h5: cannot be written: .* MB free"):
        opened(tmp_path / "file" / "sub")


def test_a_command_without_a_stream_of_its_own_is_kept(tmp_path: Path) -> None:
    record = opened(tmp_path)
    note = Command(5, 6, "note", "medium changed", "Åse")
    record.step_from("control", note)
    record.finish()
    assert record.positions()["control"] == 6
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.messages("control", 0, 10) == [note]


def test_messages_that_come_again_after_a_restart_are_kept_once(tmp_path: Path) -> None:
    record = opened(tmp_path)
    before = [GameState(90, 95, 1, "rest"), GameState(90, 95, 1, "rest"), GameState(95, 97, 1, "x")]
    for message in before:
        record.step_from("result:game", message)
    record.close()
    record = opened(tmp_path)
    after = [*before, GameState(90, 95, 2, "late"), GameState(97, 99, 2, "rest")]
    for message in after:  # the entry of [90, 100) is read again from 97
        record.step_from("result:game", message)
    record.close()
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.messages("result:game", 0, 1000) == after


def test_a_file_that_cannot_be_read_is_set_aside_not_removed(tmp_path: Path) -> None:
    (tmp_path / "s.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"broken" * 1000)
    record = opened(tmp_path)
    taken = take(record, messages(10))
    record.close()
    assert_holds(tmp_path / "s.h5", taken)
    (aside,) = tmp_path.glob("s.damaged-*.h5")
    assert aside.read_bytes().endswith(b"broken")


def test_two_writers_of_one_file_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            with pytest.raises(DeviceError, match="is open in another program"):
                opened(tmp_path)
        finally:
            writer.kill()


def test_a_disk_that_is_nearly_full_stops_the_recording_and_leaves_it_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = opened(tmp_path)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 3_000_000))
    with pytest.raises(DeviceError, match=r"s\.h5: 3 MB free, 64 MB must stay"):
        take(record, messages(400))
    record.close()
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.last("data") >= 10_000
        assert recording.is_closed


@pytest.mark.parametrize("is_simulated", [True, False])
def test_a_recorder_without_room_closes_its_file_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_simulated: bool
) -> None:
    usage = namedtuple("usage", "total used free")
    free = [10**9]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, free[0]))
    disarmed: list[bool] = []
    infos = {**INFOS, "data": replace(RAW, is_simulated=is_simulated)}
    options = {"infos": infos, "disarm": lambda: disarmed.append(True)}
    record = opened(tmp_path, **options)
    taken = take(record, messages(50))
    free[0] = 3_000_000
    taken += take(record, messages(60, 50))
    assert record.is_paused
    assert record.disarms_after_s is None  # the pause has disarmed already
    record.on_silence(0.1)
    assert record.positions()["data"] == record.covered("data") == 11_000
    assert "NOT RECORDING since sample 11000: 3 MB free, 64 MB must stay" in record.problem
    # What only reports to be simulated is armed as an instrument is, so it is disarmed, too.
    assert len(disarmed) == 1
    assert ("except at CREPE's own simulator" in record.problem) == is_simulated
    assert_holds(tmp_path / "s.h5", taken)
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.is_closed
    record.close()
    record = opened(tmp_path, **options)  # one that was restarted meanwhile pauses, too
    assert record.is_paused
    assert record.positions()["data"] == 11_000
    free[0] = 70_000_000  # not enough to begin again
    record.on_silence(0.1)
    assert record.is_paused
    free[0] = 10**9
    record.on_silence(0.1)
    assert not record.is_paused
    assert record.problem == "the recorder paused at sample 11000 for lack of room, and went on"
    taken += take(record, messages(30, 110, gap_before=110))  # Redis could not keep all
    record.close()
    assert_holds(tmp_path / "s.h5", taken)
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.gaps("data") == [(11_000, 12_000)]


LIMITED = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_record import opened, messages, take
from crepe.errors import DeviceError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
record = opened(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
try:
    take(record, messages(1000))
except DeviceError as error:
    print(record.positions()["data"], error)
    record.close()
"""


@pytest.mark.skipif(os.name != "posix", reason="limits a file's size by setrlimit")
def test_a_failing_write_is_a_device_error_and_what_was_confirmed_stays_readable(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    confirmed, text = done.stdout.split(" ", 1)
    assert text.startswith(f"{tmp_path / 's.h5'}: cannot be written: ")
    assert "MB free" in text
    assert int(confirmed) > 10_000
    with Recording(tmp_path / "s.h5") as recording:
        assert recording.last("data") == int(confirmed)
    record = opened(tmp_path)
    reached = record.positions()
    n_windows = max(reached.values()) // 100
    for stream, message in messages(n_windows):
        if message.stop > reached[stream]:
            record.step_from(stream, message)
    record.close()
    assert_holds(tmp_path / "s.h5", list(messages(n_windows)))


def test_other_channels_than_the_recording_has_are_refused(tmp_path: Path) -> None:
    record = opened(tmp_path)
    with pytest.raises(DeviceError, match=r"data: 2 channels of int32, the recording has 3"):
        record.step_from("data", Segment(0, 10, np.zeros((2, 10), np.int32)))
    record.close()


def test_a_file_that_is_no_recording_is_reported(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("Data")
    with pytest.raises(DeviceError, match="no group /CREPE; has Data"):
        Recording(tmp_path / "a.h5")
    with pytest.raises(DeviceError, match="does not exist"):
        Recording(tmp_path / "b.h5")


def test_a_recorder_that_runs_into_a_full_disk_again_and_again_damages_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    free = 10**9
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, free))
    n_kept = 0
    for n_windows in (237, 3, 29, 55, 108, 120, 41):
        free = 10**9
        record = opened(tmp_path)
        reached = record.positions()
        with pytest.raises(DeviceError, match="3 MB free"):
            for stream, message in messages(n_windows + 200, n_kept):
                if message.stop >= 100 * (n_kept + n_windows):
                    free = 3_000_000
                if message.stop > reached[stream]:
                    record.step_from(stream, message)
        record.close()
        with Recording(tmp_path / "s.h5") as recording:
            n_kept = recording.last("data") // 100
            expected = [m for name, m in messages(n_kept) if name == "data"]
            assert all(map(same, recording.messages("data", 0, 10**9), expected))
    assert n_kept > 250
