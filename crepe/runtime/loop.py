"""The whole experiment in one process: no Redis, no wall clock, the same messages every time.

The simulated instrument runs in lock-step, so that one seed gives one course of events. The
streams end up in a memory store and can be read like any others. A real instrument is only
recorded. No sensor or person can send input to a loop, so a game is played by its script.
"""

import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from crepe.actors.actor import Actor, Source
from crepe.config.context import actor_context
from crepe.config.experiment import Experiment
from crepe.config.wiring import ActorSpec
from crepe.errors import ConfigError
from crepe.hw.instrument import EndOfData
from crepe.messages import Message, StreamInfo
from crepe.runtime.batch import OutputBatch
from crepe.runtime.chain import Chain, as_entry
from crepe.runtime.hosted_actor import HostedActor
from crepe.simulator.lockstep import Lockstep
from crepe.store.memory_store import MemoryStore

SESSION = "loop"


class Loop:
    """An experiment whose actors are stepped one after the other.

    Parameters
    ----------
    recordings
        Directory for the recording; by default a temporary one that is removed.
    kept
        The streams that stay in the memory store; by default all. An hour of raw samples does
        not fit into memory.
    session
        Its ID, which names the recording.
    """

    def __init__(
        self,
        experiment: Experiment,
        recordings: Path | None = None,
        *,
        kept: Collection[str] | None = None,
        session: str = SESSION,
    ) -> None:
        if experiment.culture.simulated is None and experiment.can_stimulate:
            raise ConfigError(
                f"{experiment.path}: stimulates a living culture; a loop in one process must not, "
                "it has no watchdog and no clock. Use supervisord: crepe up, or --live"
            )
        self._kept = kept
        self._session = session
        self.store = MemoryStore(writer="loop")
        self._temporary = None if recordings else tempfile.TemporaryDirectory()
        self._recordings = recordings or Path(self._temporary.name if self._temporary else ".")
        self._experiment = experiment
        self._chain = Chain(self._open())
        (self._source,) = (s for s in self._chain.hosted if isinstance(s.actor, Source))

    def _open(self) -> Sequence[HostedActor]:
        sources = [s.name for s in self._experiment.actors.values() if issubclass(s.kind, Source)]
        if len(sources) != 1:
            raise ConfigError(f"{self._experiment.path}: {len(sources)} sources, a loop has one")
        simulated = self._experiment.culture.simulated
        lockstep = Lockstep(simulated) if simulated else None
        infos: dict[str, StreamInfo] = {}
        hosted = []
        for spec in self._experiment.actors.values():
            context = actor_context(
                self._experiment,
                spec,
                infos,
                session=self._session,
                recordings=self._recordings,
                lockstep=lockstep,
                wall_ns=lambda: 0,  # a real clock would make each run's messages differ
            )
            host = HostedActor(_played_by_script(spec), context, None)
            for stream, info in host.infos.items():
                infos[stream] = info
                if self._keeps(stream):
                    self.store.declare(stream, info)
            hosted.append(host)
        return hosted

    def run(self, until: str = "") -> MemoryStore:
        """Run to the end of the data, or of the stream `until`; return the store of all streams."""
        for _ in self.steps():
            if until and (last := self.store.last(until)) and last.is_end:
                break
        self.close()
        return self.store

    def steps(self) -> Iterator[Sequence[Message]]:
        """Yield the messages that each window of the source has led to."""
        while not self._source.is_ended:
            try:
                outputs = self._source.read(1.0)
            except EndOfData:
                outputs = self._source.finish()
            results = self._chain.spread(outputs)
            self._keep(results)
            yield [message for out in results for message in out.batch.messages]

    def end(self) -> None:
        """End the data: every actor publishes its last messages, and its streams end."""
        self._keep(self._chain.spread(self._source.finish()))

    def _keep(self, outputs: Sequence[OutputBatch]) -> None:
        for out in outputs:
            if self._keeps(out.batch.stream):
                self.store.append([(out.batch.stream, as_entry(out, 0))])

    def _keeps(self, stream: str) -> bool:
        return self._kept is None or stream in self._kept

    def actor(self, name: str) -> Actor[object, object]:
        """Return the opened actor of a name."""
        return next(s.actor for s in self._chain.hosted if s.spec.name == name)

    def close(self) -> None:
        """Close all actors; harmless to repeat."""
        self._chain.close()
        if self._temporary:
            self._temporary.cleanup()
            self._temporary = None


def _played_by_script(spec: ActorSpec) -> ActorSpec:
    if "player" not in spec.settings:
        return spec
    return replace(spec, settings={**spec.settings, "player": "script"})
