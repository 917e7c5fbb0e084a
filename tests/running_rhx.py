"""A simulated RHX on threads of the test's process, and the program `rhx` in front of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from crepe.environment import paths
from crepe.hw.rhx.patterns import patterns_of
from crepe.hw.rhx.service import serving
from crepe.hw.rhx.session import RhxSession
from crepe.messages import Stimulus
from crepe.simulator.rhx.server import SimulatedRhx
from crepe.simulator.rhx.settings import RhxSimulatorSettings

STEP_UA, RATE_HZ = 0.5, 20_000.0
PHASES = ((-10.0, 200.0), (10.0, 200.0))
TRAIN = Stimulus(9, 10, 1, 10, ("A-010", "A-011"), PHASES, 50.0, 5)
LONG = Stimulus(9, 10, 1, 10, ("A-020",), PHASES, 50.0, 50)


@contextmanager
def running_rhx(**settings: Any) -> Iterator[SimulatedRhx]:
    """A simulated RHX in this run directory, whose port is not open yet."""
    few = {"seed": 3, "n_cells": 20, "port": 0, "waveform_port": 0, "spike_port": 0}
    simulator = SimulatedRhx(
        RhxSimulatorSettings.model_validate({**few, **settings}), paths.run_directory()
    )
    try:
        yield simulator
    finally:
        simulator.close()


@contextmanager
def running_service(
    trains: Sequence[Stimulus] = (TRAIN, LONG), location: str = "simulator"
) -> Iterator[RhxSession]:
    """The program `rhx` of this run directory, with patterns for some trains."""
    session = RhxSession(
        location,
        paths.run_directory(),
        patterns_of(trains, STEP_UA, RATE_HZ),
        step_ua=STEP_UA,
        rate_hz=RATE_HZ,
    )
    with serving(session, paths.run_directory()):
        yield session


def wait_for(is_so: Callable[[], Any], wait_s: float = 60.0) -> Any:
    """Poll until something is so, and return it."""
    deadline_s = time.monotonic() + wait_s
    while not (value := is_so()):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    return value
