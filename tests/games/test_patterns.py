"""Patterns: every class has images, every image electrodes that may be stimulated."""

import numpy as np
import pytest
from pydantic import ValidationError

from crepe.actors.actor import ActorContext
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.games.patterns import Patterns, electrodes_of, images
from crepe.messages import Decision, GameState, Stimulus, StreamInfo
from crepe.safety.limits import Limits

TASKS = {"points": 9, "bars": 4, "clock": 10, "digits": 10}
PHASES = ((-10.0, 200.0), (10.0, 200.0))


@pytest.mark.parametrize("task", TASKS)
def test_every_image_can_be_stimulated(task):
    played = images(task)
    assert len(played) == TASKS[task]
    for drawn in played.values():
        for image in drawn:
            labels = electrodes_of(image)
            assert set(labels) <= set(MCS_60_LABELS)
            assert Limits().refusal(labels, PHASES, 20.0, 4) is None


def test_classes_that_are_drawn_differ():
    for task in ("points", "bars", "clock"):
        assert len({electrodes_of(drawn[0]) for drawn in images(task).values()}) == TASKS[task]
    assert set(electrodes_of(images("bars")["across"][0])) == {f"{c}5" for c in range(2, 8)}


def game(task="digits", **changes):
    settings = {"rates_hz": dict.fromkeys(images(task), 20.0), "phases": PHASES, "rest_s": 0.1}
    played = Patterns(
        task=task, n_trials=20, stimulation_s=0.1, response_s=0.1, **settings | changes
    )
    info = StreamInfo(message="Decision", sampling_rate_hz=1000.0)
    played.open(ActorContext(inputs={"result": info}, seed=1, name="game"))
    return played


def test_trials_show_every_class_and_different_images_of_one():
    messages = []
    played = game()
    for at in range(0, 20_000, 10):
        messages += played.step(Decision(at, at + 10, played._state.gesture or None))
    stimuli = [m for m in messages if isinstance(m, Stimulus)]
    assert {m.meaning for m in stimuli} == set(images("digits"))
    of_one = [m.electrodes for m in stimuli if m.meaning == "3"]
    assert len(of_one) == 2
    assert of_one[0] != of_one[1]
    states = [m for m in messages if isinstance(m, GameState) and m.phase == "outcome"]
    assert {s.outcome for s in states} == {"won"}


def test_a_class_that_is_none_is_refused():
    with pytest.raises(ValidationError, match="eleven is no class of clock"):
        game("clock", rates_hz={"eleven": 20.0})


def test_an_image_is_chosen_by_the_seed_and_the_trial():
    rng = [np.random.default_rng(1), np.random.default_rng(1)]
    assert game().place("7", rng[0]) == game().place("7", rng[1])
