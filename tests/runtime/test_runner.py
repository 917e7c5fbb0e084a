"""Programs between a real server and a recording that comes as fast as it goes: nothing is lost."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import pytest
import redis
from pydantic import PrivateAttr

from crepe.actors.actor import Actor
from crepe.config.experiment import load_experiment
from crepe.environment import session
from crepe.errors import LeaseError
from crepe.hw.device import open_recorder
from crepe.messages import Command, Decision, Segment, Stimulus, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.store import Store, codec
from crepe.store.lease import Holder, Lease, wait_until_free
from crepe.store.redis_store import RedisStore

KEPT = 10_000  # samples: one second, the least that a stream keeps
LENGTH = 40_000
DEVICE = f"generator://?speed=0&n_channels=4&duration_s={LENGTH / 10_000}"
ACQUIRE = f"""
[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "{DEVICE}"
"""
EXPERIMENT = f"""
[redis]
keep_s = 1.0
{ACQUIRE}

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data"]
writes = ["data:spikes"]

[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]
"""


class Programs:
    """Programs of one experiment, started one by one and without supervisord."""

    def __init__(self, var: Path, url: str, text: str = EXPERIMENT) -> None:
        path = var / "replay.toml"
        path.write_text(text, encoding="utf-8")
        found = load_experiment(path)
        self.var = var
        self.session = session.begin(session.new(path, found.digest, found.seed), var)
        self.recording = var / "recordings" / f"{self.session.id}.h5"
        self.store = RedisStore(url)
        self._log = (var / "log").open("w+")
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **os.environ,
            "CREPE_VAR": str(var),
            "CREPE_REDIS": url,
            "CREPE_EXPERIMENT": str(path),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    def start(self, *names: str) -> None:
        for name in names:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "crepe", "run", name],
                env=self._environment,
                stdout=self._log,
                stderr=self._log,
            )

    def kill(self, name: str) -> None:
        program = self._running.pop(name)
        program.kill()
        program.wait()

    def end(self, name: str) -> int:
        """Wait until a program has ended by itself."""
        return self._running.pop(name).wait()

    def stop(self, name: str) -> int:
        program = self._running.pop(name)
        program.terminate()
        return program.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        self._running[name].send_signal(number)

    def wait(self, is_so: Callable[[], object]) -> None:
        while not is_so():  # the test's time limit is the bound
            for name, program in self._running.items():
                assert program.poll() is None, f"{name} has ended\n{self.log}"
            time.sleep(0.02)

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def length(self) -> int:
        newest = self.store.last("data")
        return newest.stop if newest else 0

    def first(self) -> int:
        oldest = self.store.first("data")
        return oldest.start if oldest else 0

    def reached(self, reader: str) -> int:
        """What the reader has said it has of `data`."""
        with redis.Redis.from_url(self.store.url) as client:
            return int(client.hget("crepe:data:readers", reader) or 0)

    def beat(self, name: str) -> dict[str, str]:
        return self.store.beats().get(name, {})

    def state(self, name: str) -> str:
        return self.beat(name).get("state", "")

    def gaps(self, name: str) -> tuple[int, int, list[list[int]]]:
        """What the program says is missing: how often, how much, where."""
        beat = self.beat(name)
        return int(beat["n_gaps"]), int(beat["n_missing"]), json.loads(beat["gaps"])

    def close(self) -> None:
        for program in self._running.values():
            program.send_signal(signal.SIGCONT)
            program.terminate()
        for program in self._running.values():
            program.wait()
        self.store.close()
        self._log.close()


@pytest.fixture
def make_programs(own_server, tmp_path) -> Iterator[Callable[..., Programs]]:
    made = []

    def make(text: str = EXPERIMENT) -> Programs:
        own_server.start()
        made.append(Programs(tmp_path, own_server.url, text))
        return made[-1]

    yield make
    for found in made:
        found.close()


@pytest.fixture
def programs(make_programs) -> Programs:
    return make_programs()


def test_a_replay_waits_for_readers_that_start_late_or_hang_and_loses_nothing(programs):
    programs.start("acquire")
    programs.wait(lambda: programs.length() >= KEPT)
    programs.start("record", "detect")
    programs.wait(lambda: programs.reached("record") > 0)
    programs.signal("record", signal.SIGSTOP)
    reached = programs.reached("record")
    programs.wait(lambda: programs.length() == reached + KEPT)
    assert programs.first() <= reached
    programs.signal("record", signal.SIGCONT)
    programs.wait(lambda: programs.state("record") == "ended")
    recorder = open_recorder(DEVICE)
    recorder.open(0)
    with Store(programs.recording) as kept:
        assert kept["data"].gaps(0, LENGTH) == kept["data:spikes"].gaps(0, LENGTH) == []
        read = kept["data"].read(0, LENGTH)
    for start in range(0, LENGTH, 100):
        segment = recorder.read(1.0)
        np.testing.assert_array_equal(read[:, start : start + 100], segment.samples)


def hdf5_with_a_gap(path: Path, gap: int) -> None:
    """A recording of two seconds, and so many samples between them."""
    info = StreamInfo(labels=("a", "b"), longest_samples=100)
    writer = RecordingWriter(path, About("s", 1, "", {}, True, 0), {"data": info})
    for start in [*range(0, 10_000, 100), *range(10_000 + gap, 20_000 + gap, 100)]:
        writer.append("data", Segment(start, start + 100, np.full((2, 100), start, np.int32)))
    writer.end()


def test_a_replay_goes_on_after_a_gap_longer_than_what_is_kept(make_programs, tmp_path):
    hour = 36_000_000
    hdf5_with_a_gap(tmp_path / "gap.h5", hour)
    programs = make_programs(EXPERIMENT.replace(DEVICE, f"hdf5://{tmp_path / 'gap.h5'}?speed=0"))
    programs.start("acquire", "detect", "record")
    programs.wait(lambda: programs.state("record") == "ended")
    for name in ("acquire", "detect", "record"):
        assert programs.gaps(name) == (1, hour, [[10_000, 10_000 + hour]])
    with Store(programs.recording) as kept:
        assert kept["data"].gaps() == [(10_000, 10_000 + hour)]
        assert len(kept["data"]) == 20_000 + hour


def test_a_program_says_what_it_was_not_given_and_says_it_once(make_programs, tmp_path):
    hdf5_with_a_gap(tmp_path / "gap.h5", 500)
    device = f"hdf5://{tmp_path / 'gap.h5'}?speed=0"
    programs = make_programs(CHAIN.replace(DEVICE.replace("speed=0", "speed=10"), device))
    programs.start("acquire")
    programs.wait(lambda: programs.length() == 20_500)
    dropped = Store(programs.store)["data"].times_ns(0, 3_000)
    with redis.Redis.from_url(programs.store.url) as client:  # as at its memory ceiling
        client.xtrim("crepe:data", minid=f"{dropped[-1][0] + 1}-0", approximate=False)
    for n_restarts in ("0", "1"):  # then it goes over the same windows again to warm up
        programs.start("front")
        programs.wait(lambda n=n_restarts: programs.beat("front").get("restarts") == n)
        programs.wait(lambda: programs.beat("front")["state"] == "ended")
        assert programs.gaps("acquire") == (1, 500, [[10_000, 10_500]])
        assert programs.gaps("front") == (2, 3_500, [[0, 3_000], [10_000, 10_500]])
        programs.kill("front")


def make_unreadable(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["CREPE/streams/data:spikes/info"]


def test_a_recording_that_cannot_be_continued_is_followed_by_another_part(make_programs):
    device = DEVICE.replace("speed=0", "speed=2")
    text = EXPERIMENT.replace(DEVICE, device).replace(
        '"data", "data:spikes"]', '"data", "data:spikes", "result:control"]'
    )
    programs = make_programs(text + HEAR)
    programs.start("acquire", "detect", "annotate", "record")
    programs.wait(lambda: programs.reached("record") > 15_000)
    programs.kill("record")
    reached = programs.reached("record")
    make_unreadable(programs.recording)
    programs.start("record")
    programs.wait(lambda: programs.state("record") == "ended")
    aside = programs.recording.with_suffix(".damaged-1.h5")
    problem = programs.beat("record")["problem"]
    assert problem.startswith(f"part 2: {aside.name} was set aside: ")
    assert f"{programs.recording}: cannot be continued" in programs.log
    with Store(programs.recording) as kept:
        assert kept["data"].gaps(0, LENGTH) == []  # the old part can be read there
        begins = kept["data:spikes"].first
        assert 0 < begins <= reached  # what Redis still had is in the new part
        assert kept["data:spikes"].gaps(begins, LENGTH) == []
        notes = kept["result:control"].messages(0, LENGTH)
    assert [(note.name, note.sender) for note in notes] == [("note", "record")]
    assert notes[0].value == problem
    assert "data goes on at sample " in problem
    assert programs.gaps("record") == (0, 0, [])
    programs.kill("record")
    programs.start("record")
    programs.wait(lambda: programs.state("record") == "ended")
    assert programs.beat("record")["problem"] == problem
    assert len(programs.store.wait({"control": "0-0"}, 0.1)) == 1  # it is not told again


@pytest.mark.parametrize("honest", [True, False])
def test_a_restart_at_a_simulator_in_the_place_of_an_instrument_does_not_mix_a_session(
    make_programs, simulate_elsewhere, honest
):
    with simulate_elsewhere(honest=honest) as first:
        ports = {"http_port": first.http_port, "data_port": first.data_port}
        device = f"meame://127.0.0.1:{first.http_port}?data_port={first.data_port}"
        programs = make_programs(ACQUIRE.replace(DEVICE, device))
        programs.start("acquire")
        programs.wait(programs.length)
        programs.kill("acquire")
        length = programs.length()
    with simulate_elsewhere(honest=not honest, **ports):
        programs.start("acquire")
        assert programs.end("acquire") == 1
    is_now = "an instrument" if honest else "a simulated culture"
    sentence = programs.log.splitlines()[-1]
    assert f"127.0.0.1:{ports['http_port']}: is {is_now} of 60 channels" in sentence
    assert sentence.endswith("or begin a session with `crepe up --new`")
    assert programs.length() == length
    assert programs.store.info("data").is_simulated == honest


HEAR = """
[actors.annotate]
run = "crepe.actors.annotate:Annotate"
reads = ["data:spikes", "control"]
writes = ["result:control"]
"""


def test_a_replay_ends_though_a_stream_that_is_recorded_has_no_messages(make_programs):
    text = EXPERIMENT.replace('"data", "data:spikes"]', '"data", "data:spikes", "result:control"]')
    programs = make_programs(text + HEAR)
    programs.start("acquire", "detect", "annotate", "record")
    programs.wait(lambda: programs.state("record") == "ended")
    with Store(programs.recording) as kept:
        assert len(kept["data"]) == LENGTH


CHAIN = (
    ACQUIRE.replace("speed=0", "speed=10")
    + """
[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]
low_hz = 300
high_hz = 3000

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]

