"""The court: the ball stays inside, its reflections are exact, the paddle covers what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.games.pong.court import Ball, fly, meets, move_paddle, serve

place = st.floats(0, 1)
speed = st.floats(-5, 5)
balls = st.builds(Ball, place, place, speed, speed)


@given(balls, st.lists(st.floats(0.0, 0.1), max_size=50))
def test_the_ball_never_leaves_the_court_and_keeps_its_speed(ball, steps):
    before = ball
    for seconds in steps:
        ball, arrived_y = fly(ball, seconds)
        assert 0 <= ball.x <= 1
        assert 0 <= ball.y <= 1
        assert arrived_y is None or 0 <= arrived_y <= 1
        assert abs(ball.speed_x) == abs(before.speed_x)
        assert abs(ball.speed_y) == abs(before.speed_y)


@given(balls, st.floats(0.001, 0.1), st.integers(1, 60))
def test_a_ball_that_is_turned_round_comes_back_the_way_it_went(ball, seconds, n):
    flying = ball
    for _ in range(n):
        flying, _ = fly(flying, seconds)
    back = Ball(flying.x, flying.y, -flying.speed_x, -flying.speed_y)
    for _ in range(n):
        back, _ = fly(back, seconds)
    assert (back.x, back.y) == pytest.approx((ball.x, ball.y), abs=1e-9)


@given(balls, st.floats(0.001, 0.1))
def test_one_step_or_many_end_at_the_same_place(ball, seconds):
    at_once, _ = fly(ball, seconds)
    halfway, _ = fly(ball, seconds / 2)
    twice, _ = fly(halfway, seconds / 2)
    assert (twice.x, twice.y) == pytest.approx((at_once.x, at_once.y), abs=1e-12)


def test_reflections_are_where_a_mirror_has_them():
    ball, arrived_y = fly(Ball(0.02, 0.98, -0.5, 0.5), 0.1)
    assert (ball.x, ball.y) == pytest.approx((0.03, 0.97))
    assert (ball.speed_x, ball.speed_y) == (0.5, -0.5)
    assert arrived_y == pytest.approx(1.0)
    ball, arrived_y = fly(Ball(0.98, 0.02, 0.5, -0.5), 0.1)
    assert (ball.x, ball.y) == pytest.approx((0.97, 0.03))
    assert arrived_y is None


@given(st.integers(0, 1000), st.floats(0.1, 2), st.floats(0, 3), st.floats(0.001, 0.1))
def test_a_serve_arrives_once_in_each_flight_there_and_back(seed, speed, steepest, seconds):
    ball = serve(np.random.default_rng(seed), speed, steepest)
    assert ball.x == 1
    assert abs(ball.speed_y) <= steepest * speed
    elapsed, arrivals = 0.0, []
    while elapsed < 3.5 / speed:
        ball, arrived_y = fly(ball, seconds)
        if arrived_y is not None:
            arrivals.append(elapsed)
        elapsed += seconds
    expected = [1 / speed, 3 / speed]
    assert len(arrivals) == 2
    assert all(abs(at - t) <= seconds + 1e-6 for at, t in zip(arrivals, expected, strict=True))


@given(st.floats(0.05, 0.9), st.lists(st.floats(-2, 2)))
def test_the_paddle_stays_in_the_court(size, moves):
    y = 0.5
    for by in moves:
        y = move_paddle(y, by, size)
        assert size / 2 <= y <= 1 - size / 2


def test_the_paddle_meets_what_it_covers():
    assert [meets(0.5, y, 0.25) for y in (0.374, 0.375, 0.5, 0.625, 0.626)] == [
        False, True, True, True, False,
    ]  # fmt: skip
