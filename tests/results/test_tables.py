"""Trials and stimuli are joined: what was shown, requested, delivered or refused, and decoded."""

import numpy as np
import pytest

from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState, Spikes, Stimulus, StreamInfo
from crepe.results.tables import stimulus_table, trial_table
from crepe.results.trials import outcomes
from crepe.store import Store
from crepe.store.memory_store import MemoryStore

PHASES = ((-10.0, 200.0), (10.0, 200.0))


def state(trial, at, phase, **fields):
    begin = 1000 * (trial - 1)
    phases = {"rest": begin, "stimulation": begin + 300, "outcome": begin + 1000}
    reached = {name: start for name, start in phases.items() if start <= at}
    return GameState(at - 1, at, trial, phase, phases=reached, **fields)


def stimulus(number, at, meaning="rock"):
    return Stimulus(at - 1, at, number, at + 50, ("22", "23"), PHASES, 20.0, 2, meaning)


@pytest.fixture
def by_hand():
    """Trial 1 delivered and right, 2 refused and unreadable, 3 without a stimulus; at 1 kHz."""
    memory = MemoryStore()
    store = Store(memory)
    for name, kind in (
        ("result:game", GameState),
        ("result:stimuli", Stimulus),
        ("result:delivered", Delivered),
    ):
        memory.declare(name, StreamInfo(kind.__name__, 1000.0, longest_samples=9000))
    rock = {"gesture": "rock", "condition": "stimulation", "block": 1}
    paper = {"gesture": "paper", "condition": "sham", "block": 2}
    for message in (
        state(1, 300, "stimulation", **rock),
        state(1, 1000, "outcome", decoded="rock", answer="paper", outcome="won", **rock),
        state(2, 2000, "outcome", outcome="none", **rock),
        state(3, 3000, "outcome", decoded="rock", outcome="lost", **paper),
        state(4, 3300, "stimulation", **rock),
    ):
        store["result:game"].append_message(message)
    for number, at in ((1, 300), (2, 1300), (3, 3300)):
        store["result:stimuli"].append_message(stimulus(number, at))
    for message in (
        Delivered(310, 311, 1, "intended"),
        Delivered(400, 401, 1, "delivered", fired=350),
        Delivered(1400, 1401, 2, "refused", "300 ms old, limit 200 ms"),
    ):
        store["result:delivered"].append_message(message)
    return store


def test_every_finished_trial_has_its_stimulus_and_what_became_of_it(by_hand):
    trials = trial_table(by_hand)
    assert trials["trial"].tolist() == [1, 2, 3]
    assert trials["gesture"].tolist() == ["rock", "rock", "paper"]
    assert trials["decoded"].tolist() == ["rock", "", "rock"]
    assert trials["is_right"].tolist() == [True, False, False]
    assert trials["condition"].tolist() == ["stimulation", "stimulation", "sham"]
    assert trials["start"].tolist() == [0, 1000, 2000]
    assert trials["stop_s"].tolist() == [1.0, 2.0, 3.0]
    assert trials["stimulation_start"].tolist() == [300, 1300, 2300]
    assert trials["stimulus"].tolist() == ["rock", "rock", ""]
    assert trials["delivery"].tolist() == ["delivered", "refused", ""]
    assert trials["reason"].tolist() == ["", "300 ms old, limit 200 ms", ""]
    np.testing.assert_array_equal(trials["fired"], [350, np.nan, np.nan])
    counts = {n: trials[n].tolist() for n in ("n_stimuli", "n_delivered", "n_refused")}
    assert counts == {"n_stimuli": [1, 1, 0], "n_delivered": [1, 0, 0], "n_refused": [0, 1, 0]}
    assert trials["n_stopped"].tolist() == trials["n_unknown"].tolist() == [0, 0, 0]


def test_stimuli_have_the_trial_they_were_requested_in(by_hand):
    stimuli = stimulus_table(by_hand)
    assert stimuli["trial"].tolist() == [1, 2, 4]
    assert stimuli["state"].tolist() == ["delivered", "refused", "unanswered"]
    assert stimuli["electrodes"].tolist() == ["22 23"] * 3
    assert stimuli.where(state="delivered")["fired_s"].tolist() == [0.35]


def test_a_game_without_gestures_has_the_counts_of_its_many_stimuli(by_hand):
    memory = MemoryStore()
    store = Store(memory)
    memory.declare("game", StreamInfo("GameState", 1000.0, longest_samples=9000))
    memory.declare("stimuli", StreamInfo("Stimulus", 1000.0, longest_samples=9000))
    rally = {"phases": {"play": 100, "outcome": 900}, "outcome": "miss", "score": {"rally": 2}}
    store["game"].append_message(GameState(899, 900, 1, "outcome", **rally))
    for number in range(5):
        store["stimuli"].append_message(stimulus(number, 100 + 200 * number, "ball"))
    trials = trial_table(store)
    assert trials["n_stimuli"].tolist() == [5]  # feedback comes after the outcome
    assert trials["score_rally"].tolist() == [2]
    assert "is_right" not in trials.columns


def test_without_a_game_or_a_stimulus():
    memory = MemoryStore()
    memory.declare("data:spikes", StreamInfo("Spikes", 1000.0, ("a",)))
    memory_store = Store(memory)
    memory_store["data:spikes"].append_message(Spikes.none(0, 50))
    with pytest.raises(ConfigError, match="no stream of GameState was recorded"):
        trial_table(memory_store)
    assert len(stimulus_table(memory_store)) == 0


def test_a_session_gives_the_same_from_memory_and_from_its_file(session):
    trials = trial_table(session)
    states = outcomes(session)
    assert trials["gesture"].tolist() == [s.gesture for s in states]
    assert trials["answer"].tolist() == [s.answer or "" for s in states]
    assert trials["delivery"].tolist() == ["delivered"] * len(states) == ["delivered"] * 2
    assert trials["stimulus"].tolist() == trials["gesture"].tolist()
    assert (trials["fired"] > trials["stimulation_start"]).all()
    assert (trials["fired"] < trials["response_start"]).all()
