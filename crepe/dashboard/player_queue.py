"""The queue of players: the first plays, the others watch, and turns change in order."""

from dataclasses import dataclass

LONGEST_NAME = 40
"""Characters of a player's name, and of a browser's ID."""

IDLE_S = 30.0
"""A player without a gesture for so long is replaced by the next in the queue."""
AWAY_S = 10.0
"""A browser that was not seen for so long has left."""


@dataclass
class Player:
    """A person at a browser."""

    client: str  # drawn by the browser at random
    name: str
    seen_s: float


class PlayerQueue:
    """The player and those in line. Times are of one monotonic clock, given by the caller."""

    def __init__(self) -> None:
        self._players: list[Player] = []  # the first plays, the others wait in order
        self._since_s = 0.0  # when the first began to play, or last showed a gesture

    @property
    def player(self) -> Player | None:
        """The player; None while the queue is empty."""
        return self._players[0] if self._players else None

    def join(self, client: str, name: str, now_s: float) -> None:
        """Add a player to the end of the queue; a client that is in it stays where it is."""
        if any(player.client == client for player in self._players):
            return
        self._players.append(Player(client, name, now_s))
        if len(self._players) == 1:
            self._since_s = now_s

    def leave(self, client: str, now_s: float) -> None:
        """Remove a player; the next in line plays if it was the first."""
        first = self.player
        self._players = [player for player in self._players if player.client != client]
        if self.player is not first:
            self._since_s = now_s

    def seen(self, client: str, now_s: float) -> None:
        """Note that a browser is connected."""
        for player in self._players:
            if player.client == client:
                player.seen_s = now_s

    def may_play(self, client: str) -> bool:
        """Return whether a client is the player."""
        return self.player is not None and self.player.client == client

    def played(self, now_s: float) -> None:
        """Note that the player has shown a gesture."""
        self._since_s = now_s

    def tick(self, now_s: float) -> None:
        """Drop absent players; let the next in line replace an idle one."""
        for player in [p for p in self._players if now_s - p.seen_s > AWAY_S]:
            self.leave(player.client, now_s)
        if len(self._players) > 1 and now_s - self._since_s > IDLE_S:
            self._players.append(self._players.pop(0))
            self._since_s = now_s

    def place(self, client: str) -> int | None:
        """Return 0 for the player, 1 and more for those in line, None for all others."""
        clients = [player.client for player in self._players]
        return clients.index(client) if client in clients else None

    def as_json(self, client: str) -> dict[str, object]:
        """Return the queue as one browser may see it.

        Other clients appear by name alone: a browser that has another's ID could play in its place.
        """
        return {
            "is_taken": self.player is not None,
            "name": self.player.name if self.player else "",
            "waiting": [player.name for player in self._players[1:]],
            "place": self.place(client),
        }
