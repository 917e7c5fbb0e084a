"""The route `/metrics`: two formats, the page's rules of access, and a missing package."""

import json
import os
import re
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from starlette.applications import Starlette

from crepe.config.experiment import load_experiment
from crepe.dashboard.access import PageAccess
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.integrity import Gaps
from crepe.dashboard.monitoring.routes import metrics_routes
from crepe.messages import ChannelStates
from crepe.store.memory_store import Memory, MemoryStore
from crepe.web.links import spectator_key
from tests.document_files import ROOT

TOKEN = "a-token-of-twenty-ch"


@pytest.fixture
def app(tmp_path):
    def store():
        return MemoryStore(Memory(), writer="page")

    live = SessionFollower(store, lambda: ("", {}), lambda store: [], 5.0)
    control = Control(tmp_path, store)
    routes = metrics_routes(live, control, load_experiment(), tmp_path)
    yield SimpleNamespace(
        live=live, app=PageAccess(Starlette(routes=routes), host="127.0.0.1", token=TOKEN)
    )
    control.close()


def bearer(token):
    return ("authorization", f"Bearer {token}")


@pytest.mark.parametrize("token", [TOKEN, spectator_key(TOKEN)], ids=["operator", "spectator"])
def test_the_token_of_either_link_reads_them(app, ask, token):
    answer = ask(app.app, path="/metrics", headers=(bearer(token),))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    names = {family.name for family in plain(answer.body.decode())}
    assert {"crepe_disk_free_bytes", "crepe_disk_left_seconds", "crepe_stimuli"} <= names


def test_a_request_that_accepts_openmetrics_gets_it(app, ask):
    accept = ("accept", "application/openmetrics-text;version=1.0.0")
    answer = ask(app.app, path="/metrics", headers=(bearer(TOKEN), accept))
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert any(family.type == "histogram" for family in openmetrics(answer.body.decode()))


def test_without_a_token_or_with_a_wrong_one_nothing_is_read(app, ask):
    assert ask(app.app, path="/metrics").status == 401
    for _ in range(20):
        assert ask(app.app, path="/metrics", headers=(bearer("wrong"),)).status == 401
    assert ask(app.app, path="/metrics", headers=(bearer(TOKEN),)).status == 429


def test_a_bearer_changes_nothing(app, ask):
    """A POST needs what only the page itself sends."""
    assert ask(app.app, "POST", "/metrics", (bearer(TOKEN),)).status == 401


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc on this system")
def test_memory_is_that_of_the_programs(app, ask):
    row = {"program": "me", "state": "running", "pid": os.getpid(), "problem": ""}
    numbers = (
        "up/s",
        "restarts",
        "position",
        "lag",
        "p50/ms",
        "p99/ms",
        "gaps",
        "missing",
        "unreadable",
    )
    app.live.programs = [
        {**dict.fromkeys(numbers, 0), **row},
        {**dict.fromkeys(numbers, 0), **row, "program": "gone", "pid": 0},
    ]
    body = ask(app.app, path="/metrics", headers=(bearer(TOKEN),)).body.decode()
    samples = [s for family in plain(body) for s in family.samples if "memory_bytes" in s.name]
    assert [s.labels["program"] for s in samples] == ["me"]
    assert samples[0].value > 1e6


def test_the_configuration_of_the_document_reads_this_route():
    page = ROOT / "docs" / "how-to" / "monitoring.md"
    blocks = [block.partition("```")[0] for block in page.read_text().split("```yaml\n")[1:]]
    (job,) = yaml.safe_load(blocks[0])["scrape_configs"]
    assert job["metrics_path"] == metrics_routes(*[MagicMock()] * 4)[0].path
    assert job["authorization"]["type"] == "Bearer"


def test_the_document_names_only_metrics_that_there_are(app, ask, session):
    names = set(re.findall(r"crepe_\w+", (ROOT / "docs" / "how-to" / "monitoring.md").read_text()))
    fed = session()
    fed.session_view.newest["ChannelStates"] = ChannelStates(0, 100, ("ok",))
    app.live.session_view, app.live.gaps = fed.session_view, Gaps(0, 0, ())
    text = ask(app.app, path="/metrics", headers=(bearer(TOKEN),)).body.decode()
    assert [name for name in sorted(names) if name not in text] == []


def test_without_the_package_the_answer_says_how_to_install_it(app, ask, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client.exposition", None)
    answer = ask(app.app, path="/metrics", headers=(bearer(TOKEN),))
    assert answer.status == 501
    assert "pip install prometheus-client" in json.loads(answer.body)["reason"]
