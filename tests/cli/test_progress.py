"""Lines of progress where there is no terminal to draw a bar on."""

import time
from contextlib import nullcontext
from io import StringIO

from rich.console import Console

from crepe.cli.output import Output
from crepe.cli.progress import (
    ProgressLines,
    polled_progress,
    progress,
    running_session,
    stopping,
)
from crepe.config.experiment import load_experiment
from crepe.supervise import control
from tests.config.test_machines import ACQUIRE, MACHINE, ON_B


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def lines_of(total, reached):
    """The lines that are written when so much is reached at those times."""
    clock, lines = Clock(), []
    progress_lines = ProgressLines("calibration", "trials", total, lines.append, clock)
    for now_s, done in reached:
        clock.now_s = now_s
        progress_lines.reach(done)
    return lines


def test_lines_come_after_two_seconds_and_then_every_ten_with_an_estimate():
    assert lines_of(90, [(1, 3), (3, 9), (4, 12), (13, 40), (14, 44)]) == [
        "calibration: 9 of 90 trials, 3 s, about 27 s to go",
        "calibration: 40 of 90 trials, 13 s, about 16 s to go",
    ]


def test_the_end_is_written_once_and_only_where_a_line_came_before():
    assert lines_of(2, [(1, 1), (1.5, 2)]) == []
    assert lines_of(2, [(3, 1), (4, 2), (5, 2), (6, 2)])[1:] == ["calibration: 2 of 2 trials, 4 s"]


def test_without_a_total_there_is_no_estimate():
    assert lines_of(None, [(3, 7)]) == ["calibration: 7 trials, 3 s"]


def test_a_note_is_in_the_line():
    clock, lines = Clock(), []
    progress_lines = ProgressLines("data", "s", None, lines.append, clock)
    clock.now_s = 5.0
    progress_lines.reach(4.6, "120 spikes")
    assert lines == ["data: 5 s, 120 spikes, 5 s"]


def test_a_pipe_gets_no_escape_codes():
    out = StringIO()
    with progress("x", "trials", 3, Console(file=out)) as reached:
        reached(3)
    assert "\x1b" not in out.getvalue()


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end():
    out = StringIO()
    with progress("trial", "trials", 3, Console(file=out, force_terminal=True)) as reached:
        reached(1, "12 spikes")
    assert "1/3" in out.getvalue()
    assert "12 spikes" in out.getvalue()


def test_what_cannot_report_is_polled_until_it_is_over():
    asked = []

    def poll():
        asked.append(1)
        return 1

    with polled_progress("starting", "programs", 2, Console(file=StringIO()), poll):
        while not asked:  # the test's time limit is the bound
            pass
    n = len(asked)
    assert n >= 1


def test_what_is_still_to_be_recorded_is_shown_while_programs_are_being_stopped(monkeypatch):
    out = StringIO()
    monkeypatch.setattr("crepe.cli.progress._FIRST_S", 0.0)
    monkeypatch.setattr("crepe.cli.progress.open_console", lambda **_: Console(file=out, width=200))
    with stopping() as left:
        left(12.4)
        while not out.getvalue():
            time.sleep(0.01)
    assert out.getvalue() == "stopping: 0 of 0 programs, 12 s of data to be recorded, 0 s\n"


def test_a_session_of_several_machines_begins_when_all_have_joined(tmp_path, monkeypatch, capsys):
    (tmp_path / "two.toml").write_text(MACHINE + ACQUIRE + ON_B)
    states = iter(["absent", "silent", "running"])
    monkeypatch.setattr(
        "crepe.supervise.status.rows",
        lambda: [
            {"program": "detect", "state": "running"},
            {"program": "machine B", "state": next(states)},
        ],
    )
    monkeypatch.setattr("crepe.cli.progress.running", lambda *_, **__: nullcontext("store"))
    monkeypatch.setattr(control, "must_run", lambda: None)
    experiment = load_experiment(tmp_path / "two.toml")
    with running_session(experiment, Output(), take_over=False) as store:
        assert (store, next(states, "all asked")) == ("store", "all asked")
    assert "machine B: `crepe up two.toml --machine B` there" in capsys.readouterr().out
