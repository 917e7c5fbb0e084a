"""The points from which the actors of a program resume after a restart."""

# Decision 9: where programs resume.

from collections.abc import Collection, Sequence

from crepe.config.wiring import ActorSpec
from crepe.runtime.batch import Resume
from crepe.store import codec
from crepe.store.contract import Entry, StreamStore


def find_resumes(
    specs: Sequence[ActorSpec], published: Collection[str], store: StreamStore, session: str
) -> dict[str, Resume | None]:
    """Return for each actor where it resumes, or None if it begins.

    An actor whose streams stay inside the process resumes where its readers do, and early enough
    to restore their state.
    """
    resumes: dict[str, Resume | None] = {}
    # Readers come after writers in `specs`, and a writer inside resumes where its readers do.
    for spec in reversed(specs):
        streams = [stream for stream in spec.writes.values() if stream in published]
        if streams or not spec.writes:
            resumes[spec.name] = _from_its_streams(streams, store, session)
        else:
            resumes[spec.name] = _from_its_readers(spec, specs, resumes, store)
    return resumes


def _from_its_streams(streams: Sequence[str], store: StreamStore, session: str) -> Resume | None:
    stops: dict[str, int] = {}
    newest: Entry | None = None
    n_ended = 0
    for stream in streams:
        last = store.last(stream)
        if last is None or last.session != session:
            continue
        stops[stream] = last.stop
        n_ended += last.is_end
        # A step's output arrives whole, so a stream with an older entry had no output since.
        if newest is None or last.input_position > newest.input_position:
            newest = last
    if newest is None:
        return None
    snapshot = codec.unpack_value(newest.snapshot) if newest.snapshot else None
    is_ended = n_ended == len(streams)
    return Resume(newest.input_position, stops, snapshot, newest.command_id, is_ended)


def _from_its_readers(
    spec: ActorSpec,
    specs: Sequence[ActorSpec],
    resumes: dict[str, Resume | None],
    store: StreamStore,
) -> Resume | None:
    inside = set(spec.writes.values())
    positions: list[int] = []
    are_ended: list[bool] = []
    for reader in specs:
        if inside.isdisjoint((*reader.reads, *reader.feedback)):
            continue
        resume = resumes.get(reader.name)
        if resume is None:
            return None
        rates_hz = [info.sampling_rate_hz for s in resume.stops if (info := store.info(s))]
        warmup_s = reader.make().warmup_s + max(reader.feedback.values(), default=0.0)
        positions.append(resume.position - int(warmup_s * max(rates_hz, default=0.0)))
        are_ended.append(resume.is_ended)
    position = max(0, min(positions))
    return Resume(position, dict.fromkeys(inside, position), is_ended=all(are_ended))
