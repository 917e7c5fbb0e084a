"""What `crepe experiment` prints of a Pong."""

import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crepe.config import Experiment
from crepe.experiment import Runs
from crepe.messages import GameState
from crepe.pong_experiment import PongResult, evaluate, session
from crepe.pong_statistics import Estimate
from crepe.trials import outcomes


def run_pong(path: Path, seed: int | None, run: Runs, console: Console, *, as_json: bool) -> None:
    """Play all blocks of the file's conditions, then compare them."""
    experiment = session(path, seed)
    n_blocks = experiment.conditions.n_blocks if experiment.conditions else 0
    n_names = len(experiment.conditions.names) if experiment.conditions else 0
    columns = (TextColumn("blocks"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("blocks", total=n_blocks * n_names)

        def told(state: GameState) -> None:
            bar.update(task, completed=state.block - 1)

        done = run(experiment, told)
    result = evaluate(outcomes(done.store), experiment.seed, done.session)
    if as_json:
        print(json.dumps(result.plain()))
    else:
        say(result, experiment, console)


def say(result: PongResult, experiment: Experiment, console: Console) -> None:
    """The result as two tables."""
    culture = "; SIMULATED culture" if experiment.culture.simulated is not None else ""
    console.print(f"{experiment.title}, seed {result.seed}{culture}", style="bold")
    table = Table("condition", "rallies", "mean length", "aces", "long rallies", box=None)
    for name, found in result.conditions.items():
        three = (found.length, found.aces, found.long)
        table.add_row(name, str(found.n), *map(_estimate, three))
    console.print(table)
    against = Table("against", "difference", "p permutation", "p Mann-Whitney", box=None)
    for name, one in result.comparisons.items():
        numbers = (one.p_permutation, one.p_mann_whitney)
        against.add_row(name, f"{one.difference:+.2f}", *(f"{p:.4f}" for p in numbers))
    console.print(against)
    console.print(
        "95 % intervals by bootstrap; two-sided p, not corrected for the number of controls; "
        f"rallies taken as independent{culture}"
    )


def _estimate(found: Estimate) -> str:
    low, high = found.ci95
    return f"{found.value:.2f} ({low:.2f} to {high:.2f})"
