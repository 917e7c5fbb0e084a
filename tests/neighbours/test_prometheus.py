"""A Prometheus that scrapes `/metrics` of a running CREPE with the files of the page, and promtool."""

import json
import re
import shutil
import socket
import subprocess

import pytest
import urllib3

from tests.document_files import ROOT
from tests.system.conftest import SMALL, running_stack

if not (shutil.which("prometheus") and shutil.which("promtool")):
    pytest.skip(
        "needs prometheus and promtool on the PATH (Debian: apt-get install prometheus)",
        allow_module_level=True,
    )

pytestmark = pytest.mark.timeout(600)  # seconds; as all tests of a stack
PAGE = ROOT / "docs" / "how-to" / "monitoring.md"
PAGE_PORT = 8080  # in the file of the page
PAGE_TABLE = "\n[dashboard]\n"


def tool(*arguments, text=None):
    done = subprocess.run(
        ["promtool", *arguments], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def get(url: str, **headers: str) -> bytes:
    return urllib3.request("GET", url, headers=headers, retries=False).data


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """The files of the page as they are printed."""
    directory = tmp_path_factory.mktemp("prometheus")
    config, rules = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (directory / "prometheus.yml").write_text(config)
    (directory / "rules.yml").write_text(rules)
    (directory / "crepe-token").write_text("none yet")
    return directory


def test_promtool_accepts_the_files_of_the_page(directory):
    tool("check", "config", str(directory / "prometheus.yml"))
    assert "3 rules" in tool("check", "rules", str(directory / "rules.yml"))


def test_prometheus_scrapes_a_running_crepe_and_promtool_has_nothing_against_it(
    directory, tmp_path, monkeypatch
):
    (tmp_path / "small.toml").write_text(SMALL + PAGE_TABLE)
    with running_stack(tmp_path / "run") as stack:
        monkeypatch.setenv("CREPE_VAR", str(stack.var))
        stack.crepe("up", str(tmp_path / "small.toml"))
        links = stack.page_links()
        base, _, token = links.spectator.partition("/?token=")
        tool(
            "check",
            "metrics",
            text=get(f"{base}/metrics", Authorization=f"Bearer {token}").decode(),
        )

        config = (directory / "prometheus.yml").read_text()
        here = config.replace(f"127.0.0.1:{PAGE_PORT}", base.removeprefix("http://"))
        (tmp_path / "prometheus.yml").write_text(f"global: {{scrape_interval: 1s}}\n{here}")
        (tmp_path / "crepe-token").write_text(token)
        url = f"http://127.0.0.1:{(port := free_port())}"
        prometheus = subprocess.Popen(
            [
                "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def query(expression: str) -> list[dict]:
            try:
                answer = urllib3.request(
                    "GET", f"{url}/api/v1/query", fields={"query": expression}, retries=False
                )
            except urllib3.exceptions.HTTPError:
                return []  # it is not up yet
            return json.loads(answer.data)["data"]["result"] if answer.status == 200 else []

        try:
            (session,) = stack.wait(lambda: query("crepe_session_info"))
            assert session["metric"]["source"].startswith("SIMULATED")
            stack.wait(lambda: query('up{job="crepe"} == 1'))
            programs = stack.wait(lambda: query('crepe_program_state{state="running"} == 1'))
            assert {"acquire", "detect", "record"} <= {p["metric"]["program"] for p in programs}
            assert stack.wait(lambda: query("delta(crepe_session_position_seconds[10s]) > 0"))
        finally:
            prometheus.terminate()
            prometheus.wait()
