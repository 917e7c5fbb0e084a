"""Reader of a session's recording, all its parts as one."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.messages import Message, StreamInfo
from crepe.processing.filter import filtered_info
from crepe.recording.computed import computations
from crepe.recording.layout import differences
from crepe.recording.part import Part
from crepe.recording.parts import parts_set_aside


class _Section(NamedTuple):
    """The contribution of one part to a stream: its messages that stop before `end`."""

    part: Part
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    end: int | None  # None: all


class Recording:
    """A recording in its state when opened: finished, being written, or left by a killed writer.

    Where a part was set aside and another begun, they are read as one. Messages of a newer part
    take precedence, since an older part may be incomplete. A part that cannot be read is left out.

    A filtered stream that was not recorded is there as well: it is computed when it is read, by the
    filter and the settings of the experiment, from the last gap or from as far back as the filter
    remembers.

    Attributes
    ----------
    session, seed, is_simulated
        Of the run that was recorded.
    has_ended
        Whether the session came to its end: its data ended, or it was stopped, and all is recorded.
    is_closed
        False if its writer was killed, or still writes.
    versions
        Versions of the programs that wrote it, by name; empty in files without them.
    experiment
        Text of the experiment file.
    culture
        Its [culture] table.
    parts
        Names of the files, the oldest first.
    problems
        Files that were set aside or cannot be read, each with the reason.
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
        # An older part may have been recorded whole, by another version.
        self._computed = computations(self.experiment, newest.infos)
        for name, computation in self._computed.items():
            self._infos[name] = filtered_info(self._infos[computation.source])
        self._sections_of: dict[str, list[_Section]] = {}

    def _open(self, path: Path) -> None:
        try:
            part = Part(path, is_damaged=path != self._path)
        except DeviceError as error:
            if path == self._path and not self._opened:
                raise DeviceError("; ".join([str(error), *self.problems])) from error
            self._add_problem(path, error)
            return
        if part.before:
            self.problems += (f"{part.before}: set aside: {part.problem_before}",)
        self.problems += tuple(f"{path.name}, {problem}" for problem in part.problems)
        self._opened.append(part)

    def _add_problem(self, path: Path, problem: DeviceError | str) -> None:
        text = str(problem).removeprefix(str(path)).lstrip(":, ")
        self.problems += (f"{path.name}: {text}",)

    def _choose(self, name: str) -> list[Part]:
        """Return the parts that have a stream with the same description as in the newest."""
        parts = []
        for part in self._opened:
            if name not in part.infos:
                continue
            if fields := differences(part.infos[name], self._infos[name]):
                self._add_problem(part.path, f"{name} was recorded with other {', '.join(fields)}")
            else:
                parts.append(part)
        return parts

    def _sections(self, name: str) -> list[_Section]:
        while name in self._computed:  # its windows are those of its source
            name = self._computed[name].source
        if name not in self._sections_of:
            sections: list[_Section] = []
            for part in reversed(self._parts_with[name]):
                start, stop = part.windows(name)
                # A writer gets whole windows: a part has everything from its first stop on.
                newer = [int(section.stop.min()) for section in sections if len(section.stop)]
                if newer:
                    start, stop = start[stop < min(newer)], stop[stop < min(newer)]
                sections.insert(0, _Section(part, start, stop, min(newer, default=None)))
            self._sections_of[name] = sections
        return self._sections_of[name]

    def streams(self) -> dict[str, StreamInfo]:
        """Return the description of each stream, by name."""
        return dict(self._infos)

    def first(self, name: str) -> int:
        """Return the first sample index of a stream; 0 for one without messages."""
        starts = [
            int(section.start.min()) for section in self._sections(name) if len(section.start)
        ]
        return min(starts, default=0)

    def last(self, name: str) -> int:
        """Return the sample index at which the stream stops: its length in samples."""
        return max((int(s.stop.max(initial=0)) for s in self._sections(name)), default=0)

    def gaps(self, name: str) -> list[tuple[int, int]]:
        """Return the windows between messages that no message covers."""
        sections = self._sections(name)
        empty = np.empty(0, np.int64)
        start = np.concatenate([empty, *(section.start for section in sections)])
        stop = np.concatenate([empty, *(section.stop for section in sections)])
        reached, after = np.maximum.accumulate(stop)[:-1], start[1:]
        missing = after > reached
        return list(zip(reached[missing].tolist(), after[missing].tolist(), strict=True))

    def messages(self, name: str, start: int, stop: int) -> list[Message]:
        """Return the messages that overlap [start, stop), in the order of recording.

        Raises DeviceError if the newest part is damaged in that window; damaged places of older
        parts are left out.
        """
        if name in self._computed:
            return self._compute(name, start, stop)
        messages: list[Message] = []
        for part, _, _, end in self._sections(name):
            overlapping = part.messages(name, start, stop)
            messages += [m for m in overlapping if end is None or m.stop < end]
        return messages

    def _compute(self, name: str, start: int, stop: int) -> list[Message]:
        computation = self._computed[name]
        info = self._infos[computation.source]
        since = start - computation.warmup_samples(info)
        segments = self.messages(computation.source, since, stop)
        messages = computation.messages(segments, info)
        return [m for m in messages if m.stop > start and m.start < stop]

    def close(self) -> None:
        """Close the files; harmless to repeat."""
        for part in self._opened:
            part.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