[chains.front]
actors = ["filter", "detect"]
"""
)


RECORD = """
[actors.record]
run = "crepe.actors.record:Record"
reads = ["data:filtered"]
"""


@pytest.mark.parametrize("is_published", [False, True])
def test_a_killed_chain_goes_on_where_it_was_and_misses_and_doubles_nothing(
    make_programs, is_published
):
    text = CHAIN.replace(f"duration_s={LENGTH / 10_000}", "duration_s=14")
    text += RECORD if is_published else ""
    programs = make_programs(text)

    def reached() -> int:
        newest = programs.store.last("data:spikes")
        return newest.stop if newest else 0

    programs.start("acquire", "front")
    programs.wait(lambda: reached() > 60_000)
    programs.kill("front")
    programs.start("front")
    programs.wait(lambda: programs.state("front") == "ended")
    assert ("data:filtered" in programs.store.streams()) == is_published
    begun = re.findall(r"filter at (\d+), detect at (\d+)", programs.log)
    assert begun[0] == ("0", "0")
    # What warms detect up comes from the filter again, or from the stream.
    assert int(begun[1][0]) == int(begun[1][1]) - (0 if is_published else 53_500)
    found = Store(programs.store)["data:spikes"]
    assert found.gaps() == []
    assert programs.gaps("front") == (0, 0, [])
    interrupted = [(m.start, m.stop, m.sample.tolist()) for m in found.messages(0, len(found))]
    programs.kill("front")
    for stream in {"data:filtered", "data:spikes"}.intersection(programs.store.streams()):
        programs.store.delete(stream)
    programs.start("front")
    programs.wait(lambda: programs.state("front") == "ended" and reached() >= 120_000 - 100)
    whole = [(m.start, m.stop, m.sample.tolist()) for m in found.messages(0, len(found))]
    assert interrupted == whole


class Requester(Actor[Segment, Stimulus]):
    """Requests a train every 50 ms, each of the next number."""

    is_sparse: ClassVar[bool] = True
    _number: int = PrivateAttr(0)

    def open(self, context):
        self._number = (context.snapshot or {}).get("number", 0)

    def step(self, segment: Segment) -> Stimulus | None:
        if segment.stop % 500:
            return None
        self._number += 1
        due, phases = segment.stop + 500, ((-10.0, 200.0), (10.0, 200.0))
        return Stimulus(segment.start, segment.stop, self._number, due, ("0",), phases, 20.0, 1)

    def snapshot(self):
        return {"number": self._number}


STIMULATE = (
    ACQUIRE.replace("speed=0", "speed=1").replace(f"duration_s={LENGTH / 10_000}", "duration_s=600")
    + """
