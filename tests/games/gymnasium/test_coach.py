"""A coach: whom it trains, what it learns, and that a restart changes nothing."""

import pytest
from pydantic import ValidationError

from crepe.games.gymnasium.coach import Coach, CoachSettings
from crepe.store.codec import pack_value, unpack_value

SETTINGS = CoachSettings(units=("24", "34", "35"), exploration=0.1)


def play(coach, helpful, n_episodes, *, start=1, block=0, is_random=False):
    """Episodes that alternate around 20 steps, and get worse still unless `helpful` was trained."""
    chosen = []
    for episode in range(start, start + n_episodes):
        last = chosen[-1] if chosen else None
        total = 30.0 if last == helpful else 20.0 - episode % 3
        chosen.append(coach.judge(total, episode, block, is_random=is_random))
    return chosen


def test_every_two_units_are_a_pair():
    assert SETTINGS.pairs == (("24", "34"), ("24", "35"), ("34", "35"))
    assert SETTINGS.n_pulses == 10


def test_only_an_episode_below_the_running_mean_is_followed_by_training():
    coach = Coach(SETTINGS, 1)
    totals = [10.0, 12.0, 9.0, 10.0, 11.0]  # means before: none, 10, 11, 10.3, 10.25
    chosen = [coach.judge(t, i, 0, is_random=False) for i, t in enumerate(totals)]
    assert [pair is not None for pair in chosen] == [False, False, True, True, False]


@pytest.mark.parametrize("helpful", SETTINGS.pairs)
def test_it_comes_to_choose_the_pair_that_helps_and_chance_does_not(helpful):
    trained = [pair for pair in play(Coach(SETTINGS, 3), helpful, 300)[100:] if pair]
    assert trained.count(helpful) > 0.8 * len(trained) > 20
    by_chance = [p for p in play(Coach(SETTINGS, 3), helpful, 300, is_random=True)[100:] if p]
    assert by_chance.count(helpful) < 0.5 * len(by_chance)


def test_a_value_is_the_weighted_mean_of_what_episodes_returned_beyond_the_running_mean():
    coach = Coach(SETTINGS.model_copy(update={"n_recent": 2}), 1)
    assert coach.judge(10.0, 1, 0, is_random=False) is None
    pair = coach.judge(6.0, 2, 0, is_random=False)
    coach.judge(12.0, 3, 0, is_random=False)  # 4 beyond the mean of 10 and 6
    assert coach.values == {**dict.fromkeys(SETTINGS.pairs, 0.0), pair: pytest.approx(0.3 * 4.0)}
    coach.judge(20.0, 4, 0, is_random=False)  # nothing was trained before this episode
    assert coach.values[pair] == pytest.approx(1.2)


def test_nothing_is_learned_from_a_train_that_was_not_given():
    given, refused = (Coach(SETTINGS, 1) for _ in range(2))
    for coach in (given, refused):
        coach.judge(10.0, 1, 0, is_random=False)
        coach.judge(6.0, 2, 0, is_random=False)
        coach.requested(7)
    given.lose(6)
    refused.lose(7)
    for coach in (given, refused):
        coach.judge(12.0, 3, 0, is_random=False)
    assert sum(given.values.values()) > 0
    assert not any(refused.values.values())


def test_a_new_block_begins_with_a_coach_that_knows_nothing():
    coach = Coach(SETTINGS, 1)
    play(coach, SETTINGS.pairs[0], 50)
    assert any(coach.values.values())
    assert coach.judge(0.0, 51, 1, is_random=False) is None
    assert not any(coach.values.values())


def test_a_restart_changes_nothing():
    whole, first = Coach(SETTINGS, 5), Coach(SETTINGS, 5)
    play(first, SETTINGS.pairs[1], 40)
    play(whole, SETTINGS.pairs[1], 40)
    second = Coach(SETTINGS, 5, unpack_value(pack_value(first.snapshot())))
    after = [play(c, SETTINGS.pairs[1], 40, start=41) for c in (whole, second)]
    assert after[0] == after[1]


def test_units_are_different_electrodes():
    with pytest.raises(ValidationError, match="units: an electrode is named twice"):
        CoachSettings(units=("24", "24"))
