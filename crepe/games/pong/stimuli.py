"""Every stimulus of Pong: the ball's position, the train after a hit, the noise after a miss."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from crepe.games.pong import court, place_code
from crepe.games.pong.settings import PongSettings
from crepe.games.pong.state import State
from crepe.games.schedule import Schedule
from crepe.messages import Message, Stimulus
from crepe.safety.sub_trains import cuttable

BALL, HIT, MISS = "ball", "hit", "miss"
"""Meanings of stimuli."""


def possible_trains(settings: PongSettings) -> Iterator[Stimulus]:
    """Yield one train of each kind that a game can request, without times."""
    rate_hz = 1 / settings.pulse_s
    for site in settings.sites:
        yield _train(settings, BALL, (site,), rate_hz, 1)
        yield _train(settings, MISS, (site,), rate_hz, 1)
    if n := round(settings.hit_rate_hz * settings.hit_s):
        yield _train(settings, HIT, settings.sites, settings.hit_rate_hz, n)


def _train(
    settings: PongSettings,
    meaning: str,
    electrodes: tuple[str, ...],
    rate_hz: float,
    n_pulses: int,
) -> Stimulus:
    """Return a train whose window, number and due time are still 0."""
    phases = settings.miss_phases if meaning == MISS else settings.phases
    return Stimulus(0, 0, 0, 0, electrodes, phases, rate_hz, n_pulses, meaning, settings.unit)


class StimulusPlanner:
    """Requests the stimuli of a match from its state.

    A condition that withholds a stimulus still spends its time, so that conditions differ in
    nothing but the pulses. Each method yields the requests that are due at the present step, with
    the window of the message that the step belongs to.
    """

    def __init__(self, settings: PongSettings, schedule: Schedule, state: State, seed: int) -> None:
        self._settings = settings
        self._schedule = schedule
        self._state = state
        self._seed = seed

    @property
    def soonest(self) -> int:
        """Sample index at which the next stimulus can be due at the earliest."""
        delay = self._schedule.samples(self._settings.delay_s)
        return max(self._state.at + delay, self._state.free)

    def rng(self, purpose: int) -> np.random.Generator:
        """Return the random numbers of a rally: of its serve (0), of the noise after it (1).

        They are made anew from the seed, so that a replayed rally and a restart repeat them.
        """
        return np.random.default_rng([self._seed, self._state.drawn_as, purpose])

    def show_ball(self, message: Message) -> Iterator[Message]:
        """Yield the next pulse that encodes the ball's position, if its time has come."""
        state, settings = self._state, self._settings
        if not self._is_time(state.next_pulse):
            return
        ball = court.Ball(*state.ball)
        due = max(state.next_pulse, self.soonest)
        interval_s = 1 / place_code.rate_hz(ball.x, *settings.rates_hz)
        state.next_pulse = due + self._schedule.samples(interval_s)
        site = settings.sites[place_code.site(ball.y, len(settings.sites))]
        yield from self._request(message, BALL, due, (site,), rate_hz=1 / settings.pulse_s)

    def reward(self, message: Message) -> Iterator[Message]:
        """Yield the predictable train after a hit, which interrupts the pulses of the ball."""
        state, settings = self._state, self._settings
        rate_hz = settings.hit_rate_hz
        n_pulses = round(rate_hz * settings.hit_s)
        if n_pulses:
            due = self.soonest
            n_pulses = cuttable(n_pulses, rate_hz)
            yield from self._request(
                message, HIT, due, settings.sites, rate_hz=rate_hz, n_pulses=n_pulses
            )
            state.next_pulse = max(state.next_pulse, state.free)

    def disturb(self, message: Message) -> Iterator[Message]:
        """Yield the unpredictable pulses after a miss whose time has come."""
        state, settings = self._state, self._settings
        # Drawn again at each step, so that the snapshot needs only how many were requested.
        pulses = place_code.unpredictable(
            self.rng(1),
            round(settings.miss_rate_hz * settings.miss_s),
            self._schedule.samples(settings.miss_s),
            self._schedule.samples(settings.pulse_s),
            len(settings.sites),
        )
        for delay, site in pulses[state.n_asked :]:
            due = state.feedback_from + delay
            if not self._is_time(due):
                return
            state.n_asked += 1
            electrodes = (settings.sites[site],)
            yield from self._request(message, MISS, due, electrodes, rate_hz=1 / settings.pulse_s)

    def _is_time(self, due: int) -> bool:
        """Whether a pulse must be requested now: at the next step it would be late."""
        return self._schedule.is_time(due, self._state.at, self._settings.delay_s)

    def _request(
        self,
        message: Message,
        meaning: str,
        due: int,
        electrodes: tuple[str, ...],
        *,
        rate_hz: float,
        n_pulses: int = 1,
    ) -> Iterator[Stimulus]:
        """Yield a stimulus unless the condition withholds it, and spend its time either way."""
        state = self._state
        state.free = due + self._schedule.samples(n_pulses / rate_hz)
        block = self._schedule.span(state.block)
        if not block.allows(state.free, is_feedback=meaning != BALL):
            return
        state.number += 1
        train = _train(self._settings, meaning, electrodes, rate_hz, n_pulses)
        yield replace(train, start=message.start, stop=message.stop, number=state.number, due=due)
