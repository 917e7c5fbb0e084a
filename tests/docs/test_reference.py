"""The pages of the reference that people write say what the code does."""

import ast
import os
import re
from functools import cache
from pathlib import Path

import pytest

from crepe import errors
from crepe.messages import StreamInfo
from crepe.store.contract import Entry
from crepe.store.lease import Holder, Lease
from crepe.store.redis_store import RedisStore
from crepe.web.token import variable
from docs.generate.streams import KEYS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@cache
def strings():
    """Return the text of every string in the code."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "crepe").rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    constants = (node.value for node in nodes if isinstance(node, ast.Constant))
    return [value for value in constants if isinstance(value, str)]


def page(name):
    return (REFERENCE / name).read_text(encoding="utf-8")


def first_cells(text):
    """Return the code in the first cell of each row of the tables."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [re.findall(r"(?:`` (.+?) ``|`([^`]+)`)", row.split(" | ")[0]) for row in rows]


def test_the_variables_are_those_that_the_code_reads():
    named = {name for text in strings() for name in re.findall(r"^CREPE_[A-Z_]+$", text)}
    named |= {variable(program) for program in ("dashboard", "sensor", "rpyc")}
    assert {code for cells in first_cells(page("environment.md")) for _, code in cells} == named


def test_every_run_time_file_is_on_the_page():
    names = {
        text
        for text in strings()
        if re.fullmatch(r"\.?[a-z][a-z-]+\.(json|sock|lock|pid|log|out)", text)
    }
    # The first is written where `--out` says, the second is the end of a name, and never made here.
    elsewhere = {"culture.json", "err.log"}
    text = page("files.md")
    assert sorted(name for name in names - elsewhere if f"`{name}`" not in text) == []


def test_every_class_of_error_is_on_the_page_with_its_meaning():
    text = page("errors.md")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, errors.CrepeError):
            meaning = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
            assert f"| `{kind.__name__}` | `{kind.__bases__[0].__name__}` | {meaning} |" in text


def test_the_texts_of_errors_are_those_of_the_code():
    code = "\n".join(strings())
    texts = [long or short for cells in first_cells(page("errors.md")) for long, short in cells]
    for text in (text for text in texts if not text.endswith("Error")):
        # Capitals, `N`, quotes and dots stand for what varies.
        parts = re.split(r"\.\.\.|[';()]|\[actors\.NAME\]|\b[A-Z]+\b", text)
        parts = [part.strip(" :,") for part in parts]
        missing = [part for part in parts if len(part) > 5 and part not in code]
        assert missing == [], text


def test_the_keys_are_those_on_a_server(redis_url):
    store = RedisStore(redis_url, culture="keys")
    store.declare("data", StreamInfo(labels=("a",), session="s"), keep_s=10.0)
    store.append([("data", Entry(0, 10, b"", 1))])
    store.register("data", "reader", 5)
    store.beat("acquire", {"state": "running"})
    store.append_unclocked("control", b"")
    Lease(store, Holder("s", "host", "user", os.getpid(), "now")).renew()
    found_keys = {key.decode() for key in store._connection.call("KEYS", "keys:*")}
    patterns = [re.sub("[A-Z]+", r"[a-z]+", key.replace("crepe:", "keys:")) for key in KEYS]
    assert found_keys >= {"keys:data", "keys:data:info", "keys:data:readers", "keys:lease"}
    for key in found_keys:
        assert any(re.fullmatch(pattern, key) for pattern in patterns), key


def test_the_examples_of_the_api_run_in_their_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    examples = re.findall(r"^```python\n(.*?)^```", page("python-api.md"), re.M | re.S)
    assert len(examples) > 5
    names = {"__name__": "examples"}
    for example in examples:
        exec(compile(example, "python-api.md", "exec"), names)
