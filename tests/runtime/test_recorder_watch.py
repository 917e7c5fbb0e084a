"""A recorder that hangs or is gone while data come disarms the stimulator, once."""

from collections.abc import Iterator
from itertools import count
from typing import ClassVar

import pytest

from crepe.actors.annotate import Annotate
from crepe.actors.record import Record
from crepe.actors.stimulate import Stimulate
from crepe.runtime.recorder_watch import RecorderWatch
from crepe.store.memory_store import MemoryStore


class NotSetUp(Stimulate):
    """A stimulator that the watch only recognises."""

    problem: ClassVar[str] = ""


class Session:
    """The watch of a stimulator, with a recorder that it sees by heartbeats alone."""

    def __init__(self, actor: object) -> None:
        self.store = MemoryStore()
        self.n_disarmed = 0
        self.watch = RecorderWatch([actor], self.store, "now", self.disarm)
        self.data: Iterator[int] = count(10_000, 10_000)

    def disarm(self) -> None:
        self.n_disarmed += 1

    def beat(self, position: int, limit_s: str = "5", session: str = "now") -> None:
        state = {"session": session, "position": str(position), "disarms_after_s": limit_s}
        self.store.beat("record", state)

    def look(self, n: int) -> str:
        return [self.watch.look(next(self.data)) for _ in range(n)][-1]


@pytest.fixture
def seen() -> Session:
    session = Session(NotSetUp(device="none://"))
    session.beat(10_000)
    session.look(1)
    return session


def test_a_recorder_without_progress_disarms_once_and_is_named(seen):
    assert seen.look(4) == ""
    assert seen.n_disarmed == 0
    problem = seen.look(1)
    assert problem.startswith("NOT RECORDING since sample 10000: program record has stored nothing")
    assert seen.look(100) == problem
    assert seen.n_disarmed == 1
    seen.beat(20_000)
    assert seen.look(1) == "record recorded nothing for 105 s, and went on"
    seen.look(5)
    assert seen.n_disarmed == 2


def test_one_that_is_restarted_again_and_again_makes_no_progress(seen):
    for position in (0, 10_000, 0, 9_000, 10_000):
        assert seen.n_disarmed == 0
        seen.beat(position)
        seen.look(1)
    assert seen.n_disarmed == 1


def test_a_recorder_that_lags_records(seen):
    for position in range(10_100, 12_000, 100):
        seen.beat(position)
        assert seen.look(1) == ""
    assert seen.n_disarmed == 0


def test_without_data_no_recorder_is_late(seen):
    newest = next(seen.data)
    assert [seen.watch.look(newest) for _ in range(50)] == [""] * 50
    assert [seen.watch.look(None) for _ in range(50)] == [""] * 50
    assert seen.n_disarmed == 0


@pytest.mark.parametrize(("limit_s", "session"), [("", "now"), ("5", "before")])
def test_a_recorder_that_does_not_disarm_or_is_of_another_session_does_not_count(limit_s, session):
    seen = Session(NotSetUp(device="none://"))
    seen.beat(10_000, limit_s, session)
    assert seen.look(50) == ""
    assert seen.n_disarmed == 0


def test_problems_of_the_programs_own_actors_come_first(seen):
    record = Record()
    record._pause = "the recorder paused"
    assert (
        RecorderWatch([record, Annotate()], seen.store, "now").look(None) == "the recorder paused"
    )


def test_a_program_without_a_stimulator_watches_none():
    seen = Session(Annotate())
    seen.beat(10_000)
    assert seen.look(50) == ""


@pytest.mark.parametrize(
    ("actor", "stated"),
    [
        (Record(), "20"),
        (Record(unrecorded_s=7.5), "7.5"),
        (Record(disarms=False), ""),
        (Annotate(), ""),
    ],
)
def test_a_program_states_the_limit_of_its_recorder(actor, stated):
    assert RecorderWatch([actor], MemoryStore(), "now").disarms_after_s == stated
