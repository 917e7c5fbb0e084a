"""What a culture that plays Pong is told, and when: every stimulus of the game."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pydantic import PrivateAttr

from crepe.conditions import NO_FEEDBACK, SILENT, UNSTIMULATED
from crepe.games.pong import court, place_code
from crepe.games.pong.settings import PongSettings
from crepe.games.pong.state import State
from crepe.messages import Message, Stimulus
from crepe.safety.sub_trains import cuttable

BALL, HIT, MISS = "ball", "hit", "miss"
"""Meanings of stimuli."""

_UNANSWERED = frozenset({SILENT, NO_FEEDBACK})


class Span(NamedTuple):
    """A block in sample indices."""

    condition: str
    start: int
    stop: int


class PongStimuli(PongSettings):
    """The stimuli of `Pong`, from its state. Whatever the condition, their time passes."""

    _rate_hz: float = PrivateAttr()
    _seed: int = PrivateAttr()
    _step: int = PrivateAttr()  # samples
    _plan: tuple[Span, ...] = PrivateAttr()
    _state: State = PrivateAttr(default_factory=State)

    @property
    def _now(self) -> Span:
        """The present block, the next one in a rest, and at the end the last."""
        return self._plan[min(self._state.block, len(self._plan) - 1)]

    @property
    def _soon(self) -> int:
        """The first sample index at which a stimulus can be due."""
        return max(self._state.at + self._samples(self.delay_s), self._state.free)

    def possible_trains(self) -> Iterator[Stimulus]:
        rate_hz = 1 / self.pulse_s
        for site in self.sites:
            yield self._train(BALL, (site,), rate_hz, 1)
            yield self._train(MISS, (site,), rate_hz, 1)
        if n := round(self.hit_rate_hz * self.hit_s):
            yield self._train(HIT, self.sites, self.hit_rate_hz, n)

    def _train(
        self, meaning: str, electrodes: tuple[str, ...], rate_hz: float, n_pulses: int
    ) -> Stimulus:
        """A train at no sample yet."""
        phases = self.miss_phases if meaning == MISS else self.phases
        return Stimulus(0, 0, 0, 0, electrodes, phases, rate_hz, n_pulses, meaning, self.unit)

    def _sense(self, message: Message) -> Iterator[Message]:
        """The next pulse that tells of the ball, if it is time to ask for it."""
        state = self._state
        if not self._is_time(state.next_pulse):
            return
        ball = court.Ball(*state.ball)
        due = max(state.next_pulse, self._soon)
        state.next_pulse = due + self._samples(1 / place_code.rate_hz(ball.x, *self.rates_hz))
        site = self.sites[place_code.site(ball.y, len(self.sites))]
        yield from self._ask(message, BALL, due, (site,), rate_hz=1 / self.pulse_s)

    def _reward(self, message: Message) -> Iterator[Message]:
        """The predictable train after a hit; nothing is told of the ball meanwhile."""
        n = round(self.hit_rate_hz * self.hit_s)
        if n:
            due, rate_hz = self._soon, self.hit_rate_hz
            n = cuttable(n, rate_hz)
            yield from self._ask(message, HIT, due, self.sites, rate_hz=rate_hz, n_pulses=n)
            self._state.next_pulse = max(self._state.next_pulse, self._state.free)

    def _disturb(self, message: Message) -> Iterator[Message]:
        """The next unpredictable pulses, if it is time to ask for them."""
        state = self._state
        pulses = place_code.unpredictable(
            self._rng(1),
            round(self.miss_rate_hz * self.miss_s),
            self._samples(self.miss_s),
            self._samples(self.pulse_s),
            len(self.sites),
        )
        for after, site in pulses[state.n_asked :]:
            due = state.feedback_from + after
            if not self._is_time(due):
                return
            state.n_asked += 1
            rate_hz = 1 / self.pulse_s
            yield from self._ask(message, MISS, due, (self.sites[site],), rate_hz=rate_hz)

    def _is_time(self, due: int) -> bool:
        """Whether a pulse that is due then must be asked for now: at the next step it is late."""
        return due < self._state.at + self._step + self._samples(self.delay_s)

    def _ask(
        self,
        message: Message,
        meaning: str,
        due: int,
        electrodes: tuple[str, ...],
        *,
        rate_hz: float,
        n_pulses: int = 1,
    ) -> Iterator[Stimulus]:
        """A stimulus, unless the condition has none; its time passes all the same."""
        state = self._state
        state.free = due + self._samples(n_pulses / rate_hz)
        condition = self._now.condition
        is_withheld = condition in UNSTIMULATED or (meaning != BALL and condition in _UNANSWERED)
        if is_withheld or state.free > self._now.stop:
            return
        state.number += 1
        train = self._train(meaning, electrodes, rate_hz, n_pulses)
        yield replace(train, start=message.start, stop=message.stop, number=state.number, due=due)

    def _rng(self, of: int) -> np.random.Generator:
        """Fresh for each rally: of its serve (0), of what follows its miss (1)."""
        return np.random.default_rng([self._seed, self._state.drawn_as, of])

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)
