"""Sweeps with Optuna's samplers, and on the workers of a local cluster of Dask."""

import pytest

from crepe.errors import ConfigError
from crepe.study.sweep.executors import open_executor
from crepe.study.sweep.file import SweepFile
from crepe.study.sweep.runs import run_line
from crepe.study.sweep.samplers import open_sampler
from tests.sweep_files import write_sweep

pytest.importorskip("optuna")
pytest.importorskip("distributed")

VALUES = "[4.0, 4.5, 5.0, 5.5, 6.0, 6.5]"
RANGES = """{ low = 1.0, high = 100.0, log = true }
"actors.game.n_trials" = { low = 3, high = 5, integer = true }
"actors.game.rest_s" = [0.3, 0.4]
"""


@pytest.fixture
def open_file(tmp_path):
    """A checked sweep file with texts replaced."""
    return lambda *replaced: SweepFile(write_sweep(tmp_path, *replaced))


def optuna(run="optuna.samplers:TPESampler", options=""):
    table = f'[sampler]\nrun = "{run}"\nn_points = 10\nn_together = 4\n{options}\n[cultures]'
    return (VALUES, RANGES), ("[cultures]", table)


def ask_all(file, score):
    sampler, points = open_sampler(file), []
    while now := sampler.ask():
        sampler.tell([score(point) for point in now])
        points += now
    return points


def test_points_of_optuna_are_asked_for_in_rounds_and_follow_from_seed_and_scores(open_file):
    file = open_file(*optuna(options="options = { n_startup_trials = 4 }"))

    def score(point):
        return None if point.number == 2 else -point.values["actors.detect.threshold_sd"]

    points = ask_all(file, score)
    assert [point.number for point in points] == list(range(1, 11))
    assert points == ask_all(file, score)
    assert points[:4] == ask_all(file, lambda point: -(score(point) or 0.0))[:4]
    assert points != ask_all(file, lambda point: -(score(point) or 0.0))
    assert {point.values["actors.game.rest_s"] for point in points} <= {0.3, 0.4}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (optuna("optuna.samplers:TPE"), "sampler.run 'optuna.samplers:TPE': cannot be imported"),
        (optuna(options="options = { n_start = 4 }"), "sampler.options: .*n_start"),
        (optuna("collections:Counter"), "Counter is no sampler of Optuna"),
        (
            (*optuna(), ('goal = "maximize"', ""), ("held_out = [101, 102, 103, 104]", "")),
            r"looks for better points; \[objective\] goal is missing",
        ),
    ],
)
def test_samplers_that_cannot_be_used_are_named(open_file, changes, complaint):
    with pytest.raises(ConfigError, match=complaint):
        open_sampler(open_file(*changes))


def test_workers_of_dask_do_the_same_runs(tmp_path, open_file):
    from distributed import LocalCluster

    program = tmp_path / "program.py"
    program.write_text("import json, sys; print(json.dumps({'arguments': sys.argv[1:]}))")
    file = open_file(("[ranges]", f'command = "python {program}"\n[ranges]'))
    requests = [file.request(file.point(1, {}), seed) for seed in range(3)]
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        open_executor(dask=cluster.scheduler_address) as executor,
    ):
        outcomes = [future.result() for future in [executor.submit(run_line, r) for r in requests]]
    assert [outcome.document for outcome in outcomes] == [run_line(r).document for r in requests]
    assert all(outcome.document is not None for outcome in outcomes)
