"""Filtered streams that were not recorded are computed as they ran."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crepe.actors.actor import Actor, ActorContext
from crepe.actors.filter import BandPass, Notch
from crepe.messages import Message, Segment, StreamInfo
from crepe.recording.computed import computations, left_to_readers
from crepe.recording.mcs_layout import About
from crepe.recording.reader import Recording
from crepe.recording.writer import RecordingWriter
from crepe.store import Store

RATE_HZ = 10_000.0
N = 100  # samples of a segment
GAP = (6000, 7300)
STOP = 14_000
INFO = StreamInfo(
    sampling_rate_hz=RATE_HZ, labels=("47", "48"), scale_uv=(0.0596, 0.1), longest_samples=N
)
WIDE = 'run = "crepe.actors.filter:BandPass"\nlow_hz = 300\n'
NARROW = 'run = "crepe.actors.filter:BandPass"\nlow_hz = 300\nhigh_hz = 340\norder = 3\n'
MAINS = 'run = "crepe.actors.filter:Notch"\nmains_hz = 60\n'


def actors(**tables: str) -> str:
    return "".join(f"[actors.{name}]\n{table}\n" for name, table in tables.items())


def wired(table: str, source: str, target: str) -> str:
    return f'{table}reads = ["{source}"]\nwrites = ["{target}"]\n'


def segments() -> Iterator[Segment]:
    """Noise, mains and an offset, of which one channel stands still for a while; with a gap."""
    random = np.random.default_rng(5)
    index = np.arange(STOP)
    counts = random.normal(0, 200, (2, STOP)) + 9000 * np.sin(index * 2 * np.pi * 60 / RATE_HZ)
    counts[1] += 50_000
    counts[1, 3000:4500] = 123
    for start in range(0, STOP, N):
        if not GAP[0] <= start < GAP[1]:
            samples = counts[:, start : start + N].astype(np.int32)
            yield Segment(start, start + N, samples, start + 7, is_estimated=start == GAP[1])


def live(actor: Actor[Any, Any], messages: list[Segment], info: StreamInfo) -> list[Segment]:
    actor.open(ActorContext(inputs={"data": info}))
    return [actor.step(segment) for segment in messages]


def recorded(path: Path, experiment: str, **streams: list[Segment]) -> Path:
    infos = {"data": INFO} | {f"data:{name}": INFO for name in streams}
    writer = RecordingWriter(path, About("s", experiment=experiment), infos)
    for segment in segments():
        writer.append("data", segment)
    for name, messages in streams.items():
        for message in messages:
            writer.append(f"data:{name}", message)
    writer.end()
    return path


def assert_same(computed: list[Message], ran: list[Segment]) -> None:
    assert len(computed) == len(ran)
    for a, b in zip(computed, ran, strict=True):
        assert isinstance(a, Segment)
        assert (a.start, a.stop, a.t_ns, a.is_estimated) == (
            b.start,
            b.stop,
            b.t_ns,
            b.is_estimated,
        )
        assert a.samples.dtype == np.float32
        assert np.abs(a.samples - b.samples).max() <= 1e-3  # microvolts
        assert np.array_equal(a.samples == 0, b.samples == 0)  # nothing was measured there


@pytest.mark.parametrize(
    ("table", "actor"),
    [(WIDE, BandPass()), (NARROW, BandPass(high_hz=340, order=3)), (MAINS, Notch(mains_hz=60))],
)
def test_every_window_is_what_ran_live(tmp_path: Path, table: str, actor: Actor[Any, Any]) -> None:
    ran = live(actor, list(segments()), INFO)
    experiment = actors(filter=wired(table, "data", "data:filtered"))
    with Recording(recorded(tmp_path / "s.h5", experiment)) as recording:
        info = recording.streams()["data:filtered"]
        assert (info.dtype, info.scale_uv, info.labels) == ("float32", (1.0,), INFO.labels)
        assert recording.gaps("data:filtered") == [GAP]
        assert (recording.first("data:filtered"), recording.last("data:filtered")) == (0, STOP)
        assert_same(recording.messages("data:filtered", 0, STOP), ran)
        # Each by itself: at the beginning, where a channel stands still, around the gap, at the end
        for at in (0, 50, 2950, 3550, 4450, 4600, 5950, 7300, 7350, 9000, 13_950):
            expected = [m for m in ran if m.stop > at and m.start < at + 100]
            assert_same(recording.messages("data:filtered", at, at + 100), expected)


def test_a_chain_of_filters_is_computed_from_its_recorded_beginning(tmp_path: Path) -> None:
    notched = live(Notch(mains_hz=60), list(segments()), INFO)
    info = Notch(mains_hz=60).output_info(ActorContext(inputs={"data": INFO}))
    ran = live(BandPass(), notched, info)
    experiment = actors(
        filter=wired(WIDE, "data:clean", "data:filtered"),
        notch=wired(MAINS, "data", "data:clean"),
    )
    with Recording(recorded(tmp_path / "s.h5", experiment)) as recording:
        assert set(recording.streams()) == {"data", "data:clean", "data:filtered"}
        for start, stop in ((0, STOP), (9000, 9100)):
            expected = [m for m in ran if m.stop > start and m.start < stop]
            assert_same(recording.messages("data:filtered", start, stop), expected)


def test_a_store_reads_it_like_any_other_stream(tmp_path: Path) -> None:
    ran = live(BandPass(), list(segments()), INFO)
    experiment = actors(filter=wired(WIDE, "data", "data:filtered"))
    store = Store(recorded(tmp_path / "s.h5", experiment))
    filtered = store["data:filtered"]
    expected = np.concatenate([m.samples for m in ran if 7300 <= m.start < 9300], axis=1)
    assert np.abs(filtered[:, 7300:9300] - expected).max() <= 1e-3
    assert np.isnan(filtered.read(5990, 6010, fill=np.nan)[:, 10:]).all()
    followed = np.concatenate([m.samples for m in filtered.follow(7300, 1000)], axis=1)
    assert np.abs(followed[:, :2000] - expected).max() <= 1e-3
    assert len(filtered) == STOP


def test_what_was_recorded_is_read_and_not_computed(tmp_path: Path) -> None:
    experiment = actors(filter=wired(WIDE, "data", "data:filtered"))
    ones = [Segment(0, N, np.ones((2, N), np.int32))]
    with Recording(recorded(tmp_path / "s.h5", experiment, filtered=ones)) as recording:
        (message,) = recording.messages("data:filtered", 0, STOP)
        assert message.samples.all()


@pytest.mark.parametrize(
    "experiment",
    [
        "",
        "no experiment [",
        'actors = "none"',
        "[actors]\nfilter = 3",
        actors(filter=wired('run = "my_lab.filters:BandPass"\n', "data", "data:filtered")),
        actors(filter=wired(WIDE + "sharpness = 3\n", "data", "data:filtered")),
        actors(filter=wired(WIDE + 'high_hz = "high"\n', "data", "data:filtered")),
        actors(filter=wired(WIDE + "high_hz = 0\n", "data", "data:filtered")),
        actors(filter=wired(WIDE, "data:clean", "data:filtered")),
        actors(filter=wired(WIDE, "data:filtered", "data:filtered")),
    ],
)
def test_nothing_is_computed_where_the_filter_or_its_input_is_not_known(experiment: str) -> None:
    assert computations(experiment, {"data"}) == {}


def test_names_without_brackets_and_default_settings_are_those_of_the_experiment_file() -> None:
    run = 'run = "crepe.actors.filter:BandPass"\n'
    text = actors(filter=f'{run}reads = "data"\nwrites = "data:filtered"\n')
    design = computations(text, {"data"})["data:filtered"].design
    settings = BandPass()
    assert vars(design) == {"low_hz": settings.low_hz, "high_hz": settings.high_hz, "order": 2}


def test_a_recorder_leaves_to_readers_what_they_can_compute_from_the_rest() -> None:
    text = actors(
        filter=wired(WIDE, "data:clean", "data:filtered"),
        notch=wired(MAINS, "data", "data:clean"),
    )
    everything = {"data": "data", "data:clean": "data", "data:filtered": "data"}
    for streams, expected in [
        (["data", "data:clean", "data:filtered"], ["data:clean", "data:filtered"]),
        (["data", "data:filtered"], ["data:filtered"]),
        (["data", "data:spikes"], []),
        (["data:clean", "data:filtered"], ["data:filtered"]),
        (["data:filtered"], []),
    ]:
        origins = left_to_readers(text, streams)
        assert sorted(origins) == expected
        if "data" in streams:
            assert all(everything[name] == origin for name, origin in origins.items())
    assert left_to_readers(text, ["data:clean", "data:filtered"]) == {"data:filtered": "data:clean"}
