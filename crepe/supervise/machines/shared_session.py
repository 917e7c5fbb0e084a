"""The session as its Redis server has it, for machines that join it.

The hash `session` holds what a further machine must know: the session, the experiment's text and
the phase. The main machine writes it; no file of it is read by others.
"""

# Decision 124: what is shared, and in which order machines stop.

from enum import StrEnum
from time import time
from typing import NamedTuple, Self

from crepe.environment.session import RUNNING, Session
from crepe.store.redis_fields import pairs
from crepe.store.redis_store import RedisStore

_NAME = "session"
_CLOCK = "clocks"  # a stream of one entry, whose ID is the server's clock
_READINGS = 5
_RESOLUTION_S = 1e-3  # of an ID

_WRITE = "return redis.call('HSET', KEYS[1], unpack(ARGV))"
_READ = "return redis.call('HGETALL', KEYS[1])"


class Phase(StrEnum):
    """Progress of a session of several machines towards its end."""

    RUNNING = "running"
    ENDING = "ending"  # all writers of the further machines stop, then those of the main one
    ENDED = "ended"  # nothing more is written: recorders read to the end, and stop


class ClockReading(NamedTuple):
    """A machine's wall clock against that of the Redis server."""

    ahead_s: float
    error_s: float  # half of a round trip, and the resolution of the server's answer

    @classmethod
    def take(cls, store: RedisStore) -> Self:
        """Read both clocks a few times, and return the reading of the shortest round trip."""
        store.delete(_CLOCK)  # an ID never goes back, not even with the server's clock
        readings = []
        for _ in range(_READINGS):
            before_s = time()
            at_ms = int(store.append_unclocked(_CLOCK, b"", n_kept=1).partition("-")[0])
            after_s = time()
            error_s = (after_s - before_s + _RESOLUTION_S) / 2
            server_s = at_ms / 1000 + _RESOLUTION_S / 2
            readings.append(cls((before_s + after_s) / 2 - server_s, error_s))
        return min(readings, key=lambda reading: reading.error_s)


class SharedSession(NamedTuple):
    """A session, as the Redis server has it."""

    session: str
    started_at: str
    digest: str
    seed: int
    format: int
    host: str  # of the main machine
    ahead_s: float  # its wall clock against the server's
    error_s: float
    text: str  # of the experiment
    phase: str = Phase.RUNNING

    def local(self, experiment_path: str, culture: str) -> Session:
        """Return the session for the file of a machine that has joined it."""
        return Session(
            id=self.session,
            started_at=self.started_at,
            state=RUNNING,
            experiment_path=experiment_path,
            experiment_digest=self.digest,
            seed=self.seed,
            culture=culture,
            format=self.format,
        )


def publish(store: RedisStore, shared: SharedSession) -> None:
    """Write the session, in place of the one before it."""
    store.run_script(
        _WRITE, _NAME, *(t for pair in shared._asdict().items() for t in map(str, pair))
    )


def set_phase(store: RedisStore, phase: Phase) -> None:
    """Write the phase of the session."""
    store.run_script(_WRITE, _NAME, "phase", phase)


def read(store: RedisStore) -> SharedSession | None:
    """Return the session of the culture; None if the server knows none."""
    fields = {k.decode(): v.decode() for k, v in pairs(store.run_script(_READ, _NAME)).items()}
    if not fields.get("session"):
        return None
    kinds = SharedSession.__annotations__
    return SharedSession(**{n: kinds[n](v) for n, v in fields.items() if n in kinds})
