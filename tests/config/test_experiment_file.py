"""What an error says about a file that is not there, or is no TOML."""

from pathlib import Path

import pytest

from crepe.config.experiment_file import read_experiment_file
from crepe.config.file_text import parse_text
from crepe.errors import ConfigError


def test_only_experiment_files_are_offered_in_place_of_one_that_is_not_there(tmp_path):
    """A clone has a pyproject.toml, an experiment's directory may have anything."""
    (tmp_path / "mine.toml").write_text("[actors.a]\n")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "damaged.toml").write_bytes(b"\xff = [")
    for name, near in (
        ("x", "known are mine.toml"),
        ("mime.toml", "did you mean 'mine.toml'?"),
        ("myproject.toml", "did you mean 'mine.toml'?"),
    ):
        with pytest.raises(ConfigError) as error:
            read_experiment_file(tmp_path / name)
        assert str(error.value).endswith(f"no such experiment file; {near}")


@pytest.mark.parametrize(
    ("text", "place", "value"),
    [
        ("title = Rock game  # mine\n", "line 1, column 9", "Rock game"),
        ('a = 1\nreads = ["data", result]', "line 2, column 18", "result"),
        ("culture = {id = C7, mea = 1}", "line 1, column 17", "C7"),
    ],
)
def test_a_text_without_quotes_is_named_as_that(text, place, value):
    with pytest.raises(ConfigError) as error:
        parse_text(Path("e.toml"), text)
    assert str(error.value) == f'e.toml: {place}: Invalid value; text needs quotes: "{value}"'


@pytest.mark.parametrize("text", ["a = True", "a = [", "a = ", "a = 3x", "[a", 'a = "x'])
def test_no_other_mistake_is_blamed_on_quotes(text):
    with pytest.raises(ConfigError, match="line 1, column ") as error:
        parse_text(Path("e.toml"), text)
    assert "quotes" not in str(error.value)


@pytest.mark.parametrize("text", ["a = " + 50_000 * "[", 50_000 * '{"a":'])
def test_what_nests_too_deeply_is_refused(text):
    with pytest.raises(ConfigError, match=r"^e\.toml: nested too deeply$"):
        parse_text(Path("e.toml"), text)
