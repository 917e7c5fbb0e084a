"""The wording of the original hardware API: for gestures, and for the state of an input."""

from typing import Any

from crepe.sensor.input_tracker import Input

WORDS = {"rock": "Rock", "paper": "Paper", "scissors": "Scissor"}
"""By gesture, its name on the API; other gestures have their own."""

NONE = "None"
"""No hand in a frame, or no readable answer of the culture."""


def word(gesture: str | None) -> str:
    """Return the name of a gesture on the API; that of no gesture is `NONE`."""
    return NONE if gesture is None else WORDS.get(gesture, gesture)


def as_json(entry: Input) -> dict[str, Any]:
    """Return the state of an input, with the fields of its result once it has one."""
    fields = {
        "input": entry.number,
        "gesture": word(entry.gesture),
        "state": str(entry.state),
        "reason": entry.reason,
        "trial": entry.trial,
    }
    if entry.outcome is not None:
        fields |= {
            "decoded": word(entry.decoded),
            "answer": word(entry.answer),
            "outcome": entry.outcome,
        }
    return fields
