"""A mistake in what a hook of a game returns names the hook, its line and what is allowed."""

import numpy as np
import pytest

from crepe.errors import ActorError
from crepe.games.hook_results import checked_move, checked_outcome

RATES_HZ = {"heads": 20.0, "tails": 40.0}


class Coin:
    def __init__(self, result):
        self.result = result

    def move(self, rng):
        return self.result

    def observe(self, gesture, decoded):
        return self.result


def line_of(hook):
    return f"{__file__}, line {hook.__code__.co_firstlineno}"


def test_an_allowed_move_and_outcome_pass():
    assert checked_move(Coin("heads").move, np.random.default_rng(1), RATES_HZ) == "heads"
    assert checked_outcome(Coin(("heads", "right")).observe, "heads", None) == ("heads", "right")
    assert checked_outcome(Coin((None, "none")).observe, "heads", None) == (None, "none")


@pytest.mark.parametrize("result", ["edge", None, 3])
def test_a_move_that_is_no_gesture_names_the_line_of_move(result):
    with pytest.raises(ActorError) as error:
        checked_move(Coin(result).move, np.random.default_rng(1), RATES_HZ)
    text = str(error.value)
    assert text.startswith(f"Coin.move ({line_of(Coin.move)}): returned {result!r}")
    assert "must be one of 'heads', 'tails'" in text


@pytest.mark.parametrize("result", ["right", None, ("a", "b", "c"), (1, "right"), ("heads", None)])
def test_an_outcome_of_other_than_two_values_names_the_line_of_observe(result):
    with pytest.raises(ActorError) as error:
        checked_outcome(Coin(result).observe, "heads", "tails")
    text = str(error.value)
    assert text.startswith(f"Coin.observe ({line_of(Coin.observe)}): returned {result!r}")
    assert "must be two values" in text
