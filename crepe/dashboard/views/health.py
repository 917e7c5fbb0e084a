"""How the programs, the delays and the data of a session do."""

from collections.abc import Mapping
from typing import Any

from crepe.dashboard.integrity import integrity
from crepe.dashboard.latency import EDGES_MS
from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.view import SessionStatus, View


class HealthView(View[None, None]):
    """Heartbeats, delays, gaps, and what became of the stimuli."""

    name = "health"
    options = None
    cursor = None

    def is_in(self, session: SessionView) -> bool:
        del session
        return True

    def slow_state(self, session: SessionView, status: SessionStatus) -> Mapping[str, Any]:
        live = {}
        if status.programs is not None:
            live = {"programs": status.programs, "decided": session.decided.as_json()}
        return {
            **live,
            "fired": session.fired.as_json(),
            "edges_ms": EDGES_MS,
            "gaps": status.gaps.newest if status.gaps else (),
            "integrity": integrity(session, status.gaps, status.programs, status.problems),
        }
