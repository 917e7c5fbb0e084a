"""The page, its frames over a WebSocket, and what an operator may do; `Access` stands before it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from crepe.commands import CONTROL, INPUT, SAYABLE
from crepe.dashboard.access import Role
from crepe.dashboard.browser import Browser
from crepe.dashboard.control import SENDER, Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.frames import BrowserView, Made, More, more, pack
from crepe.dashboard.player_queue import PlayerQueue
from crepe.dashboard.replay import Replay
from crepe.errors import ConfigError, CrepeError, StoreError
from crepe.results.library import Library
from crepe.web.body import refused

_STATIC = Path(__file__).parent / "static"
_MOST_REPLAYS = 4
_LONGEST_NAME = 40
NOTHING_TO_REPLAY = 4004
"""Code with which a replay's WebSocket is closed; the browser does not try again."""

Handler = Callable[[Request], Awaitable[Response]]


class Page:
    """All routes of the page over one `SessionFollower` session."""

    def __init__(
        self,
        live: SessionFollower,
        control: Control,
        queue: PlayerQueue,
        library: Library,
        *,
        can_stimulate: bool,
        frames_per_s: float,
        asks_for_token: bool,
    ) -> None:
        self._live = live
        self._control = control
        self._queue = queue
        self._library = library
        self._can_stimulate = can_stimulate
        self._asks_for_token = asks_for_token
        self._period_s = 1 / frames_per_s
        self._n_replays = 0
        self._made_at = -1  # tick of what follows
        self._more: dict[tuple[Role, int | None], More] = {}  # by role and place at the queue
        self._made: Made = {}
        self._said_player: str | None = None  # what the game was told of who plays, once known

    def app(self, routes: Sequence[BaseRoute] = ()) -> Starlette:
        """The ASGI application, with further routes."""
        found = Starlette(
            routes=[
                Route("/", _page),
                Route("/replay/{id}", _page),
                Route("/uPlot.js", _of_uplot("uPlot.iife.js", "text/javascript")),
                Route("/uPlot.css", _of_uplot("uPlot.min.css", "text/css")),
                Mount("/static", StaticFiles(directory=_STATIC)),
                WebSocketRoute("/live", self._frames),
                WebSocketRoute("/replay/{id}/frames", self._replayed),
                Route("/api/stop", self._stop, methods=["POST"]),
                Route("/api/arm", self._posted(self._arm), methods=["POST"]),
                Route("/api/say", self._posted(self._say), methods=["POST"]),
                Route("/api/queue", self._posted(self._take_seat), methods=["POST"]),
                Route("/api/gesture", self._posted(self._gesture), methods=["POST"]),
                *routes,
            ]
        )
        found.router.redirect_slashes = False
        return found

    # Frames

    async def _frames(self, socket: WebSocket) -> None:
        """What is new, as often as this browser can take it."""
        await socket.accept()
        view, client = BrowserView(), str(socket.query_params.get("client", ""))[:_LONGEST_NAME]
        role: Role = socket.scope["role"]
        self._live.views.add(view)
        try:
            async with Browser(socket, view.ask) as browser:
                while await browser.can_take():
                    if role is Role.OPERATOR:
                        self._queue.seen(client, time.monotonic())
                    await browser.send(self._frame(view, role, client))
                    await self._live.tick()
        except (WebSocketDisconnect, OSError, RuntimeError):
            pass  # the browser is gone
        finally:
            self._live.views.discard(view)

    def _frame(self, view: BrowserView, role: Role, client: str) -> bytes:
        """What one browser is sent now; what it has in common with others is made once."""
        if self._made_at != self._live.n_ticks:
            self._made_at = self._live.n_ticks
            self._more.clear()
            self._made.clear()
        who = role, self._queue.place(client)
        if who not in self._more:
            self._more[who] = more({**self._live.more(), **self._people(role, client)})
        return view.frame(self._live.session_view, self._more[who], self._made)

    def _people(self, role: Role, client: str = "") -> dict[str, Any]:
        return {
            "role": role,
            "may_operate": role is Role.OPERATOR or not self._asks_for_token,
            "queue": self._queue.as_json(client),
            "control": self._control.state(can_stimulate=self._can_stimulate),
        }

    async def _replayed(self, socket: WebSocket) -> None:
        await socket.accept()
        asked = socket.path_params["id"]
        summary = await asyncio.to_thread(self._library.find, asked)
        if summary is None or self._n_replays >= _MOST_REPLAYS:
            most = f"{_MOST_REPLAYS} sessions are being replayed; close one"
            await self._give_up(socket, most if summary else f"no session {asked[:40]!r} is kept")
            return
        self._n_replays += 1
        replay = None
        try:
            replay = await asyncio.to_thread(Replay, summary.path)
            await self._replay(socket, replay)
        except CrepeError as error:
            await self._give_up(socket, str(error))
        except (WebSocketDisconnect, OSError, RuntimeError):
            pass  # the browser is gone
        finally:
            self._n_replays -= 1
            if replay is not None:
                replay.close()

    async def _give_up(self, socket: WebSocket, why: str) -> None:
        """Say why nothing is replayed, and who the browser is: its STOP works all the same."""
        told = {**self._people(socket.scope["role"]), "problem": why}
        await socket.send_bytes(pack({"now": 0, "more": told}, {}))
        await socket.close(NOTHING_TO_REPLAY)

    async def _replay(self, socket: WebSocket, replay: Replay) -> None:
        asked: list[dict[str, Any]] = []
        then_s = time.monotonic()
        async with Browser(socket, asked.append) as browser:
            while await browser.can_take():
                now_s = time.monotonic()
                words, asked[:] = list(asked), []
                for said in words:
                    await asyncio.to_thread(replay.ask, said)
                await asyncio.to_thread(replay.advance, now_s - then_s)
                then_s = now_s
                await browser.send(replay.frame(self._people(socket.scope["role"])))
                await asyncio.sleep(self._period_s)

    # What an operator does

    async def _stop(self, request: Request) -> Response:
        """Needs no body that makes sense, no Redis and no free thread."""
        del request
        loop = asyncio.get_running_loop()
        done = await loop.run_in_executor(self._control.stopper, self._control.stop)
        return JSONResponse(done)

    def _posted(self, handler: Callable[[dict[str, Any]], Awaitable[Response]]) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                words = json.loads(await request.body())
            except ValueError:
                words = None
            if not isinstance(words, dict):
                return refused(400, "body: must be a JSON object")
            try:
                return await handler(words)
            except ConfigError as error:
                return refused(400, str(error))
            except StoreError as error:
                return refused(503, f"Redis cannot be reached: {error}")

        return answer

    async def _arm(self, words: dict[str, Any]) -> Response:
        minutes = words.get("minutes", 60.0)
        if isinstance(minutes, bool) or not isinstance(minutes, int | float):
            return refused(400, f"minutes: {minutes!r}, must be a number")
        said = await asyncio.to_thread(self._control.arm, float(minutes))
        return JSONResponse({"said": said})

    async def _say(self, words: dict[str, Any]) -> Response:
        name, value = words.get("name"), words.get("value", "")
        if name not in SAYABLE or not isinstance(value, str):
            return refused(400, f"name: {name!r}, must be one of {', '.join(SAYABLE)}")
        await asyncio.to_thread(self._control.send_command, name, value)
        return JSONResponse({"said": f"{name} {value}".strip()})

    async def _take_seat(self, words: dict[str, Any]) -> Response:
        client, name = words.get("client"), words.get("name") or "somebody"
        if not isinstance(client, str) or not isinstance(name, str):
            return refused(400, "client and name: must be words")
        if not 0 < len(client) <= _LONGEST_NAME:
            return refused(400, f"client: {len(client)} characters, must have 1 to {_LONGEST_NAME}")
        now_s = time.monotonic()
        if words.get("wants", True):
            if not self._live.session_view.can_be_played():
                return refused(409, "the game that runs hears no gestures; nobody can play it")
            self._queue.ask(client, name[:_LONGEST_NAME], now_s)
        else:
            self._queue.leave(client, now_s)
        await self.tell_who_plays()
        return JSONResponse(self._queue.as_json(client))

    async def tell_who_plays(self) -> None:
        """Let the game know whether a person plays, if that has changed."""
        self._queue.tick(time.monotonic())
        if self._said_player is None:
            self._said_player = await asyncio.to_thread(self._control.said_player)
        player = "person" if self._queue.player else ""
        if player != self._said_player:
            await asyncio.to_thread(self._control.send_command, "player", player, CONTROL)
            self._said_player = player

    async def _gesture(self, words: dict[str, Any]) -> Response:
        client, gesture = words.get("client"), words.get("gesture")
        if not isinstance(client, str) or not isinstance(gesture, str):
            return refused(400, "client and gesture: must be words")
        player = self._queue.player
        if player is None or not self._queue.may_play(client):
            who = f"{player.name} plays" if player else "nobody has the queue"
            return refused(409, f"{who}; take the queue first")
        await asyncio.to_thread(
            self._control.send_command, "gesture", gesture, INPUT, f"{SENDER} {player.name}"
        )
        self._queue.played(time.monotonic())
        return JSONResponse({"said": gesture})


async def _page(request: Request) -> Response:
    del request
    return FileResponse(_STATIC / "index.html", media_type="text/html")


def _of_uplot(name: str, media_type: str) -> Handler:
    """A file of uPlot's, out of the package that brings it."""
    path = Path(str(resources.files("uplot.static").joinpath(name)))

    async def answer(request: Request) -> Response:
        del request
        return FileResponse(path, media_type=media_type)

    return answer
