"""Sessions that run in other directories of this machine are listed, with their pages."""

from pathlib import Path

import pytest

from crepe.environment import paths, session
from crepe.environment.process_identity import ProcessIdentity
from crepe.supervise import control
from crepe.supervise.beside import sessions_beside


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Begins a session in a directory of its own; its supervisord answers if `runs`."""
    alive = set()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(paths, "temporary", lambda: paths.private(tmp_path / "crepe"))
    monkeypatch.setattr(control, "running", lambda var: var if var in alive else None)

    def begin(
        name: str, *, runs: bool = True, page: ProcessIdentity | None = None, title: str = ""
    ) -> Path:
        var = paths.private(tmp_path / name)
        paths.announce(var)
        file = tmp_path / f"{name}.toml"
        if title:
            file.write_text(f'title = "{title}"')
        session.begin(session.new(file, "digest", 1, name), var)
        if page is not None:
            content = {"url": "http://127.0.0.1:8081", "public_url": None, "token": "secret"}
            paths.write_json(paths.run_directory(var) / "dashboard.json", content | page._asdict())
        if runs:
            alive.add(var)
        return var

    return begin


def test_sessions_of_other_directories_are_listed_with_their_pages(begin):
    own = begin("well-0")
    begin("well-2", page=ProcessIdentity.own(), title="Plate 7")
    begin("well-1", page=ProcessIdentity(2**22 + 1, "gone"))
    begin("ended", runs=False)
    first, second = sessions_beside(own)
    assert (first.culture, first.experiment, first.links) == ("well-1", "well-1.toml", None)
    assert second.links.operator == "http://127.0.0.1:8081/?token=secret"
    assert str(first).endswith(", without a page")
    assert "well-2 (Plate 7 in " in str(second)


def test_a_directory_that_is_gone_or_of_another_version_hides_no_other(begin, tmp_path):
    own = begin("well-0")
    begin("well-1")
    broken = begin("broken")
    (paths.run_directory(broken) / "session.json").write_text("{}")
    paths.announce(tmp_path / "removed")
    assert [each.culture for each in sessions_beside(own)] == ["well-1"]


def test_a_session_on_a_server_of_others_is_announced_too(begin, tmp_path):
    var = paths.private(tmp_path / "on-a-cluster")
    control.announce(var, "/run/supervisor.sock")
    assert var in paths.announced()
