"""One frame for one browser: a JSON head and plain arrays behind it, all in one message.

    4 bytes   length of the head, little endian; the head is padded so that arrays are aligned
    head      JSON; `arrays` names each array with its dtype and shape, in order
    arrays    little endian, each padded to a multiple of 8 bytes

A browser that is slow is sent fewer frames: a frame is made when the last one has arrived, and
holds what is new since then, never more than a screen's worth.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.dashboard.counts import KEPT_S
from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.registry import VIEWS, about

_ALIGN = 8


def pack(head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a frame as bytes."""
    layout = [
        {"name": name, "dtype": array.dtype.name, "shape": array.shape}
        for name, array in arrays.items()
    ]
    text = json.dumps({**head, "arrays": layout}, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % _ALIGN)
    parts = [len(text).to_bytes(4, "little"), text]
    for array in arrays.values():
        data = np.ascontiguousarray(array).tobytes()
        parts += [data, bytes(-len(data) % _ALIGN)]
    return b"".join(parts)


@dataclass(frozen=True)
class FrameRequest:
    """The views that a browser shows, by name, and the options of every view."""

    shown: frozenset[str] = frozenset()
    options: tuple[Any, ...] = tuple(view.options for view in VIEWS)  # in the order of `VIEWS`


@dataclass(frozen=True)
class FrameCursor:
    """The part of a session that a browser has been sent."""

    session_view: int = 0  # its number
    views: tuple[Any, ...] = tuple(view.cursor for view in VIEWS)  # in the order of `VIEWS`
    version: int = -1  # of the events
    n_streams: int = -1
    slow: str = ""  # text of the `SlowState`


class SlowState(NamedTuple):
    """The state that is sent beside the views when it has changed; its text shows whether."""

    value: Mapping[str, Any]
    text: str


def slow_state(value: Mapping[str, Any]) -> SlowState:
    """Return the state with its text, which is made once for all browsers that are sent it."""
    return SlowState(value, json.dumps(value))


FrameCache = dict[tuple[FrameRequest, FrameCursor, str], tuple[bytes, FrameCursor]]
"""The frames of one tick; browsers that show the same and have been sent the same share one."""


class BrowserView:
    """The view of one browser: what it shows, and how much of it has been sent."""

    def __init__(self) -> None:
        self.request = FrameRequest()
        self._cursor = FrameCursor()

    def options(self, name: str) -> Any:
        """Return the options of the view of this name."""
        return next(
            options
            for view, options in zip(VIEWS, self.request.options, strict=True)
            if view.name == name
        )

    def change(self, fields: Mapping[str, Any]) -> None:
        """Apply a browser's message, and send all views anew; invalid values change nothing."""
        shown = set(self.request.shown)
        for view in VIEWS:
            if (name := f"shows_{view.name}") in fields:
                (shown.add if fields[name] else shown.discard)(view.name)
        options = tuple(
            view.changed(options, fields)
            for view, options in zip(VIEWS, self.request.options, strict=True)
        )
        self.request = FrameRequest(frozenset(shown), options)
        self._cursor = replace(self._cursor, views=FrameCursor().views)

    def frame(self, session_view: SessionView, slow: SlowState, cache: FrameCache) -> bytes:
        """Return what is new for this browser, from the `cache` if another was sent the same."""
        if self._cursor.session_view != session_view.number:
            self._cursor = FrameCursor(session_view.number, slow=self._cursor.slow)
        key = (self.request, self._cursor, slow.text)
        if key not in cache:
            cache[key] = _make(session_view, slow, self.request, self._cursor)
        frame, self._cursor = cache[key]
        return frame


def _make(
    session_view: SessionView, slow: SlowState, request: FrameRequest, cursor: FrameCursor
) -> tuple[bytes, FrameCursor]:
    head: dict[str, Any] = {"now": session_view.now}
    arrays: dict[str, NDArray[Any]] = {}
    events = session_view.events
    if cursor.n_streams != len(session_view.infos):
        head["about"] = about(session_view)
    if cursor.version != events.version:
        head["events"] = events.as_json()
        minute_ago = session_view.now - round(KEPT_S * session_view.rate_hz)
        head["trains"] = events.trains(cursor.version, minute_ago)
    if slow.text != cursor.slow:
        head["more"] = slow.value
    cursors = list(cursor.views)
    for i, view in enumerate(VIEWS):
        if view.name in request.shown:
            state = view.state(session_view, request.options[i], cursor.views[i])
            head |= state.head
            arrays |= state.arrays
            cursors[i] = state.cursor
    sent = FrameCursor(
        session_view.number, tuple(cursors), events.version, len(session_view.infos), slow.text
    )
    return pack(head, arrays), sent


def channels_shown(
    views: Sequence[BrowserView], session_view: SessionView
) -> dict[str, tuple[int, ...]]:
    """Return the channels by stream whose traces any of the browsers shows."""
    channels: dict[str, tuple[int, ...]] = {}
    for browser in views:
        for view, options in zip(VIEWS, browser.request.options, strict=True):
            shown = (
                view.traces(session_view, options) if view.name in browser.request.shown else None
            )
            if shown is not None:
                stream, rows = shown
                channels[stream] = (*channels.get(stream, ()), *rows)
    return channels
