"""`crepe top`: the essentials of the live page, in a terminal."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console, Group
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from crepe.cli.scoreboard import points
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.program import rows_of
from crepe.environment import paths, session
from crepe.errors import ConfigError
from crepe.redis_server.find_url import find_url
from crepe.results.library import experiment_tables
from crepe.store.contract import StreamStore
from crepe.store.redis_store import RedisStore
from crepe.supervise import control
from crepe.supervise.status import running_experiment

_FRAMES_PER_S = 2.0
_FIRST_S = 3.0  # until a single look has something to show
_PATIENCE_S = 1.0
_GOOD = ("running", "ended")


def run(console: Console, *, once: bool) -> None:
    """Show the screen until Ctrl-C; or print it once, if `once` or not at a terminal.

    Raises ConfigError if no experiment runs.
    """
    if not control.is_running():
        raise ConfigError("nothing runs; start it with `crepe up`")
    with suppress(KeyboardInterrupt):
        asyncio.run(_look(console, once=once or not console.is_terminal))


async def _look(console: Console, *, once: bool) -> None:
    experiment = running_experiment()

    def open_store() -> StreamStore:
        url = find_url(_PATIENCE_S)
        return RedisStore(url, culture=experiment.name, writer="top", patience_s=_PATIENCE_S)

    def current() -> tuple[str, Mapping[str, Any]]:
        running = session.current()
        return (running.id if running else ""), experiment_tables(experiment.text)

    live = SessionFollower(open_store, current, rows_of, _FRAMES_PER_S)
    commands = Control(paths.run_directory(), open_store)
    following = asyncio.create_task(live.run())

    def armed() -> Mapping[str, Any]:
        return commands.state(can_stimulate=experiment.can_stimulate)

    try:
        if once:
            await asyncio.sleep(_FIRST_S)
            console.print(draw(live, armed()))
            return
        with Screen(console=console, screen=True, auto_refresh=False) as screen:
            while not following.done():
                await live.tick()
                screen.update(draw(live, armed(), console), refresh=True)
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        live.close()
        commands.close()


def draw(live: SessionFollower, armed: Mapping[str, Any], screen: Console | None = None) -> Group:
    """Return the state of the session; programs that do not fit on the `screen` are counted."""
    session_view, slow = live.session_view, live.slow_state()
    about = session_view.about()
    head = Text(about["title"] or "CREPE", style="bold")
    head.append(f"   {session_view.now / session_view.rate_hz:.1f} s")
    if about["is_simulated"]:
        head.append("   SIMULATED", style="yellow")
    if slow["problem"]:
        head.append(f"   {slow['problem']}", style="red")
    elif slow["age_s"]:
        head.append(f"   stale for {slow['age_s']} s", style="red")
    top = Group(head, _essentials(live, armed))
    programs = slow["programs"]
    room = screen.height - len(screen.render_lines(top)) - 1 if screen else len(programs)
    return Group(top, _programs(programs, session_view.rate_hz, room))


def _essentials(live: SessionFollower, armed: Mapping[str, Any]) -> Table:
    session_view, slow = live.session_view, live.slow_state()
    events = session_view.events
    table = Table(box=None, show_header=False, padding=(0, 2))
    if session_view.counts is not None:
        rates = session_view.counts.rates_hz()
        table.add_row(
            "spikes", f"{rates.mean():.1f} per second and channel; most {rates.max():.0f}"
        )
    if events.game is not None:
        condition = f", {events.game.condition}" if events.game.condition else ""
        table.add_row("game", f"trial {events.game.trial}, {events.game.phase}{condition}")
        table.add_row("score", points(events.game.score))
    table.add_row("acquired to decided", _percentiles(slow["decided"]))
    table.add_row("requested to stimulated", _percentiles(slow["fired"]))
    for name, line in slow["integrity"]:
        table.add_row(name, line)
    if events.refusals:
        table.add_row("", Text(events.refusals[-1]["reason"], style="red"))
    if armed["can_stimulate"]:
        state = Text(armed["refusal"], style="red") if armed["refusal"] else Text("armed")
        table.add_row("stimulator", state)
    return table


def _percentiles(delays: Mapping[str, Any]) -> str:
    return f"p50 {delays['p50_ms']} ms, p99 {delays['p99_ms']} ms" if delays["n"] else "-"


def _programs(rows: list[dict[str, Any]], rate_hz: float, room: int) -> Table:
    """Return a table of at most `room` lines under its head; if some are left out, programs that do
    not run come first.
    """
    table = Table(box=None, padding=(0, 1))
    for name in ("program", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("lag/ms", "p50/ms", "p99/ms", "restarts", "up/s"):
        table.add_column(name, justify="right", no_wrap=True)
    left_out: list[dict[str, Any]] = []
    if len(rows) > room:
        urgent = sorted(rows, key=lambda row: row["state"] in _GOOD)
        rows, left_out = urgent[: max(0, room - 1)], urgent[max(0, room - 1) :]
    for row in rows:
        style = "" if row["state"] in _GOOD else "red"
        lag_ms = f"{1000 * row['lag'] / rate_hz:.0f}"
        steps = (lag_ms, str(row["p50/ms"]), str(row["p99/ms"])) if row["position"] else ("-",) * 3
        table.add_row(
            row["program"],
            Text(row["state"], style),
            *steps,
            str(row["restarts"]),
            str(row["up/s"]),
        )
    if left_out:
        n_bad = sum(row["state"] not in _GOOD for row in left_out)
        summary = Text(f"{n_bad} of them not running", "red") if n_bad else Text("all running")
        table.add_row(f"{len(left_out)} more", summary)
    return table
