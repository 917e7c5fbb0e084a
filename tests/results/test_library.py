"""The list of recorded sessions: what it says of each, and what it makes of files that are none."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from crepe.cli import sessions
from crepe.cli.app import app
from crepe.environment import session
from crepe.messages import Command, Delivered, GameState, Segment, StreamInfo
from crepe.recording.choice import recordings_in
from crepe.recording.mcs_layout import About
from crepe.recording.reader import Recording
from crepe.recording.writer import RecordingWriter
from crepe.results.library import Library

ID = "20261124-120000-abcd"
RAW = StreamInfo(
    labels=("47", "48"), sampling_rate_hz=1000.0, origin_t_ns=1_795_521_600_000_000_000
)
INFOS = {
    "data": RAW,
    "result:game": replace(RAW, message="GameState"),
    "result:delivered": replace(RAW, message="Delivered"),
    "result:input": replace(RAW, message="Command"),
    "result:control": replace(RAW, message="Command"),
}


def writer(var, name=ID, infos=INFOS, experiment='title = "By hand"', origin_t_ns=0):
    about = About(name, 1, experiment, {}, is_simulated=False, origin_t_ns=origin_t_ns)
    return RecordingWriter(var / "recordings" / f"{name}.h5", about, infos)


def record(var, name=ID, content=(), **changes):
    """A recording with 3 s of data, without the second one, and with what was said."""
    result = writer(var, name, **changes)
    for start in (0, 2000):
        result.append("data", Segment(start, start + 1000, np.zeros((2, 1000), np.int32)))
    for stream, message in content:
        result.append(stream, message)
    result.end()
    return var / "recordings" / f"{name}.h5"


def outcome(trial, gesture, decoded, condition="", **score):
    at = 100 * trial
    fields = {"decoded": decoded, "condition": condition, "score": score}
    name = "won" if gesture == decoded else "lost"
    return "result:game", GameState(at, at + 1, trial, "outcome", gesture, outcome=name, **fields)


def answer(number, state, at):
    return "result:delivered", Delivered(at, at + 1, number, state)


def note(stream, value, at):
    return stream, Command(at, at + 1, "note", value, "Ada")


def only_summary(var, **changes):
    (result,) = Library(var, **changes).summaries()
    return result


def begin(var, name=ID):
    """The session of which `crepe up` says that it runs."""
    now = session.begin(session.new(var / "small.toml", "abc", 1), var)
    session._write(replace(now, id=name), var)


def test_a_session_in_numbers(tmp_path):
    content = [
        outcome(1, "rock", "rock", "stimulation", won=1),
        outcome(2, "rock", None, "stimulation", won=1, lost=1),
        outcome(3, "paper", "rock", "sham", won=1, lost=2),
        ("result:game", GameState(400, 401, 3, "over", score={"won": 1, "lost": 2})),
        answer(1, "intended", 100),
        answer(1, "delivered", 150),
        answer(2, "refused", 200),
        answer(3, "refused", 300),
        note("result:input", "medium changed", 500),
    ]
    path = record(tmp_path, content=content)
    result = only_summary(tmp_path)
    assert result.model_dump() == {
        "id": ID,
        "path": path,
        "n_bytes": path.stat().st_size,
        "parts": (f"{ID}.h5",),
        "part_problems": (),
        "started": "2026-11-24T12:00:00+00:00",
        "duration_s": 2.0,  # of data
        "missing_s": 1.0,
        "title": "By hand",
        "is_simulated": False,
        "is_running": False,
        "has_ended": True,
        "n_gaps": 1,
        "score": {"won": 1, "lost": 1, "without pulses": 1},
        "n_trials": 3,
        "by_condition": {"sham": (0, 1), "stimulation": (1, 1)},
        "n_left_out": 1,  # of a trial whose pulses were refused
        "n_stimuli_delivered": 1,
        "n_stimuli_stopped": 0,
        "n_stimuli_refused": 2,
        "n_stimuli_unknown": 0,
        "n_notes": 1,
        "has_report": False,
        "problem": "",
    }


def test_a_calibration_and_a_game_without_gestures_have_trials_but_no_conditions(tmp_path):
    content = [
        outcome(1, "rock", None, "calibration"),
        outcome(2, None, None, "stimulation", rally=3),
    ]
    record(tmp_path, content=content)
    result = only_summary(tmp_path)
    assert (result.n_trials, result.by_condition, result.score) == (
        2,
        {},
        {"rally": 3, "without pulses": 1},
    )


def test_without_a_game_there_is_no_score_and_without_a_clock_no_start(tmp_path):
    record(tmp_path, infos={"data": replace(RAW, origin_t_ns=0, is_simulated=True)})
    result = only_summary(tmp_path)
    assert (result.score, result.n_trials, result.n_stimuli_refused) == ({}, 0, 0)
    assert result.started is None
    assert result.is_simulated
    assert not result.problem


def test_a_note_that_was_heard_on_two_streams_counts_once(tmp_path):
    content = [
        note("result:input", "a", 1),
        note("result:input", "a", 2),  # said twice
        note("result:control", "a", 3),
        note("result:control", "b", 4),
        ("result:control", Command(5, 6, "stop", "", "Ada")),
    ]
    record(tmp_path, content=content)
    assert only_summary(tmp_path).n_notes == 3


def test_the_newest_is_first_and_what_was_set_aside_is_not_there(tmp_path):
    names = ["20261124-120000-abcd", "20261125-120000-abcd", "20251124-120000-abcd"]
    for name in names:
        record(tmp_path, name)
    for name in (f"{ID}.damaged-17.h5", "._x.h5", ".part.h5", f"{ID}.h5.txt", "line\nbreak.h5"):
        (tmp_path / "recordings" / name).write_bytes(b"")
    library = Library(tmp_path)
    assert [result.id for result in library.summaries()] == [names[1], names[0], names[2]]
    assert set(recordings_in(tmp_path / "recordings")) == set(names)
    assert library.find(names[2]).id == names[2]
    assert library.find("../recordings/" + names[2]) is None


def in_two_parts(var):
    """A session whose first part lost its last bytes, and was followed by another."""
    cut(record(var))
    return record(var)


def test_parts_of_a_session_are_listed_as_one(tmp_path):
    path = in_two_parts(tmp_path)
    aside = path.with_name(f"{ID}.damaged-1.h5")
    listed = only_summary(tmp_path)
    assert (listed.id, listed.duration_s, listed.n_gaps) == (ID, 2.0, 1)
    assert listed.parts == (aside.name, path.name)
    assert listed.n_bytes == path.stat().st_size + aside.stat().st_size
    problem, reason = listed.part_problems
    assert problem.startswith(f"{aside.name}: truncated: ")
    assert reason.startswith(f"{aside.name}: set aside: ")
    assert str(tmp_path) not in problem + reason
    path.unlink()  # as after a kill before the new part is made
    assert only_summary(tmp_path).problem.startswith(f"does not exist; {aside.name}: truncated")


def test_a_directory_that_is_not_there_has_no_sessions(tmp_path):
    assert Library(tmp_path / "none").summaries() == []
    assert not (tmp_path / "none").exists()


def cut(path):
    path.write_bytes(path.read_bytes()[:-5000])


def other(path):
    path.unlink()
    with h5py.File(path, "w") as file:
        file["x"] = 1


def group_for_text(path):
    with h5py.File(path, "r+") as file:
        del file["CREPE/experiment"]
        file.create_group("CREPE/experiment")


def no_information(path):
    with h5py.File(path, "r+") as file:
        del file["CREPE/streams/data/info"]
        file["CREPE/streams/data/info"] = "[1, 2]"


def no_table(path):
    with h5py.File(path, "r+") as file:
        del file["CREPE/streams/data/messages"]
        file["CREPE/streams/data/messages"] = np.arange(9)


def no_game(path):
    with h5py.File(path, "r+") as file:
        file["CREPE/streams/result:game/json"][:] = ord("x")


def no_such_day(path):
    with h5py.File(path, "r+") as file:
        del file["CREPE/streams/data/info"]
        file["CREPE/streams/data/info"] = json.dumps({"origin_t_ns": 10**40})


def endless(path):
    with h5py.File(path, "r+") as file:
        del file["CREPE/streams/data/info"]
        file["CREPE/streams/data/info"] = json.dumps({"sampling_rate_hz": 1e-320})


def directory(path):
    path.unlink()
    path.mkdir()


def dangling(path):
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (cut, "truncated"),
        (lambda path: path.write_bytes(b""), "not an HDF5 file"),
        (lambda path: path.write_bytes(b"x" * 5000), "not an HDF5 file"),
        (other, "no recording of CREPE"),
        (group_for_text, ""),
        (no_information, ""),
        (no_table, "data: cannot be read"),
        (no_game, "result:game: cannot be read"),
        (no_such_day, ""),
        (endless, "duration_s"),
        (directory, "is no file"),
        (dangling, "No such file"),
    ],
)
def test_what_cannot_be_read_is_listed_with_the_reason(tmp_path, spoil, why):
    spoil(record(tmp_path, content=[outcome(1, "rock", "rock")]))
    record(tmp_path, "20251124-120000-abcd")
    first, second = Library(tmp_path).summaries()
    assert (first.id, first.n_trials) == (ID, 0)
    assert first.problem
    assert why in first.problem
    assert str(tmp_path) not in first.problem
    assert second.n_gaps == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_listed(tmp_path):
    record(tmp_path).chmod(0)
    assert "may not be read" in only_summary(tmp_path).problem


def test_text_from_a_file_harms_neither_terminal_nor_json(tmp_path):
    title = "\x1b[2J\ud800 é 石\n"
    content = [outcome(1, "rock", "rock", "\ud800", **{"\x1b": 1}), answer(1, "delivered", 99)]
    record(tmp_path, experiment=json.dumps({"title": title}), content=content)
    result = only_summary(tmp_path)
    assert result.title == "�[2J� é 石�"
    assert result.score == {"�": 1}
    assert result.model_dump_json().encode()


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path, monkeypatch):
    opened = []

    class Counted(Recording):
        def __init__(self, path):
            opened.append(path.stem)
            super().__init__(path)

    monkeypatch.setattr("crepe.recording.reader.Recording", Counted)
    paths = [record(tmp_path, name) for name in ("a", "b")]
    library = Library(tmp_path)
    library.summaries()
    assert opened == ["b", "a"]
    paths[0].unlink()
    (tmp_path / "reports" / "b").mkdir(parents=True)
    (tmp_path / "reports" / "b" / "report.html").write_text("")
    (result,) = library.summaries()
    assert result.has_report
    assert library.find("b") == result
    assert opened == ["b", "a"]
    os.utime(paths[1], ns=(0, 0))
    library.summaries()
    record(tmp_path, "a")
    library.summaries()
    assert opened == ["b", "a", "b", "a"]


def test_of_the_running_session_nothing_is_counted(tmp_path):
    begin(tmp_path)
    running = writer(tmp_path)
    running.append("data", Segment(0, 1000, np.zeros((2, 1000), np.int32)))
    running.commit(with_rest=True)
    result = only_summary(tmp_path)
    assert result.is_running
    assert (result.title, result.started) == ("By hand", "2026-11-24T12:00:00+00:00")
    assert result.duration_s == 0
    cut_off = only_summary(tmp_path, programs_run=False)
    assert (cut_off.is_running, cut_off.has_ended, cut_off.duration_s) == (False, False, 1.0)
    running.end()
    result = only_summary(tmp_path)  # the programs still run, but the recording is whole
    assert (result.is_running, result.has_ended, result.duration_s) == (False, True, 1.0)


def test_the_running_session_caught_in_a_write_is_no_problem(tmp_path):
    begin(tmp_path)
    cut(record(tmp_path))
    result = only_summary(tmp_path)
    assert (result.is_running, result.problem) == (True, "")


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_library import Segment, np, writer
found = writer(Path(sys.argv[1]))
for start in range(0, 300_000, 1000):
    found.append("data", Segment(start, start + 1000, np.zeros((2, 1000), np.int32)))
    found.commit(with_rest=True)
found.end()
"""


