"""Reads a session's recording back, all its parts as one."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.messages import Message, StreamInfo
from crepe.recording.layout import differences
from crepe.recording.part import Part
from crepe.recording.parts import parts_set_aside


class _Section(NamedTuple):
    """What one part contributes to a stream: its messages that stop before `end`."""

    part: Part
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    end: int | None  # None: all


class Recording:
    """A recording as it was when opened: finished, being written, or left by a killed writer.

    Where a part was set aside and another begun, they are read as one. A newer part has whole what
    an older one may have in part, so of the older one counts what the newer one does not have. A
    part that cannot be read is left out.

    Attributes
    ----------
    session, seed, is_simulated
        Of the run that was recorded.
    has_ended
        Whether the session came to its end, as that of a recording or a simulation does.
    is_closed
        False if its writer was cut off, or still writes.
    versions
        Of what wrote it, by name; empty if it does not say.
    experiment
        Text of the experiment file.
    culture
        Its [culture] table.
    parts
        Names of the files, the oldest first.
    problems
        Of those that were set aside or cannot be read: the file, and why.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        paths = [*parts_set_aside(self._path), self._path]
        self.parts = tuple(part.name for part in paths)
        self.problems: tuple[str, ...] = ()
        self._opened: list[Part] = []
        for part in paths:
            self._open(part)
        newest = self._opened[-1]
        self.session, self.seed = newest.session, newest.seed
        self.is_simulated = newest.is_simulated
        self.has_ended, self.is_closed = newest.has_ended, newest.is_closed
        self.versions = newest.versions
        self.experiment, self.culture = newest.experiment, newest.culture
        self._infos = {name: info for part in self._opened for name, info in part.infos.items()}
        self._parts_with = {name: self._choose(name) for name in self._infos}
        self._sections_of: dict[str, list[_Section]] = {}

    def _open(self, path: Path) -> None:
        try:
            part = Part(path, is_damaged=path != self._path)
        except DeviceError as error:
            if path == self._path and not self._opened:
                raise DeviceError("; ".join([str(error), *self.problems])) from error
            self._name(path, error)
            return
        if part.before:
            self.problems += (f"{part.before}: set aside: {part.problem_before}",)
        self.problems += tuple(f"{path.name}, {problem}" for problem in part.problems)
        self._opened.append(part)

    def _name(self, path: Path, problem: DeviceError | str) -> None:
        text = str(problem).removeprefix(str(path)).lstrip(":, ")
        self.problems += (f"{path.name}: {text}",)

    def _choose(self, name: str) -> list[Part]:
        """The parts that have a stream as the newest of them has it."""
        parts = []
        for part in self._opened:
            if name not in part.infos:
                continue
            if fields := differences(part.infos[name], self._infos[name]):
                self._name(part.path, f"{name} was recorded with other {', '.join(fields)}")
            else:
                parts.append(part)
        return parts

    def _sections(self, name: str) -> list[_Section]:
        if name not in self._sections_of:
            sections: list[_Section] = []
            for part in reversed(self._parts_with[name]):
                start, stop = part.windows(name)
                # A writer is given whole windows: behind the first stop that it has, it has all.
                newer = [int(section.stop.min()) for section in sections if len(section.stop)]
                if newer:
                    start, stop = start[stop < min(newer)], stop[stop < min(newer)]
                sections.insert(0, _Section(part, start, stop, min(newer, default=None)))
            self._sections_of[name] = sections
        return self._sections_of[name]

    def streams(self) -> dict[str, StreamInfo]:
        """What each stream carries, by name."""
        return dict(self._infos)

    def first(self, name: str) -> int:
        """The first sample that is kept; 0 for a stream without messages."""
        starts = [
            int(section.start.min()) for section in self._sections(name) if len(section.start)
        ]
        return min(starts, default=0)

    def last(self, name: str) -> int:
        """The sample index at which the stream stops: its length in samples."""
        return max((int(s.stop.max(initial=0)) for s in self._sections(name)), default=0)

    def gaps(self, name: str) -> list[tuple[int, int]]:
        """The windows between messages that no message covers."""
        sections = self._sections(name)
        empty = np.empty(0, np.int64)
        start = np.concatenate([empty, *(section.start for section in sections)])
        stop = np.concatenate([empty, *(section.stop for section in sections)])
        reached, after = np.maximum.accumulate(stop)[:-1], start[1:]
        missing = after > reached
        return list(zip(reached[missing].tolist(), after[missing].tolist(), strict=True))

    def messages(self, name: str, start: int, stop: int) -> list[Message]:
        """The messages that overlap [start, stop), in the order in which they were recorded.

        Raises DeviceError if the newest part has damaged places there; those of older parts are
        passed over.
        """
        messages: list[Message] = []
        for part, _, _, end in self._sections(name):
            overlapping = part.messages(name, start, stop)
            messages += [m for m in overlapping if end is None or m.stop < end]
        return messages

    def close(self) -> None:
        """Close the files; harmless to repeat."""
        for part in self._opened:
            part.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
