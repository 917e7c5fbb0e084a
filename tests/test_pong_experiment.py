"""Pong under its conditions: a short session from start to end, and files that cannot have one."""

import json

import pytest

from crepe.environment.paths import project_directory
from crepe.errors import ConfigError
from crepe.study.plan import Plan

PONG = project_directory() / "config" / "pong.toml"


@pytest.fixture
def changed(tmp_path):
    def change(**changes):
        """The shipped file with other values in its [conditions]."""
        before, table, after = PONG.read_text(encoding="utf-8").partition("[conditions]\n")
        lines, rest = after.split("\n\n", 1)
        kept = [line for line in lines.splitlines() if line.split(" = ")[0] not in changes]
        new = [f"{name} = {json.dumps(value)}" for name, value in changes.items()]
        path = tmp_path / "mine.toml"
        path.write_text("\n".join([before + table, *kept, *new, "", rest]), encoding="utf-8")
        return path

    return change


def test_the_shipped_file_tries_each_condition_equally_often():
    experiment = Plan(PONG, 3).conditions(None, None)
    blocks = experiment.actors["game"].settings["blocks"]
    names = [block["condition"] for block in blocks]
    table = experiment.conditions
    assert sorted(names) == sorted(table.names * table.n_blocks)
    silenced_s = [(b["start_s"], b["stop_s"]) for b in blocks if b["condition"] == "silenced"]
    assert experiment.culture.simulated.silenced_s == tuple(silenced_s)


def test_a_condition_that_nobody_knows_is_refused(changed):
    path = changed(names=["stimulation", "silense"])
    with pytest.raises(ConfigError, match="'silense' is none of .*; did you mean 'silenced'"):
        Plan(path).conditions(None, None)
