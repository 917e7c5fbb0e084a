"""The recorded sessions: their list, their files, and their reports.

A session's ID is looked up among the listed ones, and a report's file among the existing ones:
nothing that a client sends becomes part of a path.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from crepe.dashboard.access import Role
from crepe.dashboard.report_maker import ReportMaker
from crepe.results.library import REPORT_PAGE, Library, Summary, report_directory
from crepe.supervise.beside import SessionBeside, sessions_beside
from crepe.web.body import refused

Handler = Callable[[Request], Awaitable[Response]]

_PAGE_HEADERS = {
    # A report holds its style and its images, and no script. It shows texts from a recording, which
    # may come from anywhere, so the browser must fetch, run and send nothing else.
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # a report may be replaced
}
_MEDIA_TYPES = {".html": "text/html", ".json": "application/json", ".png": "image/png"}


def session_routes(library: Library, reports: ReportMaker) -> list[Route]:
    """Return the routes of recorded sessions, and of those that run beside this one.

    `PageAccess` checks requests before them.
    """

    async def sessions(request: Request) -> Response:
        del request
        summaries = await run_in_threadpool(library.summaries)
        return JSONResponse([_as_json(summary) for summary in summaries])

    async def beside(request: Request) -> Response:
        running = await run_in_threadpool(sessions_beside, library.var)
        role = request.scope.get("role", Role.SPECTATOR)
        return JSONResponse([_beside_as_json(each, role) for each in running])

    async def recording(request: Request, session: Summary) -> Response:
        newest = f"{session.id}.h5"
        paths = {part: session.path.with_name(part) for part in session.parts}
        paths[newest] = session.path
        name = request.path_params.get("name") or newest
        if name not in paths:
            return refused(404, f"session {session.id}: no part {name[:100]!r}")
        path = paths[name]
        # A copy of a file without HDF5's SWMR may hold a write half done.
        if session.is_running:
            return refused(409, f"session {session.id} still runs; its recording is being written")
        if path.is_symlink():
            return refused(409, f"session {session.id}: {name} is a link to another place")
        if not (path.is_file() and os.access(path, os.R_OK)):
            return refused(409, f"session {session.id}: {session.problem or 'cannot be read'}")
        headers = {"X-Content-Type-Options": "nosniff"}
        return FileResponse(path, headers=headers, media_type="application/x-hdf5", filename=name)

    async def report(request: Request, session: Summary) -> Response:
        files = _files(report_directory(library.var, session.id))
        name = request.path_params.get("name") or REPORT_PAGE
        if name not in files:
            return refused(404, f"session {session.id}: no report, or no {name!r} in it")
        path = files[name]
        return FileResponse(path, headers=_PAGE_HEADERS, media_type=_MEDIA_TYPES[path.suffix])

    async def make_report(request: Request, session: Summary) -> Response:
        del request
        if session.is_running:
            return refused(409, f"session {session.id} still runs; report it when it has ended")
        if reports.making != session.id and not reports.begin(session.id, session.path):
            return refused(409, f"the report of session {reports.making} is being made")
        state = reports.state(session.id)
        return JSONResponse(state._asdict(), 202 if state.state == "making" else 500)

    async def report_state(request: Request, session: Summary) -> Response:
        del request
        return JSONResponse(reports.state(session.id)._asdict())

    def of_session(handler: Callable[[Request, Summary], Awaitable[Response]]) -> Handler:
        async def answer(request: Request) -> Response:
            session_id = request.path_params["id"]
            summary = await run_in_threadpool(library.find, session_id)
            if summary is None:
                return refused(404, f"session {session_id[:100]!r}: not recorded")
            return await handler(request, summary)

        return answer

    root = "/api/sessions/{id}"
    return [
        Route("/api/sessions", sessions),
        Route("/api/beside", beside),
        Route(f"{root}/recording", of_session(recording)),
        Route(f"{root}/recording/{{name}}", of_session(recording)),
        Route(f"{root}/report", of_session(make_report), methods=["POST"]),
        Route(f"{root}/report/", of_session(report)),
        Route(f"{root}/report/state", of_session(report_state)),
        Route(f"{root}/report/{{name}}", of_session(report)),
    ]


def _beside_as_json(beside: SessionBeside, role: Role) -> dict[str, object]:
    """Return what a browser may know: an operator here gets the other page to look only."""
    links = beside.links if role is Role.OPERATOR else None
    return {
        "id": beside.id,
        "culture": beside.culture,
        "experiment": beside.experiment,
        "link": links and links.spectator,
    }


def _as_json(summary: Summary) -> dict[str, object]:
    """Return everything except the file path, which clients need not know."""
    return summary.model_dump(mode="json", exclude={"path"})


def _files(directory: Path) -> dict[str, Path]:
    """Return the files of a report by name; empty without a report."""
    if not (directory / REPORT_PAGE).is_file():
        return {}
    return {
        path.name: path
        for path in directory.iterdir()
        if path.suffix in _MEDIA_TYPES and path.is_file() and not path.is_symlink()
    }