def write_elsewhere(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path), os.path.dirname(__file__)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_a_writer_begins_while_somebody_reads(tmp_path):
    writer(tmp_path).close()
    with Recording(tmp_path / "recordings" / f"{ID}.h5"), write_elsewhere(tmp_path) as process:
        _, content = process.communicate()
        assert process.returncode == 0, content


def test_a_writer_is_not_disturbed_by_those_who_list(tmp_path):
    begin(tmp_path)
    library = Library(tmp_path)
    with write_elsewhere(tmp_path) as process:
        while process.poll() is None:
            assert not any(result.problem for result in library.summaries())
        assert process.returncode == 0, process.stderr.read()
    (result,) = library.summaries()
    assert (result.has_ended, result.duration_s, result.n_gaps) == (True, 300.0, 0)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)  # workers of pytest-xdist have it
    return lambda *arguments: CliRunner().invoke(app, ["sessions", *arguments])


def test_the_command_shows_a_table(run, tmp_path):
    record(tmp_path, content=[outcome(1, "rock", "rock", won=1), answer(1, "delivered", 99)])
    record(tmp_path, "blocks", content=[outcome(1, "rock", "rock", "sham", won=1)])
    cut(record(tmp_path, "cut"))
    content = run()
    assert content.exit_code == 0, content.output
    head, first, second, third = content.output.splitlines()
    assert "session" in head
    assert first.split()[:3] == ["cut", "unreadable", "truncated:"]
    assert "sham 1/1" in second
    assert third.split() == [*f"{ID} 0:00:02 By hand won 1 1".split(), third.split()[-1]]  # fmt: skip


