"""The output of an actor's methods, checked; and the error text for a mistake in its code."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from traceback import extract_tb
from types import TracebackType

import numpy as np
from pydantic import ValidationError

from crepe.environment.source_place import is_in_own_file, place_of, place_of_code
from crepe.errors import ActorError, CrepeError
from crepe.hw.instrument import EndOfData
from crepe.messages import Message

_LONGEST_VALUE = 60  # characters of a value in a text


class ErrorsOf:
    """A context in which an exception becomes an ActorError: the actor, file, line and reason.

    Parameters
    ----------
    name
        Of the actor, as in `[actors.NAME]`.
    kind
        Its class.
    """

    def __init__(self, name: str, kind: type) -> None:
        self.kind = kind
        self.place = f"[actors.{name}] {kind.__module__}:{kind.__qualname__}"

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        del traceback
        if isinstance(error, Exception) and not isinstance(error, CrepeError | EndOfData):
            raise ActorError(f"{self.place}: {self._line(error)}: {reason_of(error)}") from error

    def _line(self, error: Exception) -> str:
        """Return the author's line that failed; the class where only CREPE's own lines did."""
        is_own = self.kind.__module__.startswith("crepe.")
        return place_of(error) if is_own or is_in_own_file(error) else place_of_code(self.kind)


def messages_in(
    output: object, outputs: Collection[type[Message]], method: str, errors: ErrorsOf
) -> Iterator[Message]:
    """Yield the messages that a method has returned. Raises ActorError for anything else.

    Parameters
    ----------
    output
        A message, an iterable of messages, or None.
    outputs
        The types of messages that the actor's class declares.
    method, errors
        The method's name, and the actor, for the text of an error.
    """
    if output is None:
        return
    is_iterable = (
        not isinstance(output, Message | str | bytes)
        and isinstance(output, Iterable)
        and not isinstance(output, Mapping)
    )
    for message in output if is_iterable else (output,):  # type: ignore[attr-defined]  # is_iterable
        if type(message) not in outputs:
            kinds = " or ".join(kind.__name__ for kind in outputs) or "nothing"
            allowed = f"{kinds}, an iterable of them, or None" if outputs else "None"
            raise ActorError(
                f"{_place(method, errors)}: returned {_short(message)}, must be {allowed}"
            )
        if not _is_window(message.start, message.stop):
            raise ActorError(
                f"{_place(method, errors)}: returned {type(message).__name__} of the window "
                f"[{message.start}, {message.stop}), must be sample indices, the first not larger"
            )
        yield message


def _is_window(start: object, stop: object) -> bool:
    if type(start) is int and type(stop) is int:  # nearly always; the other check takes longer
        return 0 <= start <= stop
    are_indices = isinstance(start, int | np.integer) and isinstance(stop, int | np.integer)
    return are_indices and 0 <= start <= stop  # type: ignore[operator]  # both are numbers


def _place(method: str, errors: ErrorsOf) -> str:
    code = getattr(errors.kind, method)
    return f"{errors.place}: {method} ({place_of_code(code)})"


def reason_of(error: Exception) -> str:
    """Return what an exception in an actor's code is about, and the way out where it is known."""
    if isinstance(error, ValidationError) and error.errors()[0]["type"] == "frozen_instance":
        name = error.errors()[0]["loc"][0]
        return (
            f"assigns self.{name}, but settings cannot change; state is a private attribute, such "
            f"as `_{name}: int = PrivateAttr(0)`"
        )
    if isinstance(error, NotImplementedError) and not str(error):
        return f"has no method {extract_tb(error.__traceback__)[-1].name!r}"
    return f"{type(error).__name__}: {error}"


def _short(value: object) -> str:
    text = repr(value)
    text = text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 4]} ..."
    return f"{text} ({type(value).__name__})"
