"""Commands of an operator: invalid ones are refused, and the stop always works."""

import asyncio
import json
from hashlib import sha256
from threading import Event

import pytest

from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.player_queue import PlayerQueue
from crepe.dashboard.routes import Page
from crepe.dashboard.session_view import SessionView
from crepe.errors import StoreError
from crepe.messages import Command, StreamInfo
from crepe.results.library import Library
from crepe.safety import arming
from crepe.store import codec
from crepe.store.contract import UnclockedEntry
from crepe.store.memory_store import Memory, MemoryStore


def played(*reads):
    """The session_view of a session with a game that reads this."""
    game = {"reads": list(reads), "writes": ["result:game"]}
    found = SessionView("s", {"actors": {"game": game}})
    found.learn({"result:game": StreamInfo("GameState")})
    return found


class Server:
    """The page's routes over a store in memory."""

    def __init__(self, ask, directory, memory=None):
        self._ask = ask
        self.directory = directory
        self.memory = memory or Memory()
        self.is_lost = False
        live = self.live = SessionFollower(self._store, lambda: ("", {}), lambda store: [], 5.0)
        live.session_view = played("result", "control", "input")
        self.control = Control(directory, self._store)
        self.queue = PlayerQueue()
        self.page = Page(
            live, self.control, self.queue, Library(directory),
            can_stimulate=True, frames_per_s=5.0,
        )  # fmt: skip
        self.app = self.page.app()

    def _store(self):
        if self.is_lost:
            raise StoreError("no Redis server answers")
        return MemoryStore(self.memory, writer="page")

    def post(self, path, words):
        body = words if isinstance(words, bytes) else json.dumps(words).encode()
        found = self._ask(self.app, "POST", path, bodies=(body,))
        return found.status, json.loads(found.body)

    def said(self, stream):
        found = MemoryStore(self.memory, writer="test").wait({stream: "0-0"}, 0.0)
        return [
            command
            for _, item in found
            if isinstance(item, UnclockedEntry)
            for command in codec.unpack(Command, item.payload, 0, 0)
        ]


@pytest.fixture
def server(ask, tmp_path):
    found = Server(ask, tmp_path)
    yield found
    found.control.close()


ODD_BODIES = {
    b"": "not JSON",
    b"{": "not JSON",
    b"[]": "must be a JSON object",
    b'"x"': "must be a JSON object",
    b"\xff": "not JSON",
    b'{"a":' * 3000: "nested too deeply",
    b"[" * 16_000: "nested too deeply",
    b'{"name": "note", "value": "\\ud800"}': "half of a surrogate pair",
    b'{"\\udfff": 1}': "half of a surrogate pair",
    b'{"minutes": NaN}': "NaN is no number",
    b'{"minutes": -Infinity}': "-Infinity is no number",
    b'{"minutes": 1' + b"0" * 5000 + b"}": "not JSON",
}


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
@pytest.mark.parametrize("path", ["/api/arm", "/api/say", "/api/queue", "/api/gesture"])
def test_a_body_that_is_no_object_is_refused_with_the_reason(server, path, body):
    status, answer = server.post(path, body)
    assert status == 400
    assert ODD_BODIES[body] in answer["reason"]
    assert server.said("control") == server.said("input") == []


@pytest.mark.parametrize("words", [{}, {"name": "stop"}, {"name": 5}, {"name": "note", "value": 7}])
def test_only_commands_of_operators_are_sent(server, words):
    status, answer = server.post("/api/say", words)
    assert status == 400
    assert "pause, start" in answer["reason"]
    assert server.said("control") == []


def test_a_note_is_sent_on_control(server):
    assert server.post("/api/say", {"name": "note", "value": "é <b>"})[0] == 200
    (note,) = server.said("control")
    assert (note.name, note.value, note.sender) == ("note", "é <b>", "page")


@pytest.mark.parametrize(
    "minutes", [0, -1, 481, "60", None, True, 10**400, -(10**400)], ids=range(8)
)
def test_arming_needs_a_time_within_bounds(server, minutes):
    assert server.post("/api/arm", {"minutes": minutes})[0] == 400
    assert not (server.directory / arming.ARMED_FILE).exists()


def test_nothing_is_armed_where_no_stimulator_runs(server):
    status, answer = server.post("/api/arm", {"minutes": 5})
    assert status == 400
    assert "no stimulator" in answer["reason"]


def test_only_the_player_shows_gestures(server):
    status, answer = server.post("/api/gesture", {"client": "a", "gesture": "rock"})
    assert (status, answer["reason"]) == (
        409,
        "the game has no player; join the player queue first",
    )
    server.post("/api/queue", {"client": "a", "name": "Ada"})
    status, answer = server.post("/api/gesture", {"client": "b", "gesture": "rock"})
    assert (status, answer["reason"]) == (409, "Ada plays; join the player queue first")
    assert server.post("/api/gesture", {"client": "a", "gesture": "rock"})[0] == 200
    (gesture,) = server.said("input")
    assert (gesture.name, gesture.value, gesture.sender) == ("gesture", "rock", "page Ada")


