"""The recorded sessions over HTTP: the list, the files, the reports, and what is refused."""

import asyncio
import json
import os
import time

import numpy as np
import psutil
import pytest
from starlette.applications import Starlette

from crepe.dashboard import report_maker
from crepe.dashboard.access import Role
from crepe.dashboard.report_maker import ReportMaker
from crepe.dashboard.session_routes import session_routes
from crepe.environment import session
from crepe.messages import Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.results.library import Library
from crepe.supervise.beside import SessionBeside
from crepe.web.links import links

ID = "20261124-120000-abcd"


def record(var, name=ID, is_over=True):
    info = StreamInfo(labels=("47", "48"), sampling_rate_hz=1000.0)
    about = About(name, 1, 'title = "By hand"', {}, is_simulated=True, origin_t_ns=0)
    path = var / "recordings" / f"{name}.h5"
    writer = RecordingWriter(path, about, {"data": info})
    writer.append("data", Segment(0, 1000, np.zeros((2, 1000), np.int32)))
    (writer.end if is_over else writer.close)()
    return path


def report_of(var, name=ID):
    directory = var / "reports" / name
    directory.mkdir(parents=True)
    (directory / "report.html").write_text("<!DOCTYPE html><p>ready")
    (directory / "report.json").write_text("{}")
    (directory / "score.png").write_bytes(b"PNG")
    (directory / "secret.txt").write_text("no file of a report")
    (directory / "directory.png").mkdir()
    return directory


class Page:
    """The routes in an application of their own."""

    def __init__(self, var):
        self.reports = ReportMaker(var)
        self.app = Starlette(routes=session_routes(Library(var), self.reports))

    def ask(self, verb, path, headers=(), role=Role.SPECTATOR):
        """Status, headers and body of the answer to an encoded or a decoded path."""
        return asyncio.run(self._ask(verb, path, dict(headers), role))

    async def _ask(self, verb, path, headers, role):
        scope = {
            "role": role,
            "type": "http", "method": verb, "path": path, "query_string": b"",
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "client": ("10.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http",
            "http_version": "1.1", "root_path": "", "asgi": {"spec_version": "2.4"},
        }  # fmt: skip
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:])

    def get(self, path):
        status, _, body = self.ask("GET", path)
        return status, body

    def said(self, path, verb="GET"):
        status, _, body = self.ask(verb, path)
        return status, json.loads(body)

    def state_after_making(self, name=ID):
        while (found := self.said(f"/api/sessions/{name}/report/state")[1])["state"] == "making":
            time.sleep(0.1)
        return found


@pytest.fixture
def page(tmp_path):
    found = Page(tmp_path)
    yield found
    found.reports.close()


@pytest.fixture
def slow(monkeypatch, tmp_path):
    """What is run instead of Python takes longer than any test."""
    program = tmp_path / "slow"
    program.write_text('#!/bin/sh\necho "$@ in $CREPE_VAR"\nexec sleep 1000\n')
    program.chmod(0o755)
    monkeypatch.setattr(report_maker.sys, "executable", str(program))


def test_the_list_holds_everything_but_the_path(page, tmp_path):
    assert page.said("/api/sessions") == (200, [])
    record(tmp_path)
    (tmp_path / "recordings" / "other.h5").write_bytes(b"")
    status, (first, second) = page.said("/api/sessions")
    assert status == 200
    assert (first["id"], first["problem"]) == ("other", "not an HDF5 file")
    assert (second["title"], second["duration_s"], second["by_condition"]) == ("By hand", 1.0, {})
    assert str(tmp_path) not in json.dumps([first, second])


def test_a_recording_comes_as_a_file(page, tmp_path):
    whole = record(tmp_path).read_bytes()
    status, headers, body = page.ask("GET", f"/api/sessions/{ID}/recording")
    assert (status, body) == (200, whole)
    assert headers["content-disposition"] == f'attachment; filename="{ID}.h5"'
    status, headers, body = page.ask(
        "GET", f"/api/sessions/{ID}/recording", {"Range": "bytes=8-99"}
    )
    assert (status, body) == (206, whole[8:100])
    assert page.ask("HEAD", f"/api/sessions/{ID}/recording")[2] == b""


def test_a_recording_that_cannot_be_read_by_crepe_can_be_fetched(page, tmp_path):
    path = record(tmp_path)
    path.write_bytes(path.read_bytes()[:5000])
    assert page.get(f"/api/sessions/{ID}/recording") == (200, path.read_bytes())


