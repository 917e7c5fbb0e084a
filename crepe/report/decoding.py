"""Numbers of the decoding: by condition, by block, and of the readouts that decided."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from crepe.conditions import CALIBRATION, STIMULATION
from crepe.errors import ConfigError
from crepe.games.blocks import in_blocks
from crepe.messages import GameState
from crepe.report.numbers import BlockScore, ConditionScore, Decoding, ReadoutNumbers
from crepe.report.session import Session
from crepe.reservoir.readout import load
from crepe.results.answers import counted
from crepe.results.decoders import decided_by
from crepe.results.trials import accuracy, by_condition, wilson


def decoding(
    session: Session,
    states: Sequence[GameState],
    rate_hz: float,
    has_pulses: Collection[int] | None = None,
) -> Decoding | None:
    """Return the decoding of the trials with a gesture; None without any, as in a calibration.

    Trials whose pulses were not delivered are numbered and left out.

    Parameters
    ----------
    session
        Gives the seed and the gestures that there are.
    states
        The finished trials.
    rate_hz
        Sampling rate of the states' sample indices.
    has_pulses
        Numbers of the trials that were stimulated; None if that was not recorded.
    """
    judged = [s for s in states if s.gesture is not None and s.condition != CALIBRATION]
    if not judged:
        return None
    gestures = sorted(_gestures(session) | {s.gesture for s in judged if s.gesture is not None})
    by_name = by_condition(judged)
    names = sorted(by_name, key=lambda name: (name != STIMULATION, name))
    conditions = [_score(name, by_name[name], gestures, session.seed, has_pulses) for name in names]
    n_counted = [score.n_trials - score.n_left_out for score in conditions]
    shares = [(score.chance, n) for score, n in zip(conditions, n_counted, strict=True) if n]
    if not shares:
        return None
    return Decoding(
        gestures=gestures,
        chance=sum((chance or 0.0) * n for chance, n in shares) / sum(n_counted),
        decided_by=decided_by(session.actors()),
        conditions=conditions,
        blocks=[
            _block(number, group, rate_hz)
            for number, group in in_blocks(counted(judged, has_pulses))
        ],
    )


def readouts(session: Session, directory: Path, *, is_real_time: bool) -> list[ReadoutNumbers]:
    """Return the readouts that the experiment names, and that of this session in `directory`.

    `is_real_time` is False for a session without a wall clock, whose ID holds no time.
    """
    paths = {n: Path(t["readout"]) for n, t in session.actors().items() if t.get("readout")}
    numbers = [_readout(session, name, path, is_real_time) for name, path in paths.items()]
    own = directory / f"{session.id}.h5"
    if own.is_file():
        numbers.append(_readout(session, "", own, is_real_time))
    return numbers


def _gestures(session: Session) -> set[str]:
    """Return the gestures that could be shown, by the game's table."""
    rates = [table.get("rates_hz") for table in session.actors().values()]
    return {str(name) for table in rates if isinstance(table, dict) for name in table}


def _score(
    name: str,
    states: Sequence[GameState],
    gestures: Sequence[str],
    seed: int,
    has_pulses: Collection[int] | None,
) -> ConditionScore:
    score = accuracy(states, seed, has_pulses)
    confusion = np.zeros((len(gestures), len(gestures) + 1), int)
    for state in counted(states, has_pulses):
        is_gesture = state.decoded in gestures
        column = gestures.index(state.decoded) if is_gesture and state.decoded else len(gestures)
        confusion[gestures.index(state.gesture or ""), column] += 1
    return ConditionScore(
        condition=name,
        n_trials=score.n_trials,
        n_stimulated=None if has_pulses is None else score.n_stimulated,
        n_left_out=score.n_left_out,
        n_right=score.n_right,
        accuracy=score.accuracy if score.n_counted else None,
        chance=score.chance if score.n_counted else None,
        ci95=score.ci95 if score.n_counted else None,
        ci95_blocks=score.ci95_blocks if score.n_counted else None,
        p_value=score.p_value,
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
        readout = load(path)
    except ConfigError as error:
        return ReadoutNumbers(actor=actor, path=str(path), problem=str(error))
    provenance = readout.provenance
    n_trials, right = int(provenance["n_trials"]), float(provenance["accuracy"])
    return ReadoutNumbers(
        actor=actor,
        path=str(path),
        session=str(provenance.get("session", "")),
        calibrated_before_s=_between_s(provenance.get("session", ""), session.id)
        if is_real_time
        else None,
        n_trials=n_trials,
        n_blocks=int(provenance["n_blocks"]),
        labels_permuted=int(provenance.get("labels_permuted", 0)),
        accuracy=right,
        ci95=wilson(round(right * n_trials), n_trials),
        answers=list(readout.answers),
        confusion=provenance["confusion"],
        versions=provenance.get("versions", {}),
    )


def _between_s(before: str, after: str) -> float | None:
    """Return the time between the begins of two sessions; their IDs give it to a second."""
    try:
        then, now = (datetime.strptime(name[:15], "%Y%m%d-%H%M%S") for name in (before, after))
    except ValueError:
        return None
    return (now - then).total_seconds()
