"""The instrument of the how-to, as it is printed: it keeps the contract, and faults in it are noticed."""

import subprocess
import sys
from contextlib import nullcontext

from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.hw.capabilities import StopEvidence
from crepe.hw.remote_stop import Address, open_stop
from tests.document_files import printed_files
from tests.testing.conftest import MODULES, PAGE


def test_the_page_prints_all_its_modules():
    assert set(printed_files(PAGE)) == {f"{name}.py" for name in MODULES}


def test_the_tests_of_the_page_pass_as_they_are_printed(acme):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_another_program_stops_the_box_and_reads_its_switches(acme):
    box = acme("acme_box").connect("bench:7000")
    box.switches["A1"] = True
    box.pattern = object()
    stop = open_stop(Address("bench", 7000, stop="acme_stop:AcmeStop"))
    report = stop.attempt(1.0, 1.0, alone=nullcontext)
    assert report == (StopEvidence.PROVED, ())
    assert not any(box.switches.values())


def test_the_check_of_the_page_tells_what_it_verified_and_what_not(acme):
    done = CliRunner().invoke(app, ["check", "--instrument", "acme:AcmeRecorder"])
    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert "ok recorder: A segment keeps its samples when the next are read" in lines
    assert (
        "NOT VERIFIED recorder: True spikes lie in the requested window, or are unknown: it knows no true spikes"
        in lines
    )
    assert "NOT VERIFIED microvolts per count" in lines