[actors.one]
run = "tests.runtime.test_runner:Requester"
reads = ["data"]
writes = ["one:stimuli"]

[actors.two]
run = "tests.runtime.test_runner:Requester"
reads = ["data"]
writes = ["two:stimuli"]

[actors.stimulate]
run = "crepe.actors.stimulate:Stimulate"
reads = ["data", "one:stimuli", "two:stimuli"]
writes = ["result:delivered"]
device = "none://"

[actors.annotate]
run = "crepe.actors.annotate:Annotate"
reads = ["data", "control"]
writes = ["result:control"]
"""
)


def test_every_request_has_one_final_answer_whatever_is_killed_and_restarted(make_programs):
    programs = make_programs(STIMULATE)
    programs.start("acquire", "one", "two", "stimulate")

    def requests() -> set[tuple[str, int]]:
        streams = (Store(programs.store)[name] for name in ("one:stimuli", "two:stimuli"))
        return {(stream.name, m.number) for stream in streams for m in stream.messages()}

    def answers() -> list[tuple[str, int]]:
        stream = Store(programs.store)["result:delivered"]
        return [(m.stream, m.number) for m in stream.messages() if m.state != "intended"]

    def grown(count: Callable[[], int]) -> None:
        before = count()
        programs.wait(lambda: count() > before + 4)

    programs.wait(lambda: programs.store.info("result:delivered"))
    grown(lambda: len(answers()))
    programs.kill("stimulate")
    grown(lambda: len(requests()))  # all these come while no stimulator runs
    programs.start("stimulate")
    grown(lambda: len(answers()))
    for name in ("one", "stimulate", "two"):
        programs.kill(name)
        programs.start(name)
    grown(lambda: len(answers()))
    # In this order `crepe down` ends them; what comes until then is answered, too.
    programs.signal("stimulate", signal.SIGSTOP)
    grown(lambda: len(requests()))
    programs.stop("one"), programs.stop("two")
    programs.signal("stimulate", signal.SIGTERM)
    programs.signal("stimulate", signal.SIGCONT)
    assert programs.end("stimulate") == 0
    assert set(answers()) == requests()
    assert len(answers()) == len(set(answers()))


def test_what_cannot_be_read_is_skipped_and_counted_and_the_program_goes_on(make_programs):
    programs = make_programs(STIMULATE)
    programs.start("acquire", "annotate")
    programs.wait(lambda: programs.state("annotate") == "running")
    whole = codec.pack([Command(0, 0, "note", "hello", "tester")], 0, 0)
    numbers = codec.pack([Command(0, 0, 7, ["x"], "tester")], 0, 0)  # fields of other types
    for payload in (b"garbage", b"\x91\xc0", numbers, b"", whole):
        programs.store.append_unclocked("control", payload)

    def notes() -> list[str]:
        return [m.value for m in Store(programs.store)["result:control"].messages()]

    programs.wait(lambda: "result:control" in programs.store.streams() and notes() == ["hello"])
    programs.wait(lambda: programs.beat("annotate").get("n_unreadable") == "3")
    assert "control: skipped an entry of Command" in programs.log
    assert "name: 7, must be str" in programs.log


class Silence(Actor[Segment, Decision]):
    """Says that nothing has come, once; and how far it is."""

    is_sparse: ClassVar[bool] = True
    _is_said: bool = PrivateAttr(False)

    def step(self, segment: Segment) -> Decision | None:
        return None

    def on_silence(self, elapsed_s: float) -> Decision | None:
        if elapsed_s < 0.5 or self._is_said:
            return None
        self._is_said = True
        print("it is silent", flush=True)
        return Decision(0, 1, "silence")


SILENCE = (
    ACQUIRE.replace("speed=0", "speed=1").replace(f"duration_s={LENGTH / 10_000}", "duration_s=600")
    + """
