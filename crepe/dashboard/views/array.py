"""The array from above: the firing rate of each channel."""

from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.view import View, ViewState


class ArrayView(View[None, None]):
    """The rate of every channel over the last second."""

    name = "array"
    options = None
    cursor = None

    def is_in(self, session: SessionView) -> bool:
        return session.spikes_stream is not None

    def state(self, session: SessionView, options: None, cursor: None) -> ViewState:
        del options
        if session.counts is None:
            return ViewState({}, {}, cursor)
        return ViewState({}, {"rates_hz": session.counts.rates_hz()}, cursor)
