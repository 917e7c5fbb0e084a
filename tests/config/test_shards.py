"""Shards of channels give what one program gives, to the bit, and are refused where they cannot."""

from collections import Counter

import numpy as np
import pytest

from crepe.config.context import actor_context
from crepe.config.dry_run.dry_run import dry_run
from crepe.config.experiment import load_experiment
from crepe.config.program_part import load_program
from crepe.errors import ConfigError
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.runtime.chain import Chain
from crepe.runtime.hosted_actor import HostedActor
from crepe.runtime.inputs import Inputs
from crepe.runtime.outputs import Outputs
from crepe.runtime.resume import find_resumes
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.groups.names import group_infos, group_names
from crepe.store.groups.parts import split
from crepe.store.memory_store import MemoryStore
from tests.document_files import ROOT, printed_files

RATE, SEGMENT = 10_000, 1_000
EXPERIMENT = """
[actors.acquire]
run = "crepe.actors.acquire:Acquire"
device = "generator://?n_channels={n}"
writes = ["data"]

[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]
shards = {shards}

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]
threshold_sd = 3.0
shards = {shards}

[actors.cut_out]
run = "crepe.actors.cutouts:CutOut"
reads = ["data:filtered", "data:spikes"]
writes = ["data:cutouts"]
shards = {shards}
"""
CHAIN = """
[chains.pipeline]
actors = ["filter", "detect", "cut_out"]
"""
RECORD = """
[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]
"""


class _Store(MemoryStore):
    def register_all(self, reader, positions):
        """Positions do not matter here, where nothing is trimmed."""


def write(tmp_path, text=EXPERIMENT + CHAIN + RECORD, n=5, shards=3):
    path = tmp_path / f"{shards}.toml"
    path.write_text(text.format(n=n, shards=shards))
    return path


def segments(n, seconds):
    """Return noise with a gap of a segment and a half, and a channel that is dead for a while."""
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 100, (n, RATE * seconds)).astype(np.int32)
    samples[n - 1, 5_000:9_000] = 0
    starts = [*range(0, 20_000, SEGMENT), *range(21_500, RATE * seconds - SEGMENT, SEGMENT)]
    return [Segment(at, at + SEGMENT, samples[:, at : at + SEGMENT]) for at in starts]


def acquired(n, shards, seconds=3):
    store, labels = _Store(), tuple(map(str, range(n)))
    info = StreamInfo(labels=labels, scale_uv=(0.1,), longest_samples=SEGMENT, session="s")
    names = group_names("data", shards) if shards > 1 else ("data",)
    for name, part in zip(names, group_infos(info, shards, "data"), strict=True):
        store.declare(name, part)
    for segment in segments(n, seconds):
        window = segment.start, segment.stop
        for name, part in zip(names, split(segment, n, shards), strict=True):
            store.append([(name, Entry(*window, codec.pack([part], *window)))])
    return store


def run(store, part, most=10**6):
    """Run a program on what the store has, for so many entries at most."""
    outputs = Outputs(part, part.actors, store, Counter())
    inputs = Inputs(part.program, part.actors, store, session="s", since_ms=0)
    resumes = find_resumes(part.actors, outputs.streams, store, "s")
    hosted, infos = [], {}
    for spec in part.actors:
        assert all(inputs.find(stream) for stream in inputs.missing(spec))
        infos.update(inputs.infos)
        resume = resumes[spec.name]
        at = resume.position if resume else 0
        context = actor_context(part, spec, infos, session="s", position=at)
        hosted.append(HostedActor(spec, context, resume))
        infos.update(hosted[-1].infos)
        outputs.declare(hosted[-1])
    inputs.begin(hosted, resumes)
    chain = Chain(hosted)
    outputs.publish(chain.catch_up(inputs.missed(hosted, resumes)))
    while items := inputs.wait(0.0):
        for stream, item in items:
            if most == 0:
                return
            most -= 1
            outputs.publish(chain.push(inputs.take(stream, item)))


def everything(store, stream):
    """Return all messages of a stream with the bytes of their arrays."""
    return [
        [
            getattr(value := getattr(message, name), "tobytes", lambda value=value: value)()
            for name in message.__dataclass_fields__
        ]
        for message in Store(store)[stream].messages()
    ]


@pytest.mark.parametrize(
    ("text", "n", "shards"),
    [(EXPERIMENT + CHAIN + RECORD, 5, 2), (EXPERIMENT, 3, 3)],
    ids=["chain", "programs"],
)
def test_shards_give_the_same_to_the_bit_across_a_gap(tmp_path, text, n, shards):
    results = {}
    for count in (1, shards):
        path, store = write(tmp_path, text, n, count), acquired(n, count)
        for program in load_experiment(path).programs:
            if program.name not in ("redis", "acquire", "record"):
                run(store, load_program(path, program.name))
        results[count] = {s: everything(store, s) for s in ("data:spikes", "data:cutouts")}
        assert sum(len(m.sample) for m in Store(store)["data:spikes"].messages()) > 50
    assert results[shards] == results[1]


