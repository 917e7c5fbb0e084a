"""The scoreboard of a running game: gathered from its streams, shown with rich."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from rich.table import Table
from rich.text import Text

from crepe.config.experiment import Experiment
from crepe.environment.clock import WallToBoot, read_clocks
from crepe.games import hooks
from crepe.messages import Decision, Delivered, GameState, Message, Segment
from crepe.results.answers import (
    FINAL,
    counted_score,
    counts_text,
    outcomes_left_out,
    stimulated,
)
from crepe.safety.too_slow import is_too_late, too_slow
from crepe.store import Store


class Sources(NamedTuple):
    """The game's class and the streams that the scoreboard reads; empty: there is none."""

    game: type | None = None
    states: str = ""
    delivered: str = ""
    data: str = ""
    decisions: str = ""
    is_real_time: bool = True  # simulated time has no latencies

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """Find them by their messages; the first decisions that a game reads are its default."""
        decisions = experiment.streams_of(Decision)
        games = [actor for actor in experiment.actors.values() if GameState in actor.writes]
        return cls(
            games[0].kind if games else None,
            games[0].writes[GameState] if games else "",
            next(iter(experiment.streams_of(Delivered)), ""),
            next(iter(experiment.streams_of(Segment)), ""),
            next((s for s in games[0].reads if s in decisions), "") if games else "",
            experiment.lockstep_s is None,
        )


@dataclass
class Score:
    """The content of the scoreboard."""

    n_trials: int  # 0: as many as there is time for
    sources: Sources = field(default_factory=Sources)
    is_simulated: bool = False
    limit_s: float | None = None  # of data, after which the game is over for us; None: none
    states: list[GameState] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    decision_ms: list[float] = field(default_factory=list)
    stimulation_ms: list[float] = field(default_factory=list)
    clock: WallToBoot = field(default_factory=lambda: WallToBoot(read_clocks))
    n_gaps: int = 0
    is_over: bool = False  # the game has ended, or its time is over

    def take(self, message: Message) -> None:
        """Count a message."""
        if isinstance(message, GameState):
            self.states.append(message)
        elif isinstance(message, Delivered):
            self.delivered.append(message)

    @property
    def outcomes(self) -> list[GameState]:
        """The finished trials."""
        return [state for state in self.states if state.phase == "outcome"]

    @property
    def points(self) -> dict[str, int]:
        """The game's score without the trials whose pulses were not delivered."""
        has_pulses = stimulated(self.delivered) if self.sources.delivered else None
        left_out = outcomes_left_out(self.outcomes, has_pulses)
        return counted_score(self.states[-1].score if self.states else {}, left_out)

    @property
    def refused(self) -> list[Delivered]:
        """The answers to stimuli that were not, or not certainly, delivered to their end."""
        return [
            answer for answer in self.delivered if answer.state not in ("intended", "delivered")
        ]

    @property
    def is_played(self) -> bool:
        """True if every trial ran, or its time is over, and not all stimulation was refused."""
        has_limit = not self.n_trials or self.limit_s is not None
        is_complete = self.is_over if has_limit else len(self.outcomes) == self.n_trials
        has_stimulated = any(answer.state == "delivered" for answer in self.delivered)
        return is_complete and (has_stimulated or not self.refused)

    @property
    def notice(self) -> str:
        """The reason why stimuli come too late, and a way out; empty if they do not."""
        ended = [answer for answer in self.delivered if answer.state != "intended"]
        n_late = sum(is_too_late(answer.reason) for answer in self.refused)
        return too_slow(n_late, len(ended), can_lockstep=self.is_simulated)

    @property
    def n_by_state(self) -> Counter[str]:
        """Final answers to stimuli by their state."""
        return Counter(answer.state for answer in self.delivered if answer.state in FINAL)

    def line(self, state: GameState) -> str:
        """Return a finished trial in one line, in the words of its game."""
        return hooks.outcome_line(self.sources.game, state)

    def latencies(self) -> dict[str, str]:
        """Return p50 and p99 of the latencies, as text.

        They reach from the acquisition of a segment to the decision about it, and to the first
        pulse of a train that was due with it.
        """
        return {
            "acquired to decided": _percentiles(self.decision_ms),
            "acquired to stimulated": _percentiles(self.stimulation_ms),
        }


