"""`crepe top`: the essentials of the live page, in a terminal."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console, Group
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from crepe.cli.output import Output, open_console
from crepe.cli.progress import progress
from crepe.cli.scoreboard import points
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.notice import notice
from crepe.dashboard.program import rows_of
from crepe.environment import paths, session
from crepe.errors import ConfigError
from crepe.recording.computed import experiment_tables
from crepe.redis_server.find_url import find_url
from crepe.store.contract import StreamStore
from crepe.store.redis_store import RedisStore
from crepe.supervise import control
from crepe.supervise.status import running_file

_FRAMES_PER_S = 2.0
_FIRST_S = 3.0  # until a single look has something to show
_PATIENCE_S = 1.0
_GOOD = ("running", "ended")


def run(output: Output, *, once: bool) -> None:
    """Show the screen until Ctrl-C.

    It is printed once if `once`, as JSON, or if stdout is no terminal. Raises ConfigError if no
    experiment runs.
    """
    if not control.is_running():
        raise ConfigError("nothing runs; start it with `crepe up`")
    with suppress(KeyboardInterrupt):
        asyncio.run(_look(output, once=once or output.as_json or not output.console.is_terminal))


async def _look(output: Output, *, once: bool) -> None:
    experiment = running_file()  # no actor's class is needed to look at it
    console = output.console

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
        # Streams say what an actor does whose class cannot be imported here.
        can_stimulate = bool(live.session_view.streams_of("Delivered"))
        return commands.state(can_stimulate=can_stimulate)

    try:
        if once:
            with progress("looking", "s", _FIRST_S, open_console(stderr=True)) as reached:
                for tenth in range(round(10 * _FIRST_S)):
                    reached(tenth / 10)
                    await asyncio.sleep(0.1)
            output.document(state(live, armed()))
            if not output.as_json:
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


def state(live: SessionFollower, armed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the screen shows, as the JSON document has it."""
    session_view, slow = live.session_view, live.slow_state()
    about, events = session_view.about(), session_view.events
    rates = session_view.counts.rates_hz() if session_view.counts is not None else None
    game = events.game
    return {
        "session": about["session"],
        "title": about["title"],
        "time_s": session_view.now / session_view.rate_hz,
        "is_simulated": about["is_simulated"],
        "problem": slow["problem"],
        "age_s": slow["age_s"],
        "notice": notice(session_view, slow["programs"], armed),
        "mean_rate_hz": float(rates.mean()) if rates is not None else None,
        "highest_rate_hz": float(rates.max()) if rates is not None else None,
        "trial": game.trial if game else None,
        "phase": game.phase if game else None,
        "condition": game.condition if game else None,
        "score": events.score,
        "acquired_to_decided": slow["decided"],
        "requested_to_stimulated": slow["fired"],
        "integrity": dict(slow["integrity"]),
        **{f"n_{state}": n for state, n in events.n_by_state.items()},
        "stimulator": dict(armed),
        "programs": slow["programs"],
    }


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
    programs = slow["programs"]
    reason = notice(session_view, programs, armed)
    top = Group(head, *([Text(reason, "red")] if reason else []), _essentials(live, armed))
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
        table.add_row("score", points(events.score))
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
        p50, p99 = (f"{row[name]:.1f}" for name in ("p50/ms", "p99/ms"))
        steps = (lag_ms, p50, p99) if row["position"] else ("-",) * 3
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
