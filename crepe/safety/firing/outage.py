"""Outages of the data: after a long one, an arming from before it no longer counts."""

# Decision 64: how long, and why any outage counts.

import logging
from collections.abc import Callable

from crepe.hw.instrument import Guard

log = logging.getLogger(__name__)


class Outage:
    """Disarms when the data were away for longer than `limit_s`.

    What became of the culture meanwhile is not known, and another instrument may have been
    connected. An arming that is given while the data are away counts until they are back.

    Parameters
    ----------
    disarm
        Disarms the stimulator.

    Attributes
    ----------
    problem
        Why it is disarmed, for people; empty otherwise.
    """

    def __init__(self, guard: Guard, disarm: Callable[[], None], limit_s: float) -> None:
        self._guard = guard
        self._disarm = disarm
        self._limit_s = limit_s
        self._is_noted = False  # the present outage
        self.problem = ""

    def last(self, elapsed_s: float, sample: int) -> None:
        """Note that since `sample` no data have come for so long."""
        if elapsed_s > self._limit_s and not self._is_noted:
            self._is_noted = True
            self._end_arming(elapsed_s, sample)

    def end(self, missing_s: float, sample: int) -> None:
        """Note that data have come, and how much was missing before them, from `sample` on."""
        self._is_noted = False
        if missing_s > self._limit_s:
            self._end_arming(missing_s, sample)
        elif self.problem and self._guard.refusal() is None:
            self.problem = ""  # armed again

    def _end_arming(self, away_s: float, sample: int) -> None:
        before = self._guard.refusal()
        self._disarm()
        # The same one: it was not armed, or it is CREPE's own simulator, which needs no arming.
        if self._guard.refusal() != before:
            self.problem = (
                f"no data for {away_s:.1f} s after sample {sample}, limit {self._limit_s:g} s: "
                "stimulation is disarmed; look at the instrument, then `crepe arm`"
            )
            log.error("%s", self.problem)
