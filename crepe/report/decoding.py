"""Numbers of the decoding: by condition, by block, and of the readouts that did it."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from crepe.conditions import CALIBRATION, STIMULATION
from crepe.errors import ConfigError
from crepe.games.blocks import in_blocks
from crepe.messages import GameState
from crepe.report.numbers import BlockScore, ConditionScore, Decoding, Interval, ReadoutNumbers
from crepe.report.session import Session
from crepe.reservoir.readout import load
from crepe.results.trials import accuracy, by_condition


def decoding(
    session: Session,
    states: Sequence[GameState],
    rate_hz: float,
    has_pulses: Collection[int] | None = None,
) -> Decoding | None:
    """Of finished trials in which a gesture was shown; None without any, as in a calibration.

    `has_pulses` are the numbers of the trials that were stimulated, if that is known.
    """
    judged = [s for s in states if s.gesture is not None and s.condition != CALIBRATION]
    if not judged:
        return None
    gestures = sorted(_gestures(session) | {s.gesture for s in judged if s.gesture is not None})
    found = by_condition(judged)
    names = sorted(found, key=lambda name: (name != STIMULATION, name))
    return Decoding(
        gestures=gestures,
        chance=1 / len(gestures),
        conditions=[
            _score(name, found[name], gestures, session.seed, has_pulses) for name in names
        ],
        blocks=[_block(number, group, rate_hz) for number, group in in_blocks(judged)],
    )


def readouts(session: Session, directory: Path, *, is_real_time: bool) -> list[ReadoutNumbers]:
    """Those that the experiment names; and that of this very session, if it is in `directory`."""
    named = {n: Path(t["readout"]) for n, t in session.actors().items() if t.get("readout")}
    found = [_readout(session, name, path, is_real_time) for name, path in named.items()]
    own = directory / f"{session.id}.h5"
    if own.is_file():
        found.append(_readout(session, "", own, is_real_time))
    return found


def wilson(n_right: int, n_trials: int) -> Interval:
    """The 95 % interval of a proportion, trials taken as independent (Wilson 1927)."""
    found = binomtest(n_right, n_trials).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _gestures(session: Session) -> set[str]:
    """What could be shown, as the game's table says."""
    rates = [table.get("rates_hz") for table in session.actors().values()]
    return {str(name) for found in rates if isinstance(found, dict) for name in found}


def _score(
    name: str,
    states: Sequence[GameState],
    gestures: Sequence[str],
    seed: int,
    has_pulses: Collection[int] | None,
) -> ConditionScore:
    found = accuracy(states, seed, has_pulses or ())
    confusion = np.zeros((len(gestures), len(gestures) + 1), int)
    for state in states:
        is_known = state.decoded in gestures
        column = gestures.index(state.decoded) if is_known and state.decoded else len(gestures)
        confusion[gestures.index(state.gesture or ""), column] += 1
    return ConditionScore(
        condition=name,
        n_trials=found.n_trials,
        n_stimulated=None if has_pulses is None else found.n_stimulated,
        n_right=_n_right(states),
        accuracy=found.accuracy,
        ci95=found.ci95,
        p_value=found.p_value,
        outcomes=dict(sorted(Counter(s.outcome or "none" for s in states).items())),
        confusion=confusion.tolist(),
    )


def _block(number: int, states: Sequence[GameState], rate_hz: float) -> BlockScore:
    n_right = _n_right(states)
    return BlockScore(
        block=number,
        condition=states[0].condition,
        start_s=min(states[0].phases.values(), default=states[0].start) / rate_hz,
        stop_s=states[-1].stop / rate_hz,
        n_trials=len(states),
        n_right=n_right,
        accuracy=n_right / len(states),
        ci95=wilson(n_right, len(states)),
    )


def _n_right(states: Sequence[GameState]) -> int:
    return sum(state.decoded == state.gesture for state in states)


def _readout(session: Session, actor: str, path: Path, is_real_time: bool) -> ReadoutNumbers:
    try:
        found = load(path)
    except ConfigError as error:
        return ReadoutNumbers(actor=actor, path=str(path), problem=str(error))
    said = found.provenance
    n_trials, right = int(said["n_trials"]), float(said["accuracy"])
    return ReadoutNumbers(
        actor=actor,
        path=str(path),
        session=str(said.get("session", "")),
        calibrated_before_s=_between_s(said.get("session", ""), session.id)
        if is_real_time
        else None,
        n_trials=n_trials,
        n_blocks=int(said["n_blocks"]),
        labels_permuted=int(said.get("labels_permuted", 0)),
        accuracy=right,
        ci95=wilson(round(right * n_trials), n_trials),
        answers=list(found.answers),
        confusion=said["confusion"],
        versions=said.get("versions", {}),
    )


def _between_s(before: str, after: str) -> float | None:
    """Between the begins of two sessions, which their IDs tell to a second."""
    try:
        then, now = (datetime.strptime(name[:15], "%Y%m%d-%H%M%S") for name in (before, after))
    except ValueError:
        return None
    return (now - then).total_seconds()
