"""Trials and stimuli of a session as tables, joined by time; of any game.

They are read from a running session, a recording or the memory of a loop alike.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from crepe.messages import Delivered, GameState, Stimulus
from crepe.phases import GamePhase
from crepe.results.answers import FINAL, answer_to, by_request, counted
from crepe.results.streams import messages_of, stream_of, streams_of
from crepe.results.table import Table
from crepe.results.trials import outcomes, stimulated_in
from crepe.store import Store

UNANSWERED = "unanswered"
"""State of a stimulus that the stimulator has not answered."""


def trial_table(store: Store) -> Table:
    """Return a row for each finished trial (in Pong: rally), with its stimuli.

    Columns
    -------
    trial, block
        Numbers from 1; block 0 where there are none.
    condition, gesture, shown_by, decoded, answer, outcome
        As in `crepe.messages.GameState`; empty where the game has none.
    is_counted
        Whether the answer counts: not if the trial's pulses were not delivered.
    is_right
        Whether the gesture was decoded; an unreadable answer is not right. Only with gestures.
    start, stop, start_s, stop_s
        Window of the trial, in samples and in seconds from sample 0.
    PHASE_start
        Sample index at which each phase began; nan without it.
    score_NAME
        Score after the trial.
    stimulus, electrodes, delivery, reason, fired, fired_s
        Of the trial's first stimulus, as in `stimulus_table`; empty or nan without one.
    n_stimuli, n_delivered, n_stopped, n_refused, n_unknown
        Numbers of the trial's stimuli, and of those that came to each state.

    Raises
    ------
    ConfigError
        No game was recorded.

    Examples
    --------
    >>> trials = trial_table(Store("last")).where(is_counted=True)
    >>> {name: of["is_right"].mean() for name, of in trials.by("gesture").items()}
    >>> trials.to_csv("trials.csv")
    """
    rate_hz = stream_of(GameState, store).info.sampling_rate_hz
    states = outcomes(store)
    stimuli = list(stimulus_table(store))
    columns: dict[str, Sequence[Any]] = {
        "trial": [state.trial for state in states],
        "block": [state.block for state in states],
    }
    for name in ("condition", "gesture", "shown_by", "decoded", "answer", "outcome"):
        columns[name] = _text([getattr(state, name) or "" for state in states])
    has_pulses = stimulated_in(store) if streams_of(Delivered, store) else None
    answered = {state.trial for state in counted(states, has_pulses)}
    columns["is_counted"] = [state.trial in answered for state in states]
    if any(state.gesture for state in states):
        columns["is_right"] = [bool(s.gesture) and s.decoded == s.gesture for s in states]
    columns["start"] = [_begin(state) for state in states]
    columns["stop"] = [state.phases.get(GamePhase.OUTCOME, state.stop) for state in states]
    for name in ("start", "stop"):
        columns[f"{name}_s"] = [at / rate_hz for at in columns[name]]
    for phase in _names([state.phases for state in states], without=GamePhase.OUTCOME):
        columns[f"{phase}_start"] = [float(s.phases.get(phase, np.nan)) for s in states]
    for name in _names([state.score for state in states]):
        columns[f"score_{name}"] = [state.score.get(name, 0) for state in states]
    first = {row["trial"]: row for row in reversed(stimuli)}
    of_trial = [first.get(state.trial, {}) for state in states]
    for name, source in (
        ("stimulus", "stimulus"),
        ("electrodes", "electrodes"),
        ("delivery", "state"),
        ("reason", "reason"),
    ):
        columns[name] = _text([row.get(source, "") for row in of_trial])
    for name in ("fired", "fired_s"):
        columns[name] = [row.get(name, np.nan) for row in of_trial]
    counts = Counter((row["trial"], row["state"]) for row in stimuli)
    n_stimuli = Counter(row["trial"] for row in stimuli)
    columns["n_stimuli"] = [n_stimuli[state.trial] for state in states]
    for name in FINAL:
        columns[f"n_{name}"] = [counts[state.trial, name] for state in states]
    return Table(columns)


def stimulus_table(store: Store) -> Table:
    """Return a row for each requested stimulus, with what became of it.

    Columns
    -------
    number
        Of the request.
    trial
        Number of the trial that had begun last when it was requested; 0 before the first.
    stimulus
        Its meaning, such as the gesture it encodes.
    electrodes
        Labels, separated by blanks.
    amplitudes, widths_us
        Amplitude in `unit`, and duration in microseconds, of each phase of a pulse, separated by
        blanks.
    unit
        Of the amplitudes: uA, or uV for voltage pulses.
    n_pulses, pulse_rate_hz
        Of the train.
    due
        Sample index at which the first pulse should leave.
    state, reason
        Of the stimulator's final answer: delivered, refused, ...; or unanswered.
    fired, fired_s
        Sample index and time at which the train was started; nan if it was not.

    Examples
    --------
    >>> stimuli = stimulus_table(Store("last"))
    >>> stimuli.where(stimulus="rock", state="delivered")["fired_s"]
    """
    by_stream = [
        (stream.name, message)
        for stream in streams_of(Stimulus, store)
        for message in stream.messages()
        if isinstance(message, Stimulus)
    ]
    by_stream.sort(key=lambda request: request[1].stop)
    requests = [stimulus for _, stimulus in by_stream]
    final = by_request(messages_of(Delivered, store))
    answers = [answer_to(stream, stimulus.number, final) for stream, stimulus in by_stream]
    rate_hz = stream_of(Stimulus, store).info.sampling_rate_hz if requests else 1.0
    fired = [float(answer.fired) if answer and answer.fired else np.nan for answer in answers]
    return Table(
        {
            "number": [stimulus.number for stimulus in requests],
            "trial": _trials_of(requests, store),
            "stimulus": _text([stimulus.meaning for stimulus in requests]),
            "electrodes": _text([" ".join(stimulus.electrodes) for stimulus in requests]),
            "amplitudes": _text([_phases(stimulus, 0) for stimulus in requests]),
            "widths_us": _text([_phases(stimulus, 1) for stimulus in requests]),
            "unit": _text([stimulus.unit for stimulus in requests]),
            "n_pulses": [stimulus.n_pulses for stimulus in requests],
            "pulse_rate_hz": [float(stimulus.rate_hz) for stimulus in requests],
            "due": [stimulus.due for stimulus in requests],
            "state": _text([str(a.state) if a else UNANSWERED for a in answers]),
            "reason": _text([answer.reason if answer else "" for answer in answers]),
            "fired": fired,
            "fired_s": [at / rate_hz for at in fired],
        }
    )


def _phases(stimulus: Stimulus, column: int) -> str:
    return " ".join(f"{phase[column]:g}" for phase in stimulus.phases)


def _trials_of(requests: Sequence[Stimulus], store: Store) -> Sequence[int]:
    """Return the number of the trial that had begun last at each request."""
    begins: dict[int, int] = {}
    for state in messages_of(GameState, store):
        if state.trial:
            begins[state.trial] = min(_begin(state), begins.get(state.trial, state.stop))
    numbers = [0, *sorted(begins)]
    starts = np.array([begins[number] for number in numbers[1:]], np.int64)
    places = np.searchsorted(starts, [stimulus.stop for stimulus in requests], side="right")
    return [numbers[place] for place in places]


def _begin(state: GameState) -> int:
    """Return the sample index at which the trial of a state began."""
    return min(state.phases.values(), default=state.start)


def _names(mappings: Sequence[Any], without: str = "") -> list[str]:
    """Return all keys, in the order in which they come first."""
    return [str(n) for n in dict.fromkeys(n for m in mappings for n in m) if n != without]


def _text(values: Sequence[str]) -> Any:
    return np.array(values, object)
