"""Numbers of the loop: what became of the stimuli, how late they were, and what is missing."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from crepe.messages import Delivered, Stimulus
from crepe.report.numbers import Spread, Stimuli, Timing
from crepe.report.session import Session


def stimuli(asked: Sequence[Stimulus], answers: Sequence[Delivered]) -> Stimuli | None:
    """The last word on each train; None if none was asked for."""
    last = {answer.number: answer for answer in answers}
    numbers = {one.number for one in asked} | set(last)
    if not numbers:
        return None
    states = [last[n].state if n in last else "unanswered" for n in sorted(numbers)]
    reasons = [one.reason for one in last.values() if one.reason]
    n_pulses = {one.number: one.n_pulses for one in asked}
    return Stimuli(
        n_asked=len(numbers),
        n_delivered_pulses=sum(
            n_pulses.get(one.number, 0) for one in last.values() if one.state == "delivered"
        ),
        states=dict(Counter(states).most_common()),
        reasons=dict(Counter(reasons).most_common()),
    )


def timing(session: Session, answers: Sequence[Delivered]) -> Timing:
    """What the recording tells."""
    started = [one for one in answers if one.fired]
    return Timing(
        age_ms=_spread([one.age_ms for one in started]),
        latency_ms=_spread(
            [(o.t_ns - o.acquired_ns) / 1e6 for o in started if o.t_ns and o.acquired_ns]
        ),
        gaps={name: list(gaps) for name, gaps in session.gaps.items()},
    )


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    p50, p99, most = np.percentile(values, (50, 99, 100)).tolist()
    return Spread(n=len(values), p50=p50, p99=p99, max=most)
