"""The programs that are no actors: when each starts, which experiments have it, what runs it."""

from collections.abc import Callable
from typing import NamedTuple

from crepe.config.experiment_file import ExperimentFile
from crepe.config.tables import DASHBOARD, RPYC

RHX = "rhx"

MACHINE = "machine"
"""The program of a machine that is not the main one, which runs no other service."""

MACHINES = "machines"
"""The program of the main machine that watches the others."""


class Service(NamedTuple):
    """A program that runs beside the actors.

    `run` is the import path of a function that takes a `ProgramPart` and returns when the program
    ends. It is a path because the function stands on a higher floor than this table.
    """

    name: str
    priority: int  # order of start; programs stop in the reverse order
    run: str
    is_in: Callable[[ExperimentFile, bool], bool]  # given the file and whether it stimulates
    has_heartbeat: bool = False  # a service without one is up once supervisord runs it
    restarts: bool = True  # False where its death may leave an instrument that nothing commands
    stop_s: int = 10  # in which it must end when it is stopped


def rhx_devices(file: ExperimentFile) -> dict[str, str]:
    """Return the devices `rhx://...` of an experiment, by actor."""
    devices = {name: str(table.get("device", "")) for name, table in file.actor_tables.items()}
    return {name: url for name, url in devices.items() if url.startswith(f"{RHX}:")}


_SERVICES = (
    Service("redis", 10, "crepe.cli.run_services:run_redis", lambda *_: True),
    Service(
        # Stops after all actors of this machine; then the recorders of others read to the end.
        "shared_session",
        15,
        "crepe.supervise.machines.main_machine:run_shared_session",
        lambda file, _: bool(file.machines),
        stop_s=45,
    ),
    # In lock-step the instrument is simulated inside the recorder's process.
    Service(
        "culture",
        20,
        "crepe.cli.run_services:run_culture",
        lambda file, _: file.culture.simulated is not None and not file.lockstep_s,
    ),
    Service(
        # It has the only connection to RHX: before all actors, and ended last (decision 73).
        RHX,
        30,
        "crepe.cli.run_services:run_rhx",
        lambda file, _: bool(rhx_devices(file)),
        restarts=False,
    ),
    Service(
        # Stops after the machine's writers and before its recorders (30).
        MACHINE,
        35,
        "crepe.supervise.machines.further_machine:run_machine",
        lambda *_: False,
        stop_s=45,
    ),
    Service(
        "sensor",
        60,
        "crepe.cli.run_services:run_sensor",
        lambda file, _: file.sensor is not None,
        has_heartbeat=True,
    ),
    # The page with its stop button starts before anything stimulates and stops after it.
    Service(
        DASHBOARD,
        65,
        "crepe.cli.run_services:run_dashboard",
        lambda file, _: file.dashboard is not None,
    ),
    Service(RPYC, 75, "crepe.legacy.rpyc_program:run_rpyc", lambda file, _: file.rpyc is not None),
    Service(
        # Before the stimulator (90), and stopped after it: no pulse goes unwatched.
        "watchdog",
        85,
        "crepe.cli.run_services:run_watchdog",
        lambda file, can_stimulate: can_stimulate and not file.lockstep_s,
    ),
    Service(
        # Stops before all actors: requests of other machines end before the stimulator (90) does.
        MACHINES,
        95,
        "crepe.supervise.machines.main_machine:run_machines",
        lambda file, _: bool(file.machines),
        stop_s=20,
    ),
)

SERVICES = {service.name: service for service in _SERVICES}
"""All services by name, in order of start."""


def has_heartbeat(program: str) -> bool:
    """Return whether a program publishes a heartbeat; every actor does."""
    return program not in SERVICES or SERVICES[program].has_heartbeat


def stop_s(program: str) -> int:
    """Return the seconds in which a program must end when it is stopped."""
    return SERVICES[program].stop_s if program in SERVICES else 10


def restarts(program: str) -> bool:
    """Return whether supervisord starts a program again when it has ended."""
    return program not in SERVICES or SERVICES[program].restarts
