"""Commands and gestures to the running experiment, and the answers of its game."""

import time
from collections.abc import Iterator

from crepe.commands import CONTROL, INPUT, SAYABLE
from crepe.config.experiment import Experiment
from crepe.errors import ConfigError, suggest
from crepe.messages import GameState
from crepe.store import Store
from crepe.store.stream import Stream

_REFUSES_WITHIN_S = 1.0  # games read commands with every decision
_BEGINS_WITHIN_S = 3.0  # a trial begins after a rest
_POLL_S = 0.02


def send_command(store: Store, experiment: Experiment, name: str, value: str) -> None:
    """Write a command to `control`. Raises ConfigError if it is unknown or the game refuses it."""
    if name not in SAYABLE:
        raise ConfigError(f"{name!r} is no command{suggest(name, SAYABLE)}")
    sender = "crepe say"
    if name == "note":
        store.send_command(name, value, sender, CONTROL)
        return
    game = _game(store, experiment)
    # Before the command, so that no answer to it is missed.
    since = len(game)
    store.send_command(name, value, sender, CONTROL)
    for state in _answers(game, since, sender, _REFUSES_WITHIN_S):
        if state.phase == "refused":
            raise ConfigError(f"{name}: refused: {state.outcome}")


def send_gesture(store: Store, experiment: Experiment, name: str) -> str:
    """Send a gesture; return the outcome for people. Raises ConfigError if the game refuses it."""
    sender = "crepe gesture"
    game = _game(store, experiment)
    since = len(game)
    store.send_command("gesture", name, sender, INPUT)
    for state in _answers(game, since, sender, _BEGINS_WITHIN_S):
        if state.phase == "refused":
            raise ConfigError(f"gesture: refused: {state.outcome}")
        return f"trial {state.trial}: shown {state.gesture or name}"
    return "shown, but no trial began with it: games take gestures in a rest, and while they wait"


def _game(store: Store, experiment: Experiment) -> Stream:
    """Return the stream of the running game. Raises ConfigError if no game runs."""
    names = [a.writes[GameState] for a in experiment.actors.values() if GameState in a.writes]
    if not names:
        raise ConfigError(f"{experiment.title}: has no game that could receive it")
    if names[0] not in store:
        raise ConfigError(f"{experiment.title}: its game has not begun yet; send it again")
    if (game := store[names[0]]).is_ended:
        raise ConfigError(f"{experiment.title}: its game is over")
    return game


def _answers(game: Stream, since: int, sender: str, for_s: float) -> Iterator[GameState]:
    """Yield the states that answer a sender, as the game publishes them."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        stop = max(since, len(game))
        for message in game.messages(since, stop):
            if isinstance(message, GameState) and message.shown_by == sender:
                yield message
        since = stop
        time.sleep(_POLL_S)
