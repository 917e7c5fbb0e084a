"""A session made by hand: 1 kHz, two electrodes, 10 s, four trials, numbers that can be counted."""

import numpy as np
import pytest

from crepe.messages import Delivered, GameState, Spikes, Stimulus, StreamInfo
from crepe.report.session import Session
from crepe.store import Store
from crepe.store.memory_store import MemoryStore

RATE_HZ = 1000.0
LABELS = ("22", "72")
EXPERIMENT = """
title = "By hand"
seed = 3
[actors.game]
rates_hz = { rock = 20, paper = 20 }
"""


def stream(store, name, message, **info):
    store._kept.declare(
        name, StreamInfo(message, RATE_HZ, LABELS, longest_samples=10_000, **info), is_fresh=True
    )
    return store[name]


def spikes(start, stop, at):
    """Spikes from (channel, sample) pairs in order of time."""
    channel, sample = np.array(at, np.int64).reshape(-1, 2).T
    return Spikes(start, stop, channel.astype(np.int32), sample, np.zeros(len(at), np.float32))


def trial(number, gesture, decoded, condition="stimulation", block=1):
    """Rest at 2000 (n-1), stimulation 500 later, response at 800, outcome at 1000."""
    rest = 2000 * (number - 1) + 500
    phases = {"rest": rest, "stimulation": rest + 500, "response": rest + 800}
    phases["outcome"] = rest + 1000
    return GameState(
        rest + 999,
        rest + 1000,
        number,
        "outcome",
        gesture,
        outcome="won" if gesture == decoded else "lost",
        phases=phases,
        decoded=decoded,
        condition=condition,
        block=block,
    )


def stimulus(number, gesture, electrode):
    start = 2000 * (number - 1) + 999
    phases = ((-10.0, 200.0), (10.0, 200.0))
    return Stimulus(start, start + 1, number, start + 51, (electrode,), phases, 20.0, 2, gesture)


def delivered(number, state="delivered", reason="", t_ns=0):
    """Fired 50 samples after the stimulation began."""
    fired = 2000 * (number - 1) + 1050 if state != "refused" else 0
    stop = 2000 * (number - 1) + 1150
    return Delivered(stop - 1, stop, number, state, reason, fired, 51.0 if fired else 0.0, t_ns)


@pytest.fixture
def trials():
    """Two blocks: of `stimulation` both right, of `sham` one right and one unreadable."""
    return [
        trial(1, "rock", "rock"),
        trial(2, "paper", "paper"),
        trial(3, "rock", "rock", "sham", 2),
        trial(4, "paper", None, "sham", 2),
    ]


@pytest.fixture
def by_hand(trials):
    """Trials 1 and 2 are stimulated, on one electrode each; no spikes but those below.

    Channel 0: at 900 (before), 1051, 1052, 1101 (after the pulses of trial 1).
    Channel 1: at 3051 (trial 2).
    Nothing is known of the samples 7000 to 8000.
    """
    store = Store(MemoryStore())
    spike_stream = stream(store, "data:spikes", "Spikes", is_simulated=True)
    spike_stream.append_message(spikes(0, 2000, [(0, 900), (0, 1051), (0, 1052), (0, 1101)]))
    spike_stream.append_message(spikes(2000, 7000, [(1, 3051)]))
    spike_stream.append_message(spikes(8000, 10_000, []))
    game = stream(store, "result:game", "GameState")
    requests = stream(store, "result:stimuli", "Stimulus")
    answers = stream(store, "result:delivered", "Delivered")
    for state in trials:
        game.append_message(state)
    for number, gesture, electrode in ((1, "rock", "22"), (2, "paper", "72"), (3, "rock", "22")):
        requests.append_message(stimulus(number, gesture, electrode))
    answers.append_message(delivered(1))
    answers.append_message(delivered(2))
    answers.append_message(delivered(3, "refused", "110 ms old, limit 100 ms"))
    return Session(
        store,
        "20261124-120000-abcd",
        seed=3,
        is_simulated=True,
        text=EXPERIMENT,
        culture={"id": "K1"},
        gaps={"data:spikes": spike_stream.gaps()},
    )