[actors.silence]
run = "tests.runtime.test_runner:Silence"
reads = ["data"]
writes = ["result"]
"""
)


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL])
def test_an_actor_is_told_of_the_silence_while_redis_is_away_and_what_it_says_is_kept(
    make_programs, own_server, end
):
    programs = make_programs(SILENCE)
    programs.start("acquire", "silence")
    programs.wait(lambda: programs.store.last("result"))
    own_server.process.send_signal(end)
    programs.wait(lambda: "it is silent" in programs.log)
    if end == signal.SIGSTOP:
        own_server.process.send_signal(signal.SIGCONT)
    else:
        own_server.process.wait()
        own_server.start()

    def said() -> list[object]:
        if not programs.store.info("result"):  # lost with a slow disk: its writer sends it again
            return []
        result = Store(programs.store)["result"]
        return [message.value for message in result.messages(0, len(result))]

    programs.wait(lambda: "silence" in said())
    assert said() == ["silence"]


def test_a_program_stops_when_told_while_redis_is_away(make_programs, own_server):
    programs = make_programs(SILENCE)
    programs.start("acquire", "silence")
    programs.wait(lambda: programs.store.last("result"))
    own_server.kill()
    programs.wait(lambda: "lost Redis" in programs.log)
    assert [programs.stop(name) for name in ("acquire", "silence")] == [0, 0]
    programs.start("silence")
    assert programs.stop("silence") != 0  # it was not open yet


def test_a_program_ends_when_another_session_has_the_culture_and_touches_nothing_of_it(
    make_programs,
):
    programs = make_programs(SILENCE)
    programs.start("acquire", "silence")
    programs.wait(lambda: programs.store.last("result"))
    Lease(programs.store, Holder("other", "lab-pc", "anna", 1, "")).take(take_over=True)
    assert [programs.end(name) for name in ("acquire", "silence")] == [0, 0]
    assert programs.state("acquire") == "running"  # as it was: that key is the other session's
    over = session.current(programs.var)
    assert over.state == session.ENDED
    assert "session other of anna on host lab-pc" in over.ended_because
    line = f"session {programs.session.id} is over: {over.ended_because}"
    assert programs.log.count(line) == 2
    assert "Traceback" not in programs.log

    programs.store.declare("data", StreamInfo(session="other"), takes_over=True)
    programs.start("acquire")  # as supervisord would
    assert programs.end("acquire") == 0
    assert programs.store.info("data").writer == programs.store.writer


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL])
def test_a_session_keeps_its_culture_while_redis_is_away(make_programs, own_server, end):
    programs = make_programs(SILENCE)
    programs.start("acquire", "silence")
    programs.wait(lambda: programs.store.last("result"))
    own_server.process.send_signal(end)
    programs.wait(lambda: programs.log.count("lost Redis") >= 2)
    if end == signal.SIGSTOP:
        own_server.process.send_signal(signal.SIGCONT)
    else:
        own_server.process.wait()
        own_server.start()
    with pytest.raises(LeaseError, match=f"session {programs.session.id}"):
        wait_until_free(programs.store, "")


WRONG = """
from crepe.actors.actor import Actor
from crepe.messages import Decision, Segment


class Wrong(Actor[Segment, Decision]):
    def step(self, segment):
        return "rock" if segment.stop > 10_000 else Decision(segment.start, segment.stop, None)
"""


def test_an_actor_that_returns_no_message_ends_its_program_with_one_sentence(
    make_programs, tmp_path
):
    (tmp_path / "wrong_actor.py").write_text(WRONG)
    table = '[actors.decode]\nrun = "wrong_actor:Wrong"\nreads = ["data"]\nwrites = ["result"]\n'
    started = make_programs(f"{ACQUIRE}{table}")
    started.start("acquire", "decode")
    assert started.end("decode") == 1
    # The log is that of both programs.
    sentence = next(line for line in started.log.splitlines() if line.startswith("crepe: "))
    assert sentence.startswith("crepe: [actors.decode] wrong_actor:Wrong: step (")
    assert sentence.endswith(
        "returned 'rock' (str), must be Decision, an iterable of them, or None"
    )
    assert "Traceback" not in started.log
    assert started.beat("decode")["problem"] == sentence.removeprefix("crepe: ")
