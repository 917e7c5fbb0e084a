"""Dockerfile and compose.yaml keep the rules by which the image runs; no engine is needed."""

import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from crepe.config.overrides import parse_settings, prepare
from crepe.redis_server.check import acl_line
from crepe.redis_server.server import server_settings

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [SERVICES["crepe"], SERVICES["lab"]]

KEYS = {
    *("image", "build", "user", "command", "environment", "secrets", "ports", "volumes", "tmpfs"),
    *("depends_on", "healthcheck", "restart", "stop_grace_period", "profiles"),
    *("read_only", "cap_drop", "security_opt"),
}
"""Keys of a service that are used, by the Compose Specification; none that gives a right."""


# The Dockerfile


def instructions() -> list[list[tuple[str, str]]]:
    """The instructions of each stage with their arguments; what is before the first is left out."""
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, text.splitlines()):
        name, _, argument = line.partition(" ")
        if name == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((name, " ".join(argument.split())))
    return stages


BUILD, IMAGE = instructions()
OF_IMAGE = dict(IMAGE)


def test_both_stages_are_on_a_base_that_the_build_chooses():
    text = (DOCKER / "Dockerfile").read_text()
    (base,) = re.findall(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert is_pinned(base)
    assert [stage[0] for stage in (BUILD, IMAGE)] == [
        ("FROM", "${BASE} AS build"),
        ("FROM", "${BASE}"),
    ]


def test_the_wheel_is_built_in_the_first_stage_and_installed_whatever_its_name():
    runs = " ".join(argument for name, argument in BUILD if name == "RUN")
    assert "pip wheel --no-deps --wheel-dir dist ." in runs
    assert runs.endswith("--only-binary :all: --constraint constraints.txt dist/*.whl")
    assert [argument for name, argument in IMAGE if name == "COPY"] == [
        "--from=build /opt/crepe /opt/crepe"
    ]


def test_the_second_stage_installs_the_interpreter_alone_and_leaves_no_lists_behind():
    (run,) = (argument for name, argument in IMAGE if name == "RUN")
    (packages,) = re.findall(r"--no-install-recommends ([^&]*) &&", run)
    assert packages.split() == ["python3"]
    assert "rm -rf /var/lib/apt/lists/*" in run


def test_the_image_has_an_ordinary_user_a_volume_a_health_check_and_a_stop_signal():
    assert OF_IMAGE["USER"] == "10001:10001"
    assert "--uid 10001" in OF_IMAGE["RUN"]
    assert f"CREPE_VAR={OF_IMAGE['VOLUME']}" in OF_IMAGE["ENV"].split()
    assert OF_IMAGE["HEALTHCHECK"].endswith('CMD ["crepe", "status", "--json"]')
    assert OF_IMAGE["STOPSIGNAL"] == "SIGTERM"
    assert OF_IMAGE["ENTRYPOINT"] == '["crepe"]'
    assert OF_IMAGE["CMD"] == '["up", "--foreground"]'
    names = [name for name, _ in IMAGE]
    assert names.index("USER") > names.index("RUN")


def test_the_context_holds_what_the_wheel_needs_and_no_data():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert {"crepe", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= allowed
    assert not {"var", "docker", "tests", ".git", ".venv"} & allowed
    assert "**/__pycache__" in rules


# compose.yaml


def is_pinned(image: str) -> bool:
    """Whether an image has a digest, or a tag that names a version."""
    _, _, tag = image.rpartition(":")
    return "@sha256:" in image or (":" in image and tag != "latest")


def tokens(service: dict[str, Any], **variables: str) -> list[str]:
    """The words of a service's command, with an operator's variables."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1], match[2])

    return shlex.split(re.sub(r"\$\{(\w+):-([^}]*)\}", value, service["command"]))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_little(name):
    service = SERVICES[name]
    assert set(service) <= KEYS
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert str(service["user"]).partition(":")[0] not in ("", "0", "root")


def test_the_top_of_the_file_has_the_keys_of_the_specification():
    names = {name for name in COMPOSE if not name.startswith("x-")}
    assert names == {"name", "services", "secrets", "volumes"}
    mounted = [each for service in SERVICES.values() for each in service["volumes"]]
    named = {each.partition(":")[0] for each in mounted if not each.startswith((".", "$"))}
    assert named == set(COMPOSE["volumes"])
    assert all(each.endswith(":ro") for each in mounted if each.startswith((".", "$")))


def test_every_image_has_a_version_or_is_built_here():
    assert is_pinned(SERVICES["redis"]["image"])
    for service in OURS:
        build = service["build"]
        assert (DOCKER / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).samefile(DOCKER / "Dockerfile")
        assert service["user"] == OF_IMAGE["USER"]


def test_ports_are_open_on_the_loopback_of_the_host_alone():
    for service in OURS:
        assert [port.rpartition(":")[0] for port in service["ports"]] == ["127.0.0.1:8080"]
    assert "ports" not in SERVICES["redis"]


def test_secrets_are_files_that_the_repository_has_not():
    assert {each["file"] for each in COMPOSE["secrets"].values()} == {
        f"secrets/{name}" for name in COMPOSE["secrets"]
    }
    assert "/docker/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    for service in OURS:
        files = {n: v for n, v in service["environment"].items() if n.endswith("_FILE")}
        assert {Path(file).name for file in files.values()} == set(service["secrets"])
        assert set(files) == {"CREPE_REDIS_PASSWORD_FILE", "CREPE_DASHBOARD_TOKEN_FILE"}
    assert SERVICES["redis"]["secrets"] == ["redis_password"]


def test_an_orderly_stop_has_the_time_that_it_takes_and_a_crash_is_an_operators_matter():
    for service in OURS:
        assert int(service["stop_grace_period"].removesuffix("s")) >= 60  # as `crepe down` waits
        assert service["restart"] == "no"
        assert service["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert "PONG" in SERVICES["redis"]["healthcheck"]["test"][1]


def settings_of(words: list[str]) -> list[str]:
    return [word for option, word in pairwise(words) if option == "--set"]


def test_the_command_of_each_service_fits_its_experiment(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    up = tokens(SERVICES["crepe"], SESSION="--resume")
    assert up[:3] == ["up", "--foreground", "--resume"]
    page = prepare(None, settings=parse_settings(settings_of(up))).dashboard
    assert (page.host, page.port) == ("0.0.0.0", 8080)
    assert page.public_url == "http://127.0.0.1:8080"

    up = tokens(SERVICES["lab"], INSTRUMENT="10.0.0.7:8888")
    assert up[:3] == ["up", "/lab.toml", "--foreground"]
    assert SERVICES["lab"]["profiles"] == ["lab"]
    (file,) = (v for v in SERVICES["lab"]["volumes"] if v.endswith(":/lab.toml:ro"))
    (default,) = re.findall(r"\$\{EXPERIMENT:-([^}]*)\}", file)
    ready = prepare(DOCKER / default, settings=parse_settings(settings_of(up)))
    devices = {ready.actors[name].settings["device"] for name in ("acquire", "stimulate")}
    assert devices == {"meame://10.0.0.7:8888"}
    assert ready.dashboard.public_url == "http://127.0.0.1:8080"


# The server


def test_the_server_keeps_what_the_one_of_crepe_keeps():
    lines = (DOCKER / "valkey.conf").read_text().splitlines()
    conf = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    arguments = server_settings(True, 1024, 6379, Path("s"), Path("/data"))
    own = dict(zip((each[2:] for each in arguments[::2]), arguments[1::2], strict=True))
    assert conf.pop("user") == "default off"
    assert conf.pop("maxmemory") == "1gb"
    assert {name: value.strip('"') for name, value in conf.items()} == {
        name: own[name] for name in conf
    }
    assert {"appendonly", "maxmemory-policy", "save"} <= set(conf)
    assert (conf["appendonly"], conf["maxmemory-policy"]) == ("yes", "noeviction")


def test_the_server_reads_its_settings_and_a_user_with_the_rights_that_crepe_needs(tmp_path):
    shell, option, script = SERVICES["redis"]["command"]
    assert (shell, option) == ("sh", "-c")
    (tmp_path / "valkey-server").write_text('#!/bin/sh\necho "$@"\nexec cat\n')
    (tmp_path / "valkey-server").chmod(0o755)
    (tmp_path / "password").write_text("0123456789abcdef\n")
    script = script.replace("$$", "$").replace("/run/secrets/redis_", f"{tmp_path}/")
    script = script.replace("/etc/valkey.conf", str(DOCKER / "valkey.conf"))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        [shell, option, script], capture_output=True, text=True, check=True, env=environment
    )
    first, *lines = done.stdout.splitlines()
    assert first == "-"  # no argument shows the password
    assert lines[:-1] == (DOCKER / "valkey.conf").read_text().splitlines()
    rights = (
        acl_line("crepe").replace("ACL SETUSER", "user").replace("PASSWORD", "0123456789abcdef")
    )
    assert lines[-1] == rights


def test_the_trial_is_a_program_and_names_no_mirror():
    script = DOCKER / "try.sh"
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", script], check=True)
    assert "://" not in script.read_text()