def test_the_parts_of_a_recording_come_by_name_and_no_other_file(page, tmp_path):
    path = record(tmp_path)
    path.write_bytes(path.read_bytes()[:5000])
    damaged = path.read_bytes()
    newest = record(tmp_path).read_bytes()
    record(tmp_path, "other")
    _, (_, listed) = page.said("/api/sessions")
    assert listed["parts"] == [f"{ID}.damaged-1.h5", f"{ID}.h5"]
    at = f"/api/sessions/{ID}/recording"
    assert page.get(f"{at}/{ID}.damaged-1.h5") == (200, damaged)
    assert page.get(f"{at}/{ID}.h5") == page.get(at) == (200, newest)
    assert page.get(f"{at}/other.h5")[0] == 404


def test_what_is_no_file_cannot_be_fetched(page, tmp_path):
    (tmp_path / "recordings" / "directory.h5").mkdir(parents=True)
    (tmp_path / "recordings" / "link.h5").symlink_to("nowhere")
    os.mkfifo(tmp_path / "recordings" / "pipe.h5")
    for name in ("directory", "link", "pipe"):
        status, said = page.said(f"/api/sessions/{name}/recording")
        assert status == 409
        assert name in said["reason"]


def test_a_link_to_another_file_is_not_served(page, tmp_path):
    secret = record(tmp_path / "elsewhere")
    (tmp_path / "recordings").mkdir(exist_ok=True)
    (tmp_path / "recordings" / f"{ID}.h5").symlink_to(secret)
    assert page.said(f"/api/sessions/{ID}/recording") == (
        409, {"reason": f"session {ID}: {ID}.h5 is a link to another place"}
    )  # fmt: skip
    directory = report_of(tmp_path)
    (directory / "link.png").symlink_to(secret)
    assert page.get(f"/api/sessions/{ID}/report/link.png")[0] == 404


def test_a_name_with_any_letters_is_a_session(page, tmp_path):
    name = 'Åse\'s "second" 50% #1?'
    record(tmp_path, name)
    status, headers, _ = page.ask("GET", f"/api/sessions/{name}/recording")
    assert status == 200
    assert headers["content-disposition"].startswith("attachment; filename*=utf-8''%C3%85se")


def test_the_running_session_is_refused_until_its_recording_is_whole(page, tmp_path):
    record(tmp_path, is_over=False)
    running = session.begin(session.new(tmp_path / "small.toml", "abc", 1), tmp_path)
    (tmp_path / "recordings" / f"{ID}.h5").rename(tmp_path / "recordings" / f"{running.id}.h5")
    for verb, path in (("GET", "recording"), ("POST", "report")):
        status, said = page.said(f"/api/sessions/{running.id}/{path}", verb)
        assert status == 409
        assert "still runs" in said["reason"]
    session.end(tmp_path)
    assert page.get(f"/api/sessions/{running.id}/recording")[0] == 200


BAD_IDS = [
    "..", ".", "", "../recordings/" + ID, "..%2frecordings%2f" + ID, "%2e%2e", "%2e%2e%2f" + ID,
    "/etc/passwd", "//etc/passwd", "C:\\secret", "..\\" + ID, ID + "\0", "\0", ID + ".h5",
    f"./{ID}", "*", "?", "\udcff", "x" * 100_000, "last", ID.upper(), f" {ID}",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_IDS, ids=lambda bad: ascii(bad)[:20])
def test_an_id_that_is_not_listed_is_not_found(page, tmp_path, bad):
    record(tmp_path)
    report_of(tmp_path)
    (tmp_path / "report.html").write_text("not below a session")
    for verb, rest in [
        ("GET", "recording"),
        ("GET", "report/"),
        ("GET", "report/report.json"),
        ("GET", "report/state"),
        ("POST", "report"),
    ]:
        status, headers, body = page.ask(verb, f"/api/sessions/{bad}/{rest}")
        if status == 307:  # a slash too many: the way back to the same refusal
            continue
        assert status in (404, 405), (bad, rest, headers, body)
    assert not page.reports.making


BAD_FILES = [
    "..", "../report.html", "..%2freport.html", "%2e%2e/report.html", "/etc/passwd", "secret.txt",
    "directory.png", "report.html\0", "..\\report.html", "REPORT.HTML", "score.png/", "\udcff",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_FILES, ids=ascii)
def test_a_file_that_is_not_the_reports_is_not_found(page, tmp_path, bad):
    record(tmp_path)
    report_of(tmp_path)
    (tmp_path / "reports" / "report.html").write_text("not below a session")
    assert page.get(f"/api/sessions/{ID}/report/{bad}")[0] in (307, 404)


