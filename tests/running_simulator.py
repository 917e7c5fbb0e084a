"""A simulated MEAME server on a thread of the test's process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crepe.simulator.meame.server import Simulator
from crepe.simulator.meame.settings import SimulatorSettings


@contextmanager
def running_simulator(settings: SimulatorSettings, run_directory: Path) -> Iterator[Simulator]:
    """Run a server while the block lasts."""
    simulator = Simulator(settings, run_directory)
    loop: Any = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(simulator.run(),))
    thread.start()
    try:
        yield simulator
    finally:
        loop.call_soon_threadsafe(simulator.stop)
        thread.join()
        loop.close()
