"""When each condition of a session holds, in sample indices."""

from collections.abc import Sequence
from typing import NamedTuple

from crepe.conditions import NO_FEEDBACK, NONE, SILENT, UNSTIMULATED, Block

_WITHOUT_FEEDBACK = frozenset({SILENT, NO_FEEDBACK, NONE})


class Span(NamedTuple):
    """A block in sample indices; a session without blocks is one span."""

    condition: str
    start: int
    stop: int

    def allows(self, until: int, *, is_feedback: bool) -> bool:
        """Whether a stimulus that is over at a sample may be requested under this condition."""
        if self.condition in UNSTIMULATED:
            return False
        if is_feedback and self.condition in _WITHOUT_FEEDBACK:
            return False
        return until <= self.stop  # else it would act on the next condition


class Schedule:
    """The blocks of a session at a sampling rate, and the game's unit of time.

    Parameters
    ----------
    blocks
        The conditions in order of time; none: the closed loop for `session_s`.
    step_s
        Interval at which the game plays.
    """

    def __init__(
        self, blocks: Sequence[Block], session_s: float, step_s: float, rate_hz: float
    ) -> None:
        self.rate_hz = rate_hz
        self.step = max(1, self.samples(step_s))  # samples of one step of the game
        self.has_blocks = bool(blocks)
        self._spans = tuple(
            Span(block.condition, self.samples(block.start_s), self.samples(block.stop_s))
            for block in blocks
        ) or (Span("", 0, self.samples(session_s)),)

    def samples(self, seconds: float) -> int:
        """Return a duration in samples."""
        return round(seconds * self.rate_hz)

    def is_time(self, due: int, at: int, delay_s: float) -> bool:
        """Whether a stimulus must be requested at sample `at`: a step later it would be late."""
        return due < at + self.step + self.samples(delay_s)

    def span(self, block: int) -> Span:
        """Return the block of an index; after the end of the session, the last one."""
        return self._spans[min(block, len(self._spans) - 1)]

    def skip(self, block: int, sample: int) -> int:
        """Return the index of the first block, from `block` on, that is not over at a sample."""
        while block < len(self._spans) and sample > self._spans[block].stop:
            block += 1
        return block

    def is_over(self, block: int) -> bool:
        """Whether the session has no block of this index any more."""
        return block == len(self._spans)

    def choose(self, condition: str) -> None:
        """Set the condition of the coming rallies; blocks, where there are any, decide instead."""
        if not self.has_blocks:
            self._spans = (self._spans[0]._replace(condition=condition),)
