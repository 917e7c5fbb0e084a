"""Programs end with supervisord, and when they are told to."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

_ONCE_A_S = 1.0


def watch_parent() -> Callable[[], bool]:
    """A question that is answered True once the supervisord that started this process is gone."""
    parent = os.getppid() if "SUPERVISOR_ENABLED" in os.environ else None
    return lambda: parent is not None and os.getppid() != parent


def end_with(pid: int) -> None:
    """End this process within a second after its parent, `pid`, however that one ended."""

    def watch() -> None:
        while os.getppid() == pid:
            time.sleep(_ONCE_A_S)
        os._exit(1)

    threading.Thread(target=watch, name="watches the parent", daemon=True).start()


def serve(run: Callable[[], Awaitable[None]], stop: Callable[[], None]) -> None:
    """Run a server in an event loop; SIGTERM, SIGINT and the end of supervisord call `stop`."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        watch = asyncio.create_task(_end_with_parent(stop))
        await run()
        watch.cancel()

    asyncio.run(main())


async def _end_with_parent(stop: Callable[[], None]) -> None:
    is_orphan = watch_parent()
    while not is_orphan():
        await asyncio.sleep(_ONCE_A_S)
    log.info("supervisord is gone")
    stop()
