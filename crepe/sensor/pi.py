"""The Raspberry Pi's loop: a button, one frame of the sensor, the answer on a screen.

The hardware is behind two small functions, so that the loop runs anywhere. On a Pi install
`crepe[pi]`; the libraries are imported when they are used.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from crepe.errors import DeviceError
from crepe.sensor.client import Answer, GatewayClient
from crepe.sensor.frames import Frame
from crepe.sensor.input_tracker import State
from crepe.sensor.original_wording import NONE

BUTTON_PIN = 18
"""BCM number of the button, which pulls the pin down; as in the original."""

_SHOWN_S = 5.0  # an answer stays on the screen; as in the original
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Hardware:
    """The devices of the loop, as functions."""

    wait_for_button: Callable[[], object]
    look: Callable[[], Frame]  # one frame; raises OSError if the sensor does not answer
    display: Callable[[str], object]
    sleep: Callable[[float], object] = time.sleep


def turn(gateway: GatewayClient, hardware: Hardware) -> None:
    """Play one turn: from the press of the button to the answer on the screen."""
    hardware.wait_for_button()
    try:
        frame = hardware.look()
        answer = gateway.post(frame)
        if answer.is_pending:
            hardware.display(f"{answer.gesture}: processing")
            answer = gateway.wait(answer, _PATIENCE_S, sleep=hardware.sleep)
        text = screen_text(answer)
    except DeviceError as error:
        text = f"server unavailable: {error}"
    except OSError as error:
        text = f"sensor unavailable: {error}"
    hardware.display(text)
    hardware.sleep(_SHOWN_S)


def screen_text(answer: Answer) -> str:
    """Return the text for the screen; an unreadable answer differs from a missing one."""
    if answer.state is State.RESULT:
        if answer.decoded == NONE:
            return "the culture gave no readable answer"
        return f"the culture plays {answer.answer}"
    if answer.is_pending:
        return f"no answer in {_PATIENCE_S:.0f} s"
    return answer.reason


def run(gateway: GatewayClient) -> NoReturn:
    """Play turns on a real Raspberry Pi. Raises DeviceError without its libraries."""
    hardware = raspberry()
    while True:
        turn(gateway, hardware)


def raspberry() -> Hardware:
    """Open the button on a Pi's pin and the AMG8833 on its I2C bus; the terminal is the screen."""
    try:
        import adafruit_amg88xx
        import board
        import gpiozero
    except (ImportError, NotImplementedError) as error:
        raise DeviceError(f"{error}; on a Raspberry Pi: the extra `pi` of crepe-mea") from error
    button: Any = gpiozero.Button(BUTTON_PIN)
    camera: Any = adafruit_amg88xx.AMG88XX(board.I2C())

    def look() -> Frame:
        return tuple(tuple(float(value) for value in row) for row in camera.pixels)

    def wait_for_button() -> None:
        button.wait_for_release()  # one press is one turn, however long it is held
        button.wait_for_press()

    return Hardware(wait_for_button, look, print)
