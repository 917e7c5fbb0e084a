"""`crepe play`: a whole experiment under supervision, with a scoreboard, cleanly ended."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from crepe import config, http_token, places, session
from crepe.config import Experiment
from crepe.dashboard.access import links
from crepe.dashboard_settings import DASHBOARD
from crepe.errors import ConfigError, CrepeError
from crepe.heartbeat import is_from
from crepe.http_server import server_file
from crepe.hw.instrument import open_recorder
from crepe.scoreboard import GAME, Score, board, gather, points, trial_line
from crepe.store import Store
from crepe.store.locate import find_url
from crepe.supervise import control

FILE_EXPERIMENT = Path("config") / "file.toml"
SPIKE_BAND_HZ = (300.0, 3000.0)
DRAIN_S = 30.0
START_S = 60.0
NO_ACTORS = ("redis", "culture", "dashboard", "hand", "watchdog")


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
        path = path or places.project_directory() / FILE_EXPERIMENT
        changes |= _forrecording_path(file)
    if player is not None:
        changes["hand"] = None  # somebody else plays
    experiment = config.load(path, changes)
    for name, actor in experiment.actors.items():
        if rounds is not None and "n_trials" in actor.kind.model_fields:
            changes[f"actors.{name}.n_trials"] = rounds
        if player is not None and "player" in actor.kind.model_fields:
            changes[f"actors.{name}.player"] = player
    if not changes:
        return experiment
    changed = config.load(path, changes)
    changed.path = config.save(changed, places.run_directory() / "experiment.json")
    return changed


def _forrecording_path(file: Path) -> dict[str, Any]:
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


@contextmanager
def running(experiment: Experiment) -> Iterator[Store]:
    """The experiment's programs in a new session, while the block lasts."""
    experiment.check_tokens()
    left = session.found_unclean() if not control.is_running() else None
    if left is not None:
        print(f"session {left.id} was cut off; its recording stays, a new session begins")
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell had them ignored
        signal.signal(number, signal.default_int_handler)
    try:
        control.up(experiment.programs, experiment.path, session_is="new")
        with ready_store(experiment) as store:
            yield store
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C must leave no process
            signal.signal(number, signal.SIG_IGN)
        control.down()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def ready_store(experiment: Experiment) -> Store:
    """The store, once every actor of the session says that it runs. Raises CrepeError."""
    deadline = time.monotonic() + START_S
    url = find_url(START_S, is_ours=True)
    store = Store(url, culture=experiment.name, patience_s=START_S)
    now = session.current()
    names = [program.name for program in experiment.programs if program.name not in NO_ACTORS]
    while True:
        beats, programs = store.actors(), control.status()
        pids = {program.name: program.pid for program in programs}
        states = {
            name: beat["state"]
            for name, beat in beats.items()
            if now and beat.get("session") == now.id and is_from(beat, pids.get(name, 0))
        }
        late = [name for name in names if states.get(name) not in ("running", "ended")]
        if not late:
            return store
        must_run(programs)
        if time.monotonic() > deadline:
            said = ", ".join(f"{name} ({states.get(name, 'not heard of')})" for name in late)
            raise CrepeError(f"after {START_S:.0f} s not all programs run: {said}; see var/log")
        time.sleep(0.05)


def page_lines(experiment: Experiment) -> list[str]:
    """Where the live page of the running experiment is, once it is there."""
    deadline = time.monotonic() + START_S
    while experiment.dashboard is not None and time.monotonic() < deadline:
        found = places.read_json(places.run_directory() / server_file(DASHBOARD)) or {}
        if any(found.get("pid") == program.pid for program in control.status()):
            url = experiment.dashboard.public_url or str(found["url"])
            to = links(url, http_token.token(DASHBOARD))
            return [f"live page: {to.operator}", f"to look only: {to.spectator}"]
        time.sleep(0.05)
    return []


def play(experiment: Experiment, console: Console) -> bool:
    """Run a game to its end; True if every trial ran, or its time is over."""
    n_trials = next(
        (a.settings["n_trials"] for a in experiment.actors.values() if "n_trials" in a.settings), 0
    )
    score = Score(int(n_trials))
    _greet(experiment, console)
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
    if not score.n_trials:
        return score.is_over
    return len(score.outcomes) == score.n_trials


def recording_path() -> Path | None:
    """Where the present session is recorded."""
    now = session.current()
    return places.var_directory() / "recordings" / f"{now.id}.h5" if now else None


def _greet(experiment: Experiment, console: Console) -> None:
    console.print(experiment.title, style="bold")
    console.print(
        places.disk_message(places.var_directory(), experiment.bytes_per_s), soft_wrap=True
    )


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
            must_run(control.status())
            bar.update(task, completed=len(score.outcomes))
            for state in score.outcomes[shown:]:
                console.print(trial_line(state))
            shown = len(score.outcomes)
            live.update(Group(bar, board(score, experiment.culture.simulated is not None)))
            time.sleep(0.25)


def must_run(programs: list[control.Status]) -> None:
    """Raise CrepeError if a program does not run, though supervisord has tried."""
    for program in programs:
        if program.state in ("FATAL", "BACKOFF") and program.restarts >= 3:
            log = places.var_directory() / "log" / f"{program.name}.log"
            raise CrepeError(f"program {program.name}: does not run; see {log}")
    if not programs:
        raise CrepeError("supervisord is gone; see var/log/supervisord.log")


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
    console.print(f"acquired to decided: {score.latency()}; gaps in the data: {score.n_gaps}")
    for one in score.refused:
        console.print(f"stimulus {one.number} {one.state}: {one.reason}")
