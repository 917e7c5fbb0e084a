"""`crepe play`: one game from start to end under supervisord, with a scoreboard."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import typer
from rich.console import Group
from rich.live import Live

from crepe.cli.output import Output
from crepe.cli.progress import ProgressLines, progress_bar, running_session
from crepe.cli.scoreboard import Score, Sources, board, gather, points
from crepe.config.experiment import Experiment
from crepe.environment import session
from crepe.errors import ExitCode
from crepe.results.answers import FINAL, counts_text
from crepe.store import Store
from crepe.supervise import control
from crepe.supervise.start import page_links, recording_path, wait_until_recorded


def play(experiment: Experiment, output: Output, *, seconds: float | None, take_over: bool) -> bool:
    """Run a game to its end, or for so many seconds of data.

    Return True if it was played; see `Score.is_played`.
    """
    n_trials = next(
        (a.settings["n_trials"] for a in experiment.actors.values() if "n_trials" in a.settings), 0
    )
    is_simulated = experiment.culture.simulated is not None
    score = Score(int(n_trials), Sources.of(experiment), is_simulated, seconds)
    output.line(experiment.title, "bold")
    recording, is_interrupted = None, False
    try:
        with running_session(experiment, output, take_over=take_over) as store:
            links = page_links(experiment)
            for line in links.lines if links else ():
                output.line(line)
            recording = recording_path()
            _follow(store, score, output)
            wait_until_recorded(store, experiment)
    except KeyboardInterrupt:
        output.line("interrupted: everything is stopped")
        recording, is_interrupted = recording_path(), True
    _summary(score, output, recording if recording and recording.is_file() else None)
    if is_interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    return score.is_played


class _Show(Protocol):
    """Function that shows the score as it is now."""

    def __call__(self) -> None: ...


def _follow(store: Store, score: Score, output: Output) -> None:
    """Print the score as it changes, until the game is over."""
    cursors: dict[str, int] = {}
    shown = 0
    with _scoreboard(score, output) as show:
        while not score.is_over:
            gather(store, score, cursors)
            control.must_run()
            for state in score.outcomes[shown:]:
                output.line(score.line(state))
            shown = len(score.outcomes)
            show()
            time.sleep(0.25)


@contextmanager
def _scoreboard(score: Score, output: Output) -> Iterator[_Show]:
    """Show bar and scoreboard on a terminal, and lines of progress anywhere else."""
    total = score.n_trials or None
    if not output.console.is_terminal:
        lines = ProgressLines("game", "trials", total, output.line)
        yield lambda: lines.reach(len(score.outcomes), score.notice)
        return
    bar, task = progress_bar("trial", total, output.console)
    with Live(console=output.console, refresh_per_second=4, transient=True) as live:

        def show() -> None:
            bar.update(task, completed=len(score.outcomes))
            live.update(Group(bar, board(score)))

        yield show


def _summary(score: Score, output: Output, recording: Path | None) -> None:
    total = score.points
    of = f" of {score.n_trials}" if score.n_trials else ""
    output.text(f"{len(score.outcomes)}{of} trials; the culture: {points(total)}")
    for name, latency in score.latencies().items():
        output.text(f"{name}: {latency}")
    output.text(f"gaps in the data: {score.n_gaps}")
    if score.delivered:
        output.text(f"stimuli: {counts_text(score.n_by_state)}")
    for delivered in score.refused:
        output.text(f"stimulus {delivered.number} {delivered.state}: {delivered.reason}")
    if score.notice:
        output.text(score.notice)
    if recording is not None:
        output.text(f"recording: {recording}")
    now = session.current()
    output.document(
        {
            "session": now.id if now else None,
            "is_played": score.is_played,
            "n_trials": score.n_trials or None,
            "n_finished": len(score.outcomes),
            "score": total,
            "latencies": score.latencies(),
            "n_gaps": score.n_gaps,
            "stimuli": {str(state): score.n_by_state[state] for state in FINAL},
            "refused": [
                {"number": each.number, "state": each.state, "reason": each.reason}
                for each in score.refused
            ],
            "notice": score.notice,
            "recording": str(recording) if recording else None,
        }
    )
