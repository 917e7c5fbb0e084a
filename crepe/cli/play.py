"""`crepe play`: a whole experiment under supervision, with a scoreboard, cleanly ended."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from crepe.cli.scoreboard import GAME, Score, board, gather, points, trial_line
from crepe.config.experiment import Experiment, load_experiment, save_experiment
from crepe.environment import paths, session
from crepe.errors import ConfigError
from crepe.hw.instrument import open_recorder
from crepe.store import Store
from crepe.supervise import control
from crepe.supervise.start import page_lines, running

FILE_EXPERIMENT = Path("config") / "file.toml"
SPIKE_BAND_HZ = (300.0, 3000.0)
DRAIN_S = 30.0


def prepare(
    path: Path | None,
    *,
    rounds: int | None = None,
    seed: int | None = None,
    file: Path | None = None,
    player: str | None = None,
) -> Experiment:
    """The experiment with what the command line changes of it, written where programs find it."""
    changes: dict[str, Any] = {} if seed is None else {"seed": seed}
    if file is not None:
        if rounds is not None or player is not None:
            raise ConfigError(
                "--file: a recording plays no rounds; leave out --rounds and --person"
            )
        path = path or paths.project_directory() / FILE_EXPERIMENT
        changes |= _for_recording(file)
    if player is not None:
        changes["hand"] = None  # somebody else plays
    experiment = load_experiment(path, changes)
    for name, actor in experiment.actors.items():
        if rounds is not None and "n_trials" in actor.kind.model_fields:
            changes[f"actors.{name}.n_trials"] = rounds
        if player is not None and "player" in actor.kind.model_fields:
            changes[f"actors.{name}.player"] = player
    if not changes:
        return experiment
    changed = load_experiment(path, changes)
    changed.path = save_experiment(changed, paths.run_directory() / "experiment.json")
    return changed


def _for_recording(file: Path) -> dict[str, Any]:
    url = f"hdf5://{quote(str(file.expanduser().absolute()))}?speed=0"
    recorder = open_recorder(url)
    try:
        rate_hz = recorder.open(0).sampling_rate_hz
    finally:
        recorder.close()
    low_hz, high_hz = band_hz(rate_hz)
    return {
        "actors.acquire.device": url,
        "actors.filter.low_hz": low_hz,
        "actors.filter.high_hz": high_hz,
    }


def band_hz(sampling_rate_hz: float) -> tuple[float, float]:
    """The spike band, or what of it fits below the Nyquist frequency of a slow recording."""
    low_hz, high_hz = SPIKE_BAND_HZ
    if high_hz < 0.45 * sampling_rate_hz:
        return low_hz, high_hz
    return min(low_hz, 0.1 * sampling_rate_hz), 0.45 * sampling_rate_hz


def play(experiment: Experiment, console: Console) -> bool:
    """Run a game to its end; True if it was played, see `Score.is_played`."""
    n_trials = next(
        (a.settings["n_trials"] for a in experiment.actors.values() if "n_trials" in a.settings), 0
    )
    score = Score(int(n_trials))
    console.print(experiment.title, style="bold")
    try:
        with running(experiment) as store:
            for line in page_lines(experiment):
                console.print(line, soft_wrap=True, markup=False)
            recording = recording_path()
            _follow(store, score, console, experiment)
            wait_until_recorded(store)
    except KeyboardInterrupt:
        console.print("interrupted: everything is stopped")
        recording = recording_path()
    _summary(score, console)
    if recording is not None and recording.is_file():
        console.print(f"recording: {recording}", soft_wrap=True)
    return score.is_played


def recording_path() -> Path | None:
    """Where the present session is recorded."""
    now = session.current()
    return paths.var_directory() / "recordings" / f"{now.id}.h5" if now else None


def _follow(store: Store, score: Score, console: Console, experiment: Experiment) -> None:
    """Gather what the streams say and show it, until the game is over."""
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
                console.print(trial_line(state))
            shown = len(score.outcomes)
            live.update(Group(bar, board(score, experiment.culture.simulated is not None)))
            time.sleep(0.25)


def wait_until_recorded(store: Store) -> None:
    """Wait until the recorder has what the game said last; `down` stops the rest in order."""
    if GAME not in store:
        return
    deadline = time.monotonic() + DRAIN_S
    wanted = len(store[GAME])
    while time.monotonic() < deadline:
        keeper = store.actors().get("record")
        if keeper is None or int(keeper["position"]) >= wanted:
            return
        time.sleep(0.1)


def _summary(score: Score, console: Console) -> None:
    newest = score.states[-1] if score.states else None
    of = f" of {score.n_trials}" if score.n_trials else ""
    console.print(
        f"{len(score.outcomes)}{of} trials; the culture: {points(newest.score if newest else {})}"
    )
    for name, latency in score.latencies().items():
        console.print(f"{name}: {latency}")
    console.print(f"gaps in the data: {score.n_gaps}")
    for one in score.refused:
        console.print(f"stimulus {one.number} {one.state}: {one.reason}")
