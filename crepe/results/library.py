"""Which sessions are recorded, and in a few numbers what each came to."""

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt

from crepe.conditions import CALIBRATION
from crepe.environment import paths, session
from crepe.errors import CrepeError
from crepe.hw.mcs.hdf5_file import one_line
from crepe.messages import Command, Delivered, GameState, Message, StreamInfo
from crepe.recording.parts import main_file, parts_set_aside
from crepe.recording.reader import Recording

REPORT_PAGE = "report.html"

_GAME, _DELIVERED = "result:game", "result:delivered"
_SAID = ("result:input", "result:control")

# A file may hold anything, and h5py says so in many ways.
_UNREADABLE = (
    CrepeError, OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError,
    ArithmeticError, MemoryError,
)  # fmt: skip


def _printable(text: str) -> str:
    """Without what harms a terminal or cannot be sent: control characters, lone surrogates."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


Line = Annotated[str, AfterValidator(_printable)]
"""Text that comes from a file."""


class Summary(BaseModel):
    """One recorded session; of one that cannot be read, or still runs, little is known."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    id: str  # name of the file, and of the session
    path: Path  # of the newest part, which opens them all
    n_bytes: NonNegativeInt = 0  # of all parts
    parts: tuple[Line, ...] = ()  # files, the oldest first
    part_problems: tuple[Line, ...] = ()  # why parts were set aside, or cannot be read
    started: str | None = None  # ISO 8601, UTC; None: nobody measured it
    duration_s: NonNegativeFloat = 0.0
    title: Line = ""  # of the experiment
    is_simulated: bool = False
    is_running: bool = False  # its recording is being written; nothing of it was counted
    has_ended: bool = False  # the recorder saw the end
    n_gaps: NonNegativeInt = 0  # in the data
    score: dict[Line, int] = {}  # as the game said last
    n_trials: NonNegativeInt = 0  # judged
    by_condition: dict[Line, tuple[int, int]] = {}  # decoded as shown, and judged; no calibration
    n_stimuli_delivered: NonNegativeInt = 0
    n_stimuli_refused: NonNegativeInt = 0
    n_notes: NonNegativeInt = 0
    has_report: bool = False
    problem: Line = ""  # why it cannot be read


def kept(directory: Path) -> dict[str, Path]:
    """The recordings in a directory by their session's ID: of each the newest part."""
    return {
        (newest := main_file(path)).stem: newest
        for path in directory.glob("*.h5")
        if path.name[0] != "." and path.name.isprintable()
    }


def report_directory(var: Path, session_id: str) -> Path:
    """Where the report of a session is, or would be."""
    return var / "reports" / session_id


def experiment_tables(text: str) -> dict[str, Any]:
    """An experiment file's tables; empty if it is neither JSON nor TOML."""
    for read in (json.loads, tomllib.loads):
        try:
            found = read(text)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


_State = tuple[tuple[tuple[int, int], ...], bool]  # time and size of each part; is running


class Library:
    """The recordings in `var`, summarised; a file is read again when it has changed.

    May be asked from several threads. `programs_run` is False where nothing runs in `var`: a
    session that has not ended was cut off then.
    """

    def __init__(self, var: Path | None = None, *, programs_run: bool = True) -> None:
        self.var = var or paths.var_directory()
        self._programs_run = programs_run
        self._read: dict[Path, tuple[_State, Summary]] = {}
        self._one_at_a_time = Lock()

    def summaries(self) -> list[Summary]:
        """Of all recordings, newest first: IDs sort by time. Never raises for a file's sake."""
        with self._one_at_a_time:
            kept, running = self._kept(), self._running()
            self._read = {path: self._read[path] for path in kept.values() if path in self._read}
            return [self._summary(kept[id_], running) for id_ in sorted(kept, reverse=True)]

    def find(self, session_id: str) -> Summary | None:
        """Of one of the sessions that are listed."""
        with self._one_at_a_time:
            path = self._kept().get(session_id)
            return self._summary(path, self._running()) if path else None

    def _kept(self) -> dict[str, Path]:
        return kept(self.var / "recordings")

    def _running(self) -> str:
        """ID of the session whose programs run."""
        last = session.current(self.var) if self._programs_run else None
        return last.id if last is not None and last.state == session.RUNNING else ""

    def _summary(self, path: Path, running: str) -> Summary:
        parts = parts_set_aside(path)
        if path.exists() or not parts:
            parts.append(path)
        try:
            stats = [part.stat() for part in parts]
        except OSError as error:
            return Summary(id=path.stem, path=path, problem=error.strerror or one_line(error))
        state = (tuple((s.st_mtime_ns, s.st_size) for s in stats), path.stem == running)
        known = self._read.get(path)
        if known is None or known[0] != state:
            n_bytes = sum(s.st_size for s in stats)
            known = state, _read(path, n_bytes, is_running=path.stem == running)
            self._read[path] = known
        page = report_directory(self.var, path.stem) / REPORT_PAGE
        return known[1].model_copy(update={"has_report": page.is_file()})


