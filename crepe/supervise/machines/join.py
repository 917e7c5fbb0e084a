"""What a further machine does before its programs start: it joins the session that runs."""

# Decision 124: what is compared, and whose text is recorded.

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from crepe.commands import CONTROL
from crepe.config.experiment import Experiment, load_experiment
from crepe.config.experiment_file import ExperimentFile, read_experiment_file
from crepe.config.file_text import parse_text
from crepe.config.machines import part_of
from crepe.environment import paths, session
from crepe.errors import ConfigError, StoreError
from crepe.messages import Command
from crepe.redis_server.address import without_password
from crepe.redis_server.check import must_fit
from crepe.redis_server.main_server import MainServer
from crepe.store import codec
from crepe.store.redis_store import RedisStore
from crepe.supervise.machines import presence, shared_session
from crepe.supervise.machines.shared_session import ClockReading, Phase, SharedSession

_SERVER_S = 5.0
_LEAVE_S = 1.0
_COPY = "experiment.json"


class Joining(NamedTuple):
    """A session that a machine can join."""

    shared: SharedSession
    copy: Path  # the session's experiment, as this machine runs it
    clocks: str  # how the wall clocks stand, for people
    are_clocks_apart: bool
    notes: list[str]


def check_joining(experiment: Experiment, var: Path) -> Joining:
    """Return the session that a machine would join, after all checks; begin nothing.

    Raises ConfigError without a session, for one of another format, and for tables that differ from
    the session's; LeaseError if the machine runs already; StoreError without the server.
    """
    with _store_of(experiment) as (store, server):
        return _check(experiment, var, store, must_fit(server.url, experiment.name, _SERVER_S))


def join(logger: Any, experiment: Experiment, var: Path, at_end: ExitStack) -> Experiment:
    """Join the session in supervisord itself; return the experiment that its programs run.

    Raises as `check_joining` does.
    """
    with _store_of(experiment) as (store, server):
        joining = _check(experiment, var, store, [])
        own = presence.Presence.new(experiment.machine, str(var))
        if (other := own.sign(store)) is not None:
            raise ConfigError(f"{other} has just started")
        at_end.callback(_leave, server, own)
        text = f"machine {experiment.machine} on host {own.host} joined; {joining.clocks}"
        note = Command(0, 0, "note", text, own.machine)
        store.append_unclocked(CONTROL, codec.pack([note], 0, 0))
    server.remember(var)
    # The program that gives further signs of life is this presence, too.
    paths.write_json(paths.run_directory(var) / "presence.json", own._asdict())
    now = joining.shared.local(str(joining.copy), experiment.name)
    if (before := session.current(var)) is not None and before.id == now.id:
        logger.warn(f"session {now.id}: joined again")
    else:
        logger.info(f"session {now.id} of host {joining.shared.host}: joined")
    (logger.warn if joining.are_clocks_apart else logger.info)(joining.clocks)
    session.begin(now, var)
    os.environ["CREPE_EXPERIMENT"] = str(joining.copy)
    return load_experiment(joining.copy, machine=experiment.machine)


def _check(experiment: Experiment, var: Path, store: RedisStore, notes: list[str]) -> Joining:
    place = f"culture {experiment.name!r} at {store.place}"
    shared = shared_session.read(store)
    if shared is None or shared.phase != Phase.RUNNING:
        raise ConfigError(
            f"{place}: no session runs that machine {experiment.machine} could join; start it with "
            "`crepe up` on the main machine"
        )
    now = shared.local("", experiment.name)
    if now.obstacle:
        raise ConfigError(now.obstacle)
    copy = _save(shared.text, experiment, paths.run_directory(var) / _COPY)
    theirs = part_of(read_experiment_file(copy), experiment.machine)
    if differences := list(_differences(experiment, theirs)):
        raise ConfigError(*(f"{experiment.path}: {text}" for text in differences))
    presence.wait_until_free(store, experiment.machine, str(var))
    clocks = ClockReading.take(store)
    apart_s, error_s = clocks.ahead_s - shared.ahead_s, clocks.error_s + shared.error_s
    text = (
        f"its wall clock is {abs(apart_s) * 1000:.0f} ms {'ahead of' if apart_s > 0 else 'behind'} "
        f"that of {shared.host} (measured to {error_s * 1000:.0f} ms)"
    )
    limit_s = experiment.machines[experiment.machine].clocks_apart_s
    are_apart = abs(apart_s) - error_s > limit_s
    if are_apart:
        text += f", more than {limit_s * 1000:.0f} ms: set both by NTP or PTP"
    return Joining(shared, copy, text, are_apart, notes)


@contextmanager
def _store_of(experiment: Experiment) -> Iterator[tuple[RedisStore, MainServer]]:
    """Yield the session's store, and the way to it."""
    if os.environ.get("CREPE_REDIS"):
        raise ConfigError(
            f"CREPE_REDIS is set, but machine {experiment.machine} uses `redis` of [machines."
            f"{experiment.machine}]; unset it"
        )
    table = experiment.machines[experiment.machine]
    server = MainServer.of(
        experiment.machine,
        experiment.name,
        table.redis,
        password_file=table.password_file,
        ca_file=table.ca_file,
    )
    with closing(_open(server, _SERVER_S)) as store:
        yield store, server


def _open(server: MainServer, patience_s: float) -> RedisStore:
    return RedisStore(
        server.url, culture=server.culture, writer="supervisord", patience_s=patience_s
    )


def _leave(server: MainServer, own: presence.Presence) -> None:
    """Remove the sign of life, if the server answers."""
    with suppress(StoreError), closing(_open(server, _LEAVE_S)) as store:
        own.leave(store)


def _save(text: str, experiment: Experiment, path: Path) -> Path:
    """Write the session's experiment for this machine, whose actors are in its own directory."""
    tables = parse_text(Path(f"session at {_place(experiment)}"), text)
    tables["directory"] = str(experiment.directory)
    path.write_text(json.dumps(tables, indent=2, default=str), encoding="utf-8")
    return path


def _place(experiment: Experiment) -> str:
    return without_password(experiment.machines[experiment.machine].redis)


def _differences(mine: ExperimentFile, theirs: ExperimentFile) -> Iterator[str]:
    """Yield what a machine would run otherwise than the session has it."""
    pairs: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...] = (
        ("actors", mine.actor_tables, theirs.actor_tables),
        ("chains", mine.chains, theirs.chains),
    )
    for kind, own, other in pairs:
        for name in sorted(own.keys() | other.keys()):
            place = f"[{kind}.{name}]"
            if name not in own:
                yield f"{place} is missing, but runs on this machine in the session"
            elif name not in other:
                yield f"{place} does not run on this machine in the session"
            elif kind == "chains" and own[name] != other[name]:
                yield f"{place} actors: {list(own[name])}, the session has {list(other[name])}"
            elif kind == "actors":
                yield from _settings_apart(place, _plain(own[name]), _plain(other[name]))


def _settings_apart(place: str, own: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for setting in sorted(own.keys() | other.keys()):
        values = [table.get(setting, "its default") for table in (own, other)]
        if values[0] != values[1]:
            yield f"{place} {setting}: {values[0]!r}, the session has {values[1]!r}"


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table as JSON has it: the session's experiment may have been saved as such."""
    plain: dict[str, Any] = json.loads(json.dumps(table, default=str))
    return plain
