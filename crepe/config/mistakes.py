"""A list of mistakes, so that a check reports all of them at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from crepe.errors import ActorError, ConfigError


class Mistakes:
    """The mistakes of one experiment file so far, each once, in the order of their discovery.

    Attributes
    ----------
    left_out
        The tables, by name, that cannot be used because of a mistake: they are checked no further.
    """

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self.left_out: set[str] = set()

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, *texts: str) -> None:
        """Add mistakes, each with place, found and allowed."""
        self._texts |= dict.fromkeys(texts)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Add the mistakes that the block raises, so that what follows it is checked, too."""
        try:
            yield
        except (ConfigError, ActorError) as error:
            self.add(*error.mistakes)

    def raise_all(self) -> None:
        """Raise ConfigError if there are mistakes."""
        if self._texts:
            raise ConfigError(*self._texts)
