"""The command language: nothing that RHX would take for something else leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.errors import DeviceError
from crepe.hw.rhx.commands import LONGEST, Reply, command, is_same, text_of


def test_a_command_is_one_line_of_ascii_that_ends_in_a_semicolon():
    assert command("set", "a-010.stimenabled", "true") == b"set a-010.stimenabled true;"


@pytest.mark.parametrize(
    "parts",
    [
        ("set",),
        ("set", ""),
        ("set", " "),
        ("get", "type;set"),
        ("get", "a\nb"),
        ("get", "µ"),
        ("set", "note1", "x" * LONGEST),
    ],
)
def test_what_rhx_would_misread_is_no_command(parts):
    with pytest.raises(ValueError, match="command"):
        command(*parts)


@given(st.text())
def test_no_text_makes_two_commands_or_the_word_set_alone(text):
    try:
        sent = command("set", text)
    except ValueError:
        return
    assert sent.count(b";") == 1
    assert sent.rstrip(b";").strip() != b"set"


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (20, "20"), (33_000.0, "33000"), ("KeyPressF1",) * 2]
)
def test_values_are_written_as_rhx_reads_them(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_no_value(value):
    with pytest.raises(ValueError, match="finite"):
        text_of(value)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("True", True, True),
        ("False", True, False),
        ("1e+06", 1_000_000, True),
        ("33003.3", 33003.34, True),  # six digits are printed
        ("10.5", 10.0, False),
        ("nan", 10.0, False),
        ("", 0, False),
        ("keypressf1", "KeyPressF1", True),
        ("KeyPressF2", "KeyPressF1", False),
    ],
)
def test_a_value_is_read_back_with_a_tolerance_for_numbers_and_any_case(text, value, expected):
    assert is_same(text, value) is expected


def test_a_reply_has_the_value_under_the_spelling_of_rhx_without_the_channel():
    assert Reply("a-010.stimenabled", "Return: StimEnabled False").value == "False"
    assert Reply("filename.path", "Return: Filename.Path ").value == ""


def test_text_before_the_value_is_an_error_of_a_command_before():
    text = "Invalid value for StimEnabled command. Acceptable: True;FalseReturn: StimEnabled False"
    reply = Reply("a-010.stimenabled", text)
    assert reply.errors.startswith("Invalid value")
    assert reply.value == "False"


def test_an_answer_to_another_question_is_an_error():
    with pytest.raises(DeviceError, match="another program may use"):
        Reply("type", "Return: RunMode Stop")
