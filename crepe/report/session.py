"""The session of a report: where its recording is, and what the recording holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from crepe.environment.session import course_of
from crepe.messages import Message
from crepe.recording.computed import experiment_tables
from crepe.recording.reader import Recording
from crepe.results.streams import messages_of
from crepe.store import Store
from crepe.store.stream import Gaps

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, repr=False)
class Session:
    """A session's streams, and the facts that its recording holds beside them."""

    store: Store
    id: str
    seed: int = 0
    is_simulated: bool = False
    has_ended: bool = True
    is_closed: bool = True
    parts: Sequence[str] = ()  # files of the recording, the oldest first
    part_problems: Sequence[str] = ()  # why parts were set aside, or cannot be read
    versions: Mapping[str, str] = field(default_factory=dict)
    text: str = ""  # of the experiment file
    culture: Mapping[str, str] = field(default_factory=dict)
    gaps: Mapping[str, Gaps] = field(default_factory=dict)  # by stream that publishes every window

    def __repr__(self) -> str:
        title = str(self.experiment.get("title", "")) or "no title"
        end = "ended" if self.has_ended else "no end recorded"
        return f"<Session {self.id}: {title}, seed {self.seed}, {end}; {self.store!r}>"

    @property
    def experiment(self) -> dict[str, Any]:
        """The experiment file's tables; empty if it is neither JSON nor TOML."""
        return experiment_tables(self.text)

    def course(self, *, is_real_time: bool) -> int:
        """Return the number that tells the session from others of its seed (decision 87)."""
        course = self.experiment.get("course")
        if isinstance(course, int):
            return course
        return course_of(self.id) if is_real_time else 0

    def actors(self) -> dict[str, dict[str, Any]]:
        """Return the experiment's `[actors.NAME]` tables, by name."""
        tables = self.experiment.get("actors", {})
        if not isinstance(tables, dict):
            return {}
        return {name: table for name, table in tables.items() if isinstance(table, dict)}

    def all_of(self, kind: type[M]) -> list[M]:
        """Return all messages of a type, whatever their streams are called."""
        return list(messages_of(kind, self.store))


def read(path: Path) -> Session:
    """Return the session in a recording. Raises DeviceError if it is missing or damaged."""
    with Recording(path) as recording:
        infos = recording.streams()
        gaps = {n: recording.gaps(n) for n, info in infos.items() if info.kind.is_clocked}
        return Session(
            Store(path),
            recording.session or path.stem,
            recording.seed,
            recording.is_simulated or any(info.is_simulated for info in infos.values()),
            recording.has_ended,
            recording.is_closed,
            recording.parts,
            recording.problems,
            recording.versions,
            recording.experiment,
            recording.culture,
            gaps,
        )
