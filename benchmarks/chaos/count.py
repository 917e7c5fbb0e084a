"""Counts of what a stack with faults has recorded, against what is known to be true."""

from collections import Counter
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.chaos.faults import INSTRUMENT, SILENCE_S, TICKS_PER_S, TRAIN_PAUSE, Chaos
from benchmarks.soak import of_pulses, of_samples
from crepe.hw.generator import Generator, GeneratorSettings
from crepe.messages import Delivered, DeliveryState, Segment, Spikes, Stimulus
from crepe.recording.parts import parts_set_aside
from crepe.recording.reader import Recording
from crepe.safety.limits import Limits
from crepe.store import Store

Figures = dict[str, float]
SETTLED = 100_000  # samples after which the detector's noise level is known
LONGEST_S = 1.0  # in which pulses cease after a death
NEAR = 10  # samples from a true spike's peak to its detection


def of_generator(chaos: Chaos) -> Figures:
    """Compare each sample and spike of each recording with the generator's truth."""
    figures: Counter[str] = Counter()
    for path in _recordings(chaos):
        generator = Generator(GeneratorSettings(n_channels=8, speed=0))  # at once
        with Recording(path) as recording:
            figures["must be 0: recordings with a damaged place"] += bool(recording.problems)
            generator.open(0)
            figures["sessions"] += 1
            reached = 0
            for segment in recording.messages("data", 0, 2**62):
                assert isinstance(segment, Segment)
                true = generator.read(10.0)
                while true is not None and true.start < segment.start:
                    true = generator.read(10.0)
                figures["must be 0: samples lost"] += max(0, segment.start - reached)
                figures["must be 0: samples doubled"] += max(0, reached - segment.start)
                same = true is not None and np.array_equal(true.samples, segment.samples)
                figures["must be 0: segments with other samples"] += not same
                reached = segment.stop
            figures["samples compared"] += reached
            spikes = recording.messages("data:spikes", 0, 2**62)
            figures["must be 0: windows of spikes lost or doubled"] += sum(
                a.stop != b.start for a, b in pairwise(spikes)
            )
            stop = spikes[-1].stop if spikes else 0
            truth = generator.truth(min(SETTLED, stop), stop)
            _compare_spikes(figures, truth, [m for m in spikes if isinstance(m, Spikes)])
    return {**figures, **_against_redis(chaos)}


def _compare_spikes(figures: Counter[str], truth: Spikes, windows: list[Spikes]) -> None:
    channel = np.concatenate([np.empty(0, np.int32), *(w.channel for w in windows)])
    sample = np.concatenate([np.empty(0, np.int64), *(w.sample for w in windows)])
    for number in np.unique(truth.channel):
        true = truth.sample[truth.channel == number]
        detected = np.sort(sample[channel == number])
        n_near = np.searchsorted(detected, true + NEAR, "right") - np.searchsorted(
            detected, true - NEAR
        )
        inner = slice(0, -1)  # the last one may be detected in a window that was not written
        figures["must be 0: true spikes not detected"] += int((n_near[inner] == 0).sum())
        figures["must be 0: true spikes detected twice"] += int((n_near[inner] > 1).sum())
        figures["true spikes"] += len(true)


def of_culture(chaos: Chaos) -> Figures:
    """Check gaps against the clock, and each stimulus against its answer and the dish."""
    figures: Counter[str] = Counter()
    with ExitStack() as stack:
        sessions = []
        for path in _recordings(chaos):
            with Recording(path) as recording:
                figures["must be 0: recordings with a damaged place"] += bool(recording.problems)
            sessions.append(stack.enter_context(Store(path)))
        _add(figures, of_pulses(sessions, chaos.soak, Limits()))
        for kept in sessions:
            figures["sessions"] += 1
            _add(figures, of_samples(kept))
            answers: Counter[tuple[str, int]] = Counter()
            for message in kept["result:delivered"].messages(0, 2**62):
                if isinstance(message, Delivered) and message.state != DeliveryState.INTENDED:
                    answers[message.stream, message.number] += 1
                    figures[f"answers: {message.state}"] += 1
            stimuli = kept["result:stimuli"].messages(0, 2**62)
            numbers = {("result:stimuli", m.number) for m in stimuli if isinstance(m, Stimulus)}
            figures["stimuli"] += len(numbers)
            figures["must be 0: stimuli answered twice"] += sum(n > 1 for n in answers.values())
            # A game may ask in the last moment of a session, when `stimulate` has ended.
            last = max(numbers, default=("", 0))
            figures["must be 0: stimuli without an answer"] += len(numbers - set(answers) - {last})
    return {**figures, **_against_redis(chaos), **_trains(chaos)}


def _trains(chaos: Chaos) -> Figures:
    """Return how long pulses went on after deaths that came in the middle of a train.

    A requester that is back before a train must end is none: the train may go on. Where another
    death follows within the time, pulses must cease within it after the last one.
    """
    longest_s, n, n_back = 0.0, 0, 0
    deaths = chaos.deaths.all()
    for death in deaths:
        ticks = np.array([tick for tick, *_ in chaos.soak.pulses.get(death.nonce, [])])
        before = ticks[(ticks > death.tick - TRAIN_PAUSE) & (ticks <= death.tick)]
        if not len(before) or death.name == INSTRUMENT:
            continue
        if death.lasts_s <= SILENCE_S:
            n_back += 1
            continue
        after = np.concatenate([[death.tick], ticks[ticks > death.tick]])
        pauses = np.flatnonzero(np.diff(after) > TRAIN_PAUSE)
        end = after[pauses[0]] if len(pauses) else after[-1]
        n += 1
        last = death
        for other in deaths:
            within_s = (other.tick - last.tick) / TICKS_PER_S
            if other.nonce == death.nonce and 0 <= within_s <= LONGEST_S and other.tick < end:
                last = other
        lasts_s = float(end - last.tick) / TICKS_PER_S
        if lasts_s > LONGEST_S:
            print(f"pulses for {lasts_s:.2f} s after {last}, the last from {death}", flush=True)
        longest_s = max(longest_s, lasts_s)
    return {
        "deaths in the middle of a train": n,
        "requesters that were back before the train had to end": n_back,
        "longest train after a death (s)": longest_s,
        "must be 0 on a quiet machine: s over 1 of it": max(0.0, longest_s - LONGEST_S),
    }


def _against_redis(chaos: Chaos) -> Figures:
    differences = 0
    for kept in chaos.kept:
        (path,) = (p for p in _recordings(chaos) if p.stem == kept.session)
        with Recording(path) as recording:
            stop = kept.start + kept.samples.shape[1]
            same = [
                m for m in recording.messages("data", kept.start, stop) if m.start == kept.start
            ]
            is_same = len(same) == 1 and isinstance(same[0], Segment)
            differences += not (is_same and np.array_equal(same[0].samples, kept.samples))
    return {
        "segments of Redis compared": len(chaos.kept),
        "must be 0: segments of Redis not in the recording": differences,
    }


def _recordings(chaos: Chaos) -> list[Path]:
    """Return the newest part of each session's recording, which leads to the others."""
    paths = set((chaos.var / "recordings").glob("*.h5"))
    return sorted(paths - {part for path in paths for part in parts_set_aside(path)})


def _add(figures: Counter[str], more: Figures) -> None:
    for what, value in more.items():
        figures[what] += value
