"""The scoreboard: what the streams say, and whether a game counts as played."""

import numpy as np
import pytest
from rich.console import Console

from crepe.cli.scoreboard import Score, Sources, board, gather
from crepe.environment.clock import Clocks, WallToBoot
from crepe.messages import Decision, Delivered, GameState, Segment, StreamInfo
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.memory_store import MemoryStore

MS = 1_000_000


def outcome(trial):
    return GameState(0, 10, trial, "outcome", score={})


def answers(*states):
    return [Delivered(0, 10, i, state) for i, state in enumerate(states)]


@pytest.mark.parametrize(
    ("n_trials", "states", "is_played"),
    [
        (2, ("intended", "delivered"), True),
        (3, ("intended", "delivered"), False),
        (2, ("refused", "refused"), False),
        (2, ("refused", "intended", "delivered"), True),
        (2, (), True),  # sham
        (0, ("refused",), False),
        (0, ("intended", "stopped", "delivered"), True),
    ],
)
def test_a_game_is_played_if_every_trial_ran_and_something_was_stimulated(
    n_trials, states, is_played
):
    score = Score(n_trials, is_over=True)
    for message in (outcome(1), outcome(2), *answers(*states)):
        score.take(message)
    assert score.is_played is is_played


def test_the_loop_reaches_from_a_segment_to_the_pulses_that_were_due_with_it():
    memory = MemoryStore(writer="all")
    answer = Delivered(249, 250, 1, "delivered", fired=200, t_ns=7 * MS)
    memory.declare("data", StreamInfo(labels=("1",), message="Segment"))
    memory.declare("result:delivered", StreamInfo(message="Delivered"))
    for start in (0, 100, 200):
        segment = Segment(
            start, start + 100, np.zeros((1, 100), np.int32), t_ns=start // 100 * 4 * MS
        )
        payload = codec.pack([segment], start, start + 100)
        memory.append([("data", Entry(start, start + 100, payload, segment.t_ns))])
    memory.append([("result:delivered", Entry(200, 250, codec.pack([answer], 200, 250)))])
    sources = Sources(delivered="result:delivered", data="data")
    score, simulated = Score(1, sources), Score(1, sources._replace(is_real_time=False))
    for each in (score, simulated):
        gather(Store(memory), each, {})
    assert score.stimulation_ms == [3.0]
    assert simulated.stimulation_ms == []
    assert score.latencies()["acquired to stimulated"] == "p50 3.0 ms, p99 3.0 ms"


class SteppedClocks:
    """Clocks whose wall clock is set by hand."""

    def __init__(self):
        self.set_ns = self.boot_ns = 0

    def __call__(self):
        self.boot_ns += 100 * MS
        return Clocks(self.boot_ns + self.set_ns, self.boot_ns, self.boot_ns)


def test_a_decision_while_the_wall_clock_was_set_has_no_latency():
    memory, clocks = MemoryStore(writer="all"), SteppedClocks()
    memory.declare("data", StreamInfo(labels=("1",), message="Segment"))
    memory.declare("result", StreamInfo(message="Decision"))
    score = Score(1, Sources(data="data", decisions="result"), clock=WallToBoot(clocks))
    score.take(outcome(1))
    cursors = {}
    gather(Store(memory), score, cursors)
    for start, set_ns in ((0, 0), (100, 3_600_000 * MS), (200, 3_600_000 * MS)):
        acquired_ns = start * MS + clocks.set_ns
        clocks.set_ns = set_ns
        decided_ns = (start + 4) * MS + clocks.set_ns
        stop = start + 100
        samples = Segment(start, stop, np.zeros((1, 100), np.int32), t_ns=acquired_ns)
        memory.append(
            [("data", Entry(start, stop, codec.pack([samples], start, stop), acquired_ns))]
        )
        decision = codec.pack([Decision(start, stop, "rock", {})], start, stop)
        memory.append([("result", Entry(start, stop, decision, decided_ns))])
        gather(Store(memory), score, cursors)
    assert score.decision_ms == [4.0, 4.0]


def late_and_delivered(n_late, n_delivered):
    score = Score(12, is_simulated=True)
    for i in range(n_late + n_delivered):
        state, reason = ("refused", "310 ms old, limit 200 ms") if i < n_late else ("delivered", "")
        score.take(Delivered(0, 10, i, "intended"))
        score.take(Delivered(0, 10, i, state, reason))
    return score


def test_the_scoreboard_says_that_the_machine_is_too_slow():
    console = Console(width=200)
    for score, is_noticed in (
        (late_and_delivered(12, 0), True),
        (late_and_delivered(1, 11), False),
    ):
        with console.capture() as shown:
            console.print(board(score))
        assert ("12 of 12 stimuli were too late" in shown.get()) is is_noticed


def test_a_train_that_was_stopped_half_way_is_counted_as_that():
    score = late_and_delivered(2, 3)
    score.take(Delivered(0, 10, 9, "stopped", "no data for 250 ms"))
    console = Console(width=200)
    with console.capture() as shown:
        console.print(board(score))
    assert "3 delivered, 1 stopped, 2 refused" in shown.get()


def test_a_trial_whose_pulses_were_refused_is_no_point():
    score = Score(2, Sources(delivered="result:delivered"))
    for trial, answer in ((1, "refused"), (2, "delivered")):
        score.take(Delivered(0, 10, trial, answer, "not armed"))
        won = {"outcome": "won", "gesture": "rock", "score": {"won": trial}}
        score.take(GameState(0, 10, trial, "outcome", **won))
    assert score.points == {"won": 1, "without pulses": 1}


def test_a_game_with_a_limit_is_played_when_its_time_is_over():
    score = Score(1000, limit_s=5.0, is_over=True)
    score.take(outcome(1))
    assert score.is_played
    assert not Score(1000, is_over=True).is_played


class EndsWhileRead(MemoryStore):
    """A store whose game plays its last trial and ends right after a look at its first."""

    is_over = False

    def last(self, stream):
        entry = super().last(stream)
        if not self.is_over:
            self.is_over = True
            append(self, outcome(2))
            super().append([("state", Entry(20, 20, is_end=True))])
        return entry


def append(memory, state):
    start, stop = 10 * (state.trial - 1), 10 * state.trial
    memory.append([("state", Entry(start, stop, codec.pack([state], start, stop)))])


def test_a_trial_that_ends_the_game_while_the_streams_are_read_is_counted():
    memory = EndsWhileRead(writer="game")
    memory.declare("state", StreamInfo(message="GameState"))
    append(memory, outcome(1))
    score, cursors = Score(2, Sources(states="state")), {}
    while not score.is_over:
        gather(Store(memory), score, cursors)
    assert [state.trial for state in score.outcomes] == [1, 2]
