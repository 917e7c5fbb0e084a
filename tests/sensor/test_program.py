"""The gateway on real streams: posts are appended, states of the game are followed, restarts too."""

import asyncio
import json
import time

import numpy as np
import pytest
import urllib3

from crepe.config.tables import InfraredSettings, SensorTable
from crepe.errors import CrepeError
from crepe.messages import Command, GameState, StreamInfo
from crepe.sensor import hand_frames
from crepe.sensor.input_tracker import InputTracker, State
from crepe.sensor.program import Follower, SensorGateway
from crepe.store import codec
from crepe.store.contract import Entry, UnclockedEntry
from crepe.store.redis_store import RedisStore

GAME = "result:game"


class Game:
    """Writes the game's stream as a test says."""

    def __init__(self, store, session="now"):
        self.store = store
        self.stop = 0
        info = StreamInfo(message="GameState", session=session, longest_samples=100)
        store.declare(GAME, info, takes_over=True)

    def say(self, phase, trial=1, by="", t_ms=None, **more):
        self.stop += 10
        said = GameState(self.stop - 10, self.stop, trial, phase, shown_by=by, **more)
        payload = codec.pack([said], said.start, said.stop)
        t_ns = time.time_ns() if t_ms is None else t_ms * 1_000_000
        self.store.append([(GAME, Entry(said.start, said.stop, payload, t_ns))])

    def end(self):
        self.store.append([(GAME, Entry(self.stop, self.stop, is_end=True))])


def say(store, name, value, sender):
    return store.append_unclocked("input", codec.pack([Command(0, 0, name, value, sender)], 0, 0))


def followed(store, since_ms=0, n_looks=3):
    """A tracker after some looks of a new follower."""
    tracker = InputTracker("sensor")
    follower = Follower(tracker, store, GAME, "now", since_ms)
    for _ in range(n_looks):
        for step in follower.look():
            step()
    return tracker


@pytest.fixture
def store(make_store):
    return make_store("gateway")


def test_the_gateway_reads_the_states_from_before_it_started(store, make_store):
    game = Game(make_store("game"))
    game.say("rest")
    game.say("stimulation", by="sensor 7f", gesture="rock")
    game.say("outcome", by="sensor 7f", decoded="rock", outcome="won")
    tracker = followed(store)
    assert tracker.result.number == "7f"
    assert store.beats()["sensor"]["state"] == "running"
    assert store.beats()["sensor"]["position"] == "30"


def test_a_gesture_that_the_game_may_still_take_is_remembered_over_a_restart(store, make_store):
    game = Game(make_store("game"))
    game.say("outcome", by="sensor 01", decoded="rock", outcome="won")
    game.say("rest", 2, t_ms=0)
    say(store, "gesture", "rock", "sensor 02")
    say(store, "gesture", "paper", "sensor 03")
    say(store, "frame", "none", "sensor 04")
    say(store, "note", "medium changed", "me")
    store.append_unclocked("input", b"garbage")
    store.append_unclocked("input", codec.pack_value([{"name": "gesture", "value": 7}]))
    tracker = followed(store)
    assert tracker.result is None
    assert tracker.find("03").state is State.WAITING
    assert tracker.find("02") is None


def test_a_gesture_from_before_the_last_rest_is_not(store, make_store):
    game = Game(make_store("game"))
    said = say(store, "gesture", "rock", "sensor 02")
    game.say("rest", 2, t_ms=int(said.partition("-")[0]) + 1)
    assert followed(store).find("02") is None


def test_when_the_game_has_ended_inputs_are_closed(store, make_store):
    game = Game(make_store("game"))
    game.say("over")
    game.end()
    tracker = followed(store)
    assert tracker.add("7f", "rock").state is State.OVER


def test_the_stream_of_another_session_is_waited_out_or_ends_the_gateway(store, make_store):
    game = Game(make_store("game"), session="before")
    game.say("over")
    tracker = InputTracker("sensor")
    follower = Follower(tracker, store, GAME, "now", 0)
    assert follower.look() == []
    assert store.beats()["sensor"]["state"] == "waiting for result:game"
    Game(make_store("again"))
    while follower.look():
        pass
    Game(make_store("another"), session="later")
    with pytest.raises(CrepeError, match="session later has begun"):
        for _ in range(3):
            follower.look()


@pytest.fixture
def stores(redis_url):
    culture = f"gateway{time.monotonic_ns()}"
    made = [RedisStore(redis_url, culture=culture, writer=name) for name in ("f", "s", "game")]
    yield made
    for store in made:
        store.close()


FRAME = hand_frames.as_json(
    next(hand_frames.frames("paper", InfraredSettings(), np.random.default_rng(1)))
)


def test_a_posted_frame_is_on_the_stream_and_its_result_on_output(stores, tmp_path):
    follows, says, writer = stores
    game = Game(writer)
    gateway = SensorGateway(
        SensorTable(),
        follows,
        says,
        session="now",
        since_ms=0,
        run_directory=tmp_path,
        token="secret",
    )

    def ask(verb, name, body=None):
        found = urllib3.request(
            verb,
            f"{gateway.server.url}/hw-api/{name}/",
            body=body,
            headers={"Authorization": "Bearer secret"},
            retries=False,
        )
        return found.status, found.data.decode()

    def use():
        status, said = ask("POST", "input", FRAME)
        number = json.loads(said)["input"]
        assert (status, json.loads(said)["gesture"]) == (200, "Paper")
        [(_, item)] = writer.wait({"input": "0-0"}, 1.0)
        assert isinstance(item, UnclockedEntry)
        (command,) = codec.unpack(Command, item.payload, 0, 0)
        assert (command.value, command.sender) == ("paper", f"sensor {number}")
        assert json.loads(FRAME) == [list(row) for row in command.frame]
        assert ask("GET", "output") == (204, "")
        by = f"sensor {number}"
        game.say("stimulation", by=by, gesture="paper")
        game.say("outcome", by=by, decoded="scissors", answer="rock", outcome="lost")
        while ask("GET", "ready") != (200, "True"):
            time.sleep(0.05)
        assert ask("GET", "output") == (200, "Scissor")

    async def run():
        running = asyncio.create_task(gateway.run())
        try:
            await asyncio.to_thread(use)
        finally:
            gateway.server.stop()
            await running

    asyncio.run(run())


def test_a_gateway_that_cannot_follow_the_game_stops(stores, tmp_path):
    follows, says, writer = stores
    Game(writer)
    gateway = SensorGateway(
        SensorTable(),
        follows,
        says,
        session="now",
        since_ms=0,
        run_directory=tmp_path,
        token="secret",
    )

    def use():
        while writer.beats().get("sensor", {}).get("state") != "running":
            time.sleep(0.01)
        Game(writer, "later")

    async def run():
        running = asyncio.create_task(gateway.run())
        await asyncio.to_thread(use)
        await running

    with pytest.raises(CrepeError, match="session later has begun"):
        asyncio.run(run())