def test_the_command_prints_json(run, tmp_path):
    assert json.loads(run("--json").output) == []
    path = record(tmp_path)
    (result,) = json.loads(run("--json").output)
    assert (result["id"], result["path"], result["n_gaps"]) == (ID, str(path), 1)


def test_the_command_names_the_parts_that_were_set_aside(run, tmp_path):
    in_two_parts(tmp_path)
    _, row, *problems = run().output.splitlines()
    assert "By hand (2 parts)" in row
    assert [line.split(":")[0] for line in problems] == [f"{ID}.damaged-1.h5"] * 2
    (listed,) = json.loads(run("--json").output)
    assert listed["parts"] == [f"{ID}.damaged-1.h5", f"{ID}.h5"]


def test_the_command_says_that_there_is_none(run, tmp_path):
    assert "no session is recorded yet" in run().output


def test_the_command_knows_a_cut_off_session_when_nothing_runs(run, tmp_path):
    begin(tmp_path)
    writer(tmp_path).close()
    (result,) = json.loads(run("--json").output)
    assert not result["is_running"]


def test_the_table_is_readable_at_80_columns(run, tmp_path, monkeypatch):
    record(tmp_path, "20261126-214829-e18a", content=[outcome(1, "rock", "rock", won=1)])
    console = Console(width=80)
    with console.capture() as shown:
        console.print(sessions._table(Library(tmp_path).summaries()))
    lines = shown.get().splitlines()
    assert lines[1].startswith("20261126-214829-e18a ")
    assert max(map(len, lines)) <= 80
    assert "…" not in shown.get()
