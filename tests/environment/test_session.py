"""The session file says which run this is, and whether the last one ended in good order."""

import ast
import hashlib
import re
from pathlib import Path

import pytest

from crepe.environment import paths, session
from crepe.errors import ConfigError

FILE = Path("config") / "rps.toml"


def test_before_the_first_session_there_is_none(tmp_path: Path) -> None:
    assert session.current(tmp_path) is None
    assert session.find_unfinished(tmp_path) is None
    session.end(tmp_path)
    assert session.current(tmp_path) is None


def test_a_session_is_found_again_as_it_began(tmp_path: Path) -> None:
    begun = session.begin(session.new(FILE, "abc", 7), tmp_path)
    assert session.current(tmp_path) == begun
    assert (begun.experiment_digest, begun.seed, begun.state) == ("abc", 7, "running")
    assert begun.experiment_path == str(FILE.absolute())
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", begun.id)
    assert begun.id[:8] == begun.started_at[:10].replace("-", "")


def test_only_a_session_that_did_not_end_is_unclean(tmp_path: Path) -> None:
    begun = session.begin(session.new(FILE, "abc", 7), tmp_path)
    assert session.find_unfinished(tmp_path) == begun
    session.end(tmp_path)
    session.end(tmp_path)
    assert session.find_unfinished(tmp_path) is None
    ended = session.current(tmp_path)
    assert ended is not None
    assert (ended.id, ended.state) == (begun.id, "ended")


def test_a_session_is_cancelled_for_a_reason_but_none_that_began_after_it(tmp_path: Path) -> None:
    first = session.begin(session.new(FILE, "abc", 7), tmp_path)
    session.cancel(first, "taken over", tmp_path)
    session.end(tmp_path)
    over = session.current(tmp_path)
    assert over is not None
    assert (over.id, over.state, over.ended_because) == (first.id, "ended", "taken over")
    second = session.begin(session.new(FILE, "abc", 7), tmp_path)
    session.cancel(first, "taken over", tmp_path)
    assert session.find_unfinished(tmp_path) == second


def test_every_session_has_an_id_of_its_own(tmp_path: Path) -> None:
    ids = {session.begin(session.new(FILE, "abc", 7), tmp_path).id for _ in range(20)}
    assert len(ids) == 20


def test_a_session_of_another_version_is_read_and_has_an_obstacle(tmp_path: Path) -> None:
    begun = session.begin(session.new(FILE, "abc", 7), tmp_path)
    assert begun.obstacle == ""
    path = paths.run_directory(tmp_path) / "session.json"
    content = paths.read_json(path)
    assert content is not None
    del content["format"]
    paths.write_json(path, content)
    older = session.find_unfinished(tmp_path)
    assert older is not None
    assert re.fullmatch(
        rf"session {begun.id} was begun by an older version .* \(format 1, must be {session.FORMAT}\)"
        rf": resume it with .*, or abandon it with `crepe up --new`; `crepe report {begun.id}` .*",
        older.obstacle,
    )
    paths.write_json(path, {**content, "format": session.FORMAT + 1, "place": "of a later version"})
    later = session.find_unfinished(tmp_path)
    assert later is not None
    assert "a later version" in later.obstacle


RESUMED = {2: "56d51f83c959"}
"""By format: a digest of the code that says what a session is resumed from."""

STATES = {
    "messages.py": None,  # every class
    "games/trial_state.py": {"State"},
    "games/commands.py": {"GameCommands"},
    "games/pong/state.py": {"State"},
    "games/gymnasium/state.py": {"State"},
    "store/contract.py": {"Entry"},
}


def test_a_change_of_what_is_resumed_needs_another_format() -> None:
    """After a change: raise FORMAT and add a line to RESUMED, unless older sessions still fit."""
    root = Path(session.__file__).parents[1]
    lines = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names = STATES.get(path.relative_to(root).as_posix(), set())
                if names is None or node.name in names:
                    rows = [line for line in node.body if isinstance(line, ast.AnnAssign)]
                    lines.append(f"{node.name}: {[ast.unparse(line) for line in rows]}")
            elif isinstance(node, ast.FunctionDef) and node.name == "snapshot":
                if ast.get_docstring(node) is not None:
                    del node.body[0]
                lines.append(f"{path.name}: {[ast.unparse(line) for line in node.body]}")
    assert len(lines) > 20
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    assert digest == RESUMED[session.FORMAT]


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    paths.write_json(paths.run_directory(tmp_path) / "session.json", {"id": "x"})
    with pytest.raises(ConfigError, match=r"session\.json.*remove it"):
        session.current(tmp_path)


def test_a_session_is_found_again_where_sockets_have_no_room(tmp_path: Path) -> None:
    var = tmp_path / ("v" * 100)
    begun = session.begin(session.new(tmp_path / "a.toml", "digest", 1), var)
    assert session.current(var) == begun