def test_a_game_that_reads_no_gestures_has_no_player_queue(server):
    server.live.session_view = played("result", "control")
    status, answer = server.post("/api/queue", {"client": "a", "name": "Ada"})
    assert status == 409
    assert "reads no gestures" in answer["reason"]
    assert server.said("control") == []


def test_a_browser_whose_name_would_be_shortened_does_not_join_the_queue(server):
    assert server.post("/api/queue", {"client": "x" * 41, "name": "Ada"})[0] == 400
    assert server.post("/api/queue", {"client": "", "name": "Ada"})[0] == 400
    assert server.queue.player is None


@pytest.mark.parametrize("fields", [{"name": None}, {"name": 5}, {"wants": "no"}, {"wants": 0}])
def test_a_place_in_the_queue_is_asked_for_by_the_right_types(server, fields):
    assert server.post("/api/queue", {"client": "a", **fields})[0] == 400
    assert server.queue.player is None


def test_a_command_is_sent_when_a_person_begins_and_ends_to_play(server):
    server.post("/api/queue", {"client": "a", "name": "Ada"})
    server.post("/api/queue", {"client": "b", "name": "Bob"})
    server.post("/api/queue", {"client": "a", "wants": False})
    server.post("/api/queue", {"client": "b", "wants": False})
    assert [command.value for command in server.said("control")] == ["person", ""]


def test_a_page_that_was_killed_with_a_player_sends_that_there_is_none(ask, server):
    server.post("/api/queue", {"client": "a", "name": "Ada"})
    server.control.send_command("player", "person", sender="crepe say")
    again = Server(ask, server.directory, server.memory)
    asyncio.run(again.page.send_player())
    asyncio.run(again.page.send_player())
    again.control.close()
    assert [command.value for command in server.said("control")] == ["person", "person", ""]


def test_a_browser_is_not_sent_the_id_of_another(server):
    secret = "a-secret-of-Ada"
    server.post("/api/queue", {"client": secret, "name": "Ada"})
    _, told = server.post("/api/queue", {"client": "b", "name": "Bob"})
    assert secret not in json.dumps(told)
    assert told == {"is_taken": True, "name": "Ada", "waiting": ["Bob"], "place": 1}


def test_without_redis_no_command_is_sent_and_the_answer_has_the_reason(server):
    server.is_lost = True
    status, answer = server.post("/api/say", {"name": "pause"})
    assert status == 503
    assert "no Redis server" in answer["reason"]


def test_a_stop_latches_without_redis_and_lists_what_it_could_not_verify(server):
    server.is_lost = True
    status, answer = server.post("/api/stop", b"anything")
    assert status == 200
    assert not answer["is_verified"]
    assert any("NOT VERIFIED" in line for line in answer["lines"])
    assert (server.directory / arming.STOPPED_FILE).exists()
    assert server.control.state(can_stimulate=True)["is_stopped"]
    assert server.control.state(can_stimulate=True)["stopped_by"].startswith("the page at ")
    assert server.control.state(can_stimulate=True)["refusal"].startswith("stopped by the page at ")


def test_a_stop_does_not_wait_for_a_redis_that_is_frozen(tmp_path):
    is_thawed = Event()

    def frozen():
        is_thawed.wait(60)
        raise StoreError("no Redis server answers")

    control = Control(tmp_path, frozen)
    try:
        for _ in range(4):
            done = control.stopper.submit(control.stop).result(timeout=30)
            assert any("latched" in line for line in done["lines"])
    finally:
        is_thawed.set()
        control.close()


@pytest.mark.parametrize(
    "path",
    ["/", "/replay/x", "/uPlot.js", "/uPlot.css", "/static/main.js", "/static/views/live.js"],
)
def test_all_that_the_page_loads_comes_from_here(server, ask, path):
    found = ask(server.app, path=path)
    assert found.status == 200
    assert b"://cdn" not in found.body


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        ("/uPlot.js", "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2"),
        ("/uPlot.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    ],
)
def test_uplot_is_what_its_author_released(server, ask, path, digest):
    """Version 1.6.31, which a package of another author brings (decision 67)."""
    assert sha256(ask(server.app, path=path).body).hexdigest() == digest


@pytest.mark.parametrize("path", ["/static/../routes.py", "/static/%2e%2e/routes.py", "/nothing"])
def test_nothing_else_is_served(server, ask, path):
    assert ask(server.app, path=path).status == 404
