"""The program `dashboard`: the live page of the running experiment."""

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from crepe.config.experiment import Experiment
from crepe.config.tables import DASHBOARD, DASHBOARD_PORT, DashboardTable
from crepe.dashboard.access import PageAccess
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.monitoring.routes import metrics_routes
from crepe.dashboard.player_queue import PlayerQueue
from crepe.dashboard.report_maker import ReportMaker
from crepe.dashboard.routes import Page
from crepe.dashboard.session_routes import session_routes
from crepe.environment import paths, session
from crepe.errors import StoreError
from crepe.recording.computed import experiment_tables
from crepe.redis_server.find_url import find_url
from crepe.results.library import Library
from crepe.store.contract import StreamStore
from crepe.store.redis_store import RedisStore
from crepe.supervise.status import rows
from crepe.web.server import HttpServer

log = logging.getLogger(__name__)

_PATIENCE_S = 1.0
_NICENESS = 5  # the loop comes first; on a busy core a stop still takes milliseconds
_QUEUE_S = 1.0


class Dashboard:
    """The program `dashboard`: it serves the page and follows the session."""

    def __init__(
        self, experiment: Experiment, table: DashboardTable, token: str, var: Path
    ) -> None:
        run_directory = paths.run_directory(var)
        self._experiment = experiment
        self._tables = experiment_tables(experiment.text)
        self._live = SessionFollower(self._store, self._session, rows_of, table.frames_per_s)
        self._control = Control(run_directory, self._store)
        self._reports = ReportMaker(var)
        library = Library(var)
        self._page = Page(
            self._live,
            self._control,
            PlayerQueue(),
            library,
            can_stimulate=experiment.can_stimulate,
            frames_per_s=table.frames_per_s,
        )
        app = self._page.app(
            [
                *session_routes(library, self._reports),
                *metrics_routes(self._live, self._control, experiment, var),
            ]
        )
        self.server = HttpServer(
            PageAccess(app, host=table.host, token=token, public_url=table.public_url),
            DASHBOARD,
            run_directory,
            host=table.host,
            port=table.port,
            usual_port=DASHBOARD_PORT,
            token=token,
            public_url=table.public_url,
            has_websockets=True,
        )

    async def run(self) -> None:
        """Serve until `server.stop`; raise what ended the following of the session."""
        os.nice(_NICENESS)
        tasks = [asyncio.create_task(self._live.run()), asyncio.create_task(self._update_queue())]
        for task in tasks:
            # without either of them the page would go on to show old data
            task.add_done_callback(lambda _: self.server.stop())
        try:
            await self.server.run()
        finally:
            for task in tasks:
                task.cancel()
                # A task that failed raises here; the program ends and supervisord restarts it.
                with suppress(asyncio.CancelledError):
                    await task
            self._reports.close()
            self._control.close()
            self._live.close()

    async def _update_queue(self) -> None:
        while True:
            with suppress(StoreError):  # sent again once Redis is back
                await self._page.send_player()
            await asyncio.sleep(_QUEUE_S)

    def _store(self) -> StreamStore:
        return RedisStore(
            # The page must neither show nor command the session of another clone.
            find_url(_PATIENCE_S, is_ours=True),
            culture=self._experiment.name,
            writer=DASHBOARD,
            patience_s=_PATIENCE_S,
        )

    def _session(self) -> tuple[str, Mapping[str, Any]]:
        now = session.current()
        return (now.id if now else ""), self._tables


def rows_of(store: StreamStore) -> list[dict[str, Any]]:
    """Return one row per program, for `SessionFollower`."""
    return [dict(row) for row in rows(store)]
