"""The streams that a program publishes, and the entries that wait to be appended to them."""

import time
from collections import Counter
from collections.abc import Sequence

from crepe.actors.actor import Actor, Source
from crepe.config.experiment_file import ExperimentFile
from crepe.config.shards import readers_outside, split_streams
from crepe.config.wiring import ActorSpec
from crepe.errors import StoreUnavailableError
from crepe.hw.instrument import check_same
from crepe.messages import Delivered, DeliveryState
from crepe.runtime.batch import OutputBatch
from crepe.runtime.chain import as_entry
from crepe.runtime.hosted_actor import HostedActor
from crepe.store.contract import Entry
from crepe.store.groups.names import group_infos, group_names, whole_name
from crepe.store.groups.parts import split
from crepe.store.redis_store import RedisStore


class Outputs:
    """The streams of a program that other programs read, or that it needs to resume.

    Final answers to stimuli are counted by state in `answers`.

    Attributes
    ----------
    streams
        Those that are published; the others stay in memory.
    is_away
        True if entries wait since Redis was away when they were to be appended.
    """

    def __init__(
        self,
        experiment: ExperimentFile,
        specs: Sequence[ActorSpec],
        store: RedisStore,
        answers: Counter[str],
    ) -> None:
        self._experiment = experiment
        self._ours = {spec.name for spec in specs}
        self._store = store
        self._answers = answers
        self.is_away = False
        self._unsent: list[tuple[str, Entry]] = []
        self._appended_s = self._append_s = 0.0  # when the last append ended, how long it took
        self._may_gather = all(spec.kind.merges for spec in specs)
        self._split = split_streams(experiment, specs)  # number of groups by stream
        self._n_channels: dict[str, int] = {}  # of these streams
        read = [*experiment.reads.items(), *experiment.feedback.items()]
        readers = {stream for _, streams in read for stream in streams}
        outside = {s for name, streams in read if name not in self._ours for s in streams}
        # An actor can resume only from a snapshot that is on a stream.
        kept = {
            stream
            for spec in specs
            if spec.kind.snapshot is not Actor.snapshot
            for stream in spec.writes.values()
        }
        inside = {stream for spec in specs for stream in spec.writes.values()}
        self.streams = {
            stream
            for stream in inside
            if (name := whole_name(stream)) in outside or stream in kept or name not in readers
        }

    def declare(self, host: HostedActor) -> None:
        """Become the writer of the streams that an actor publishes.

        Raises DeviceError if they come from another instrument than before in this session.
        """
        redis = self._experiment.redis
        for stream in self.streams.intersection(host.spec.writes.values()):
            info = host.infos[stream]
            before = self._store.info(stream) if isinstance(host.actor, Source) else None
            if before is not None and before.session == info.session:
                check_same(before, info)
            keep_bytes, parts = redis.keep_bytes_of.get(whole_name(stream)), {stream: info}
            if n_groups := self._split.get(stream):
                self._n_channels[stream] = info.n_channels
                names = group_names(stream, n_groups)
                parts = dict(zip(names, group_infos(info, n_groups, stream), strict=True))
            for name, part in parts.items():
                last = self._store.declare(
                    name,
                    part,
                    # An earlier process that is still connected must not keep this one out.
                    takes_over=True,
                    keep_s=redis.keep_of_s(whole_name(stream)),
                    keep_bytes=keep_bytes and keep_bytes // len(parts),
                )
                # Not after a restart: 0 would replace the positions that readers have registered.
                if last is None and not info.is_live:
                    # A replayed recording waits for the start of its readers.
                    for program in readers_outside(self._experiment, name, self._ours):
                        self._store.register(name, program, 0)

    def publish(
        self, outputs: Sequence[OutputBatch], *, gather_since_s: float | None = None
    ) -> None:
        """Append output to its streams, after entries that wait; keep it while Redis is away.

        Where the way to Redis is long, a program with a backlog would spend its time waiting for
        replies. So what follows from windows that were read together is gathered until computing
        has taken as long as the last append. The answers of a stimulator leave one by one.

        Parameters
        ----------
        gather_since_s
            Monotonic time at which the windows were read, if more of them are to follow.
        """
        for out in outputs:
            for message in out.batch.messages:
                if isinstance(message, Delivered) and message.state != DeliveryState.INTENDED:
                    self._answers[str(message.state)] += 1
        now_ns = time.time_ns()
        self._unsent += [
            (part.batch.stream, as_entry(part, now_ns))
            for out in outputs
            if out.batch.stream in self.streams
            for part in self._parts(out)
        ]
        if not (self.is_away or (gather_since_s is not None and self._gathers(gather_since_s))):
            self.flush()

    def _gathers(self, since_s: float) -> bool:
        computing_s = time.monotonic() - max(since_s, self._appended_s)
        return self._may_gather and computing_s < self._append_s

    def _parts(self, out: OutputBatch) -> Sequence[OutputBatch]:
        """Return an output as it is published: whole, or by groups of channels."""
        stream = out.batch.stream
        if stream not in self._split:
            return [out]
        n_groups, n_channels = self._split[stream], self._n_channels[stream]
        parts = [split(message, n_channels, n_groups) for message in out.batch.messages]
        return [
            out._replace(batch=out.batch._replace(stream=name, messages=messages))
            for name, *messages in zip(group_names(stream, n_groups), *parts, strict=True)
        ]

    def flush(self) -> bool:
        """Try once to append the entries that wait; return whether none is left."""
        if self._unsent:
            began_s = time.monotonic()
            try:
                # Safe to repeat: an append whose reply was lost is stored once.
                self._store.append(self._unsent)
            except StoreUnavailableError:
                self.is_away = True
                return False
            self._appended_s = time.monotonic()
            self._append_s = self._appended_s - began_s
            self._unsent = []
        self.is_away = False
        return True
