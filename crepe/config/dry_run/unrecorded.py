"""Signals of an experiment that its recording will lack."""

from typing import TYPE_CHECKING

from crepe.messages import Segment
from crepe.recording.computed import computations

if TYPE_CHECKING:
    from crepe.config.experiment import Experiment


def unrecorded_signals(experiment: "Experiment") -> list[str]:
    """Return a sentence about the signals that are neither recorded nor computed, if any.

    An experiment without a recorder has no recording that could lack them.
    """
    recorders = experiment.recorders
    recorded = {stream for name in recorders for stream in experiment.actors[name].reads}
    computed = computations(experiment.text, recorded)
    lost = [s for s in experiment.streams_of(Segment) if s not in recorded and s not in computed]
    if not recorders or not lost:
        return []
    return [
        f"not recorded: {', '.join(lost)}; to keep a signal, add it to `reads` of "
        f"[actors.{recorders[0]}]. What CREPE's own filters make of a recorded signal is computed "
        "when it is read"
    ]
