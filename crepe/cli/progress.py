"""Progress of what takes long, with an estimate: a bar on a terminal, lines anywhere else."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from crepe.cli.output import Output, open_console
from crepe.config.experiment import Experiment
from crepe.environment import paths
from crepe.redis_server.users import machine_password_file
from crepe.store import Store
from crepe.supervise import control, status
from crepe.supervise.start import running

_FIRST_S, _EVERY_S = 2.0, 10.0  # the first line, and the lines after it
_POLL_S = 0.25
_WORTH_S = 1.0  # a recorder reports its lag once a second: less is none


class Reached(Protocol):
    """Receiver of how much is done, in the unit of the total, and of a note on it."""

    def __call__(self, done: float, note: str = "") -> None: ...


class ProgressLines:
    """Whole lines of progress, for a pipe or a log file.

    Parameters
    ----------
    label, unit
        The words of a line: `calibration: 12 of 90 trials, 14 s, about 90 s to go`.
    total
        How much there is to do; None if that is not known.
    write
        Receives each line.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        label: str,
        unit: str,
        total: float | None,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label, self._unit, self._total = label, unit, total
        self._write, self._clock = write, clock
        self._began_s = clock()
        self._due_s = self._began_s + _FIRST_S
        self._last_line = ""
        self._is_complete = False

    def reach(self, done: float, note: str = "") -> None:
        """Write a line if it is time for one."""
        now_s = self._clock()
        has_written = self._last_line != ""
        was_complete, self._is_complete = self._is_complete, done >= (self._total or math.inf)
        is_last = has_written and self._is_complete and not was_complete
        if now_s < self._due_s and not is_last:
            return
        self._due_s = now_s + _EVERY_S
        line = self._line(done, note, now_s - self._began_s)
        if line != self._last_line:
            self._write(line)
        self._last_line = line

    def _line(self, done: float, note: str, elapsed_s: float) -> str:
        of = "" if self._total is None else f" of {self._total:.0f}"
        note = f", {note}" if note else ""
        line = f"{self._label}: {done:.0f}{of} {self._unit}{note}, {elapsed_s:.0f} s"
        if self._total is None or not 0 < done < self._total:
            return line
        return f"{line}, about {elapsed_s * (self._total - done) / done:.0f} s to go"


def progress_bar(label: str, total: float | None, console: Console) -> tuple[Progress, TaskID]:
    """Return a bar that is not shown yet, and its task."""
    bar = Progress(
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("to go"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
    )
    return bar, bar.add_task(label, total=total, note="")


@contextmanager
def progress(label: str, unit: str, total: float | None, console: Console) -> Iterator[Reached]:
    """Show how far a command is; yields the function to call with what is done."""
    if not console.is_terminal:
        yield ProgressLines(label, unit, total, console.print).reach
        return
    bar, task = progress_bar(label, total, console)
    with bar:
        yield lambda done, note="": bar.update(task, completed=done, note=note)


@contextmanager
def polled_progress(
    label: str,
    unit: str,
    total: float,
    console: Console,
    poll: Callable[[], float],
    *,
    note: Callable[[], str] = str,
) -> Iterator[None]:
    """Show how far something is that cannot report it: a thread calls `poll` meanwhile."""
    is_over = threading.Event()
    with progress(label, unit, total, console) as reached:

        def watch() -> None:
            while not is_over.wait(_POLL_S):
                reached(poll(), note())

        thread = threading.Thread(target=watch, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def starting(experiment: Experiment) -> AbstractContextManager[Reached]:
    """Show how many programs of an experiment are ready, while they are being started."""
    return progress("starting", "programs", len(experiment.programs), open_console(stderr=True))


@contextmanager
def stopping() -> Iterator[Callable[[float], None]]:
    """Show how many programs have ended, while they are being stopped.

    Yields the function to call with the seconds of data that are still to be recorded.
    """
    n = len(control.status())
    left_s = [0.0]

    def n_ended() -> float:
        return n - sum(program.pid != 0 for program in control.status())

    def note() -> str:
        return f"{left_s[-1]:.0f} s of data to be recorded" if left_s[-1] >= _WORTH_S else ""

    console = open_console(stderr=True)
    with polled_progress("stopping", "programs", n, console, n_ended, note=note):
        yield left_s.append


def machine_lines(experiment: Experiment) -> list[str]:
    """Return how each further machine joins the session that runs."""
    lines = []
    for name in experiment.machines:
        password = machine_password_file(paths.run_directory(), name)
        lines.append(
            f"machine {name}: `crepe up {experiment.path.name} --machine {name}` there"
            + (f"; its password is in {password}" if password.is_file() else "")
        )
    return lines


def _await_machines(experiment: Experiment, output: Output) -> None:
    """Wait until all further machines have joined. Raises CrepeError if a program fails."""
    for line in machine_lines(experiment):
        output.line(line)
    total = len(experiment.machines)
    with progress("joined", "machines", total, open_console(stderr=True)) as reached:
        while (n_joined := _n_joined()) < total:
            reached(n_joined)
            control.must_run()
            time.sleep(_POLL_S)


def _n_joined() -> int:
    """Return how many further machines give signs of life."""
    machines = (row for row in status.rows() if str(row["program"]).startswith("machine "))
    return sum(row["state"] == "running" for row in machines)


@contextmanager
def running_session(experiment: Experiment, output: Output, *, take_over: bool) -> Iterator[Store]:
    """Run an experiment's programs in a new session while the block lasts; see `running`.

    The block begins when all further machines have joined.
    """
    with ExitStack() as stack:
        with starting(experiment) as reached:
            store = stack.enter_context(running(experiment, take_over=take_over, reached=reached))
        try:
            if experiment.machines:
                _await_machines(experiment, output)
            yield store
        finally:
            # A second Ctrl-C before the stop has begun leaves it to the outer block.
            with stopping():
                stack.close()
