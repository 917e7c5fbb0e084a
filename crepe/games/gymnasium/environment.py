"""An environment of Gymnasium with named actions, flat observations and small pictures."""

import os
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.environment.installation import pip_install
from crepe.errors import ConfigError
from crepe.games.gymnasium.settings import GymSettings

Result = tuple[NDArray[np.float64], float, str]
"""Observation (n_values,), reward, and why the episode is over (empty: it is not)."""


class Environment:
    """The environment that the settings name. Raises ConfigError for one that does not fit.

    Attributes
    ----------
    source
        Its ID with the versions of the packages that it comes from.
    """

    def __init__(self, settings: GymSettings, place: str) -> None:
        self._settings = settings
        self._gymnasium = _import(place)
        self._problem = ""  # why there is no picture
        self._env = self._make(place)
        self._actions = self._checked_actions(place)
        self.source = f"{self._env.spec.id} ({', '.join(self._versions())})"

    def _make(self, place: str) -> Any:
        settings, error = self._settings, self._gymnasium.error.Error

        def make(**options: str) -> Any:
            return self._gymnasium.make(
                settings.env, disable_env_checker=True, **settings.env_options, **options
            )

        try:
            env = make()
            if not settings.shown_hz:
                return env
            if "rgb_array" not in env.metadata.get("render_modes", ()):
                self._problem = "the environment has no render_mode 'rgb_array'"
                return env
            env.close()
            return make(render_mode="rgb_array")
        except (error, ImportError, TypeError) as problem:
            text = str(problem).strip() or type(problem).__name__
            raise ConfigError(f"{place} env: {settings.env!r}: {text}") from problem

    def _checked_actions(self, place: str) -> dict[str, Any]:
        space = self._env.action_space
        actions = {}
        for name, value in self._settings.actions.items():
            action = np.asarray(value, space.dtype).reshape(space.shape) if space.shape else value
            if not space.contains(action):
                raise ConfigError(f"{place} actions.{name}: {value!r}, must be in {space}")
            actions[name] = action
        n_values = len(self._flat(self._env.observation_space.sample()))
        for i, encoder in enumerate(self._settings.encoders):
            if encoder.value >= n_values:
                raise ConfigError(
                    f"{place} encoders.{i} value: {encoder.value}, must be less than {n_values}: "
                    f"the observation is {self._env.observation_space}"
                )
        return actions

    def begin(self, seed: int) -> NDArray[np.float64]:
        """Begin an episode, and return its first observation (n_values,)."""
        observation, _ = self._env.reset(seed=seed)
        return self._flat(observation)

    def step(self, name: str) -> Result:
        """Take a step with the action of that name."""
        observation, reward, is_terminated, is_truncated, _ = self._env.step(self._actions[name])
        end = "terminated" if is_terminated else "truncated" if is_truncated else ""
        return self._flat(observation), float(reward), end

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """Return the picture (n_rows, n_columns, 3), or none, and why there is none."""
        if not self._problem:
            try:
                pixels = np.asarray(self._env.render(), np.uint8)
                return _small(pixels, self._settings.shown_pixels), ""
            except (self._gymnasium.error.Error, ImportError) as error:
                self._problem = str(error)
        return np.empty((0, 0, 3), np.uint8), f"no picture: {self._problem}"

    def close(self) -> None:
        """Close the environment; harmless to repeat."""
        self._env.close()

    def _flat(self, observation: Any) -> NDArray[np.float64]:
        space, spaces = self._env.observation_space, self._gymnasium.spaces
        if isinstance(space, spaces.Discrete):  # `flatten` would make one value of each number
            return np.array([observation], np.float64)
        return np.asarray(spaces.flatten(space, observation), np.float64)

    def _versions(self) -> list[str]:
        entry_point = self._env.spec.entry_point
        module = entry_point if isinstance(entry_point, str) else entry_point.__module__
        package = module.partition(":")[0].partition(".")[0]
        names = dict.fromkeys(["gymnasium", *packages_distributions().get(package, ())])
        return [f"{name} {_version(name)}" for name in names]


def _import(place: str) -> Any:
    # Before pygame is imported: it prints a greeting, and needs no screen here.
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    try:
        import gymnasium
    except ImportError as error:
        raise ConfigError(f"{place} needs gymnasium: {pip_install('crepe-mea[games]')}") from error
    return gymnasium


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "of unknown version"


def _small(pixels: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return every n-th row and column, so that no side is longer than `longest`."""
    n = -(-max(pixels.shape[:2]) // longest)
    return np.ascontiguousarray(pixels[n // 2 :: n, n // 2 :: n])
