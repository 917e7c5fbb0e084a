"""Every stimulus of Pong: the ball's position, the train after a hit, the noise after a miss."""

from collections.abc import Iterator

import numpy as np

from crepe.games.pong import court, place_code
from crepe.games.pong.settings import PongSettings
from crepe.games.pong.state import State
from crepe.games.schedule import Schedule
from crepe.games.stimulus_planner import StimulusPlanner
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


class PongPlanner(StimulusPlanner):
    """The stimuli of a match of Pong."""

    shown_as = BALL

    def __init__(self, settings: PongSettings, schedule: Schedule, state: State, seed: int) -> None:
        super().__init__(schedule, state, settings.delay_s)
        self._settings = settings
        self._state = state
        self._seed = seed

    def _train(
        self, meaning: str, electrodes: tuple[str, ...], rate_hz: float, n_pulses: int
    ) -> Stimulus:
        return _train(self._settings, meaning, electrodes, rate_hz, n_pulses)

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
