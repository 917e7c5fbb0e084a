"""The machines of a session: what each runs, and which division of an experiment is refused."""

# Decision 124: what stays on the main machine.

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crepe.actors.actor import Sink, Source
from crepe.actors.stimulate import Stimulate
from crepe.config.experiment_file import ExperimentFile
from crepe.config.tables import MachineTable, RedisTable
from crepe.errors import ConfigError, StoreError, suggest
from crepe.redis_server.address import check_address, without_password
from crepe.web.token import is_loopback

if TYPE_CHECKING:
    from crepe.config.experiment import Experiment

MAIN = ""
"""Name of the machine on which the session begins and ends."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


def part_of(file: ExperimentFile, machine: str) -> ExperimentFile:
    """Return the file with the tables that a machine needs. Raises ConfigError for an unknown one.

    The main machine needs all of them: it serves the whole session.
    """
    if machine == MAIN:
        return file
    if machine not in file.machines:
        raise ConfigError(
            f"{file.path}: no table [machines.{machine}]{suggest(machine, file.machines)}"
        )
    programs = {name for name, where in file.machine_of.items() if where == machine}
    tables = {n: t for n, t in file.actor_tables.items() if file.program_of[n] in programs}
    return replace(
        file,
        redis=RedisTable(),
        dashboard=None,
        sensor=None,
        simulated_sensor=None,
        rpyc=None,
        machines={machine: file.machines[machine]},
        machine_of=dict.fromkeys(programs, machine),
        actor_tables=tables,
        chains={name: chain for name, chain in file.chains.items() if name in programs},
        reads={name: streams for name, streams in file.reads.items() if name in tables},
        feedback={name: streams for name, streams in file.feedback.items() if name in tables},
    )


def unseen(experiment: "Experiment") -> list[str]:
    """Return what cannot be checked of a machine's part: the streams that others write."""
    written = {stream for actor in experiment.actors.values() for stream in actor.writes.values()}
    return [
        f"[actors.{actor.name}] reads {stream!r}, which another machine writes: not checked here"
        for actor in experiment.actors.values()
        for stream in actor.reads
        if stream not in written
    ]


def wrong_machines(experiment: "Experiment") -> Iterator[str]:
    """Yield what is wrong with the machines of an experiment, and with what runs on which."""
    path, machines = experiment.path, experiment.machines
    for name, machine_table in machines.items():
        if problem := _wrong_address(machine_table):
            yield f"{path}: [machines.{name}] redis: {problem}"
        if not _NAME.fullmatch(name):
            yield (
                f"{path}: [machines.{name}]: allowed are 1 to 32 of A-Z, a-z, 0-9, _ and - "
                "in a name"
            )
        if name not in experiment.machine_of.values():
            yield f"{path}: [machines.{name}]: no actor and no chain has machine = {name!r}"
    chain_of = {actor: name for name, chain in experiment.chains.items() for actor in chain}
    for program, machine in experiment.machine_of.items():
        table = "chains" if program in experiment.chains else "actors"
        place = f"{path}: [{table}.{program}] machine: {machine!r}"
        if machine not in machines:
            yield f"{place}: no table [machines.{machine}]{suggest(machine, machines)}"
        if program in chain_of:
            yield f"{place}: runs in [chains.{chain_of[program]}], which has its own machine"
        actors = experiment.chains.get(program, (program,))
        kinds = [experiment.actors[actor].kind for actor in actors if actor in experiment.actors]
        if 0 < sum(issubclass(kind, Sink) for kind in kinds) < len(kinds):
            yield (
                f"{place}: records and does other things: a recorder needs a program of its own "
                "there, which stops when the main machine writes no more"
            )
        for kind in kinds:
            if issubclass(kind, Source | Stimulate):
                yield (
                    f"{place}: {kind.__name__} must run on the main machine, beside the watchdog: "
                    "an instrument is recorded, stimulated and stopped from one machine; leave "
                    "`machine` out, and start the main machine's `crepe up` there"
                )
    if experiment.lockstep_s and experiment.machine_of:
        yield f"{path}: lockstep_s: an experiment in lock-step runs on one machine"


def _wrong_address(table: MachineTable) -> str:
    """Return what is wrong with the server's URL; the text shows no part of a password."""
    try:
        check_address(table.redis)
    except StoreError as error:
        return str(error)
    parts, shown = urlsplit(table.redis), without_password(table.redis)
    if parts.scheme == "unix":
        return f"{shown}: a socket of one machine; must be redis:// or rediss://"
    if parts.password is not None or parts.query:
        return f"{shown}: must hold neither password nor options; see password_file and ca_file"
    if parts.scheme == "redis" and not (is_loopback(parts.hostname or "") or table.plain_tcp):
        return (
            f"{shown}: is not encrypted; must be rediss://, the end of a tunnel on 127.0.0.1, or "
            "plain_tcp = true"
        )
    return ""
