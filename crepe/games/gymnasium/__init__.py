"""A game for every environment of Gymnasium (https://gymnasium.farama.org)."""

from crepe.games.gymnasium.coached_game import CoachedGame
from crepe.games.gymnasium.game import GymGame

__all__ = ["CoachedGame", "GymGame"]
