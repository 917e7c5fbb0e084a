"""The player's queue: one plays, the others watch, and it is handed over politely."""

from dataclasses import dataclass

IDLE_S = 30.0
"""After so long without a gesture the queue goes to who waits for it."""
AWAY_S = 10.0
"""Who was not seen for so long has left."""


@dataclass
class Person:
    """Somebody at a browser."""

    client: str  # made up by the browser
    name: str
    seen_s: float


class PlayerQueue:
    """Who plays, and who waits. Times are of one monotonic clock, given by the caller."""

    def __init__(self) -> None:
        self._people: list[Person] = []  # the first has the queue, the others wait in order
        self._since_s = 0.0  # when the queue was taken, or the last gesture shown

    @property
    def player(self) -> Person | None:
        """Who has the queue."""
        return self._people[0] if self._people else None

    def ask(self, client: str, name: str, now_s: float) -> None:
        """Take the queue if it is free, else wait for it."""
        if any(person.client == client for person in self._people):
            return
        self._people.append(Person(client, name, now_s))
        if len(self._people) == 1:
            self._since_s = now_s

    def leave(self, client: str, now_s: float) -> None:
        """Give the queue, or the place in the row, up."""
        player = self.player
        self._people = [person for person in self._people if person.client != client]
        if self.player is not player:
            self._since_s = now_s

    def seen(self, client: str, now_s: float) -> None:
        """The browser is there."""
        for person in self._people:
            if person.client == client:
                person.seen_s = now_s

    def may_play(self, client: str) -> bool:
        """Whether this one has the queue."""
        return self.player is not None and self.player.client == client

    def played(self, now_s: float) -> None:
        """Who has the queue has shown a gesture."""
        self._since_s = now_s

    def tick(self, now_s: float) -> None:
        """Time goes on: who is away leaves, and who is idle makes way for who waits."""
        for person in [p for p in self._people if now_s - p.seen_s > AWAY_S]:
            self.leave(person.client, now_s)
        if len(self._people) > 1 and now_s - self._since_s > IDLE_S:
            self._people.append(self._people.pop(0))
            self._since_s = now_s

    def place(self, client: str) -> int | None:
        """0 for who has the queue, then those who wait in order; None for all others."""
        clients = [person.client for person in self._people]
        return clients.index(client) if client in clients else None

    def as_json(self, client: str) -> dict[str, object]:
        """For one browser: who plays, who waits, and which of them it is.

        Clients are told by name alone, since who knows another's could play in its place.
        """
        return {
            "is_taken": self.player is not None,
            "name": self.player.name if self.player else "",
            "waiting": [person.name for person in self._people[1:]],
            "place": self.place(client),
        }
