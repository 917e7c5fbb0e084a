"""The route `/metrics` of the page, for Prometheus."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crepe.config.disk_space import DiskLeft, disk_left
from crepe.config.experiment import Experiment
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.environment.installation import pip_install
from crepe.errors import DeviceError
from crepe.web.body import refused


def metrics_routes(
    live: SessionFollower, control: Control, experiment: Experiment, recordings: Path
) -> list[Route]:
    """Return the route; it answers 501 where the package prometheus-client is missing."""

    async def metrics(request: Request) -> Response:
        try:
            from prometheus_client.exposition import choose_encoder

            from crepe.dashboard.monitoring.metrics import SessionCollector, SessionMetrics
        except ImportError as error:
            return refused(501, f"{error}; {pip_install('prometheus-client')}")
        memory = await asyncio.to_thread(_memory_bytes, live.programs)
        disk = await asyncio.to_thread(_disk_left, recordings, experiment)
        now = SessionMetrics(
            view=live.session_view,
            age_s=live.age_s,
            programs=live.programs,
            memory_bytes=memory,
            gaps=live.gaps,
            control=control.state(can_stimulate=experiment.can_stimulate),
            disk=disk,
            is_store_read=not live.problem,
        )
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(SessionCollector(now)), headers={"content-type": content_type})

    return [Route("/metrics", metrics)]


def _memory_bytes(programs: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the resident memory by program; empty where the system has no /proc."""
    memory = {}
    for row in programs:
        with suppress(OSError):  # ended since, or no Linux
            pages = int(Path(f"/proc/{row['pid']}/statm").read_text().split()[1])
            memory[row["program"]] = pages * os.sysconf("SC_PAGE_SIZE")
    return memory


def _disk_left(recordings: Path, experiment: Experiment) -> DiskLeft | None:
    try:
        return disk_left(recordings, experiment)
    except (DeviceError, OSError):  # the recording that is played, or the disk, is gone
        return None
