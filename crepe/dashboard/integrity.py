"""Missing samples and undelivered stimuli of a session, as lines of text for page and terminal."""

# Decision 36: which program counts what.

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crepe.dashboard.session_view import SessionView
from crepe.messages import ChannelStates, Message
from crepe.results.answers import counts_text

_MOST_NAMES = 12  # channels named in a line


class Gaps(NamedTuple):
    """The gaps in the acquired data."""

    n: int
    n_missing: int  # samples
    newest: Sequence[tuple[int, int]]


def gaps_of(beat: Mapping[str, str]) -> Gaps | None:
    """Return the gaps that an acquiring program reports in its heartbeat; None without a report."""
    if "n_gaps" not in beat:
        return None
    return Gaps(int(beat["n_gaps"]), int(beat["n_missing"]), json.loads(beat["gaps"]))


def answers_of(beat: Mapping[str, str]) -> Mapping[str, int] | None:
    """Return the final answers by state that a stimulator counts; None without a report."""
    return json.loads(beat["answers"]) if "answers" in beat else None


def integrity(
    session_view: SessionView,
    gaps: Gaps | None,
    programs: Sequence[Mapping[str, Any]] | None,
    problems: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """Return the lines as (name, text).

    Parameters
    ----------
    programs
        Their heartbeats; None where they are not available.
    problems
        Of the recording, in a replay.
    """
    events = session_view.events
    rate_hz = session_view.rate_hz
    gaps_text = "unknown"
    if gaps is not None:
        gaps_text = f"{gaps.n}, {_samples(gaps.n_missing, rate_hz)} missing" if gaps.n else "0"
    problems = [*problems, *(row["problem"] for row in programs or () if row.get("problem"))]
    is_part = events.since and events.reported_answers is None
    since = f" (counted from {events.since / rate_hz:.0f} s on)" if is_part else ""
    channels = channels_text(session_view.newest.get("ChannelStates"), session_view.labels)
    return [
        *([("channels", channels)] if channels else []),
        ("gaps", gaps_text),
        ("dropped", "unknown" if programs is None else _dropped(programs, gaps, rate_hz)),
        ("stimuli", f"{counts_text(events.n_by_state)}{since}"),
        *(("recording", problem) for problem in problems),
    ]


def channels_text(states: Message | None, labels: Sequence[str]) -> str:
    """Return which channels are not ok, by their state; "" if that is not known."""
    if not isinstance(states, ChannelStates):
        return ""
    by_state: dict[str, list[str]] = {}
    for label, state in zip(labels, states.states, strict=False):
        if state != ChannelStates.OK:
            by_state.setdefault(state, []).append(label)
    if not by_state:
        return "all ok"
    return "; ".join(
        f"{len(names)} {state}: {', '.join(names[:_MOST_NAMES])}"
        + (", ..." if len(names) > _MOST_NAMES else "")
        for state, names in sorted(by_state.items())
    )


def _dropped(programs: Sequence[Mapping[str, Any]], gaps: Gaps | None, rate_hz: float) -> str:
    """Return which programs lack samples that were acquired, and how many."""
    # What the instrument dropped is missing in every program: a gap, and no loss of a reader.
    acquired = gaps.n_missing if gaps else 0
    lacking = [(row["program"], row.get("missing", 0) - acquired) for row in programs]
    shortfalls = [f"{name} lacks {_samples(n, rate_hz)}" for name, n in lacking if n > 0]
    return ", ".join(shortfalls) or "0"


def _samples(n: int, rate_hz: float) -> str:
    return f"{n} samples ({n / rate_hz:.2f} s)"
