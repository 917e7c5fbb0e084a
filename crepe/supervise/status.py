"""The rows of `crepe status`: supervisord's view of each program beside its own heartbeat."""

from collections.abc import Mapping

from crepe.config.experiment_file import ExperimentFile, read_experiment_file
from crepe.environment import session
from crepe.errors import StoreError
from crepe.runtime.heartbeat import STALE_S, age_s, is_from
from crepe.store import Store
from crepe.store.contract import StreamStore
from crepe.supervise import control
from crepe.supervise.supervisor import Status

Row = dict[str, str | int | float]


def rows(store: StreamStore | None = None) -> list[Row]:
    """Return one row per program in order of start; empty if nothing runs.

    Positions, lags and `missing` are in samples. `gaps` counts gaps in what `acquire` publishes,
    and in what the other actors received; `unreadable` counts messages that they skipped. `p50`
    and `p99` are percentiles of the duration of a step. `state` is that of the program's heartbeat,
    or supervisord's before the first one. `problem` is for people, and empty if all is well. The
    default `store` is that of the running experiment.
    """
    programs = control.status()
    if not programs:
        return []
    beats = _beats() if store is None else _of_now(store.beats())
    if beats is None:
        return [_row(program, {}, redis_answers=False) for program in programs]
    return [_row(program, beats.get(program.name, {})) for program in programs]


def running_file() -> ExperimentFile:
    """Return the experiment file of the last session in this `var`; before the first, the default.

    No actor is imported: a look at a session, or a command to it, needs none of their classes.
    """
    now = session.current()
    return read_experiment_file(now.experiment_path if now else None)


def _beats() -> Mapping[str, Mapping[str, str]] | None:
    """Return the last heartbeat of every actor in this session; None if Redis does not answer."""
    try:
        with Store(culture=running_file().name, patience_s=1.0) as store:
            return _of_now(store.actors())
    except StoreError:
        return None


def _of_now(beats: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Return the heartbeats of the current session."""
    now = session.current()
    return {name: beat for name, beat in beats.items() if now and beat.get("session") == now.id}


def _row(program: Status, beat: Mapping[str, str], *, redis_answers: bool = True) -> Row:
    state = program.state.lower()
    if program.name == "redis" and state == "running" and not redis_answers:
        state = "does not answer"
    if is_from(beat, program.process):
        is_stale = age_s(beat) > STALE_S
        state = f"stale for {age_s(beat):.0f} s" if is_stale else beat["state"]
    elif beat and state == "running":
        state = "starting"  # the last heartbeat is of the process before it
    return {
        "program": program.name,
        "state": state,
        "pid": program.pid,
        "up/s": round(program.uptime_s),
        "restarts": program.restarts,
        "position": int(beat.get("position", 0)),
        "lag": int(beat.get("lag_samples", 0)),
        "p50/ms": float(beat.get("step_p50_ms", 0)),
        "p99/ms": float(beat.get("step_p99_ms", 0)),
        "gaps": int(beat.get("n_gaps", 0)),
        "missing": int(beat.get("n_missing", 0)),
        "unreadable": int(beat.get("n_unreadable", 0)),
        "problem": beat.get("problem", ""),
    }
