"""The end of programs: together with supervisord, and on request."""

import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable

from crepe.environment.process_identity import ProcessIdentity

log = logging.getLogger(__name__)

SUPERVISOR = "CREPE_SUPERVISOR"
"""Variable in which supervisord gives its programs its own `ProcessIdentity.key`."""

_ONCE_A_S = 1.0


def is_orphan() -> bool:
    """Whether the supervisord of this process is gone; False where there never was one.

    The environment names it: if it died while this process was starting, getppid() gives the pid of
    another from the first time on.
    """
    pid, _, start = os.environ.get(SUPERVISOR, "").partition(":")
    if not pid or os.getppid() == int(pid):
        return False
    current = ProcessIdentity.of(int(pid))  # not the parent, if a wrapper is between
    return not start or current is None or current.start != start


def end_if_orphan() -> None:
    """End this process if its supervisord is gone."""
    if is_orphan():
        raise SystemExit("supervisord is gone")


def end_with(pid: int) -> None:
    """End this process within a second after its parent, `pid`, however that one ended."""

    def watch() -> None:
        while os.getppid() == pid:
            time.sleep(_ONCE_A_S)
        os._exit(1)  # sys.exit would end this thread only

    threading.Thread(target=watch, name="watches the parent", daemon=True).start()


def serve(run: Callable[[], Awaitable[None]], stop: Callable[[], None]) -> None:
    """Run a server in an event loop; SIGTERM, SIGINT and the end of supervisord call `stop`."""
    import asyncio  # 6 MB, and most programs are no servers

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        watch = asyncio.create_task(end_with_parent())
        await run()
        watch.cancel()

    async def end_with_parent() -> None:
        while not is_orphan():
            await asyncio.sleep(_ONCE_A_S)
        log.info("supervisord is gone")
        stop()

    asyncio.run(main())


def serve_blocking(run: Callable[[], object], stop: Callable[[], None]) -> None:
    """Run a server with threads of its own; SIGTERM, SIGINT and supervisord's end call `stop`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())

    def end_with_parent() -> None:
        while not is_orphan():
            time.sleep(_ONCE_A_S)
        log.info("supervisord is gone")
        stop()

    threading.Thread(target=end_with_parent, name="watches supervisord", daemon=True).start()
    run()
