"""Stations and flows: windows in order, nothing twice, nothing skipped."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from pydantic import PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.config.wiring import ActorSpec
from crepe.messages import (
    Command,
    Decision,
    GameState,
    Segment,
    Spikes,
    Stimulus,
    StreamInfo,
    Unreadable,
)
from crepe.runtime.batch import Batch, OutputBatch, Resume
from crepe.runtime.chain import Chain
from crepe.runtime.hosted_actor import HostedActor

INFO = StreamInfo(
    labels=("a", "b"), sampling_rate_hz=1000.0, segment_samples=10, longest_samples=10
)


class Mean(Actor[Segment, Decision]):
    """The running sum of all samples, which needs its whole history."""

    _sum: float = PrivateAttr(0.0)

    def open(self, start):
        self._sum = (start.snapshot or {}).get("sum", 0.0)

    def step(self, segment):
        self._sum += float(segment.samples.sum())
        return Decision(segment.start, segment.stop, self._sum)

    def snapshot(self):
        return {"sum": self._sum}


class Late(Actor[Segment, Segment]):
    """Gives back its input five samples later, and needs 0.02 s of it to do so."""

    delay_samples: ClassVar[int] = 5
    _held: np.ndarray = PrivateAttr(None)

    @property
    def warmup_s(self):
        return 0.02

    def step(self, segment):
        held = self._held if self._held is not None else np.empty((2, 0), np.int32)
        joined = np.concatenate([held, segment.samples], axis=1)
        out, self._held = joined[:, :-5], joined[:, -5:]
        stop = segment.stop - 5
        return Segment(stop - out.shape[1], stop, out)

    def finish(self):
        return None


class Referee(Actor[Decision | Command, GameState | Stimulus]):
    """Asks for a stimulus at every hundredth sample and counts what people say."""

    is_sparse: ClassVar[bool] = True
    _said: int = PrivateAttr(0)

    def step(self, message):
        if isinstance(message, Command):
            self._said += 1
            return GameState(message.start, message.stop, self._said, message.value)
        if message.stop % 100 == 0:
            number = message.stop // 100
            return (
                GameState(message.start, message.stop, number, "rest"),
                Stimulus(
                    message.stop - 1, message.stop, number, message.stop + 5, ("a",), (), 1, 1
                ),
            )
        return None

    def snapshot(self):
        return {"said": self._said}


class Both(Actor[Decision | Spikes, GameState]):
    """Writes down the order in which it is given things."""

    _seen: list = PrivateAttr(default_factory=list)

    def step(self, message):
        self._seen.append((type(message).__name__, message.stop))


def spec(kind, reads, writes, name="it"):
    _, outputs = kind.message_types()
    return ActorSpec(name, kind, {}, tuple(reads), dict(zip(outputs, writes, strict=False)))


def host(kind, reads=("data",), writes=("out",), resume=None, name="it"):
    inputs = {s: INFO for s in reads if s != "input"}
    start = ActorContext(inputs=inputs, snapshot=resume.snapshot if resume else None)
    return HostedActor(spec(kind, reads, writes, name), start, resume)


def segment(start, stop):
    samples = np.arange(start, stop, dtype=np.int32) * np.array([[1], [2]], dtype=np.int32)
    return Batch("data", start, stop, (Segment(start, stop, samples),))


def windows(outputs, stream="out"):
    return [(o.batch.start, o.batch.stop) for o in outputs if o.batch.stream == stream]


def test_a_dense_actor_publishes_every_window():
    chain = Chain([host(Mean)])
    outputs = [out for at in range(0, 50, 10) for out in chain.push(segment(at, at + 10))]
    assert windows(outputs) == [(at, at + 10) for at in range(0, 50, 10)]
    assert [out.position for out in outputs] == [10, 20, 30, 40, 50]


def test_an_input_window_without_messages_gives_an_empty_window():
    it = host(Mean)
    (out,) = it.feed(Batch("data", 0, 10))
    assert (out.batch.start, out.batch.stop, out.batch.messages) == (0, 10, ())


def test_a_gap_in_the_input_is_a_gap_in_the_output():
    it = host(Mean)
    outputs = it.feed(segment(0, 10)) + it.feed(segment(40, 50))
    assert windows(outputs) == [(0, 10), (40, 50)]


def test_a_stream_that_begins_late_is_followed_from_where_it_begins():
    it = host(Referee, ["data"])
    assert windows(it.feed(Batch("data", 5000, 5010))) == []
    outputs = it.feed(Batch("data", 5010, 5200, (Decision(5190, 5200, 1.0),)))
    assert windows(outputs) == [(5000, 5200)]


def test_a_sparse_actor_publishes_when_it_speaks_and_four_times_a_second():
    it = host(Referee, ["data"], ["game", "stimuli"])
    outputs = []
    for stop in range(10, 810, 10):
        said = Decision(stop - 10, stop, 0.0) if stop <= 300 else Decision(stop - 10, stop - 1, 0.0)
        outputs += it.feed(Batch("data", stop - 10, stop, (said,)))
    assert windows(outputs, "game") == [(0, 100), (100, 200), (200, 300), (300, 550), (550, 800)]
    assert windows(outputs, "stimuli") == windows(outputs, "game")
    assert [len(out.batch.messages) for out in outputs if out.batch.stream == "game"] == [
        1,
        1,
        1,
        0,
        0,
    ]


def test_what_is_heard_is_stamped_and_published_with_the_next_window():
    it = host(Referee, ["data", "input"], ["game", "stimuli"])
    it.feed(Batch("data", 0, 10))
    assert (
        it.feed(Batch("input", 0, 0, (Command(0, 0, "gesture", "rock"),), command_id="7-1")) == []
    )
    (out,) = it.feed(Batch("data", 10, 20))
    assert out.command_id == "7-1"
    (said,) = out.batch.messages
    assert (said.start, said.phase) == (10, "rock")


def test_inputs_are_merged_by_sample_index_whatever_comes_first():
    def run(order):
        it = host(Both, ["left", "right"])
        batches = {
            "left": [Batch("left", s, s + 10, (Decision(s, s + 10, 0),)) for s in range(0, 60, 10)],
            "right": [
                Batch("right", s, s + 15, (Spikes.none(s, s + 15),)) for s in range(0, 60, 15)
            ],
        }
        for stream in order:
            if batches[stream]:
                it.feed(batches[stream].pop(0))
        for stream in ("left", "right"):
            for batch in batches[stream]:
                it.feed(batch)
            it.feed(Batch(stream, 60, 60, is_end=True))
        return it.actor._seen

    expected = run(["left", "right"] * 6)
    assert len(expected) == 10
    assert [stop for _, stop in expected] == sorted(stop for _, stop in expected)
    assert run(["left"] * 6 + ["right"] * 4) == expected
    assert run(["right"] * 4 + ["left"] * 6) == expected


@pytest.mark.parametrize("late", [0, 1, 5])
def test_what_is_fed_back_is_taken_in_so_many_samples_later_however_late_it_comes(late):
    about = replace(spec(Both, ["left"], ["out"]), feedback={"right": 0.03})
    it = HostedActor(about, ActorContext(inputs={"left": INFO}), None)
    waiting = []
    for stop in range(10, 110, 10):
        it.feed(Batch("left", stop - 10, stop, (Decision(stop - 10, stop, 0),)))
        waiting.append(Batch("right", stop - 10, stop, (Spikes.none(stop - 10, stop),)))
        if len(waiting) > late:
            it.feed(waiting.pop(0))
    for batch in waiting:
        it.feed(batch)
    lag = round(0.03 * INFO.sampling_rate_hz)
    expected = [("Decision", stop, stop) for stop in range(10, 110, 10)]
    expected += [("Spikes", stop, stop + lag) for stop in range(10, 110 - lag, 10)]
    expected.sort(key=lambda item: (item[2], item[0]))
    assert it.actor._seen == [item[:2] for item in expected]


def test_windows_of_all_inputs_that_end_at_one_sample_make_one_output():
    it = host(Referee, ["data", "more"], ["game", "stimuli"])
    for stop in range(50, 250, 50):
        said = Decision(stop - 50, stop, 0.0)
        outputs = it.feed(Batch("data", stop - 50, stop)) + it.feed(
            Batch("more", stop - 50, stop, (said,))
        )
        assert windows(outputs, "game") == ([(stop - 100, stop)] if stop % 100 == 0 else [])


def test_the_end_is_passed_on_after_what_was_held_back():
    first, second = host(Late, writes=["late"], name="a"), host(Mean, ["late"], name="b")
    chain = Chain([first, second])
    outputs = chain.push(segment(0, 10)) + chain.push(Batch("data", 10, 10, is_end=True))
    ends = [(o.batch.stream, o.batch.stop) for o in outputs if o.batch.is_end]
    assert ends == [("late", 5), ("out", 5)]
    assert chain.push(segment(10, 20)) == []


def test_output_can_leave_before_actors_that_share_nothing_with_it_begin():
    late, mean = host(Late, writes=["late"], name="a"), host(Mean, ["late"], name="b")
    other = host(Mean, writes=["other"], name="c")
    groups = Chain([late, mean, other]).push_by_group(segment(0, 10))
    assert {out.batch.stream for out in next(groups)} == {"late", "out"}
    assert other.position == 0
    assert [out.batch.stream for out in next(groups)] == ["other"]
    assert list(groups) == []


def test_actors_that_a_later_one_joins_are_one_group():
    late, mean = host(Late, writes=["late"], name="a"), host(Mean, writes=["mean"], name="b")
    both = host(Late, ["late", "mean"], writes=["both"], name="c")
    (outputs,) = Chain([late, mean, both]).push_by_group(segment(0, 10))
    assert [out.batch.stream for out in outputs] == ["late", "mean"]  # the third waits for a window


def uninterrupted(n):
    chain = Chain([host(Late, writes=["late"], name="a"), host(Mean, ["late"], name="b")])
    return [out for at in range(0, n, 10) for out in chain.push(segment(at, at + 10))]


def of(outputs: list[OutputBatch], stream: str):
    return [
        (
            o.batch.start,
            o.batch.stop,
            getattr(m, "value", None),
            getattr(m, "samples", np.empty(0)).tolist(),
        )
        for o in outputs
        if o.batch.stream == stream
        for m in o.batch.messages
    ]


@pytest.mark.parametrize("cut", [10, 20, 50, 90])
def test_a_restarted_chain_goes_on_without_loss_or_repetition(cut):
    whole = uninterrupted(100)
    before = uninterrupted(cut)
    late = [o for o in before if o.batch.stream == "late"][-1]
    mean = [o for o in before if o.batch.stream == "out"][-1]
    resume_late = Resume(late.position, {"late": late.batch.stop})
    resume_mean = Resume(mean.position, {"out": mean.batch.stop}, mean.snapshot)
    chain = Chain(
        [
            host(Late, writes=["late"], name="a", resume=resume_late),
            host(Mean, ["late"], name="b", resume=resume_mean),
        ]
    )
    begin = max(0, cut - 20)
    after = [out for at in range(begin, 100, 10) for out in chain.push(segment(at, at + 10))]
    for stream in ("late", "out"):
        assert of(before, stream) + of(after, stream) == of(whole, stream)


class Requests(Actor[Segment | Decision, Decision]):
    """Does not merge: its second input is read on where it had come to."""

    is_sparse: ClassVar[bool] = True
    merges: ClassVar[bool] = False
    _at: int = PrivateAttr(0)

    def open(self, start):
        self._at = (start.snapshot or {}).get("at", 0)

    def on_position(self, stream, position):
        self._at = position if stream == "asks" else self._at

    def step_from(self, stream, message):
        if stream == "asks":
            yield Decision(message.start, message.stop, message.value)

    def on_unreadable(self, stream, unreadable):
        yield Decision(0, 1, unreadable.reason)

    def on_stop(self):
        yield Decision(0, 1, "left")

    def finish(self):
        yield Decision(0, 1, "finished")

    def resume_positions(self):
        return {"asks": self._at}

    def snapshot(self):
        return {"at": self._at}


def asks(start, stop, *values, **fields):
    messages = tuple(Decision(start, stop, value) for value in values)
    return Batch("asks", start, stop, messages, **fields)


def decided(outputs):
    return [m.value for o in outputs for m in o.batch.messages]


def test_an_actor_that_does_not_merge_is_given_what_it_has_not_had_whatever_the_clock():
    resume = Resume(5000, {"out": 5000}, {"at": 200})
    station = host(Requests, ("data", "asks"), resume=resume)
    late = [o for at in (100, 200, 300) for o in station.feed(asks(at - 100, at, f"at {at}"))]
    late += station.feed(segment(5000, 5010))
    assert decided(late) == ["at 300"]


def test_a_message_that_cannot_be_read_reaches_the_actor_as_such():
    station = host(Requests, ("data", "asks"))
    outputs = station.feed(asks(0, 100, "whole", unreadable=(Unreadable("broken"),)))
    assert decided(outputs) == ["broken", "whole"]


@pytest.mark.parametrize(("end", "last"), [("leave", "left"), ("finish", "finished")])
def test_the_last_messages_are_published_though_the_window_is_published_already(end, last):
    station = host(Requests, ("data", "asks"))
    assert decided(station.feed(asks(0, 100, "asked"))) == ["asked"]
    outputs = getattr(station, end)()
    assert decided(outputs) == [last]
    assert windows(outputs)[0] == (100, 101)
    assert outputs[0].position == 100
    assert station.is_ended == (end == "finish")
