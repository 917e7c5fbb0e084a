"""A guard that also refuses a train whose time is over, in the last check before its trigger."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import inf

from crepe.hw.instrument import Guard
from crepe.hw.remote_stop import Address
from crepe.safety.gate import Gate
from crepe.safety.train import Train


class TimedGuard:
    """The `Guard` that `Stimulate` hands to a driver: that of the instrument, and the age.

    A driver checks its guard with the instrument's lock in hand, after all its other checks. What
    a train has waited for the lock and for the instrument's answers counts there.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._too_old: Callable[[], str | None] = _never
        self._left_s: Callable[[], float] = _for_ever

    @contextmanager
    def starting(self, train: Train, gate: Gate) -> Iterator[None]:
        """Refuse in the block a train that begins if it is too old by then."""
        if train.is_in_first_sub_train:  # the age counts until the first pulse
            self._too_old = lambda: gate.too_old(train.stimulus, train.announced)
            self._left_s = lambda: gate.left_s(train.stimulus, train.announced)
        try:
            yield
        finally:
            self._too_old, self._left_s = _never, _for_ever

    def refusal(self) -> str | None:
        """Return why no pulse may leave now, or None: the age last, since the rest takes time."""
        return self._guard.refusal() or self._too_old()

    def late(self) -> str | None:
        """Return why a start that was acknowledged now may have come too late, or None."""
        reason = self._too_old()
        return f"its start was acknowledged too late: {reason}" if reason else None

    def left_s(self) -> float:
        """Return the time within which a pulse must leave."""
        return min(self._guard.left_s(), self._left_s())

    def drives(self, address: Address, *, is_simulator: bool) -> None:
        self._guard.drives(address, is_simulator=is_simulator)

    def serves(self, requesters: Sequence[str]) -> None:
        self._guard.serves(requesters)

    def pulsing(self, is_pulsing: bool) -> None:
        self._guard.pulsing(is_pulsing)

    def beat(self) -> None:
        self._guard.beat()

    def alone(self, wait_s: float, *, may_break: bool = False) -> AbstractContextManager[None]:
        return self._guard.alone(wait_s, may_break=may_break)

    def close(self) -> None:
        self._guard.close()


def _never() -> None:
    return None


def _for_ever() -> float:
    return inf