def test_a_report_is_served_with_its_files_and_runs_nothing(page, tmp_path):
    record(tmp_path)
    report_of(tmp_path)
    for name, kind, text in (
        ("", "text/html; charset=utf-8", b"<!DOCTYPE html><p>ready"),
        ("report.html", "text/html; charset=utf-8", b"<!DOCTYPE html><p>ready"),
        ("report.json", "application/json", b"{}"),
        ("score.png", "image/png", b"PNG"),
    ):
        status, headers, body = page.ask("GET", f"/api/sessions/{ID}/report/{name}")
        assert (status, headers["content-type"], body) == (200, kind, text)
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'"  # and with it no script
        assert "script-src" not in policy
        assert policy["style-src"] == "'unsafe-inline'"
        assert "data:" in policy["img-src"].split()
        assert "sandbox" in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_without_a_report_there_is_none(page, tmp_path):
    record(tmp_path)
    assert page.said(f"/api/sessions/{ID}/report/state") == (200, {"state": "none", "reason": ""})
    for name in ("", "report.html", "score.png"):
        assert page.get(f"/api/sessions/{ID}/report/{name}")[0] == 404


def test_a_report_is_made_on_demand_and_one_that_fails_has_a_reason_and_can_be_tried_again(
    page, tmp_path
):
    path = record(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    assert page.ask("POST", f"/api/sessions/{ID}/report")[0] == 202
    found = page.state_after_making()
    assert found["state"] == "failed"
    assert "truncated" in found["reason"]
    path.write_bytes(whole)
    made = page.said(f"/api/sessions/{ID}/report", "POST")
    assert made == (202, {"state": "making", "reason": ""})
    assert page.state_after_making() == {"state": "ready", "reason": ""}
    status, body = page.get(f"/api/sessions/{ID}/report/")
    assert status == 200
    assert b"SIMULATED" in body
    assert page.said("/api/sessions")[1][0]["has_report"]


def test_a_report_that_cannot_begin_has_a_reason(page, tmp_path):
    record(tmp_path)
    (tmp_path / "reports").write_text("in the way")
    status, said = page.said(f"/api/sessions/{ID}/report", "POST")
    assert (status, said["state"]) == (500, "failed")
    assert "cannot be begun" in said["reason"]


def test_reports_are_made_one_at_a_time_and_behind_everything_else(page, tmp_path, slow):
    record(tmp_path)
    record(tmp_path, "other")
    before = os.getpriority(os.PRIO_PROCESS, 0)
    others = psutil.Process().children()
    assert page.ask("POST", f"/api/sessions/{ID}/report")[0] == 202
    assert page.ask("POST", f"/api/sessions/{ID}/report")[0] == 202
    status, said = page.said("/api/sessions/other/report", "POST")
    assert status == 409
    assert ID in said["reason"]
    (child,) = set(psutil.Process().children()) - set(others)
    assert child.nice() == max(10, before)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    page.reports.close()
    assert not child.is_running()
    assert page.said(f"/api/sessions/{ID}/report/state")[1]["state"] == "none"


def test_a_report_has_its_directory_and_ends_with_the_page(page, tmp_path, slow):
    path = record(tmp_path)
    page.ask("POST", f"/api/sessions/{ID}/report")
    while not (said := (tmp_path / "log" / "report.log").read_text()).endswith("\n"):
        time.sleep(0.1)
    out = tmp_path / "reports" / ID
    words = f"-P -m crepe report {path} --out {out} --parent {os.getpid()}"
    assert said == f"{words} in {tmp_path}\n"


def test_sessions_beside_are_named_and_only_an_operator_may_look_at_them(
    page, tmp_path, monkeypatch
):
    link = links("http://127.0.0.1:8081", "secret")
    others = [
        SessionBeside(tmp_path / "b", "s1", "well-1", "one.toml", link),
        SessionBeside(tmp_path / "c", "s2", "well-2", "two.toml", None),
    ]
    monkeypatch.setattr("crepe.dashboard.session_routes.sessions_beside", lambda var: others)
    (_, _, seen), (_, _, operated) = (
        page.ask("GET", "/api/beside", role=r) for r in reversed(Role)
    )
    names = [{"id": e.id, "culture": e.culture, "experiment": e.experiment} for e in others]
    assert json.loads(seen) == [{**name, "link": None} for name in names]
    assert [row["link"] for row in json.loads(operated)] == [link.spectator, None]
    assert b"secret" not in operated
