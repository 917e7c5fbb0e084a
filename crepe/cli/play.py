"""`crepe play`: one game from start to end under supervisord, with a scoreboard."""

import time

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from crepe.cli.scoreboard import Score, Sources, board, gather, points
from crepe.config.experiment import Experiment
from crepe.store import Store
from crepe.supervise import control
from crepe.supervise.start import page_lines, recording_path, running, wait_until_recorded


def play(experiment: Experiment, console: Console, *, take_over: bool = False) -> bool:
    """Run a game to its end. Return True if it was played; see `Score.is_played`."""
    n_trials = next(
        (a.settings["n_trials"] for a in experiment.actors.values() if "n_trials" in a.settings), 0
    )
    score = Score(int(n_trials), Sources.of(experiment))
    console.print(experiment.title, style="bold")
    try:
        with running(experiment, take_over=take_over) as store:
            for line in page_lines(experiment):
                console.print(line, soft_wrap=True, markup=False)
            recording = recording_path()
            _follow(store, score, console, experiment)
            wait_until_recorded(store, experiment)
    except KeyboardInterrupt:
        console.print("interrupted: everything is stopped")
        recording = recording_path()
    _summary(score, console)
    if recording is not None and recording.is_file():
        console.print(f"recording: {recording}", soft_wrap=True)
    return score.is_played


def _follow(store: Store, score: Score, console: Console, experiment: Experiment) -> None:
    """Print the score as it changes, until the game is over."""
    bar = Progress(
        TextColumn("trial"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    task = bar.add_task("trials", total=score.n_trials or None)
    cursors: dict[str, int] = {}
    shown = 0
    live = Live(console=console, refresh_per_second=4, transient=True)
    with live:
        while not score.is_over:
            gather(store, score, cursors)
            control.must_run()
            bar.update(task, completed=len(score.outcomes))
            for state in score.outcomes[shown:]:
                console.print(score.line(state))
            shown = len(score.outcomes)
            live.update(Group(bar, board(score, experiment.culture.simulated is not None)))
            time.sleep(0.25)


def _summary(score: Score, console: Console) -> None:
    total = score.states[-1].score if score.states else {}
    of = f" of {score.n_trials}" if score.n_trials else ""
    console.print(f"{len(score.outcomes)}{of} trials; the culture: {points(total)}")
    for name, latency in score.latencies().items():
        console.print(f"{name}: {latency}")
    console.print(f"gaps in the data: {score.n_gaps}")
    for delivered in score.refused:
        console.print(f"stimulus {delivered.number} {delivered.state}: {delivered.reason}")