def test_a_shard_that_is_killed_resumes_and_nothing_is_lost_or_doubled(tmp_path):
    path, store = write(tmp_path), acquired(5, 3, seconds=8)
    parts = [load_program(path, f"pipeline-{number}") for number in range(3)]
    run(store, parts[0])
    run(store, parts[1], most=65)  # it ends without a last word, behind the gap
    run(store, parts[2])
    assert len(Store(store)["data:spikes"]) == store.last("data:spikes/1of3").stop
    assert store.last("data:spikes/1of3").stop < store.last("data:spikes/0of3").stop
    run(store, parts[1])
    whole = acquired(5, 1, seconds=8)
    run(whole, load_program(write(tmp_path, shards=1), "pipeline"))
    for stream in ("data:spikes", "data:cutouts"):
        assert everything(store, stream) == everything(whole, stream)
        windows = [(m.start, m.stop) for m in Store(store)[stream].messages()]
        assert windows == sorted(set(windows))


def test_the_program_before_shards_publishes_groups_and_readers_see_one_array(tmp_path):
    path, store = write(tmp_path), _Store()
    part = load_program(path, "acquire")
    outputs = Outputs(part, part.actors, store, Counter())
    (spec,) = part.actors
    host = HostedActor(spec, actor_context(part, spec, {}, session="s"), None)
    outputs.declare(host)
    written = []
    for _ in range(3):
        published = host.read(1.0)
        written += [message.samples for out in published for message in out.batch.messages]
        outputs.publish(published)
    host.actor.close()
    assert sorted(store.memory.streams) == ["data/0of3", "data/1of3", "data/2of3"]
    data = Store(store)["data"]
    np.testing.assert_array_equal(data.read(0, len(data)), np.concatenate(written, axis=1))
    (resume,) = find_resumes(part.actors, outputs.streams, store, "s").values()
    assert resume.position == len(data)


def test_a_file_with_shards_has_a_program_for_each_and_one_of_all_else(tmp_path):
    experiment = load_experiment(write(tmp_path))
    names = {program.name for program in experiment.programs}
    assert names == {"redis", "pipeline-0", "pipeline-1", "pipeline-2", "record", "acquire"}
    assert experiment.streams_of(Spikes) == ("data:spikes",)
    part = load_program(experiment.path, "pipeline-1")
    assert [spec.reads for spec in part.actors][:2] == [("data/1of3",), ("data:filtered/1of3",)]


MISTAKES = {
    'reads = ["data"]\nwrites = ["data:filtered"]\nshards = 3': (
        'reads = ["data"]\nwrites = ["data:filtered"]\nshards = 2',
        r"\[chains.pipeline\]: actors of one chain must have the same number of shards, not "
        "filter 2, detect 3, cut_out 3",
    ),
    "threshold_sd = 3.0\nshards = 3": (
        "threshold_sd = 3.0\nshards = 99",
        r"\[actors.detect\] shards: 99, must be an integer of 1 to 64",
    ),
    "n_channels=5": (
        "n_channels=2",
        r"data: 2 channels, so its readers can have at most 2 shards, not 3",
    ),
    "actors.filter:BandPass": (
        "actors.blank:Blank",
        r"\[actors.filter\] shards: 3, but Blank does not treat each channel for itself; only",
    ),
}


@pytest.mark.parametrize("old", MISTAKES, ids=lambda old: old.split()[0])
def test_shards_that_do_not_fit_are_refused_with_a_sentence(tmp_path, old):
    new, expected = MISTAKES[old]
    path = write(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=expected):
        dry_run(load_experiment(path))


def test_programs_apart_must_agree_on_the_groups_of_a_stream(tmp_path):
    text = EXPERIMENT.replace("threshold_sd = 3.0\nshards = {shards}", "shards = 2")
    with pytest.raises(ConfigError, match=r"\[actors.detect\] shards: 2, but 'data:filtered' is"):
        load_experiment(write(tmp_path, text))


def test_a_stream_that_is_split_is_no_feedback(tmp_path):
    listens = (
        EXPERIMENT
        + """
[actors.other]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:other"]
feedback = {{ "data:filtered" = 1.0 }}
"""
    )
    with pytest.raises(ConfigError, match=r"\[actors.other\] feedback: 'data:filtered' is split"):
        load_experiment(write(tmp_path, listens))


def test_the_experiment_of_the_page_fits(tmp_path):
    page = ROOT / "docs" / "how-to" / "many-channels.md"
    path = tmp_path / "many.toml"
    path.write_text(printed_files(page)["many.toml"])
    experiment = load_experiment(path)
    assert [spec.shards for spec in experiment.actors.values()] == [1, 2, 2, 1]


def test_a_program_of_the_name_of_a_shard_is_refused(tmp_path):
    text = EXPERIMENT + CHAIN + RECORD.replace("actors.record]", "actors.pipeline-1]")
    with pytest.raises(ConfigError, match="two programs would be called 'pipeline-1'"):
        load_experiment(write(tmp_path, text))
