"""The words of the original hardware API: for gestures, and for what became of an input."""

from typing import Any

from crepe.sensor.input_tracker import Input

WORDS = {"rock": "Rock", "paper": "Paper", "scissors": "Scissor"}
"""By gesture, its word on the API; another gesture is its own word."""

NONE = "None"
"""No hand in a frame, or nothing readable in the culture's answer."""


def word(gesture: str | None) -> str:
    """A gesture, or none, as sensors know it."""
    return NONE if gesture is None else WORDS.get(gesture, gesture)


def as_json(found: Input) -> dict[str, Any]:
    """What became of an input; the fields of the result are there when it has one."""
    said = {
        "input": found.number,
        "gesture": word(found.gesture),
        "state": str(found.state),
        "reason": found.reason,
        "trial": found.trial,
    }
    if found.outcome is not None:
        said |= {
            "decoded": word(found.decoded),
            "answer": word(found.answer),
            "outcome": found.outcome,
        }
    return said
