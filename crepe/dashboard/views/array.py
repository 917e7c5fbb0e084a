"""The array from above: the firing rate and the state of each channel."""

from collections.abc import Mapping
from typing import Any

from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.view import SessionStatus, View, ViewState
from crepe.messages import ChannelStates


class ArrayView(View[None, None]):
    """The rate of every channel over the last second, and which channels are not ok."""

    name = "array"
    messages = ("ChannelStates",)
    options = None
    cursor = None

    def is_in(self, session: SessionView) -> bool:
        return session.spikes_stream is not None

    def state(self, session: SessionView, options: None, cursor: None) -> ViewState:
        del options
        if session.counts is None:
            return ViewState({}, {}, cursor)
        return ViewState({}, {"rates_hz": session.counts.rates_hz()}, cursor)

    def slow_state(self, session: SessionView, status: SessionStatus) -> Mapping[str, Any]:
        del status
        newest = session.newest.get("ChannelStates")
        states = newest.states if isinstance(newest, ChannelStates) else ()
        return {"channel_states": [None if s == ChannelStates.OK else s for s in states]}
