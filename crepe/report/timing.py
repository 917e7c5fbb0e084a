"""Numbers of the loop: outcomes and delays of the stimuli, and gaps in the data."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from crepe.messages import Delivered, Stimulus
from crepe.report.numbers import Spread, Stimuli, Timing
from crepe.report.session import Session
from crepe.results.answers import by_request


def stimuli(requests: Sequence[Stimulus], answers: Sequence[Delivered]) -> Stimuli | None:
    """Return how many trains came to which state; None if none was requested."""
    final = by_request(answers).values()
    # Counted by number: two requesters may use one each, and a request may be lost.
    requested = Counter(request.number for request in requests)
    answered = Counter(answer.number for answer in final)
    n_asked = (requested | answered).total()
    if not n_asked:
        return None
    states = [str(answer.state) for answer in final]
    states += ["unanswered"] * (requested - answered).total()
    reasons = [answer.reason for answer in final if answer.reason]
    n_pulses = {request.number: request.n_pulses for request in requests}
    return Stimuli(
        n_asked=n_asked,
        n_delivered_pulses=sum(
            n_pulses.get(answer.number, 0) for answer in final if answer.state == "delivered"
        ),
        states=dict(Counter(states).most_common()),
        reasons=dict(Counter(reasons).most_common()),
    )


def timing(session: Session, answers: Sequence[Delivered]) -> Timing:
    """Return delays of the stimuli, and gaps, as far as they were recorded."""
    started = [answer for answer in answers if answer.fired]
    return Timing(
        age_ms=_spread([answer.age_ms for answer in started]),
        latency_ms=_spread(
            [
                (answer.t_ns - answer.acquired_ns) / 1e6
                for answer in started
                if answer.t_ns and answer.acquired_ns
            ]
        ),
        gaps={name: list(gaps) for name, gaps in session.gaps.items()},
    )


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    p50, p99, longest = np.percentile(values, (50, 99, 100)).tolist()
    return Spread(n=len(values), p50=p50, p99=p99, max=longest)