def gather(store: Store, score: Score, cursors: dict[str, int]) -> None:
    """Add to a score what its streams received since the last call.

    `cursors` holds the sample index that is reached, by stream; it begins empty.
    """
    sources = score.sources
    has_states = bool(sources.states) and sources.states in store
    # Read before the states: none comes after the end.
    is_ended = has_states and store[sources.states].is_ended
    for name in (sources.states, sources.delivered):
        if not name or name not in store:
            continue
        stream = store[name]
        length = len(stream)
        for message in stream.messages(cursors.get(name, 0), length):
            score.take(message)
            if isinstance(message, Delivered) and sources.is_real_time:
                score.stimulation_ms += _stimulated_ms(store, sources.data, message)
        cursors[name] = length
    score.is_over |= is_ended
    if not sources.data or sources.data not in store:
        return
    has_begun = score.outcomes or any(s.phase == "stimulation" for s in score.states)
    if has_begun and sources.decisions and sources.is_real_time:
        elapsed_ms = latencies_ms(store, sources.data, sources.decisions, cursors)
        if not score.clock.look():  # set meanwhile, it would count as a delay
            score.decision_ms += elapsed_ms
    data = store[sources.data]
    start = max(cursors.get(data.name, 0), data.first)
    score.n_gaps += len(data.gaps(start, len(data))) if len(data) > start else 0
    cursors[data.name] = len(data)
    if score.limit_s is not None and len(data) >= score.limit_s * data.info.sampling_rate_hz:
        score.is_over = True


def latencies_ms(store: Store, source: str, result: str, cursors: dict[str, int]) -> list[float]:
    """Return the times from the segments of one stream to the entries of another.

    Parameters
    ----------
    source
        The stream of segments.
    result
        A stream whose entries follow from the segments; both are joined by sample index.
    cursors
        As in `gather`; the first call returns nothing.

    Returns
    -------
    list of float
        Milliseconds, one for each new entry of `result`.
    """
    segments, results = store[source], store[result]
    start, stop = cursors.get(f"{result}:latency", len(results)), len(results)
    cursors[f"{result}:latency"] = stop
    arrived = np.array(segments.times_ns(start, stop + segments.info.longest_samples))
    followed = np.array(results.times_ns(start, stop))
    if not arrived.size or not followed.size:
        return []
    # A result may lag by part of a segment, so it belongs to the next one that ends.
    rows = np.searchsorted(arrived[:, 0], followed[:, 0])
    has_segment = rows < len(arrived)
    elapsed_ns = followed[has_segment, 1] - arrived[rows[has_segment], 1]
    return list(elapsed_ns / 1e6)


def _stimulated_ms(store: Store, data: str, answer: Delivered) -> list[float]:
    """Return the time from the segment at whose end a train was started to its acknowledgement."""
    if not (data and answer.fired and answer.t_ns):
        return []
    # Windows are half open: the segment that ends at `fired` has `fired - 1` as its last sample.
    times_ns = store[data].times_ns(answer.fired - 1, answer.fired)
    return [(answer.t_ns - t_ns) / 1e6 for _, t_ns in times_ns]


def _percentiles(ms: Sequence[float]) -> str:
    if not ms:
        return "-"
    p50, p99 = np.percentile(ms, (50, 99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def board(score: Score) -> Table:
    """Return the table under the progress bar."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    newest = score.states[-1] if score.states else None
    if score.is_simulated:
        table.add_row("culture", Text("SIMULATED", style="bold"))
    table.add_row("phase", newest.phase if newest else "waiting")
    table.add_row("score", points(score.points))
    for name, latency in score.latencies().items():
        table.add_row(name, latency)
    table.add_row("gaps in the data", str(score.n_gaps))
    table.add_row("stimuli", counts_text(score.n_by_state))
    if score.notice:
        table.add_row("too slow", Text(score.notice, style="bold red"))
    return table


def points(score: Mapping[str, int]) -> str:
    """Return a game's score in one line."""
    return ", ".join(f"{name} {n}" for name, n in score.items()) or "-"
