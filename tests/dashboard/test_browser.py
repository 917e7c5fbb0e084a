"""The frames of the live page over a WebSocket: none is made before the last one is acknowledged."""

import asyncio
import json

import pytest

from crepe.dashboard.access import Role
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.player_queue import PlayerQueue
from crepe.dashboard.routes import Page
from crepe.results.library import Library
from crepe.store.memory_store import Memory, MemoryStore

GOT = {"type": "websocket.receive", "text": json.dumps({"got": True})}


@pytest.fixture
def page(tmp_path):
    def store():
        return MemoryStore(Memory(), writer="page")

    live = SessionFollower(store, lambda: ("", {}), lambda _: [], 5.0)
    control = Control(tmp_path, store)
    made = Page(
        live,
        control,
        PlayerQueue(),
        Library(tmp_path),
        can_stimulate=True,
        frames_per_s=5.0,
    )
    yield made.app(), live
    control.close()


def now_of(frame):
    length = int.from_bytes(frame[:4], "little")
    return json.loads(frame[4 : 4 + length])["now"]


async def looked(app, live, *, n_ticks, acknowledges_after=None, first=(), closes=None):
    """The `now` of every frame that is sent while the session's time goes on.

    The browser sends the messages `first` before all others; `closes` takes the page's closing.
    """
    frames: list[int] = []
    heard: asyncio.Queue[dict] = asyncio.Queue()
    heard.put_nowait({"type": "websocket.connect"})
    for message in first:
        heard.put_nowait({"type": "websocket.receive", **message})

    async def send(message):
        if "bytes" in message:
            frames.append(now_of(message["bytes"]))
        if message["type"] == "websocket.close" and closes is not None:
            closes.append((message["code"], message["reason"]))

    async def tick():
        live.n_ticks += 1
        live.session_view.now += 1
        if live.n_ticks == acknowledges_after:
            heard.put_nowait(GOT)
        if live.n_ticks >= n_ticks:
            heard.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.sleep(0)

    live.tick = tick
    scope = {
        "type": "websocket", "path": "/live", "raw_path": b"/live", "query_string": b"",
        "headers": [], "role": Role.OPERATOR, "scheme": "ws", "subprotocols": [],
    }  # fmt: skip

    async def time_goes_on():
        while live.n_ticks < n_ticks:
            await tick()

    await asyncio.gather(app(scope, heard.get, send), time_goes_on())
    return frames


def test_a_browser_that_does_not_acknowledge_is_sent_one_frame(page):
    assert len(asyncio.run(looked(*page, n_ticks=100))) == 1


def test_a_browser_that_was_silent_is_sent_the_newest_frame_and_none_of_the_past(page):
    first, second = asyncio.run(looked(*page, n_ticks=100, acknowledges_after=80))
    assert first <= 1
    assert 80 <= second <= 85


ODD_TEXTS = [
    "", "x", "[]", "1", '{"a":' * 5000, "[" * 60_000, '{"got": "\\ud800"}', '{"raster_s": NaN}',
    '{"raster_s": {}, "channels": [1e400, true, null], "stream": [], "traces_s": []}',
    '{"shows_traces": {}, "shows_raster": [], "channels": [1' + "0" * 400 + "]}",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_a_message_that_makes_no_sense_is_passed_over(page, text):
    first = [{"text": text}]
    assert len(asyncio.run(looked(*page, n_ticks=100, acknowledges_after=80, first=first))) == 2


def test_a_binary_message_closes_the_connection_with_the_reason(page):
    closes = []
    asyncio.run(looked(*page, n_ticks=100, first=[{"bytes": b"\xff"}], closes=closes))
    assert closes == [(1003, "messages must be JSON text, not bytes")]
