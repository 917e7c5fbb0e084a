"""Calls that may hang for ever (a dead disk, a silent name server), given up after a while."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def begin(function: Callable[..., T], *arguments: Any) -> "Future[T]":
    """Call a function on a thread that does not keep the process alive; return its future."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001  # raised again by `Future.result`
            future.set_exception(error)

    threading.Thread(target=run, name="may hang", daemon=True).start()
    return future


def call_within(
    wait_s: float,
    function: Callable[..., T],
    *arguments: Any,
    discard: Callable[[T], object] = lambda _: None,
) -> T:
    """Return what a function returns; raise TimeoutError if that takes longer than `wait_s`.

    Parameters
    ----------
    wait_s
        After it the call goes on by itself.
    discard
        Called with a result that comes too late, such as an open file.
    """
    future = begin(function, *arguments)
    try:
        return future.result(max(0.0, wait_s))
    except TimeoutError as error:
        if future.done():
            return future.result()  # it came just now, or is a TimeoutError of the function itself

        def drop(late: "Future[T]") -> None:
            if late.exception() is None:
                discard(late.result())

        future.add_done_callback(drop)
        raise TimeoutError(f"no answer within {wait_s:g} s") from error
