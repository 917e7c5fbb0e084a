"""Numbers of the activity: rates by electrode and time, and responses evoked by stimulation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crepe.conditions import STIMULATION
from crepe.messages import Delivered, GameState, Spikes, Stimulus
from crepe.report.numbers import Activity, Evoked
from crepe.report.session import Session
from crepe.results.spikes import SpikeTrains, spike_trains
from crepe.results.streams import streams_of

MOST_BINS = 600  # of the population rate
EVOKED_BIN_S = 0.01
BEFORE_S = 0.2  # shown before the first pulse
LONGEST_S = 5.0  # shown after it


@dataclass(frozen=True)
class Trial:
    """A finished trial, and its pulses."""

    state: GameState
    first_pulse: int  # sample index; in a trial without pulses, where the first would have been
    pulses: tuple[int, ...]  # sample indices
    electrodes: tuple[str, ...]


def crossings(session: Session) -> SpikeTrains | None:
    """Return the spikes; None if no stream has any window of them, or none has electrodes."""
    streams = streams_of(Spikes, session.store)
    if not streams or not streams[0].info.labels or not len(streams[0]):
        return None
    return spike_trains(session.store)


def activity(crossings: SpikeTrains) -> Activity:
    """Return rates over the time without gaps."""
    n_channels = len(crossings.labels)
    bin_s = float(max(1, np.ceil(10 * crossings.stop / crossings.rate_hz / MOST_BINS))) / 10
    return Activity(
        n_crossings=len(crossings.sample),
        mean_rate_hz=crossings.coverage.rate_hz(len(crossings.sample)) / n_channels,
        rate_hz=crossings.rates_hz(),
        positions_um=dict(zip(crossings.labels, crossings.positions_um, strict=True)),
        population_bin_s=bin_s,
        population_rate_hz=_population(crossings, bin_s),
    )


def _population(crossings: SpikeTrains, bin_s: float) -> list[float | None]:
    width = round(bin_s * crossings.rate_hz)
    edges = np.arange(0, crossings.stop + width, width)
    # The last bin ends with the stream; over its full width its rate would be too low.
    edges[-1] = crossings.stop
    counts = np.diff(np.searchsorted(crossings.sample, edges))
    covered = np.diff(edges)
    for start, stop in crossings.gaps:
        missing = np.minimum(stop, edges[1:]) - np.maximum(start, edges[:-1])
        covered = covered - np.maximum(missing, 0)
    per_s = crossings.rate_hz / len(crossings.labels)
    return [
        float(n * per_s / of) if of > 0 else None for n, of in zip(counts, covered, strict=True)
    ]


def trials(
    states: Sequence[GameState],
    stimuli: Sequence[Stimulus],
    delivered: Sequence[Delivered],
    rate_hz: float,
) -> list[Trial]:
    """Return the finished trials with a gesture, each with the train that was delivered in it.

    A trial without a train is aligned to where its first pulse would have been: as long after the
    begin of its stimulation as the median trial of this session. Without any train the list is
    empty.

    Parameters
    ----------
    states
        The finished trials.
    stimuli, delivered
        Requested trains, and the stimulator's answers.
    rate_hz
        Sampling rate of the sample indices.
    """
    requests = {stimulus.number: stimulus for stimulus in stimuli}
    trains = sorted((d for d in delivered if d.fired), key=lambda d: d.fired)
    fired = np.array([d.fired for d in trains], np.int64)
    inside: list[tuple[GameState, Delivered | None]] = []
    for state in states:
        if state.gesture is None or not {"stimulation", "outcome"} <= set(state.phases):
            continue
        at = int(np.searchsorted(fired, state.phases["stimulation"]))
        has_train = at < len(fired) and fired[at] < state.phases["outcome"]
        inside.append((state, trains[at] if has_train else None))
    lags = [train.fired - state.phases["stimulation"] for state, train in inside if train]
    if not lags:
        return []
    usual = round(float(np.median(lags)))
    result = []
    for state, train in inside:
        if train is None:
            result.append(Trial(state, state.phases["stimulation"] + usual, (), ()))
            continue
        stimulus = requests.get(train.number)
        pulses = tuple(_pulses(train, stimulus, rate_hz)) if stimulus else (train.fired,)
        electrodes = stimulus.electrodes if stimulus else ()
        result.append(Trial(state, train.fired, pulses, electrodes))
    return result


def _pulses(train: Delivered, stimulus: Stimulus, rate_hz: float) -> Iterator[int]:
    for k in range(stimulus.n_pulses):
        at = train.fired + round(k * rate_hz / stimulus.rate_hz)
        # In a train that was stopped, the pulses after its stop were never given.
        if train.state == "delivered" or at < train.stop:
            yield at


def evoked(crossings: SpikeTrains, trials: Sequence[Trial]) -> list[Evoked]:
    """Return mean and standard error over trials, by condition and gesture.

    They reach from BEFORE_S before the first pulse until the trial's end. A trial that a gap or an
    end of the stream cuts is left out, and so is one whose pulses were refused where other trials
    of its condition and gesture had theirs.
    """
    if not trials:
        return []
    shortest = min(t.state.phases["outcome"] - t.first_pulse for t in trials)
    after_s = min(max(shortest / crossings.rate_hz, EVOKED_BIN_S), LONGEST_S)
    # 1e-9, because a quotient such as 0.29 / 0.01 falls just short of its integer.
    n_before, n_after = round(BEFORE_S / EVOKED_BIN_S), int(after_s / EVOKED_BIN_S + 1e-9)
    width = EVOKED_BIN_S * crossings.rate_hz
    steps = np.round(np.arange(-n_before, n_after + 1) * width).astype(np.int64)
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        first, last = trial.first_pulse + steps[0], trial.first_pulse + steps[-1]
        is_cut = any(start < last and stop > first for start, stop in crossings.gaps)
        if first >= 0 and last <= crossings.stop and not is_cut:
            groups.setdefault((trial.state.condition, trial.state.gesture or ""), []).append(trial)
    result = []
    for (condition, gesture), members in sorted(groups.items()):
        group = [trial for trial in members if trial.pulses] or members
        edges = np.array([t.first_pulse for t in group])[:, None] + steps
        counts = np.diff(np.searchsorted(crossings.sample, edges), axis=1)
        hz = counts * crossings.rate_hz / np.diff(steps) / len(crossings.labels)
        n = len(group)
        sem = hz.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else None
        result.append(
            Evoked(
                condition=condition,
                gesture=gesture,
                is_stimulated=any(t.pulses for t in group),
                n_trials=n,
                start_s=-n_before * EVOKED_BIN_S,
                bin_s=EVOKED_BIN_S,
                mean_hz=hz.mean(axis=0).tolist(),
                sem_hz=[None] * len(steps[1:]) if sem is None else sem.tolist(),
                change_hz=dict(
                    zip(crossings.labels, _change(crossings, edges, n_before), strict=True)
                ),
            )
        )
    return result


def shown_on_map(every: Sequence[Evoked]) -> list[Evoked]:
    """Return the responses of `stimulation`, or else of the first stimulated condition."""
    order = sorted(
        every, key=lambda entry: (not entry.is_stimulated, entry.condition != STIMULATION)
    )
    return [entry for entry in every if entry.condition == order[0].condition]


def _change(crossings: SpikeTrains, edges: NDArray[np.int64], n_before: int) -> list[float]:
    """Return each channel's rate after the first pulse minus that before it."""
    n_channels = len(crossings.labels)
    hz = []
    for first, last in ((0, n_before), (n_before, -1)):
        starts, stops = edges[:, first], edges[:, last]
        lows, highs = (
            np.searchsorted(crossings.sample, starts),
            np.searchsorted(crossings.sample, stops),
        )
        inside = [crossings.channel[a:b] for a, b in zip(lows, highs, strict=True)]
        counts = np.bincount(np.concatenate(inside), minlength=n_channels)
        hz.append(counts * crossings.rate_hz / int((stops - starts).sum()))
    change: list[float] = (hz[1] - hz[0]).tolist()
    return change
