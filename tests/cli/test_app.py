"""The command line as a whole: its help, its exit statuses, its JSON, its completion."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from rich.cells import cell_len
from typer.main import get_command
from typer.testing import CliRunner

import crepe.cli.app
from crepe.__main__ import main
from crepe.cli import options
from crepe.cli.app import app
from crepe.environment import session
from crepe.errors import ConfigError, ExitCode
from crepe.safety import arming
from crepe.supervise import control, status

IN_THE_FOREGROUND = {"run", "redis", "simulate meame", "simulate openephys", "simulate rhx"}
"""Commands that run until they are stopped: what they print is a log."""
GROUPS = [
    options.START_AND_STOP,
    options.LOOK,
    options.SPEAK,
    options.SAFETY,
    options.STUDY,
    options.TOOLS,
]
STATES = ["running", "waiting for data:spikes", "stale for 7 s", "acquiring", "does not answer"]


def commands(command=None, name="") -> Iterator[tuple[str, object]]:
    """Every command that does something, with its full name."""
    command = command or get_command(app)
    parts = getattr(command, "commands", None)
    if parts is None:
        yield name, command
        return
    for key, part in parts.items():
        yield from commands(part, f"{name} {key}".strip())


ALL = dict(commands())


def run_crepe(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "crepe", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ALL)
def test_a_command_explains_itself_to_a_stranger(name):
    command = ALL[name]
    first = command.help.partition("\n")[0]
    assert first[0].isupper()
    assert first.endswith(".")
    assert f"Example: `crepe {name}" in command.help
    for parameter in command.params:
        if parameter.name != "context" and not getattr(parameter, "hidden", False):
            assert getattr(parameter, "help", None), (name, parameter.name)
    if " " not in name:
        assert command.rich_help_panel in GROUPS


@pytest.mark.parametrize("name", ALL)
def test_h_is_help(name):
    done = CliRunner().invoke(app, [*name.split(), "-h"])
    assert done.exit_code == 0
    assert "Example: crepe" in done.output
    assert done.output == CliRunner().invoke(app, [*name.split(), "--help"]).output


def test_every_command_prints_json_but_those_that_only_log():
    without = {name for name, c in ALL.items() if not any("--json" in p.opts for p in c.params)}
    assert without == IN_THE_FOREGROUND


def test_the_help_lists_groups_in_order_and_every_exit_status():
    text = CliRunner().invoke(app, ["-h"]).output
    places = [text.index(f"─ {group} ─") for group in GROUPS]
    assert places == sorted(places)
    flat = " ".join(text.split())
    for code in ExitCode:
        assert f" {code:d} " in flat
    assert "\x1b" not in text


def test_the_fast_path_of_stop_has_the_same_help_and_stops_although_mistyped(tmp_path):
    done = run_crepe("stop", "-h")
    assert done.returncode == ExitCode.DONE
    assert "Example: crepe stop" in done.stdout
    mistyped = run_crepe("stop", "--nothing", CREPE_VAR=str(tmp_path))
    assert mistyped.returncode == ExitCode.FAILED
    assert "NOT VERIFIED: --nothing: no such argument, it has no effect" in mistyped.stdout
    assert "latched" in mistyped.stdout


def test_a_wrong_command_line_has_an_exit_status_of_its_own():
    assert CliRunner().invoke(app, ["upp"]).exit_code == ExitCode.USAGE


def test_a_run_time_directory_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    sentence = f"{__file__}/var: cannot be created: Not a directory; CREPE_VAR and TMPDIR"
    # Such a stop reaches everything that this user has announced in TMPDIR.
    done = run_crepe("stop", CREPE_VAR=f"{__file__}/var", TMPDIR=str(tmp_path))
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == ""
    assert done.stdout.startswith(f"NOT VERIFIED: {sentence}")
    assert len(done.stdout.splitlines()) == 2  # and that no stimulator has run there
    monkeypatch.setenv("CREPE_VAR", f"{__file__}/var")
    for command in ("play", "arm", "simulate"):
        error = CliRunner().invoke(app, [command]).exception
        assert isinstance(error, ConfigError)
        assert str(error).startswith(sentence)
    assert CliRunner().invoke(app, ["sessions"]).exit_code == ExitCode.DONE  # it only looks


def test_a_file_that_cannot_be_written_is_one_sentence(monkeypatch, capsys):
    def fail(**_):
        raise NotADirectoryError(20, "Not a directory", "/there")

    monkeypatch.setattr(crepe.cli.app, "app", fail)
    monkeypatch.setattr(sys, "argv", ["crepe", "culture", "report", "--out", "/there"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ExitCode.FAILED
    assert capsys.readouterr().err == "crepe: /there: Not a directory\n"


# Completion


def complete(instruction, **environment):
    """What a shell receives when it asks for completion."""
    variables = {"_CREPE_COMPLETE": instruction, **environment}
    return CliRunner().invoke(app, [], env=variables, prog_name="crepe").stdout


def test_a_shell_is_given_the_script_that_completes():
    assert "_CREPE_COMPLETE=complete_bash" in complete("source_bash")
    assert {"--install-completion", "--show-completion"} <= {
        option for p in get_command(app).params for option in p.opts
    }


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("crepe sta", {"status"}),
        ("crepe run s", {"sensor", "shared_session", "stimulate"}),
        ("crepe say p", {"pause", "player"}),
        ("crepe gesture ", {"rock", "paper", "scissors"}),
        ("crepe report 2", {"20261126-120000-abcd"}),
        ("crepe report l", {"last"}),
    ],
)
def test_names_are_completed(tmp_path, line, completions):
    recording = tmp_path / "recordings" / "20261126-120000-abcd.h5"
    recording.parent.mkdir()
    recording.touch()
    place = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    printed = complete("complete_bash", **place, CREPE_VAR=str(tmp_path), CREPE_EXPERIMENT="")
    assert set(printed.split()) == completions


def test_an_experiment_file_with_a_mistake_completes_nothing(tmp_path, monkeypatch):
    (tmp_path / "bad.toml").write_text("[")
    monkeypatch.setenv("CREPE_EXPERIMENT", str(tmp_path / "bad.toml"))
    assert options.complete_programs("") == []


# Status


def row(name, state):
    counts = {"restarts": 12, "position": 987_654_321, "lag": 123_456, "gaps": 12}
    steps = {"p50/ms": 12.345, "p99/ms": 123.456}
    return {
        "program": name, "state": state, "pid": 1_234_567, "up/s": 86_400, **counts, **steps,
        "missing": 123_456, "unreadable": 0, "problem": "the recording is set aside" if state == "running" else "",
    }  # fmt: skip


@pytest.fixture
def rows(monkeypatch, tmp_path):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    shown = [row("simulated_sensor" if i else "acquire", state) for i, state in enumerate(STATES)]
    monkeypatch.setattr(status, "rows", lambda: shown)
    return shown


def test_status_cuts_no_name_and_no_state(rows):
    lines = CliRunner().invoke(app, ["status"]).stdout.splitlines()
    assert lines[1].split()[:3] == ["acquire", "running", "1234567"]
    assert lines[2].split()[:2] == ["simulated_sensor", "waiting"]
    assert max(cell_len(line.rstrip()) for line in lines[: len(rows) + 1]) <= 80
    assert "…" not in "".join(lines)
    assert "simulated_sensor: waiting for data:spikes" in lines
    assert "acquire: the recording is set aside" in lines


def test_status_says_that_a_stop_holds(rows, monkeypatch, tmp_path):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    assert "STOPPED" not in CliRunner().invoke(app, ["status"]).stdout
    arming.latch(tmp_path / "run", "crepe stop")
    assert "\nSTOPPED by crepe stop at " in CliRunner().invoke(app, ["status"]).stdout


def test_status_has_the_same_exit_status_as_text_and_as_json(rows, monkeypatch):
    for has_programs, code in ((True, ExitCode.DONE), (False, ExitCode.FAILED)):
        monkeypatch.setattr(status, "rows", lambda has=has_programs: rows if has else [])
        text, as_json = (CliRunner().invoke(app, ["status", *o]) for o in ([], ["--json"]))
        assert text.exit_code == as_json.exit_code == code
        assert json.loads(as_json.stdout) == (rows if has_programs else [])


# Check


def test_check_prints_a_document_for_a_file_that_fits_and_for_one_that_does_not(tmp_path):
    fits = CliRunner().invoke(app, ["check", "--json"])
    document = json.loads(fits.stdout)
    assert document["fits"] is True
    assert document["actors"]["detect"] == {"reads": ["data:filtered"], "writes": ["data:spikes"]}
    (tmp_path / "bad.toml").write_text("titel = 1\n")
    bad = CliRunner().invoke(app, ["check", "--json", str(tmp_path / "bad.toml")])
    assert json.loads(bad.stdout)["fits"] is False
    assert "titel" in json.loads(bad.stdout)["mistakes"][0]
    assert "titel" in str(bad.exception)  # which the command prints on stderr


def test_nothing_runs_and_nothing_was_recorded(monkeypatch, tmp_path):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    assert control.running() is None
    assert session.current() is None
    assert json.loads(CliRunner().invoke(app, ["sessions", "--json"]).stdout) == []
    down = CliRunner().invoke(app, ["down", "--json"])
    assert json.loads(down.stdout)["has_stopped"] is False


def test_without_a_command_the_help_is_printed():
    done = CliRunner().invoke(app, [], prog_name="crepe")
    assert "Usage: crepe " in done.output
    assert done.exit_code == ExitCode.USAGE
