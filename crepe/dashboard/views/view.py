"""What every view of the page declares: the streams it reads, and what a browser is sent for it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from numpy.typing import NDArray

from crepe.dashboard.integrity import Gaps
from crepe.dashboard.session_view import SessionView

Options = TypeVar("Options")
Cursor = TypeVar("Cursor")
Shown = tuple[str, tuple[int, ...]]
"""A stream of segments, and those of its channels whose traces are kept."""


class SessionStatus(NamedTuple):
    """The status of a session beside its streams."""

    gaps: Gaps | None  # None: not known
    programs: Sequence[Mapping[str, Any]] | None  # their heartbeats; None in a replay
    problems: Sequence[str] = ()  # of the recording that is replayed


class ViewState(NamedTuple):
    """The part of a view in a frame."""

    head: Mapping[str, Any]  # goes into the frame's JSON head
    arrays: Mapping[str, NDArray[Any]]
    cursor: Any  # how much the browser has been sent with it


class View(Generic[Options, Cursor]):
    """One view of the page. The JavaScript module that draws it is in `static/views`.

    A view holds no state of its own, since one object serves all sessions and browsers: the data
    are in the `SessionView`; options and cursor belong to a browser. Both must be
    hashable, because browsers with equal ones are sent the same frame.
    """

    name: ClassVar[str]
    """A browser that shows the view sends `shows_NAME`; unique."""
    messages: ClassVar[tuple[str, ...]] = ()
    """Names of message types: a session has the view if a stream carries any of them."""
    history_s: ClassVar[float | None] = None
    """How much of its streams is read when a session is opened; None: all that is kept."""
    options: Options
    """Of a browser that has not chosen any."""
    cursor: Cursor
    """Of a browser that has been sent nothing."""

    def streams(self, session: SessionView) -> list[str]:
        """Return the streams that are read even while no browser shows the view."""
        return session.streams_of(*self.messages)

    def is_in(self, session: SessionView) -> bool:
        """Return whether the session has streams for this view."""
        return bool(session.streams_of(*self.messages))

    def changed(self, options: Options, fields: Mapping[str, Any]) -> Options:
        """Return the options after a browser's message; values out of range change nothing."""
        del fields
        return options

    def traces(self, session: SessionView, options: Options) -> Shown | None:
        """Return the channels whose samples must be kept for a browser that shows the view."""
        del session, options
        return None

    def about(self, session: SessionView) -> Mapping[str, Any]:
        """Return what stays the same until the session has further streams."""
        del session
        return {}

    def state(self, session: SessionView, options: Options, cursor: Cursor) -> ViewState:
        """Return what is new for a browser that shows the view."""
        del session, options
        return ViewState({}, {}, cursor)

    def slow_state(self, session: SessionView, status: SessionStatus) -> Mapping[str, Any]:
        """Return what changes about once a second; every browser is sent it."""
        del session, status
        return {}
