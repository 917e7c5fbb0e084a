"""The grid world: an environment as Gymnasium asks for one, whose smell leads to the source."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from crepe.games.gymnasium import gradient_world


@pytest.fixture
def env():
    return gymnasium.make(f"{gradient_world.__name__}:{gradient_world.ID}", render_mode="rgb_array")


def test_gymnasium_accepts_it(env):
    check_env(env.unwrapped)


def test_who_follows_the_smell_arrives_by_the_shortest_way(env):
    for seed in range(20):
        smells, _ = env.reset(seed=seed)
        world = env.unwrapped
        distance = int(abs(world._agent - world._source).sum())
        rewards = []
        while True:
            smells, reward, is_terminated, is_truncated, _ = env.step(int(np.argmax(smells)))
            rewards.append(reward)
            if is_terminated:
                break
            assert not is_truncated
        assert rewards == [-0.01] * (distance - 1) + [1.0]


def test_walls_hold_and_time_is_limited(env):
    env.reset(seed=1)
    for _ in range(200):
        *_, is_truncated, _ = env.step(0)
    assert is_truncated
    assert env.unwrapped._agent[1] == 0


def test_the_picture_shows_agent_and_source(env):
    env.reset(seed=1)
    colours = {tuple(pixel) for pixel in env.render().reshape(-1, 3).tolist()}
    assert {gradient_world._AGENT, gradient_world._SOURCE} <= colours
