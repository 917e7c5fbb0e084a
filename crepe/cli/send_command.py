"""Commands and gestures to the running experiment, and the answers of its game."""

import time
from collections.abc import Iterator

from crepe.commands import CONTROL, INPUT, SAYABLE
from crepe.errors import ConfigError, suggest
from crepe.messages import GameState
from crepe.store import Store
from crepe.store.stream import Stream

_REFUSES_WITHIN_S = 1.0  # games read commands with every decision
_BEGINS_WITHIN_S = 3.0  # a trial begins after a rest
_POLL_S = 0.02


def send_command(store: Store, title: str, name: str, value: str) -> None:
    """Write a command to `control`. Raises ConfigError if it is unknown or the game refuses it."""
    if name not in SAYABLE:
        raise ConfigError(f"{name!r} is no command{suggest(name, SAYABLE)}")
    sender = "crepe say"
    if name == "note":
        if not value.strip():
            raise ConfigError('note: needs a text: `crepe say note "medium changed"`')
        store.send_command(name, value, sender, CONTROL)
        return
    game = _game(store, title)
    # Before the command, so that no answer to it is missed.
    since = len(game)
    store.send_command(name, value, sender, CONTROL)
    for state in _answers(game, since, sender, _REFUSES_WITHIN_S):
        if state.phase == "refused":
            raise ConfigError(f"{name}: refused: {state.outcome}")


def send_gesture(store: Store, title: str, name: str) -> GameState | None:
    """Send a gesture; return the state of the trial that began with it, or None if none did.

    Raises ConfigError if the game refuses it.
    """
    sender = "crepe gesture"
    game = _game(store, title)
    since = len(game)
    store.send_command("gesture", name, sender, INPUT)
    for state in _answers(game, since, sender, _BEGINS_WITHIN_S):
        if state.phase == "refused":
            raise ConfigError(f"gesture: refused: {state.outcome}")
        return state
    return None


def _game(store: Store, title: str) -> Stream:
    """Return the stream of the running game, found by its messages: no class is imported.

    Raises ConfigError if no game runs.
    """
    streams = [store[name] for name in store if name in store]  # not all have a description
    games = [stream for stream in streams if stream.info.message == GameState.__name__]
    if not games:
        raise ConfigError(f"{title}: no game runs that could receive it, or it has not begun yet")
    if games[0].is_ended:
        raise ConfigError(f"{title}: its game is over")
    return games[0]


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
