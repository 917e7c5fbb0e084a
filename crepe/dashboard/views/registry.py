"""All views of the page, in one place. A new one is a module here, its line in `VIEWS`, and its
JavaScript module with a line in `static/views/registry.js`.
"""

from typing import Any

from crepe.dashboard import events
from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.array import ArrayView
from crepe.dashboard.views.court import CourtView
from crepe.dashboard.views.health import HealthView
from crepe.dashboard.views.image import ImageView
from crepe.dashboard.views.raster import RasterView
from crepe.dashboard.views.traces import TracesView
from crepe.dashboard.views.trial_game import TrialGameView
from crepe.dashboard.views.view import SessionStatus, View

VIEWS: tuple[View[Any, Any], ...] = (
    ArrayView(),
    TracesView(),
    RasterView(),
    TrialGameView(),
    CourtView(),
    ImageView(),
    HealthView(),
)


def followed(session: SessionView) -> dict[str, float | None]:
    """Return the streams that are read whatever a browser shows, each with its `history_s`."""
    streams: dict[str, float | None] = dict.fromkeys(session.streams_of(*events.MESSAGES))
    for view in VIEWS:
        streams |= dict.fromkeys(view.streams(session), view.history_s)
    return streams


def about(session: SessionView) -> dict[str, Any]:
    """Return what stays the same until the session has further streams."""
    fields = session.about()
    for view in VIEWS:
        fields |= view.about(session)
    return {**fields, "views": [view.name for view in VIEWS if view.is_in(session)]}


def slow_state(session: SessionView, status: SessionStatus) -> dict[str, Any]:
    """Return what changes about once a second, of all views."""
    fields: dict[str, Any] = {}
    for view in VIEWS:
        fields |= view.slow_state(session, status)
    return fields
