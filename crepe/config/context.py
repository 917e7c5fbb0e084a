"""The context with which an actor is opened: in a program, in a loop, or in a dry run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crepe.actors.actor import ActorContext
from crepe.config.experiment_file import ExperimentFile
from crepe.config.wiring import OUTSIDE, ActorSpec
from crepe.environment.session import course_of
from crepe.hw.instrument import InProcess
from crepe.messages import StreamInfo

if TYPE_CHECKING:
    from crepe.simulator.lockstep import Lockstep


def actor_context(
    experiment: ExperimentFile,
    spec: ActorSpec,
    infos: Mapping[str, StreamInfo],
    *,
    session: str = "",
    recordings: Path = Path(),
    lockstep: "Lockstep | None" = None,
    position: int = 0,
    snapshot: Mapping[str, Any] | None = None,
    wall_ns: Callable[[], int] | None = None,
) -> ActorContext:
    """Return the context of one actor.

    Parameters
    ----------
    infos
        The descriptions of the streams so far; the context has those that the actor reads.
    position, snapshot
        The sample index from which the actor resumes, and its snapshot there.
    lockstep
        The simulated instrument of this process; None where the instrument is outside.
    wall_ns
        The wall clock; None for that of the machine.
    """
    # Decision 87: sessions in real time differ, and one in lock-step is the same again.
    is_real_time = lockstep is None and wall_ns is None and experiment.lockstep_s is None
    default_course = course_of(session) if is_real_time and session else 0
    changes: dict[str, Any] = {}
    if lockstep is not None:
        changes = {
            "open_recorder": lockstep.open_recorder,
            "open_stimulator": lockstep.open_stimulator,
            "open_guard": InProcess,
        }
    if lockstep is not None or wall_ns is not None:
        # Samples come as fast as they can here: a delay against real time means nothing.
        changes["monotonic_s"] = None
    if wall_ns is not None:
        changes["wall_ns"] = wall_ns
    return ActorContext(
        inputs={stream: infos[stream] for stream in spec.reads if stream in infos},
        outside=tuple(stream for stream in spec.reads if stream in OUTSIDE),
        outputs=tuple(spec.writes.values()),
        position=position,
        snapshot=snapshot,
        name=spec.name,
        session=session,
        seed=experiment.seed,
        course=experiment.course if experiment.course is not None else default_course,
        experiment=experiment.text,
        culture=experiment.culture.flat(),
        recordings=recordings,
        **changes,
    )
