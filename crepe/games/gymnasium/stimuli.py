"""The stimuli of a game in an environment: observations as single pulses, and feedback."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crepe.games.gymnasium.coach import CoachSettings, Pair
from crepe.games.gymnasium.settings import GymSettings
from crepe.games.gymnasium.state import State
from crepe.games.pong.place_code import unpredictable
from crepe.games.schedule import Schedule
from crepe.games.stimulus_planner import StimulusPlanner
from crepe.messages import Message, Stimulus
from crepe.safety.sub_trains import cuttable

OBSERVATION, PREDICTABLE, UNPREDICTABLE = "observation", "predictable", "unpredictable"
TRAINING = "training"
"""Meanings of stimuli."""

_MOST_WAITING = 2.0  # pulses of a site; what a busy stimulator leaves over must not pile up


def possible_trains(settings: GymSettings) -> Iterator[Stimulus]:
    """Yield one train of each kind that a game can request, without times."""
    for site in settings.sites:
        yield _train(settings, OBSERVATION, (site,), 1 / settings.pulse_s, 1)
        yield _train(settings, UNPREDICTABLE, (site,), 1 / settings.pulse_s, 1)
    if n := _n_predictable(settings):
        yield _train(settings, PREDICTABLE, settings.sites, settings.predictable_hz, n)


def _n_predictable(settings: GymSettings) -> int:
    n = round(settings.predictable_hz * settings.predictable_s)
    return cuttable(n, settings.predictable_hz) if n else 0  # decision 20


def _train(
    settings: GymSettings, meaning: str, electrodes: tuple[str, ...], rate_hz: float, n_pulses: int
) -> Stimulus:
    """Return a train whose window, number and due time are still 0."""
    phases = settings.phases
    if meaning == UNPREDICTABLE:
        phases = settings.unpredictable_phases or phases
    return Stimulus(0, 0, 0, 0, electrodes, phases, rate_hz, n_pulses, meaning, settings.unit)


def training_train(settings: GymSettings, coach: CoachSettings, pair: Pair) -> Stimulus:
    """Return the training train of a coach at two electrodes, without times."""
    return _train(settings, TRAINING, pair, coach.rate_hz, coach.n_pulses)


class GymPlanner(StimulusPlanner):
    """The stimuli that show an environment, and those of feedback and training."""

    shown_as = OBSERVATION

    def __init__(self, settings: GymSettings, schedule: Schedule, state: State, seed: int) -> None:
        super().__init__(schedule, state, settings.delay_s)
        self._settings = settings
        self._state = state
        self._seed = seed
        self._sites = [site for encoder in settings.encoders for site in encoder.sites]

    def _train(
        self, meaning: str, electrodes: tuple[str, ...], rate_hz: float, n_pulses: int
    ) -> Stimulus:
        return _train(self._settings, meaning, electrodes, rate_hz, n_pulses)

    def show(self, message: Message, observation: NDArray[np.float64]) -> Iterator[Stimulus]:
        """Yield the pulses that encode an observation and whose time has come.

        At each tick a site gains its rate times the tick; a whole pulse is requested as soon as
        the stimulator is free, the site that has waited longest first.
        """
        state, settings = self._state, self._settings
        tick_s = self._schedule.step / self._schedule.rate_hz
        rates = np.concatenate([encoder.rates(observation) for encoder in settings.encoders])
        waiting = np.array(state.dues or np.zeros(len(rates))) + rates * tick_s
        waiting = np.minimum(waiting, _MOST_WAITING)
        while waiting.max() >= 1 and self._is_time(due := self.soonest):
            site = int(waiting.argmax())
            waiting[site] -= 1
            electrodes = (self._sites[site],)
            rate_hz = 1 / settings.pulse_s
            yield from self._request(message, OBSERVATION, due, electrodes, rate_hz=rate_hz)
        state.dues = tuple(waiting.tolist())

    def predictable(self, message: Message) -> Iterator[Stimulus]:
        """Yield the predictable train."""
        settings = self._settings
        if n := _n_predictable(settings):
            sites, rate_hz = settings.sites, settings.predictable_hz
            yield from self._request(
                message, PREDICTABLE, self.soonest, sites, rate_hz=rate_hz, n_pulses=n
            )

    def training(self, message: Message, coach: CoachSettings, pair: Pair) -> Iterator[Stimulus]:
        """Yield the training train at a pair of electrodes."""
        yield from self._request(
            message, TRAINING, self.soonest, pair, rate_hz=coach.rate_hz, n_pulses=coach.n_pulses
        )

    def noise(self, message: Message) -> Iterator[Stimulus]:
        """Yield the unpredictable pulses whose time has come."""
        state, settings, schedule = self._state, self._settings, self._schedule
        # Drawn again at each tick, so that the snapshot needs only how many were requested.
        pulses = unpredictable(
            np.random.default_rng([self._seed, state.trial, len(state.actions), 1]),
            round(settings.unpredictable_hz * settings.unpredictable_s),
            schedule.samples(settings.unpredictable_s),
            schedule.samples(settings.pulse_s),
            len(settings.sites),
        )
        for delay, site in pulses[state.n_noise :]:
            due = state.feedback_from + delay
            if not self._is_time(due):
                return
            state.n_noise += 1
            electrodes = (settings.sites[site],)
            rate_hz = 1 / settings.pulse_s
            yield from self._request(message, UNPREDICTABLE, due, electrodes, rate_hz=rate_hz)
