"""The text of supervisord.conf: one for the root, the same from `crepe up`, tied to no place."""

from configparser import RawConfigParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crepe.config.experiment import load_experiment
from crepe.supervise.conf import render

ROOT = Path(__file__).parents[2]


def test_the_file_at_the_root_is_what_up_writes_for_the_default_experiment() -> None:
    assert (ROOT / "supervisord.conf").read_text("ascii") == render(load_experiment().programs)


names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)


@given(st.lists(st.tuples(names, st.integers(0, 999)), unique_by=lambda program: program[0]))
def test_each_program_runs_the_same_command_at_its_priority(
    programs: list[tuple[str, int]],
) -> None:
    parser = RawConfigParser()
    parser.read_string(render(programs))
    found = [
        (section.removeprefix("program:"), parser.getint(section, "priority"))
        for section in parser.sections()
        if section.startswith("program:")
    ]
    assert sorted(found) == sorted(programs)
    assert [priority for _, priority in found] == sorted(priority for _, priority in programs)
    for name, _ in programs:
        assert parser[f"program:{name}"]["command"] == "crepe run %(program_name)s"


def test_the_text_names_no_place() -> None:
    assert str(ROOT) not in render([("redis", 10)])


def test_a_program_that_alone_commands_an_instrument_is_not_started_again() -> None:
    parser = RawConfigParser()
    parser.read_string(render([("rhx", 30), ("acquire", 80)]))
    assert parser["program:rhx"]["autorestart"] == "false"
    assert parser["program:acquire"]["autorestart"] == "true"
