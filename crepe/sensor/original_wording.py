"""The wording of the original hardware API: for gestures, and for the state of an input."""

from typing import Any

from crepe.sensor.input_tracker import Input

API_NAMES = {"rock": "Rock", "paper": "Paper", "scissors": "Scissor"}
"""By gesture, its name on the API; other gestures have their own."""

NONE = "None"
"""No hand in a frame, or no readable answer of the culture."""


def api_name(gesture: str | None) -> str:
    """Return the name of a gesture on the API; that of no gesture is `NONE`."""
    return NONE if gesture is None else API_NAMES.get(gesture, gesture)


def as_json(entry: Input) -> dict[str, Any]:
    """Return the state of an input, with the fields of its result once it has one."""
    fields = {
        "input": entry.number,
        "gesture": api_name(entry.gesture),
        "state": str(entry.state),
        "reason": entry.reason,
        "trial": entry.trial,
    }
    if entry.outcome is not None:
        fields |= {
            "decoded": api_name(entry.decoded),
            "answer": api_name(entry.answer),
            "outcome": entry.outcome,
        }
    return fields
