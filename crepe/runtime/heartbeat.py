"""The heartbeat that a program publishes once a second, and how others read it."""

import json
import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from crepe.commands import CONTROL
from crepe.environment.clock import boot_time_ns
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import StoreError
from crepe.messages import Command
from crepe.store import codec
from crepe.store.contract import StreamStore
from crepe.store.lease import Lease

GAPS_KEPT = 20
"""Number of gaps, the newest, whose windows a heartbeat holds."""

DISARMS_AFTER_S = "disarms_after_s"
"""Field of a heartbeat: seconds without progress of a recorder that disarm; empty for never."""

_EVERY_S = 1.0

STALE_S = 3.0
"""A heartbeat older than this belongs to a program that hangs or is gone."""


class Heartbeat:
    """State, position, step times and gaps of one program, as published in the store.

    With a `lease`, each heartbeat renews it first. Once another session has the culture, that
    raises LeaseError and the heartbeat is not published.
    """

    def __init__(
        self, name: str, store: StreamStore, session: str, lease: Lease | None = None
    ) -> None:
        self.name = name
        self._store = store
        self._session = session
        self._lease = lease
        self._process = ProcessIdentity.own().key
        self._next_s = 0.0
        self._state = "starting"
        self._position = 0
        self._steps_s: deque[float] = deque(maxlen=1000)
        before = store.beats().get(name, {})
        # Counts go on across restarts of the program, but begin anew with a session (decision 36).
        before = before if before.get("session") == session else {}
        # For people; empty if all is well. Until the program runs, that of the process before it.
        self.problem = before.get("problem", "")
        # Of its recorders (see `RecorderWatch`); likewise.
        self.disarms_after_s = before.get(DISARMS_AFTER_S, "")
        self._restarts = int(before.get("restarts", -1)) + 1
        self._covered = 0  # sample index up to which windows have come
        self._n_gaps = int(before.get("n_gaps", 0))
        self._n_missing = int(before.get("n_missing", 0))
        self._n_unreadable = int(before.get("n_unreadable", 0))
        # Final answers to stimuli by state, as the program publishes them.
        self.answers = Counter[str](json.loads(before.get("answers", "{}")))
        kept = json.loads(before.get("gaps", "[]"))
        self._gaps: deque[tuple[int, int]] = deque(map(tuple, kept), maxlen=GAPS_KEPT)

    def is_due(self) -> bool:
        """Return True once a second: then `beat` is due."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + _EVERY_S
        return True

    def set_state(self, state: str) -> None:
        """Change the state, and publish it at once."""
        self._state = state
        self.beat()

    def set_position(self, position: int, elapsed_s: float | None = None) -> None:
        """Set the position, and collect the duration of the step that led to it."""
        self._position = position
        if elapsed_s is not None:
            self._steps_s.append(elapsed_s)

    def begin_at(self, at: int) -> None:
        """Count missing samples from `at` on; the process before has counted the earlier ones."""
        self._covered = at

    def cover(self, start: int, stop: int) -> None:
        """Mark a window as received or acquired; count the samples missing before it."""
        if start > self._covered:
            self._n_gaps += 1
            self._n_missing += start - self._covered
            self._gaps.append((self._covered, start))
        self._covered = max(self._covered, stop)

    def report(self, problem: str) -> None:
        """Set the problem of the heartbeat; a new one is also written to `control` as a note."""
        if problem != self.problem:
            note = Command(0, 0, "note", problem, self.name)
            with suppress(StoreError):  # the next call tries again
                self._store.append_unclocked(CONTROL, codec.pack([note], 0, 0))
                self.problem = problem

    def beat(self, newest: int | None = None, n_unreadable: int = 0) -> None:
        """Publish the heartbeat.

        `newest` is the sample index at which the inputs end, `n_unreadable` the number of messages
        that this process has skipped.
        """
        if self._lease is not None:
            self._lease.renew()
        p50, p99 = np.percentile(self._steps_s, (50, 99)) * 1000 if self._steps_s else (0.0, 0.0)
        lag = max(0, newest - self._position) if newest is not None else 0
        self._store.beat(
            self.name,
            {
                "session": self._session,
                "process": self._process,
                "state": self._state,
                "position": str(self._position),
                "lag_samples": str(lag),
                "step_p50_ms": f"{p50:.3f}",
                "step_p99_ms": f"{p99:.3f}",
                "restarts": str(self._restarts),
                "n_gaps": str(self._n_gaps),
                "n_missing": str(self._n_missing),
                "n_unreadable": str(self._n_unreadable + n_unreadable),
                "gaps": json.dumps(list(self._gaps)),
                "answers": json.dumps(self.answers),
                "problem": self.problem,
                DISARMS_AFTER_S: self.disarms_after_s,
                "t_ns": str(time.time_ns()),
                "boot_ns": str(boot_time_ns()),
            },
        )


def is_from(beat: Mapping[str, str], process: ProcessIdentity) -> bool:
    """Return whether a heartbeat is of this process, and not the last of one before it.

    A pid does not prove it: in a restarted container the same programs have the same pids.
    """
    return beat.get("process") == process.key


def age_s(beat: Mapping[str, str]) -> float:
    """Return the age of a heartbeat of this machine, by the clock since boot.

    By the wall clock, a program that hangs would look alive for as long as that was set back.
    """
    return (boot_time_ns() - int(beat.get("boot_ns", 0))) / 1e9
