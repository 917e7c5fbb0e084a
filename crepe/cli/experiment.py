"""What `crepe calibrate` and `crepe experiment` show while they run, and print at the end."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crepe.conditions import CALIBRATION, UNSTIMULATED
from crepe.errors import ConfigError
from crepe.games.pong.game import LONG_RALLY
from crepe.messages import GameState
from crepe.study.plan import Plan
from crepe.study.runs import in_process, live
from crepe.study.study import Calibrated, Result, Runs, Told, calibrate, compare, play_pong


class How(StrEnum):
    """Where an experiment runs."""

    PROCESS = "process"  # in this process, as fast as it goes
    LIVE = "live"  # under supervisord, through Redis, in real time
    LOCKSTEP = "lockstep"  # the same as fast as it goes, a simulated culture only


class Asked(NamedTuple):
    """What the command line says; None: as in the file."""

    path: Path
    seed: int | None
    n_trials: int | None
    how: How

    @property
    def is_supervised(self) -> bool:
        """Whether programs are started, with a session of their own."""
        return self.how is not How.PROCESS


def asked_for(
    path: Path, seed: int | None, n_trials: int | None, *, live: bool, lockstep: bool
) -> Asked:
    """What the options come to. Raises ConfigError for two that contradict each other."""
    if live and lockstep:
        raise ConfigError("--live and --lockstep: in real time, or as fast as it goes; not both")
    how = How.LIVE if live else How.LOCKSTEP if lockstep else How.PROCESS
    return Asked(path, seed, n_trials, how)


def _prepare(asked: Asked) -> tuple[Plan, Runs]:
    how = asked.how
    plan = Plan(asked.path, asked.seed, n_trials=asked.n_trials, in_lockstep=how is How.LOCKSTEP)
    return plan, in_process if how is How.PROCESS else live


def run_calibration(asked: Asked, console: Console) -> None:
    """`crepe calibrate`."""
    plan, run = _prepare(asked)
    with _bar("calibration", plan.calibration_table.total) as told:
        found = calibrate(plan, run, told)
    _say_calibrated(found, plan, console)
    console.print(f"readout: {found.path}", soft_wrap=True)


def run_experiment(asked: Asked, console: Console, *, as_json: bool) -> None:
    """`crepe experiment`."""
    plan, run = _prepare(asked)
    if plan.is_pong:
        _run_pong(plan, run, console, as_json=as_json)
        return
    n_trials = plan.conditions_table.total
    with _bar("calibration", plan.calibration_table.total) as told:
        calibrated = calibrate(plan, run, told)
    if not as_json:
        _say_calibrated(calibrated, plan, console)
    with _bar("conditions", n_trials) as told:
        result = compare(plan, calibrated, run, told)
    _warn(result)
    if as_json:
        print(json.dumps(result.plain()))
    else:
        _say_result(result, plan, console)


def _run_pong(plan: Plan, run: Runs, console: Console, *, as_json: bool) -> None:
    _ = plan.conditions_table
    with _bar("rallies", None) as told:
        result = play_pong(plan, run, told)
    if as_json:
        print(json.dumps(result.plain()))
        return
    console.print(f"{plan.experiment.title}, seed {plan.seed}{_simulated(plan)}", style="bold")
    columns = ("condition", "rallies", "mean length", "95 % interval", "aces", "long", "p")
    table = Table(*columns, box=None)
    for name, found in result.conditions.items():
        against = result.against.get(name)
        low, high = found.length.ci95
        table.add_row(
            name,
            str(found.n),
            f"{found.length.value:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{found.aces.value:.2f}",
            f"{found.long.value:.2f}",
            f"{against.p_value:.3f}" if against else "-",
        )
    console.print(table)
    console.print(
        "length: hits before the miss; aces: share of rallies whose first ball was missed; long: "
        f"of more than {LONG_RALLY} hits; p: closed loop against this one, blocks "
        "permuted within rounds, two-sided, not corrected; no difference is a result, too"
        f"{_simulated(plan)}"
    )


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Told]:
    """A bar of finished trials on stderr, which leaves stdout to the result."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def told(state: GameState) -> None:
            if state.phase == "outcome":
                bar.advance(task)

        yield told


def _warn(result: Result) -> None:
    """Say on stderr which trials lacked their pulses."""
    lacking = {CALIBRATION: result.calibrated.n_left_out} | {
        name: found.n_trials - found.n_stimulated
        for name, found in result.conditions.items()
        if name not in UNSTIMULATED
    }
    for name, n in lacking.items():
        if n:
            what = "left out" if name == CALIBRATION else "counted all the same"
            print(f"{name}: {n} trials without their pulses, {what}", file=sys.stderr)


def _say_calibrated(found: Calibrated, plan: Plan, console: Console) -> None:
    console.print(f"{plan.experiment.title}, seed {plan.seed}{_simulated(plan)}", style="bold")
    console.print(
        f"calibrated on {found.n_trials} trials in {found.simulated_s:.0f} s; "
        f"cross-validated accuracy {found.accuracy:.2f}"
    )
    answers = found.readout.answers
    table = Table("shown \\ decoded", *answers, box=None)
    for answer, row in zip(answers, found.readout.provenance["confusion"], strict=True):
        table.add_row(answer, *map(str, row))
    console.print(table)


def _say_result(result: Result, plan: Plan, console: Console) -> None:
    table = Table("condition", "trials", "stimulated", "accuracy", "95 % interval", "p", box=None)
    for name, found in result.conditions.items():
        low, high = found.ci95
        table.add_row(
            name,
            str(found.n_trials),
            str(found.n_stimulated),
            f"{found.accuracy:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"{found.p_value:.4f}",
        )
    console.print(table)
    chance = 1 / len(result.calibrated.readout.answers)
    console.print(
        f"chance {chance:.3f}; p: permutation within blocks; spikes are threshold crossings "
        f"(multi-unit activity){_simulated(plan)}"
    )


def _simulated(plan: Plan) -> str:
    return "; SIMULATED culture" if plan.experiment.culture.simulated is not None else ""
