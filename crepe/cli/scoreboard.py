"""The scoreboard of a running game: gathered from the streams, drawn with rich."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.table import Table
from rich.text import Text

from crepe.messages import Delivered, GameState, Message
from crepe.store import Store

GAME = "result:game"
DELIVERED = "result:delivered"


@dataclass
class Score:
    """What the scoreboard shows, gathered from the streams."""

    n_trials: int  # 0: as many as there is time for
    states: list[GameState] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    decision_ms: list[float] = field(default_factory=list)
    stimulation_ms: list[float] = field(default_factory=list)
    n_gaps: int = 0
    is_over: bool = False

    def take(self, message: Message) -> None:
        if isinstance(message, GameState):
            self.states.append(message)
        elif isinstance(message, Delivered):
            self.delivered.append(message)

    @property
    def outcomes(self) -> list[GameState]:
        """The finished trials."""
        return [state for state in self.states if state.phase == "outcome"]

    @property
    def refused(self) -> list[Delivered]:
        return [one for one in self.delivered if one.state not in ("intended", "delivered")]

    @property
    def is_played(self) -> bool:
        """True if every trial ran, or its time is over, and not all stimulation was refused."""
        is_complete = len(self.outcomes) == self.n_trials if self.n_trials else self.is_over
        has_stimulated = any(one.state == "delivered" for one in self.delivered)
        return is_complete and (has_stimulated or not self.refused)

    def latencies(self) -> dict[str, str]:
        """From a segment's acquisition to the decision made of it, and to the first pulse of a
        train that was due with it: p50 and p99."""
        return {
            "acquired to decided": _percentiles(self.decision_ms),
            "acquired to stimulated": _percentiles(self.stimulation_ms),
        }


def gather(store: Store, score: Score, cursors: dict[str, int]) -> None:
    for name in (GAME, DELIVERED):
        if name not in store:
            continue
        stream = store[name]
        length = len(stream)
        for message in stream.messages(cursors.get(name, 0), length):
            score.take(message)
            if isinstance(message, Delivered):
                score.stimulation_ms += _stimulated_ms(store, message)
        cursors[name] = length
    if GAME in store:
        score.is_over = store[GAME].is_ended
    if score.outcomes or any(state.phase == "stimulation" for state in score.states):
        score.decision_ms += latencies_ms(store, "data", "result", cursors)
    if "data" in store:
        data = store["data"]
        start = max(cursors.get("data", 0), data.first)
        score.n_gaps += len(data.gaps(start, len(data))) if len(data) > start else 0
        cursors["data"] = len(data)


def latencies_ms(store: Store, source: str, made: str, cursors: dict[str, int]) -> list[float]:
    """From the time of a segment to that of what was made of it, joined by sample index."""
    first, then = store[source], store[made]
    start, stop = cursors.get(f"{made}:latency", len(then)), len(then)
    cursors[f"{made}:latency"] = stop
    arrived = np.array(first.times_ns(start, stop + first.info.longest_samples))
    made_of = np.array(then.times_ns(start, stop))
    if not arrived.size or not made_of.size:
        return []
    at = np.searchsorted(arrived[:, 0], made_of[:, 0])  # what is made may lag by part of a segment
    is_there = at < len(arrived)
    elapsed_ns = made_of[is_there, 1] - arrived[at[is_there], 1]
    return list(elapsed_ns / 1e6)


def _stimulated_ms(store: Store, one: Delivered) -> list[float]:
    """From the arrival of the segment at whose end a train was started to the instrument's
    acknowledgement."""
    if not (one.fired and one.t_ns):
        return []
    return [(one.t_ns - t_ns) / 1e6 for _, t_ns in store["data"].times_ns(one.fired - 1, one.fired)]


def _percentiles(ms: Sequence[float]) -> str:
    if not ms:
        return "-"
    p50, p99 = np.percentile(ms, (50, 99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def trial_line(state: GameState) -> str:
    """What a finished trial came to; where no gesture is shown it is a rally."""
    if state.gesture is None:
        rally = state.score.get("rally", 0)
        return f"rally {state.trial:3d}: {rally} hits, then {state.outcome}"
    return (
        f"trial {state.trial:3d}: shown {state.gesture}, "
        f"answered {state.answer or 'nothing'}: {state.outcome}"
    )


def board(score: Score, is_simulated: bool) -> Table:
    """The table under the progress bar."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    newest = score.states[-1] if score.states else None
    if is_simulated:
        table.add_row("culture", Text("SIMULATED", style="bold"))
    table.add_row("phase", newest.phase if newest else "waiting")
    table.add_row("score", points(newest.score if newest else {}))
    for name, latency in score.latencies().items():
        table.add_row(name, latency)
    table.add_row("gaps in the data", str(score.n_gaps))
    table.add_row("stimuli refused", str(len(score.refused)))
    return table


def points(score: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in score.items()) or "-"
