"""The search: the winner is tried on cultures that it was not chosen with, and nothing runs twice."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crepe.errors import ConfigError, CrepeError
from crepe.study.sweep.results import Results
from crepe.study.sweep.runs import Outcome
from crepe.study.sweep.samplers import open_sampler
from crepe.study.sweep.scores import interval
from crepe.study.sweep.search import Search

AXIS = "actors.detect.threshold_sd"


def document(accuracy, silenced=0.3):
    conditions = {"stimulation": {"accuracy": accuracy}, "silenced": {"accuracy": silenced}}
    return {"is_simulated": True, "conditions": conditions}


def noise(request):
    """A null objective: of no setting, only of chance."""
    rng = np.random.default_rng([request.seed, round(100 * request.point.values[AXIS])])
    return Outcome(document(rng.normal(0.5, 0.1)), "", 0.0)


def best_at_five(request):
    distance = abs(request.point.values[AXIS] - 5.0)
    return Outcome(document(0.9 - 0.1 * distance + 0.001 * request.seed), "", 0.0)


@pytest.fixture
def search(tmp_path):
    """Run a sweep; returns its result, and the runs in the order in which they ended."""

    def search(file, run, n_workers=2):
        runs = []
        results = Results(tmp_path / "results")
        try:
            with ThreadPoolExecutor(n_workers) as executor:
                result = Search(file, results, executor, run, runs.append).search(
                    open_sampler(file)
                )
        finally:
            results.close()
        return result, runs

    return search


def test_of_noise_the_winner_in_sample_is_better_than_on_held_out_cultures(open_file, search):
    """The largest of 12 means of three cultures is 1.63 of their SD (0.1 / sqrt(3)) above 0.5."""
    values = str([4 + 0.25 * k for k in range(12)])
    held_out = str(list(range(100, 130)))
    file = open_file(("[4.0, 4.5, 5.0, 5.5, 6.0, 6.5]", values), ("[101, 102, 103, 104]", held_out))
    winner = search(file, noise)[0].winner
    low, high = interval(winner.held_out.scores)
    assert low < 0.5 < high
    assert winner.point.score > high


def test_the_winner_is_the_best_mean_and_runs_once_more_on_the_others(open_file, search):
    result, runs = search(open_file(), best_at_five)
    assert result.winner.point.point.values == {AXIS: 5.0}
    assert result.winner.point.score == pytest.approx(0.902)
    assert [run.request.seed for run in result.winner.held_out.runs] == [101, 102, 103, 104]
    assert all(run.request.is_held_out for run in result.winner.held_out.runs)
    assert len(runs) == 6 * 3 + 4
    assert result.winner.n_earlier == 0


def test_the_goal_may_be_the_least(open_file, search):
    result, _ = search(open_file(("maximize", "minimize")), best_at_five)
    assert result.winner.point.point.values == {AXIS: 6.5}


def test_a_condition_is_subtracted_within_the_run(open_file, search):
    result, _ = search(open_file(('goal = "max', 'minus = "silenced"\ngoal = "max')), best_at_five)
    assert result.winner.point.score == pytest.approx(0.602)


def test_an_interrupted_sweep_goes_on_where_it_was(open_file, search):
    calls = []

    def interrupted(request):
        calls.append(request)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return best_at_five(request)

    with pytest.raises(KeyboardInterrupt):
        search(open_file(), interrupted, n_workers=1)
    result, runs = search(open_file(), best_at_five)
    assert sum(run.was_kept for run in runs) == 7
    assert result.winner.point.point.values == {AXIS: 5.0}


def test_the_same_file_again_runs_nothing(open_file, search):
    first, _ = search(open_file(), best_at_five)
    again, runs = search(open_file(), lambda request: pytest.fail("ran again"))
    assert all(run.was_kept for run in runs)
    assert again.winner.held_out.scores == first.winner.held_out.scores


def test_cultures_that_were_looked_at_before_are_named_as_such(open_file, search):
    search(open_file(), best_at_five)
    values = ("4.0, 4.5, 5.0", "4.0, 4.5")
    result, _ = search(open_file(values), best_at_five)
    assert result.winner.point.point.values == {AXIS: 4.5}
    assert result.winner.n_earlier == 1  # 5.0, by the first search


def test_a_failed_run_takes_its_point_out_and_is_tried_again(open_file, search):
    def fails(request):
        if request.point.values[AXIS] == 5.0 and request.seed == 2:
            return Outcome(None, "exit status 1: no", 0.0)
        return best_at_five(request)

    result, _ = search(open_file(), fails)
    assert result.winner.point.point.values == {AXIS: 4.5}  # the first of two equals
    assert search(open_file(), best_at_five)[0].winner.point.point.values == {AXIS: 5.0}


def test_without_any_score_the_first_reason_is_given(open_file, search):
    with pytest.raises(CrepeError, match="no point has a score on every culture: it failed"):
        search(open_file(), lambda request: Outcome(None, "it failed", 0.0))


def test_a_value_that_a_run_does_not_print_is_named_with_those_it_has(open_file, search):
    wrong = open_file(("conditions.*.accuracy", "conditions.*.acuracy"))
    with pytest.raises(
        ConfigError,
        match=r"conditions.stimulation of a run has no 'acuracy'; did you mean 'accuracy'",
    ):
        search(wrong, best_at_five)


def test_points_that_the_experiment_does_not_take_are_refused_before_any_run(open_file, search):
    file = open_file(("4.0, 4.5", "-1, 4.5"))
    with pytest.raises(ConfigError, match=r"threshold_sd = -1: .*threshold_sd"):
        search(file, lambda request: pytest.fail("ran"))


def test_without_a_goal_nothing_is_chosen(open_file, search):
    file = open_file(("held_out = [101, 102, 103, 104]", ""), ('goal = "maximize"', ""))
    result, runs = search(file, best_at_five)
    assert result.winner is None
    assert len(runs) == 18
