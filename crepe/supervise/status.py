"""The rows of `crepe status`: supervisord's view of each program beside its own heartbeat."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from crepe.config.experiment_file import ExperimentFile, read_experiment_file
from crepe.config.services import MACHINE, MACHINES
from crepe.environment import session
from crepe.errors import StoreError
from crepe.redis_server.find_url import find_url
from crepe.runtime.heartbeat import STALE_S, age_s, is_from
from crepe.store.contract import StreamStore
from crepe.store.redis_store import RedisStore
from crepe.supervise import control
from crepe.supervise.machines import presence
from crepe.supervise.supervisor import Status

Row = dict[str, str | int | float]


def rows(store: StreamStore | None = None) -> list[Row]:
    """Return one row per program in order of start; empty if nothing runs.

    Positions, lags and `missing` are in samples. `gaps` counts gaps in what `acquire` publishes,
    and in what the other actors received; `unreadable` counts messages that they skipped. `p50`
    and `p99` are percentiles of the duration of a step. `state` is that of the program's heartbeat,
    or supervisord's before the first one. `problem` is for people, and empty if all is well. On the
    main machine of several, a row for each of the others follows, with its programs. The default
    `store` is that of the running experiment.
    """
    programs = control.status()
    if not programs:
        return []
    if store is not None:
        return _rows(programs, store)
    try:
        url, culture = find_url(1.0), running_file().name
        with closing(RedisStore(url, culture=culture, patience_s=1.0)) as opened:
            return _rows(programs, opened)
    except StoreError:
        return [_row(program, {}, redis_answers=False) for program in programs]


def _rows(programs: Sequence[Status], store: StreamStore) -> list[Row]:
    beats = _of_now(store.beats())
    rows = [_row(program, beats.get(program.name, {})) for program in programs]
    if any(program.name == MACHINES for program in programs) and isinstance(store, RedisStore):
        rows += _rows_of_machines(running_file(), store, beats)
    return rows


def _rows_of_machines(
    file: ExperimentFile, store: RedisStore, beats: Mapping[str, Mapping[str, str]]
) -> Iterator[Row]:
    """Yield a row for each further machine, and one for each of its programs.

    A machine is judged by its own sign of life, whose age the server counts: no clock of another
    machine says how old a heartbeat is.
    """
    for machine in file.machines:
        last = presence.look(store, machine)
        state, problem = "running", ""
        if last is None:
            state, problem = "absent", "has not joined the session"
        elif last.age_s > presence.SILENT_S:
            state, problem = "silent", f"no sign of life for {last.age_s:.0f} s"
        yield _fields(f"machine {machine}", state, {"problem": problem})
        for program, where in file.machine_of.items():
            if where == machine:
                beat = beats.get(program, {})
                state = "unknown" if problem else beat.get("state", "no heartbeat")
                yield _fields(f"{program} on {machine}", state, beat)


def running_file() -> ExperimentFile:
    """Return the experiment file of the last session in this `var`; before the first, the default.

    No actor is imported: a look at a session, or a command to it, needs none of their classes.
    """
    now = session.current()
    return read_experiment_file(now.experiment_path if now else None)


def _of_now(beats: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Return the heartbeats of the current session."""
    now = session.current()
    return {name: beat for name, beat in beats.items() if now and beat.get("session") == now.id}


def _row(program: Status, beat: Mapping[str, str], *, redis_answers: bool = True) -> Row:
    state = program.state.lower()
    if state == "running" and not redis_answers and program.name in ("redis", MACHINE):
        state = "does not answer" if program.name == "redis" else "main machine does not answer"
    if is_from(beat, program.process):
        is_stale = age_s(beat) > STALE_S
        state = f"stale for {age_s(beat):.0f} s" if is_stale else beat["state"]
    elif beat and state == "running":
        state = "starting"  # the last heartbeat is of the process before it
    return {
        **_fields(program.name, state, beat),
        "pid": program.pid,
        "up/s": round(program.uptime_s),
        "restarts": program.restarts,
    }


def _fields(name: str, state: str, beat: Mapping[str, str]) -> Row:
    """Return a row with what a heartbeat has; its process is known to its own machine only."""
    return {
        "program": name,
        "state": state,
        "pid": 0,
        "up/s": 0,
        "restarts": int(beat.get("restarts", 0)),
        "position": int(beat.get("position", 0)),
        "lag": int(beat.get("lag_samples", 0)),
        "p50/ms": float(beat.get("step_p50_ms", 0)),
        "p99/ms": float(beat.get("step_p99_ms", 0)),
        "gaps": int(beat.get("n_gaps", 0)),
        "missing": int(beat.get("n_missing", 0)),
        "unreadable": int(beat.get("n_unreadable", 0)),
        "problem": beat.get("problem", ""),
    }
