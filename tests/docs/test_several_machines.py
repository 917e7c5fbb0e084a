"""The unit and the Compose file of docs/how-to/several-machines.md are what systemd and Compose read."""

import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import typer
import yaml

from crepe.cli.app import app
from tests.test_docker import KEYS, OF_IMAGE

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "several-machines.md"


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    return str(text)


def options_of(command: list[str]) -> dict[str, object]:
    """The options of `crepe up` that a command line gives, as the program itself reads them."""
    name, *arguments = command
    assert name == "up"
    up = typer.main.get_command(app).commands["up"]  # type: ignore[attr-defined]  # it is a group
    given = up.make_context("up", arguments).params
    return {key: value for key, value in given.items() if value}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path):
    text = block("ini").replace("/path/to/crepe/.venv/bin/crepe", sys.executable)
    (tmp_path / "crepe-b.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", tmp_path / "crepe-b.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "crepe-b.service" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_the_unit_joins_any_session_for_ever_and_stops_in_order():
    unit = ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    unit.read_string(block("ini"))
    service = unit["Service"]
    assert (service["Restart"], service["KillMode"]) == ("always", "mixed")
    assert int(service["TimeoutStopSec"]) >= 60  # as `crepe down` waits
    program, *command = shlex.split(service["ExecStart"])
    assert Path(program).name == "crepe"
    given = options_of(command)
    assert given.keys() == {"experiment", "machine", "foreground"}
    assert given["machine"] == "B"


def test_the_container_can_do_little_and_keeps_password_and_recordings():
    compose = yaml.safe_load(block("yaml"))
    assert compose.keys() == {"services", "secrets", "volumes"}
    (service,) = compose["services"].values()
    assert service.keys() <= KEYS | {"network_mode"}
    assert service["user"] == OF_IMAGE["USER"]
    assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["secrets"]) == compose["secrets"].keys()
    named = {each.partition(":")[0] for each in service["volumes"] if not each.startswith(".")}
    assert named == compose["volumes"].keys()
    places = [each.split(":")[1] for each in service["volumes"]]
    assert OF_IMAGE["VOLUME"] in places
    given = options_of(shlex.split(service["command"]))
    assert str(given["experiment"]) in places
    assert given["machine"] == "B"
    assert int(service["stop_grace_period"].removesuffix("s")) >= 60
