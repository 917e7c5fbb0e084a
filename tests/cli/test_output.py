"""What a command prints: to whom, and in which form."""

import json
import os
import pty
import subprocess
import sys

from crepe.cli.output import Output

STYLED = """
from crepe.cli.output import Output
output = Output()
output.line("in [actors.x] " + 30 * "long ", "red")
output.text("12 files")
"""


def on_a_terminal(code, **environment):
    """What a program prints on a terminal."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TERM": "xterm", **environment},
        stdout=its,
        stderr=subprocess.DEVNULL,
    ):
        os.close(its)
        received = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux reports the end so
                break
            if not part:
                break
            received += part
    os.close(ours)
    return received.decode()


def test_json_is_the_only_thing_on_stdout_and_has_null_where_there_is_no_number(capsys):
    output = Output(as_json=True)
    output.line("live page: http://127.0.0.1")
    output.text("2 of 2 trials")
    output.document({"rate_hz": float("nan"), "trials": [1, float("inf")]})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"rate_hz": None, "trials": [1, None]}
    assert err == "live page: http://127.0.0.1\n"  # the result itself is in the document


def test_text_is_neither_wrapped_nor_taken_for_markup_and_has_no_codes_in_a_pipe(capsys):
    output = Output()
    line = "[actors.detect] " + 60 * "word "
    output.line(line, "red")
    output.document({"not": "printed"})
    assert capsys.readouterr().out == line + "\n"


def test_a_terminal_gets_colours_unless_no_color_is_set():
    assert "\x1b[31min [actors.x]" in on_a_terminal(STYLED, NO_COLOR="")
    plain = on_a_terminal(STYLED, NO_COLOR="1")
    assert "\x1b[3" not in plain
    assert "12 files" in plain
