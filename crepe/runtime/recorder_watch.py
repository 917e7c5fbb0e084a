"""Recorders that hang or are gone while data come: then the stimulator is disarmed.

A recorder states in its heartbeat after how long it must be missed. The program that stimulates
compares that with the recorder's progress.
"""

# Decision 64: what counts as not recording, and for how long.

from collections.abc import Callable, Mapping, Sequence

from crepe.actors.actor import Actor, Sink, disarm_stimulator
from crepe.messages import Delivered
from crepe.runtime.heartbeat import DISARMS_AFTER_S
from crepe.store.contract import StreamStore


class RecorderWatch:
    """The recorders of a session, as the program that stimulates sees them, once a second.

    Looks are counted, not seconds, and only those at which data had come: neither an instrument
    that is away, nor a computer that was frozen as a whole, makes a recorder late.

    Parameters
    ----------
    actors
        Those of this program. Without a stimulator among them nothing is watched.
    disarm
        Disarms the stimulator.
    """

    def __init__(
        self,
        actors: Sequence[Actor[object, object]],
        store: StreamStore,
        session: str,
        disarm: Callable[[], None] = disarm_stimulator,
    ) -> None:
        self._sinks = [actor for actor in actors if isinstance(actor, Sink)]
        # By its answers: most programs have no stimulator, and need not import its class.
        self._stimulates = any(Delivered in actor.message_types()[1] for actor in actors)
        self._actors = actors
        self._store = store
        self._session = session
        self._disarm = disarm
        self._newest = 0
        self._furthest: dict[str, int] = {}  # position by recorder; a restarted one begins at 0
        self._missed: dict[str, int] = {}  # looks without progress, by recorder
        self._problems: dict[str, str] = {}

    @property
    def disarms_after_s(self) -> str:
        """The value for the heartbeat of this program, of its own recorders."""
        limits_s = [s for sink in self._sinks if (s := sink.disarms_after_s) is not None]
        return f"{min(limits_s):g}" if limits_s else ""

    def look(self, newest: int | None) -> str:
        """Compare each recorder with its last look.

        Return the problems, also those of this program's own actors, for people.

        `newest` is the sample index that the data have reached. Disarms when a recorder has made
        no progress for the time in its heartbeat, once until it goes on.
        """
        if self._stimulates and newest is not None and newest > self._newest:
            self._newest = newest
            for name, beat in self._store.beats().items():
                if beat.get("session") == self._session and beat.get(DISARMS_AFTER_S):
                    self._judge(name, beat)
        own = (actor.problem for actor in self._actors)
        return "; ".join(filter(None, (*own, *self._problems.values())))

    def _judge(self, name: str, beat: Mapping[str, str]) -> None:
        position, missed = int(beat.get("position", 0)), self._missed.get(name, 0)
        if position > self._furthest.get(name, -1):
            self._furthest[name], self._missed[name] = position, 0
            if "NOT RECORDING" in self._problems.get(name, ""):
                self._problems[name] = f"{name} recorded nothing for {missed} s, and went on"
            return
        self._missed[name] = missed = missed + 1
        if missed == max(1, round(float(beat[DISARMS_AFTER_S]))):
            self._disarm()
            self._problems[name] = (
                f"NOT RECORDING since sample {self._furthest[name]}: program {name} has stored "
                f"nothing for {missed} s, though data came; stimulation is disarmed, except at "
                "CREPE's own simulator, which needs no arming"
            )
