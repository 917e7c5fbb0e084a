"""A grid world with a smell that grows towards its source; importing it registers it.

A small environment for tests and tutorials, in the spirit of navigation along an odour (arXiv
2605.13315, of which the abstract was read): no setting is that work's.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

ID = "crepe/GradientWorld-v0"

MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))
"""The actions: forward (up), right, down, left; as (column, row)."""

_TILE = 16  # pixels
_AGENT, _SOURCE = (214, 94, 0), (0, 114, 178)  # colours of Okabe and Ito


class GradientWorld(gymnasium.Env[NDArray[np.float32], int]):
    """A square grid; the agent smells the source, and each step costs a little.

    The observation is the smell in the four neighbouring places, in the order of `MOVES`: 1 at the
    source, and `decay` less by factor for every step away from it. Walls smell of nothing.

    Parameters
    ----------
    size
        Rows and columns.
    decay
        Factor of the smell from one place to the next.
    render_mode
        None or "rgb_array".
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, size: int = 8, decay: float = 0.8, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.action_space = spaces.Discrete(len(MOVES))  # type: ignore[assignment]  # of numpy's int
        self.observation_space = spaces.Box(0.0, 1.0, (len(MOVES),), np.float32)
        self._size, self._decay = size, decay
        self._agent = self._source = np.zeros(2, np.int64)  # column, row

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Put agent and source at two random places."""
        super().reset(seed=seed, options=options)
        places = self.np_random.choice(self._size**2, 2, replace=False)
        self._agent, self._source = (np.array(divmod(int(p), self._size)) for p in places)
        return self._smells(), {}

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Move by one place, but not through a wall; reward 1 at the source, -0.01 elsewhere."""
        self._agent = np.clip(self._agent + MOVES[action], 0, self._size - 1)
        is_there = bool((self._agent == self._source).all())
        return self._smells(), 1.0 if is_there else -0.01, is_there, False, {}

    def render(self) -> NDArray[np.uint8]:
        """Return the grid: grey is the smell."""
        rows, columns = np.indices((self._size, self._size))
        distance = abs(columns - self._source[0]) + abs(rows - self._source[1])
        grey = (255 - 200 * self._decay**distance).astype(np.uint8)
        pixels = np.repeat(grey[:, :, None], 3, axis=2)
        pixels[self._source[1], self._source[0]] = _SOURCE
        pixels[self._agent[1], self._agent[0]] = _AGENT
        return pixels.repeat(_TILE, axis=0).repeat(_TILE, axis=1)

    def _smells(self) -> NDArray[np.float32]:
        places = self._agent + np.array(MOVES)
        distance = abs(places - self._source).sum(1)
        is_inside = ((places >= 0) & (places < self._size)).all(1)
        return np.where(is_inside, self._decay**distance, 0.0).astype(np.float32)


gymnasium.register(ID, entry_point=f"{__name__}:GradientWorld", max_episode_steps=200)