def _read(path: Path, n_bytes: int, *, is_running: bool) -> Summary:
    about: dict[str, Any] = {"id": path.stem, "path": path, "n_bytes": n_bytes}
    try:
        with Recording(path) as recording:
            infos = recording.streams()
            about |= {"parts": recording.parts, "part_problems": recording.problems}
            head = _head(recording, infos)
            if is_running and not recording.has_ended:
                return Summary(**about, **head, is_running=True)
            return Summary(**about, **head, **_counted(recording, infos))
    except _UNREADABLE as error:
        problem = one_line(error).removeprefix(str(path)).lstrip(":, ") or type(error).__name__
        if is_running:  # caught in the middle of a write; the next look is luckier
            return Summary(**about, is_running=True)
        return Summary(**about, problem=problem)


def _head(recording: Recording, infos: Mapping[str, StreamInfo]) -> dict[str, Any]:
    """What was known when the session began: does not change while it runs."""
    origin_t_ns = max((info.origin_t_ns for info in infos.values()), default=0)
    started = datetime.fromtimestamp(origin_t_ns / 1e9, UTC) if origin_t_ns else None
    return {
        "started": started.isoformat(timespec="seconds") if started else None,
        "title": str(experiment_tables(recording.experiment).get("title", "")),
        "is_simulated": recording.is_simulated or any(i.is_simulated for i in infos.values()),
        "has_ended": recording.has_ended,
    }


def _counted(recording: Recording, infos: Mapping[str, StreamInfo]) -> dict[str, Any]:
    """What the session came to; of the samples, only where they begin and end."""
    clocked = [name for name, info in infos.items() if info.kind.is_clocked]
    data = min(clocked, default=None)  # `data`, where it is kept
    rate_hz = infos[data].sampling_rate_hz if data else 0.0
    states = [m for m in _all(recording, _GAME) if isinstance(m, GameState)]
    judged = [state for state in states if state.phase == "outcome"]
    answers = [m for m in _all(recording, _DELIVERED) if isinstance(m, Delivered)]
    last_words = Counter({answer.number: answer.state for answer in answers}.values())
    return {
        "duration_s": recording.last(data) / rate_hz if data and rate_hz else 0.0,
        "n_gaps": len(recording.gaps(data)) if data else 0,
        "score": dict(states[-1].score) if states else {},
        "n_trials": len(judged),
        "by_condition": _by_condition(judged),
        "n_stimuli_delivered": last_words["delivered"],
        "n_stimuli_refused": last_words["refused"],
        "n_notes": _n_notes(recording),
    }


def _by_condition(judged: list[GameState]) -> dict[str, tuple[int, int]]:
    shown = [s for s in judged if s.gesture is not None and s.condition not in ("", CALIBRATION)]
    n_judged = Counter(state.condition for state in shown)
    n_right = Counter(state.condition for state in shown if state.decoded == state.gesture)
    return {name: (n_right[name], n_judged[name]) for name in sorted(n_judged)}


def _n_notes(recording: Recording) -> int:
    """A note that was heard on several streams counts once."""
    found: Counter[tuple[str, str]] = Counter()
    for stream in _SAID:
        said = [m for m in _all(recording, stream) if isinstance(m, Command)]
        found |= Counter((m.sender, m.value) for m in said if m.name == "note")
    return found.total()


def _all(recording: Recording, stream: str) -> list[Message]:
    has_it = stream in recording.streams()
    return recording.messages(stream, 0, recording.last(stream)) if has_it else []
