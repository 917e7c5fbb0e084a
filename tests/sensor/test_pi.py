"""The Raspberry Pi's loop with fake hardware: one look, one post, and the truth on the screen."""

import sys

import pytest

from crepe.errors import DeviceError
from crepe.sensor import pi
from crepe.sensor.client import Answer
from crepe.sensor.input_tracker import State
from crepe.sensor.pi import Hardware, raspberry, turn

FRAME = ((20.0,) * 8,) * 8
WAITING = Answer("7f", State.WAITING, "Rock")
RESULT = Answer("7f", State.RESULT, "Rock", "", 1, "Rock", "Paper", "won")


class FakeGateway:
    """Answers to one frame, in order."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.shown = []

    def post(self, frame):
        self.shown.append(frame)
        return self._next()

    def wait(self, answer, timeout_s, *, sleep):
        assert answer.is_pending
        return self._next()

    def _next(self):
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def play(gateway, look=lambda: FRAME):
    """What one press of the button brings to the screen, and what was waited for."""
    happened, screen = [], []

    def looked():
        happened.append("look")
        return look()

    hardware = Hardware(lambda: happened.append("button"), looked, screen.append, happened.append)
    turn(gateway, hardware)
    return screen, happened


def test_a_press_is_one_look_one_post_and_the_winning_answer():
    gateway = FakeGateway(WAITING, RESULT)
    screen, happened = play(gateway)
    assert gateway.shown == [FRAME]
    assert screen == ["Rock: processing", "the culture plays Paper"]
    assert happened == ["button", "look", 5.0]


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([WAITING, RESULT._replace(decoded="None", answer="None")], "the culture gave no readable answer"),
        ([DeviceError("http://lab: does not answer")], "server unavailable: http://lab: does not answer"),
        ([WAITING, DeviceError("http://lab: 500")], "server unavailable: http://lab: 500"),
        ([Answer("7f", State.UNUSED, "None", "no hand in the frame")], "no hand in the frame"),
        ([WAITING, Answer("7f", State.OVER, "Rock", "the game is over")], "the game is over"),
        ([WAITING, WAITING], "no answer in 60 s"),
    ],
)  # fmt: skip
def test_none_no_hand_no_answer_and_unavailable_all_differ(answers, text):
    screen, _ = play(FakeGateway(*answers))
    assert screen[-1] == text


def test_a_sensor_that_fails_is_not_the_servers_fault():
    def broken():
        raise OSError("[Errno 121] Remote I/O error")

    screen, _ = play(FakeGateway(), broken)
    assert screen == ["sensor unavailable: [Errno 121] Remote I/O error"]


class FakeLibraries:
    """Stands for the three modules of `crepe[pi]`."""

    def __init__(self):
        self.pressed = []
        self.pixels = [[20.25] * 8] * 8

    def Button(self, pin):
        self.pin = pin
        return self

    def wait_for_release(self):
        self.pressed.append("release")

    def wait_for_press(self):
        self.pressed.append("press")

    def I2C(self):
        return "bus"

    def AMG88XX(self, bus):
        assert bus == "bus"
        return self


def test_on_a_pi_the_button_and_the_sensor_are_what_is_wired(monkeypatch):
    fake = FakeLibraries()
    for name in ("adafruit_amg88xx", "board", "gpiozero"):
        monkeypatch.setitem(sys.modules, name, fake)
    hardware = raspberry()
    hardware.wait_for_button()
    assert (fake.pin, fake.pressed) == (18, ["release", "press"])
    assert hardware.look() == ((20.25,) * 8,) * 8


def test_on_other_machines_the_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "adafruit_amg88xx", None)
    with pytest.raises(DeviceError, match="the extra `pi` of crepe-mea"):
        pi.run(FakeGateway())
