"""The player queue: in order, and without idle or absent players."""

from crepe.dashboard.player_queue import AWAY_S, IDLE_S, PlayerQueue


def test_the_first_to_join_plays_and_the_others_follow_in_order():
    queue = PlayerQueue()
    queue.join("a", "Ada", 0)
    queue.join("b", "Bob", 1)
    queue.join("b", "Bob", 2)
    assert queue.may_play("a")
    assert not queue.may_play("b")
    assert queue.as_json("b") == {"is_taken": True, "name": "Ada", "waiting": ["Bob"], "place": 1}
    assert queue.as_json("c")["place"] is None
    queue.leave("a", 3)
    assert queue.may_play("b")


def test_an_active_player_goes_on_and_an_idle_one_is_replaced():
    queue = PlayerQueue()
    queue.join("a", "Ada", 0)
    queue.join("b", "Bob", 0)
    queue.played(20)
    for who in "ab":
        queue.seen(who, 20 + IDLE_S)
    queue.tick(20 + IDLE_S)
    assert queue.may_play("a")
    queue.tick(21 + IDLE_S)
    assert queue.may_play("b")
    assert queue.as_json("b")["waiting"] == ["Ada"]


def test_a_player_alone_is_not_replaced():
    queue = PlayerQueue()
    queue.join("a", "Ada", 0)
    queue.seen("a", 1000)
    queue.tick(1000)
    assert queue.may_play("a")


def test_an_absent_player_leaves_the_queue():
    queue = PlayerQueue()
    queue.join("a", "Ada", 0)
    queue.join("b", "Bob", 0)
    queue.seen("b", AWAY_S + 1)
    queue.tick(AWAY_S + 1)
    assert queue.may_play("b")
    queue.tick(3 * AWAY_S)
    assert queue.player is None
