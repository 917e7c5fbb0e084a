"""The court of a Pong: where ball and paddle are."""

from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.view import View, ViewState
from crepe.messages import Court


class CourtView(View[None, None]):
    """The newest position of ball and paddle."""

    name = "court"
    messages = ("Court",)
    history_s = 60.0  # only the newest is shown
    options = None
    cursor = None

    def state(self, session: SessionView, options: None, cursor: None) -> ViewState:
        del options
        court = session.newest.get("Court")
        if not isinstance(court, Court):
            return ViewState({}, {}, cursor)
        position = [
            court.ball_x, court.ball_y, court.paddle_y, court.paddle_size,
            court.is_in_play, court.trial,
        ]  # fmt: skip
        return ViewState({"court": position}, {}, cursor)
