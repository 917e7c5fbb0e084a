"""The page's routes: its files, its frames over a WebSocket, and an operator's commands.

`PageAccess` checks every request before it comes to one of them.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import distribution
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
from crepe.dashboard.frames import BrowserView, FrameCache, SlowState, pack, slow_state
from crepe.dashboard.notice import notice
from crepe.dashboard.openapi import DOCUMENT
from crepe.dashboard.player_queue import LONGEST_NAME, PlayerQueue
from crepe.dashboard.replay import Replay
from crepe.dashboard.views.trial_game import can_be_played
from crepe.errors import ConfigError, CrepeError, StoreError
from crepe.results.library import Library
from crepe.web.body import json_object, refused

_STATIC = Path(__file__).parent / "static"
_MOST_REPLAYS = 4
NOTHING_TO_REPLAY = 4004
"""Code that closes the WebSocket of a replay; the browser does not reconnect after it."""

Handler = Callable[[Request], Awaitable[Response]]


class Page:
    """All routes of the page, over the session of one `SessionFollower`."""

    def __init__(
        self,
        live: SessionFollower,
        control: Control,
        queue: PlayerQueue,
        library: Library,
        *,
        can_stimulate: bool,
        frames_per_s: float,
    ) -> None:
        self._live = live
        self._control = control
        self._queue = queue
        self._library = library
        self._can_stimulate = can_stimulate
        self._period_s = 1 / frames_per_s
        self._n_replays = 0
        self._cached_tick = -1  # of the two caches that follow
        self._slow_states: dict[tuple[Role, int | None], SlowState] = {}  # by role, place in queue
        self._frame_cache: FrameCache = {}
        self._sent_player: str | None = None  # last `player` command; None until it is looked up

    def app(self, routes: Sequence[BaseRoute] = ()) -> Starlette:
        """Return the ASGI application, with further routes."""
        app = Starlette(
            routes=[
                Route("/", _page),
                Route("/replay/{id}", _page),
                Route("/uPlot.js", _of_uplot("uplot.iife.min.js", "text/javascript")),
                Route("/uPlot.css", _of_uplot("uplot.min.css", "text/css")),
                Mount("/static", StaticFiles(directory=_STATIC)),
                Route("/openapi.json", _openapi),
                WebSocketRoute("/live", self._frames),
                WebSocketRoute("/replay/{id}/frames", self._replayed),
                Route("/api/stop", self._stop, methods=["POST"]),
                Route("/api/arm", self._posted(self._arm), methods=["POST"]),
                Route("/api/say", self._posted(self._send_command), methods=["POST"]),
                Route("/api/queue", self._posted(self._join_queue), methods=["POST"]),
                Route("/api/gesture", self._posted(self._gesture), methods=["POST"]),
                *routes,
            ]
        )
        app.router.redirect_slashes = False
        return app

    # Frames

    async def _frames(self, socket: WebSocket) -> None:
        """Send a browser what is new, as often as it can take a frame."""
        await socket.accept()
        view, client = BrowserView(), str(socket.query_params.get("client", ""))[:LONGEST_NAME]
        role: Role = socket.scope["role"]
        self._live.views.add(view)
        try:
            async with Browser(socket, view.change) as browser:
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
        """Return a browser's next frame; what browsers have in common is made once in a tick."""
        if self._cached_tick != self._live.n_ticks:
            self._cached_tick = self._live.n_ticks
            self._slow_states.clear()
            self._frame_cache.clear()
        key = role, self._queue.place(client)
        if key not in self._slow_states:
            state = {**self._live.slow_state(), **self._people(role, client)}
            session_view, programs = self._live.session_view, self._live.programs
            state["notice"] = notice(session_view, programs, state["control"])
            self._slow_states[key] = slow_state(state)
        return view.frame(self._live.session_view, self._slow_states[key], self._frame_cache)

    def _people(self, role: Role, client: str = "") -> dict[str, Any]:
        """Return a browser's rights, the player queue as it sees it, and the stimulator's state."""
        return {
            "role": role,
            "queue": self._queue.as_json(client),
            "control": self._control.state(can_stimulate=self._can_stimulate),
        }

    async def _replayed(self, socket: WebSocket) -> None:
        await socket.accept()
        session_id = socket.path_params["id"]
        summary = await asyncio.to_thread(self._library.find, session_id)
        if summary is None or self._n_replays >= _MOST_REPLAYS:
            most = f"{_MOST_REPLAYS} sessions are being replayed; close one"
            await self._end_replay(
                socket, most if summary else f"no session {session_id[:40]!r} is kept"
            )
            return
        # Nothing is awaited since the check, so replays that begin together cannot pass the limit.
        self._n_replays += 1
        replay = None
        try:
            replay = await asyncio.to_thread(Replay, summary.path)
            await self._replay(socket, replay)
        except CrepeError as error:
            await self._end_replay(socket, str(error))
        except (WebSocketDisconnect, OSError, RuntimeError):
            pass  # the browser is gone
        finally:
            self._n_replays -= 1
            if replay is not None:
                replay.close()

    async def _end_replay(self, socket: WebSocket, problem: str) -> None:
        """Send why nothing is replayed, and the browser's rights: its STOP works all the same."""
        state = {**self._people(socket.scope["role"]), "problem": problem}
        await socket.send_bytes(pack({"now": 0, "more": state}, {}))
        await socket.close(NOTHING_TO_REPLAY)

    async def _replay(self, socket: WebSocket, replay: Replay) -> None:
        received: list[dict[str, Any]] = []
        then_s = time.monotonic()
        async with Browser(socket, received.append) as browser:
            while await browser.can_take():
                now_s = time.monotonic()
                # Emptied in place: the browser's task appends to this very list.
                messages, received[:] = list(received), []
                for message in messages:
                    await asyncio.to_thread(replay.change, message)
                await asyncio.to_thread(replay.advance, now_s - then_s)
                then_s = now_s
                await browser.send(replay.frame(self._people(socket.scope["role"])))
                await asyncio.sleep(self._period_s)

    # Commands of an operator

    async def _stop(self, request: Request) -> Response:
        """Stop stimulation. Depends on no valid body, no Redis and no free thread of others."""
        del request
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(self._control.stopper, self._control.stop)
        return JSONResponse(outcome)

    def _posted(self, handler: Callable[[dict[str, Any]], Awaitable[Response]]) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                fields = json_object(await request.body())
            except ValueError as error:
                return refused(400, str(error))
            try:
                return await handler(fields)
            except ConfigError as error:
                return refused(400, str(error))
            except StoreError as error:
                return refused(503, f"Redis cannot be reached: {error}")

        return answer

    async def _arm(self, fields: dict[str, Any]) -> Response:
        minutes = fields.get("minutes", 60.0)
        if isinstance(minutes, bool) or not isinstance(minutes, int | float):
            return refused(400, f"minutes: {minutes!r}, must be a number")
        text = await asyncio.to_thread(self._control.arm, _float(minutes))
        return JSONResponse({"said": text})

    async def _send_command(self, fields: dict[str, Any]) -> Response:
        name, value = fields.get("name"), fields.get("value", "")
        if name not in SAYABLE or not isinstance(value, str):
            return refused(400, f"name: {name!r}, must be one of {', '.join(SAYABLE)}")
        await asyncio.to_thread(self._control.send_command, name, value)
        return JSONResponse({"said": f"{name} {value}".strip()})

    async def _join_queue(self, fields: dict[str, Any]) -> Response:
        """Put a browser's player in the queue, or take it out."""
        client, name = fields.get("client"), fields.get("name", "")
        wants = fields.get("wants", True)
        if not isinstance(client, str) or not isinstance(name, str):
            return refused(400, "client and name: must be text")
        if not isinstance(wants, bool):
            return refused(400, f"wants: {wants!r}, must be true or false")
        # Refused and not cut: a browser whose ID was cut would be first in the queue and not play.
        if not 0 < len(client) <= LONGEST_NAME:
            return refused(400, f"client: {len(client)} characters, must have 1 to {LONGEST_NAME}")
        now_s = time.monotonic()
        if wants:
            if not can_be_played(self._live.session_view):
                return refused(409, "the running game reads no gestures; it cannot be played")
            self._queue.join(client, name[:LONGEST_NAME] or "somebody", now_s)
        else:
            self._queue.leave(client, now_s)
        await self.send_player()
        return JSONResponse(self._queue.as_json(client))

    async def send_player(self) -> None:
        """Send the game a command when a person has begun or ended to play. Raises StoreError."""
        self._queue.tick(time.monotonic())
        if self._sent_player is None:
            self._sent_player = await asyncio.to_thread(self._control.sent_player)
        player = "person" if self._queue.player else ""
        if player != self._sent_player:
            await asyncio.to_thread(self._control.send_command, "player", player, CONTROL)
            self._sent_player = player

    async def _gesture(self, fields: dict[str, Any]) -> Response:
        client, gesture = fields.get("client"), fields.get("gesture")
        if not isinstance(client, str) or not isinstance(gesture, str):
            return refused(400, "client and gesture: must be text")
        player = self._queue.player
        if player is None or not self._queue.may_play(client):
            state = f"{player.name} plays" if player else "the game has no player"
            return refused(409, f"{state}; join the player queue first")
        await asyncio.to_thread(
            self._control.send_command, "gesture", gesture, INPUT, f"{SENDER} {player.name}"
        )
        self._queue.played(time.monotonic())
        return JSONResponse({"said": gesture})


def _float(number: float) -> float:
    """Return a number as a float; an integer that is too large for one is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


async def _page(request: Request) -> Response:
    del request
    return FileResponse(_STATIC / "index.html", media_type="text/html")


async def _openapi(request: Request) -> Response:
    del request
    return JSONResponse(DOCUMENT)


def _of_uplot(name: str, media_type: str) -> Handler:
    """Return a handler for a file of uPlot, which is in the package `youplot` (decision 67)."""
    # Located without an import: the package's own code is not used.
    path = Path(str(distribution("youplot").locate_file(f"youplot/vendor/{name}")))

    async def answer(request: Request) -> Response:
        del request
        return FileResponse(path, media_type=media_type)

    return answer
