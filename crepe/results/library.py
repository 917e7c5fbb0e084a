"""The recorded sessions, and a summary of each in a few numbers."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt

from crepe.conditions import CALIBRATION
from crepe.environment import paths, session
from crepe.errors import CrepeError
from crepe.hw.mcs.hdf5_file import one_line
from crepe.messages import Command, Delivered, GameState, Message, StreamInfo
from crepe.recording.choice import recordings_in
from crepe.recording.computed import experiment_tables
from crepe.recording.coverage import Coverage
from crepe.recording.parts import parts_set_aside
from crepe.results.answers import (
    FINAL,
    by_request,
    counted,
    counted_score,
    outcomes_left_out,
    stimulated,
)
from crepe.results.streams import names_of

if TYPE_CHECKING:
    from crepe.recording.reader import Recording

REPORT_PAGE = "report.html"

# A file may hold anything, and h5py raises many kinds of errors for it.
UNREADABLE = (
    CrepeError, OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError,
    ArithmeticError, MemoryError,
)  # fmt: skip


M = TypeVar("M", bound=Message)


def _printable(text: str) -> str:
    """Return text with control characters and lone surrogates replaced.

    The former harm a terminal, the latter cannot be sent as UTF-8.
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


Line = Annotated[str, AfterValidator(_printable)]
"""Text that comes from a file."""


