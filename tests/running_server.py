"""An application served over HTTP on a thread of the test's process."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from crepe.web.server import HttpServer


@contextmanager
def running_server(
    app: ASGIApp,
    program: str,
    directory: Path,
    *,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    **settings: Any,
) -> Iterator[HttpServer]:
    """Serve while the block lasts; `beside` runs in the same loop until then."""
    at = {"host": "127.0.0.1", "port": None, "token": "", **settings}
    server = HttpServer(app, program, directory, **at)
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        task = asyncio.create_task(beside()) if beside else None
        await server.run()
        if task is not None:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
