"""The court of Pong: a ball between four walls and a paddle before one of them. Pure geometry.

Coordinates go from 0 to 1: x is the distance from the paddle's wall, y grows upwards. The ball is
a point and is reflected exactly; the paddle covers a part of its wall.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Ball:
    """Position of the ball, and its velocity in courts per second."""

    x: float
    y: float
    speed_x: float
    speed_y: float


def serve(rng: np.random.Generator, speed: float, steepest: float) -> Ball:
    """Return a ball at a random place of the far wall, with a slope of at most `steepest`."""
    y, slope = rng.uniform(0, 1), rng.uniform(-steepest, steepest)
    return Ball(1.0, float(y), -speed, float(slope * speed))


def fly(ball: Ball, seconds: float) -> tuple[Ball, float | None]:
    """Return the ball `seconds` later, and the y at which it reached the paddle's wall, or None.

    The ball is reflected at that wall, too: the caller decides whether the paddle met it.
    `seconds` must be shorter than a flight from wall to wall and back.
    """
    x, x_sign = _fold(ball.x + ball.speed_x * seconds)
    y, y_sign = _fold(ball.y + ball.speed_y * seconds)
    arrived_y = None
    if ball.x + ball.speed_x * seconds < 0:
        arrived_y, _ = _fold(ball.y - ball.speed_y * ball.x / ball.speed_x)
    return Ball(x, y, x_sign * ball.speed_x, y_sign * ball.speed_y), arrived_y


def move_paddle(paddle_y: float, distance: float, size: float) -> float:
    """Return the paddle's middle after a move; the paddle stays inside the court."""
    return min(max(paddle_y + distance, size / 2), 1 - size / 2)


def meets(paddle_y: float, ball_y: float, size: float) -> bool:
    """Whether the paddle covers the place where the ball arrives."""
    return abs(ball_y - paddle_y) <= size / 2


def _fold(position: float) -> tuple[float, int]:
    """Fold a line between mirrors at 0 and 1: the position, and -1 where it runs backwards."""
    position %= 2.0
    return (position, 1) if position <= 1 else (2.0 - position, -1)
