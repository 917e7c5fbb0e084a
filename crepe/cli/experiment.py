"""`crepe calibrate`, `crepe experiment` and `crepe map`: progress, and results at the end."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from crepe.cli.output import Output, open_console
from crepe.cli.progress import progress
from crepe.conditions import CALIBRATION
from crepe.config.overrides import parse_settings
from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.messages import GameState
from crepe.recording.choice import find_recording
from crepe.study.mapping import mapping, n_pulses
from crepe.study.plan import Plan
from crepe.study.runs import in_process, live
from crepe.study.study import Calibrated, OnState, Result, Runs, calibrate, compare, play


class Mode(StrEnum):
    """The place where an experiment runs."""

    PROCESS = "process"  # in this process, as fast as it goes
    LIVE = "live"  # under supervisord, through Redis, in real time
    LOCKSTEP = "lockstep"  # the same as fast as it goes, a simulated culture only


class Options(NamedTuple):
    """The options of the command line; None: as in the file."""

    path: Path
    seed: int | None
    n_trials: int | None
    mode: Mode
    settings: Mapping[str, Any]  # by dotted name
    map_path: Path | None = None

    @property
    def is_supervised(self) -> bool:
        """Whether programs are started under supervisord."""
        return self.mode is not Mode.PROCESS


def options(
    path: Path,
    seed: int | None,
    n_trials: int | None,
    *,
    live: bool,
    lockstep: bool,
    map_path: Path | None = None,
    settings: Iterable[str] | None,
) -> Options:
    """Return the options. Raises ConfigError for two that contradict each other."""
    if live and lockstep:
        raise ConfigError("--live and --lockstep: in real time, or as fast as it goes; not both")
    mode = Mode.LIVE if live else Mode.LOCKSTEP if lockstep else Mode.PROCESS
    return Options(path, seed, n_trials, mode, parse_settings(settings or ()), map_path)


def _prepare(chosen: Options) -> tuple[Plan, Runs]:
    mode = chosen.mode
    in_lockstep = mode is Mode.LOCKSTEP
    plan = Plan(
        chosen.path,
        chosen.seed,
        n_trials=chosen.n_trials,
        in_lockstep=in_lockstep,
        map_path=chosen.map_path,
        settings=chosen.settings,
    )
    return plan, in_process if mode is Mode.PROCESS else live


def run_calibration(chosen: Options, output: Output) -> None:
    """Run `crepe calibrate`."""
    plan, run = _prepare(chosen)
    with _trials("calibration", plan.calibration_table.total) as on_state:
        calibrated = calibrate(plan, run, on_state)
    if not output.as_json:
        _print_calibrated(calibrated, plan, output.console)
    output.text(f"readout: {calibrated.path}")
    output.document({"seed": plan.seed, **calibrated.plain()})


def run_experiment(chosen: Options, output: Output) -> None:
    """Run `crepe experiment`."""
    plan, run = _prepare(chosen)
    if not plan.has_readout:
        _run_game(plan, run, output)
        return
    n_trials = plan.conditions_table.total
    with _trials("calibration", plan.calibration_table.total) as on_state:
        calibrated = calibrate(plan, run, on_state)
    if not output.as_json:
        _print_calibrated(calibrated, plan, output.console)
    with _trials("conditions", n_trials) as on_state:
        result = compare(plan, calibrated, run, on_state)
    _warn(result)
    output.document(result.plain())
    if not output.as_json:
        _print_result(result, plan, output.console)


def run_map(chosen: Options, out: Path | None, output: Output) -> None:
    """Run the session of `crepe map`, and make its map."""
    is_lockstep = chosen.mode is Mode.LOCKSTEP
    experiment = mapping(
        chosen.path,
        chosen.seed,
        n_rounds=chosen.n_trials,
        in_lockstep=is_lockstep,
        settings=chosen.settings,
    )
    run = in_process if chosen.mode is Mode.PROCESS else live
    with _trials("map", n_pulses(experiment), "pulses") as on_state:
        session = run(experiment, on_state).session
    write_map(session, out, output)


def write_map(session: str, out: Path | None, output: Output) -> None:
    """Write the map of a recorded session: map.json, map.csv and map.png.

    `session` is its ID, the path of a recording, or `last`.
    """
    from crepe.report.draw_evoked import links  # matplotlib is slow to import
    from crepe.results.evoked_map import Q, evoked_map

    result = evoked_map(find_recording(session))
    directory = out or paths.var_directory() / "maps" / result.session
    directory.mkdir(parents=True, exist_ok=True)
    files = {name: directory / f"map.{name}" for name in ("json", "csv", "png")}
    result.save(files["json"])
    result.table().to_csv(files["csv"])
    files["png"].write_bytes(links(result).png)
    simulated = "; SIMULATED culture" if result.is_simulated else ""
    if result.n_left_out:
        print(f"{result.n_left_out} pulses were not delivered, left out", file=sys.stderr)
    output.text(
        f"{result.title}, seed {result.seed}: {result.n_delivered} pulses at "
        f"{len(result.stimulated)} electrodes{simulated}"
    )
    for name, (start_ms, stop_ms) in result.windows_ms.items():
        output.text(f"{result.n_links[name]:6d} links, {name} ({start_ms:g} to {stop_ms:g} ms)")
    output.text(f"{result.n_sham_links:6d} links at times halfway between pulses, a control")
    output.text(
        f"a link: more pulses with a spike after than before them, exact sign test, corrected for "
        f"{result.n_tested} pairs and windows (Benjamini-Hochberg, {Q:g}); spikes are threshold "
        f"crossings (multi-unit activity){simulated}"
    )
    output.text(", ".join(map(str, files.values())))
    output.document(
        {
            "session": result.session,
            "seed": result.seed,
            "is_simulated": result.is_simulated,
            "n_delivered": result.n_delivered,
            "n_left_out": result.n_left_out,
            "n_tested": result.n_tested,
            "links": result.n_links,
            "n_sham_links": result.n_sham_links,
            **{name: str(path) for name, path in files.items()},
        }
    )


def _run_game(plan: Plan, run: Runs, output: Output) -> None:
    """Run the conditions of a game that compares them itself."""
    table = plan.conditions_table
    with _trials("conditions", table.total or None) as on_state:
        result = play(plan, run, on_state)
    output.document(result.plain())
    if output.as_json:
        return
    console = output.console
    console.print(f"{plan.experiment.title}, seed {plan.seed}{_simulated(plan)}", style="bold")
    comparison = result.comparison
    rows = Table(*comparison.table.head, box=None)
    for row in comparison.table.rows:
        rows.add_row(*row)
    console.print(rows)
    console.print(f"{comparison.note}{_simulated(plan)}")


@contextmanager
def _trials(label: str, total: int | None, unit: str = "trials") -> Iterator[OnState]:
    """Show progress in finished trials on stderr, which leaves stdout to the result."""
    n_finished = 0
    with progress(label, unit, total, open_console(stderr=True)) as reached:

        def on_state(state: GameState) -> None:
            nonlocal n_finished
            if state.phase == "outcome":
                n_finished += 1
                reached(n_finished)

        yield on_state


def _warn(result: Result) -> None:
    """Print on stderr how many trials lacked their pulses."""
    lacking = {CALIBRATION: result.calibrated.n_left_out} | {
        name: score.n_left_out for name, score in result.conditions.items()
    }
    for name, n in lacking.items():
        if n:
            print(f"{name}: {n} trials without their pulses, left out", file=sys.stderr)


def _print_calibrated(calibrated: Calibrated, plan: Plan, console: Console) -> None:
    console.print(f"{plan.experiment.title}, seed {plan.seed}{_simulated(plan)}", style="bold")
    console.print(
        f"calibrated on {calibrated.n_trials} trials in {calibrated.simulated_s:.0f} s; "
        f"cross-validated accuracy {calibrated.accuracy:.2f}"
    )
    answers = calibrated.readout.answers
    table = Table("shown \\ decoded", *answers, box=None)
    for answer, row in zip(answers, calibrated.readout.provenance["confusion"], strict=True):
        table.add_row(answer, *map(str, row))
    console.print(table)


def _print_result(result: Result, plan: Plan, console: Console) -> None:
    columns = ("accuracy", "chance", "95 % interval", "over blocks", "p")
    table = Table("condition", "trials", "left out", *columns, box=None)
    for name, score in result.conditions.items():
        table.add_row(
            name,
            str(score.n_trials),
            str(score.n_left_out),
            f"{score.accuracy:.3f}",
            f"{score.chance:.3f}",
            "{:.3f} to {:.3f}".format(*score.ci95),
            "{:.3f} to {:.3f}".format(*score.ci95_blocks),
            f"{score.p_value:.4f}",
        )
    console.print(table)
    console.print(
        "chance: the same answers, gestures permuted within blocks, from which p is; intervals: "
        "trials as independent, and exact with blocks as the unit; spikes are threshold crossings "
        f"(multi-unit activity){_simulated(plan)}"
    )


def _simulated(plan: Plan) -> str:
    return "; SIMULATED culture" if plan.experiment.culture.simulated is not None else ""