class Summary(BaseModel):
    """One recorded session; mostly defaults for one that cannot be read, or is still recorded."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    id: str  # name of the file, and of the session
    path: Path  # of the newest part, which opens them all
    n_bytes: NonNegativeInt = 0  # of all parts
    parts: tuple[Line, ...] = ()  # files, the oldest first
    part_problems: tuple[Line, ...] = ()  # why parts were set aside, or cannot be read
    started: str | None = None  # ISO 8601, UTC; None: not measured
    duration_s: NonNegativeFloat = 0.0  # of data, without gaps
    missing_s: NonNegativeFloat = 0.0  # in the gaps
    title: Line = ""  # of the experiment
    is_simulated: bool = False
    is_running: bool = False  # its recording is being written; nothing in it was counted
    has_ended: bool = False  # the data came to their end, and are recorded; `crepe down` ends none
    n_gaps: NonNegativeInt = 0  # in the data
    score: dict[Line, int] = {}  # in the last state of the game
    n_trials: NonNegativeInt = 0  # finished
    by_condition: dict[
        Line, tuple[int, int]
    ] = {}  # trials decoded as shown, and that count; no calibration
    n_left_out: NonNegativeInt = 0  # finished trials whose pulses were not delivered
    n_stimuli_delivered: NonNegativeInt = 0
    n_stimuli_stopped: NonNegativeInt = 0  # after some of their pulses
    n_stimuli_refused: NonNegativeInt = 0
    n_stimuli_unknown: NonNegativeInt = 0  # the stimulator was restarted meanwhile
    n_notes: NonNegativeInt = 0
    has_report: bool = False
    problem: Line = ""  # why it cannot be read


def report_directory(var: Path, session_id: str) -> Path:
    """Return the directory for the report of a session."""
    return var / "reports" / session_id


_State = tuple[tuple[tuple[int, int], ...], bool]
"""Time of change and size of each part of a recording, and whether its session runs."""


class Library:
    """Summaries of the recordings in `var`; a file is read again when it has changed.

    Threads may share a library. `programs_run` is False where no program runs in `var`, so that a
    session without an end was cut off.
    """

    def __init__(self, var: Path | None = None, *, programs_run: bool = True) -> None:
        self.var = var or paths.var_directory()
        self._programs_run = programs_run
        self._read: dict[Path, tuple[_State, Summary]] = {}
        self._lock = Lock()

    def summaries(self) -> list[Summary]:
        """Return a summary of each recording, newest first, since IDs sort by time.

        A file that cannot be read has a `problem` in its summary; it raises nothing.
        """
        with self._lock:
            kept, running = self._kept(), self._running()
            self._read = {path: self._read[path] for path in kept.values() if path in self._read}
            return [self._summary(kept[id_], running) for id_ in sorted(kept, reverse=True)]

    def find(self, session_id: str) -> Summary | None:
        """Return the summary of one session; None if it has no recording."""
        with self._lock:
            path = self._kept().get(session_id)
            return self._summary(path, self._running()) if path else None

    def _kept(self) -> dict[str, Path]:
        return recordings_in(self.var / "recordings")

    def _running(self) -> str:
        """Return the ID of the session whose programs run; empty without one."""
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
        # With `running`, a session is counted after its end even if its file did not change.
        state = (tuple((s.st_mtime_ns, s.st_size) for s in stats), path.stem == running)
        entry = self._read.get(path)
        if entry is None or entry[0] != state:
            n_bytes = sum(s.st_size for s in stats)
            entry = state, _read(path, n_bytes, is_running=path.stem == running)
            self._read[path] = entry
        page = report_directory(self.var, path.stem) / REPORT_PAGE
        return entry[1].model_copy(update={"has_report": page.is_file()})


def _read(path: Path, n_bytes: int, *, is_running: bool) -> Summary:
    from crepe.recording.reader import Recording  # h5py is slow to import

    about: dict[str, Any] = {"id": path.stem, "path": path, "n_bytes": n_bytes}
    try:
        with Recording(path) as recording:
            infos = recording.streams()
            about |= {"parts": recording.parts, "part_problems": recording.problems}
            head = _head(recording, infos)
            # Readers take no lock and may meet a write half done, and counts would soon be old.
            if is_running and not recording.has_ended:
                return Summary(**about, **head, is_running=True)
            return Summary(**about, **head, **_counted(recording, infos))
    except UNREADABLE as error:
        problem = one_line(error).removeprefix(str(path)).lstrip(":, ") or type(error).__name__
        if is_running:  # read in the middle of a write; the next attempt may succeed
            return Summary(**about, is_running=True)
        return Summary(**about, problem=problem)


def _head(recording: "Recording", infos: Mapping[str, StreamInfo]) -> dict[str, Any]:
    """Return the fields that were fixed when the session began."""
    origin_t_ns = max((info.origin_t_ns for info in infos.values()), default=0)
    started = datetime.fromtimestamp(origin_t_ns / 1e9, UTC) if origin_t_ns else None
    return {
        "started": started.isoformat(timespec="seconds") if started else None,
        "title": str(experiment_tables(recording.experiment).get("title", "")),
        "is_simulated": recording.is_simulated or any(i.is_simulated for i in infos.values()),
        "has_ended": recording.has_ended,
    }


def _counted(recording: "Recording", infos: Mapping[str, StreamInfo]) -> dict[str, Any]:
    """Return the fields that are counted from the messages; samples themselves are not read."""
    clocked = [name for name, info in infos.items() if info.kind.is_clocked]
    data = min(clocked, default=None)  # `data`, where it is kept
    rate_hz = infos[data].sampling_rate_hz if data else 0.0
    gaps = recording.gaps(data) if data else []
    first = recording.first(data) if data else 0  # samples before it are missing, too
    coverage = Coverage(
        recording.last(data) if data else 0, [(0, first), *gaps] if first else gaps, rate_hz
    )
    states = _all(recording, GameState)
    judged = [state for state in states if state.phase == "outcome"]
    answers = _all(recording, Delivered)
    final = by_request(answers)
    has_pulses = stimulated(answers) if names_of(Delivered, infos) else None
    left_out = outcomes_left_out(judged, has_pulses)
    n_stimuli = Counter(str(answer.state) for answer in final.values())
    return {
        "duration_s": coverage.covered_s,
        "missing_s": coverage.missing_s,
        "n_gaps": len(gaps),
        "score": counted_score(states[-1].score if states else {}, left_out),
        "n_trials": len(judged),
        "by_condition": _by_condition(judged, has_pulses),
        "n_left_out": left_out.total(),
        **{f"n_stimuli_{state}": n_stimuli[state] for state in FINAL},
        "n_notes": _n_notes(recording),
    }


def _by_condition(
    judged: list[GameState], has_pulses: set[int] | None
) -> dict[str, tuple[int, int]]:
    answered = counted(judged, has_pulses)
    shown = [s for s in answered if s.gesture is not None and s.condition not in ("", CALIBRATION)]
    n_judged = Counter(state.condition for state in shown)
    n_right = Counter(state.condition for state in shown if state.decoded == state.gesture)
    return {name: (n_right[name], n_judged[name]) for name in sorted(n_judged)}


def _n_notes(recording: "Recording") -> int:
    """Return the number of notes; a note that was recorded on several streams counts once."""
    notes: Counter[tuple[str, str]] = Counter()
    for stream in names_of(Command, recording.streams()):
        commands = _messages(recording, stream, Command)
        # The union keeps the larger count of a note; a sum would count each of its streams.
        notes |= Counter((m.sender, m.value) for m in commands if m.name == "note")
    return notes.total()


def _all(recording: "Recording", kind: type[M]) -> list[M]:
    """Return all messages of a type, whatever the names of their streams."""
    streams = names_of(kind, recording.streams())
    return [message for stream in streams for message in _messages(recording, stream, kind)]


def _messages(recording: "Recording", stream: str, kind: type[M]) -> list[M]:
    messages = recording.messages(stream, 0, recording.last(stream))
    return [message for message in messages if isinstance(message, kind)]
