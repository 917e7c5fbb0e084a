"""Numbers of the activity: rates by electrode and time, and responses evoked by stimulation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crepe.conditions import STIMULATION
from crepe.messages import Delivered, GameState, Spikes, Stimulus
from crepe.report.numbers import Activity, Evoked
from crepe.report.session import Session
from crepe.results.streams import streams_of
from crepe.results.trials import spikes_in
from crepe.store.stream import Gaps

PAGE_S = 60.0
MOST_BINS = 600
EVOKED_BIN_S = 0.01
BEFORE_S = 0.2
LONGEST_S = 5.0


@dataclass(frozen=True, eq=False)
class Crossings:
    """All threshold crossings of a session, in order of time."""

    channel: NDArray[np.int32]  # (n,)
    sample: NDArray[np.int64]  # (n,)
    labels: tuple[str, ...]
    rate_hz: float  # sampling
    stop: int  # length of the stream in samples
    gaps: Gaps

    @property
    def n_covered(self) -> int:
        """Samples that were looked at."""
        return self.stop - sum(stop - start for start, stop in self.gaps)


@dataclass(frozen=True)
class Trial:
    """A finished trial, and its pulses."""

    state: GameState
    first_pulse: int  # sample index; of a trial without: where it would have been
    pulses: tuple[int, ...]  # sample indices
    electrodes: tuple[str, ...]


def crossings(session: Session) -> Crossings | None:
    """From the stream of spikes; None without one, or without electrodes."""
    streams = streams_of(Spikes, session.store)
    if not streams:
        return None
    stream = streams[0]
    info, stop = stream.info, len(stream)
    page = round(PAGE_S * info.sampling_rate_hz)
    parts = [spikes_in(stream, i, min(i + page, stop)) for i in range(0, stop, page)]
    if not parts or not info.labels:
        return None
    channel = np.concatenate([part[0] for part in parts])
    sample = np.concatenate([part[1] for part in parts])
    order = np.argsort(sample, kind="stable")
    gaps = list(session.gaps.get(stream.name, []))
    if stream.first > 0:
        gaps.insert(0, (0, stream.first))
    return Crossings(channel[order], sample[order], info.labels, info.sampling_rate_hz, stop, gaps)


def activity(found: Crossings) -> Activity:
    """Rates over the time that was looked at."""
    covered_s = max(found.n_covered, 1) / found.rate_hz
    n_channels = len(found.labels)
    counts = np.bincount(found.channel, minlength=n_channels)
    bin_s = float(max(1, np.ceil(10 * found.stop / found.rate_hz / MOST_BINS))) / 10
    return Activity(
        n_crossings=len(found.sample),
        mean_rate_hz=len(found.sample) / covered_s / n_channels,
        rate_hz=dict(zip(found.labels, (counts / covered_s).tolist(), strict=True)),
        population_bin_s=bin_s,
        population_rate_hz=_population(found, bin_s),
    )


def _population(found: Crossings, bin_s: float) -> list[float | None]:
    width = round(bin_s * found.rate_hz)
    edges = np.arange(0, found.stop + width, width)
    edges[-1] = found.stop
    counts = np.diff(np.searchsorted(found.sample, edges))
    covered = np.diff(edges)
    for start, stop in found.gaps:
        missing = np.minimum(stop, edges[1:]) - np.maximum(start, edges[:-1])
        covered = covered - np.maximum(missing, 0)
    per_s = found.rate_hz / len(found.labels)
    return [
        float(n * per_s / of) if of > 0 else None for n, of in zip(counts, covered, strict=True)
    ]


def trials(
    states: Sequence[GameState],
    stimuli: Sequence[Stimulus],
    delivered: Sequence[Delivered],
    rate_hz: float,
) -> list[Trial]:
    """Finished trials in which a gesture was shown, each with the train that fell into it.

    One without a train is aligned to where its first pulse would have been: as long after the
    beginning of its stimulation as usual in this session. Without any train there is no trial.
    """
    asked = {one.number: one for one in stimuli}
    trains = sorted((d for d in delivered if d.fired), key=lambda d: d.fired)
    fired = np.array([d.fired for d in trains], np.int64)
    inside: list[tuple[GameState, Delivered | None]] = []
    for state in states:
        if state.gesture is None or not {"stimulation", "outcome"} <= set(state.phases):
            continue
        at = int(np.searchsorted(fired, state.phases["stimulation"]))
        is_there = at < len(fired) and fired[at] < state.phases["outcome"]
        inside.append((state, trains[at] if is_there else None))
    lags = [train.fired - state.phases["stimulation"] for state, train in inside if train]
    if not lags:
        return []
    usual = round(float(np.median(lags)))
    result = []
    for state, train in inside:
        if train is None:
            result.append(Trial(state, state.phases["stimulation"] + usual, (), ()))
            continue
        stimulus = asked.get(train.number)
        pulses = tuple(_pulses(train, stimulus, rate_hz)) if stimulus else (train.fired,)
        electrodes = stimulus.electrodes if stimulus else ()
        result.append(Trial(state, train.fired, pulses, electrodes))
    return result


def _pulses(train: Delivered, stimulus: Stimulus, rate_hz: float) -> Iterator[int]:
    for k in range(stimulus.n_pulses):
        at = train.fired + round(k * rate_hz / stimulus.rate_hz)
        if train.state == "delivered" or at < train.stop:
            yield at


def evoked(found: Crossings, tried: Sequence[Trial]) -> list[Evoked]:
    """Mean and standard error over trials, by condition and gesture, from a little before the
    first pulse until the trial was judged.

    A trial that a gap or an end of the stream cuts is left out, and so is one whose pulses were
    refused where others of its condition and gesture had theirs.
    """
    if not tried:
        return []
    shortest = min(t.state.phases["outcome"] - t.first_pulse for t in tried)
    after_s = min(max(shortest / found.rate_hz, EVOKED_BIN_S), LONGEST_S)
    n_before, n_after = round(BEFORE_S / EVOKED_BIN_S), int(after_s / EVOKED_BIN_S + 1e-9)
    width = EVOKED_BIN_S * found.rate_hz
    steps = np.round(np.arange(-n_before, n_after + 1) * width).astype(np.int64)
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in tried:
        first, last = trial.first_pulse + steps[0], trial.first_pulse + steps[-1]
        is_cut = any(start < last and stop > first for start, stop in found.gaps)
        if first >= 0 and last <= found.stop and not is_cut:
            groups.setdefault((trial.state.condition, trial.state.gesture or ""), []).append(trial)
    result = []
    for (condition, gesture), all_of_it in sorted(groups.items()):
        group = [trial for trial in all_of_it if trial.pulses] or all_of_it
        edges = np.array([t.first_pulse for t in group])[:, None] + steps
        counts = np.diff(np.searchsorted(found.sample, edges), axis=1)
        hz = counts * found.rate_hz / np.diff(steps) / len(found.labels)
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
                change_hz=dict(zip(found.labels, _change(found, edges, n_before), strict=True)),
            )
        )
    return result


def shown_on_map(every: Sequence[Evoked]) -> list[Evoked]:
    """All gestures of the condition `stimulation`, or else of the first that was stimulated."""
    order = sorted(every, key=lambda one: (not one.is_stimulated, one.condition != STIMULATION))
    return [one for one in every if one.condition == order[0].condition]


def _change(found: Crossings, edges: NDArray[np.int64], n_before: int) -> list[float]:
    """Each channel's rate after the first pulse less that before it."""
    n_channels = len(found.labels)
    hz = []
    for first, last in ((0, n_before), (n_before, -1)):
        starts, stops = edges[:, first], edges[:, last]
        lows, highs = np.searchsorted(found.sample, starts), np.searchsorted(found.sample, stops)
        inside = [found.channel[a:b] for a, b in zip(lows, highs, strict=True)]
        counts = np.bincount(np.concatenate(inside), minlength=n_channels)
        hz.append(counts * found.rate_hz / int((stops - starts).sum()))
    change: list[float] = (hz[1] - hz[0]).tolist()
    return change
