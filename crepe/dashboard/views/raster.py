"""The raster and the population rate: spikes by channel and time."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from crepe.dashboard.counts import KEPT_S
from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.view import View, ViewState

WINDOWS_S = (10, 30, 60)


class RasterView(View[int, int]):
    """The first stream of spikes in bins; options: seconds shown, cursor: bins that were sent."""

    name = "raster"
    messages = ("Spikes",)
    history_s = KEPT_S
    options = 30
    cursor = 0

    def streams(self, session: SessionView) -> list[str]:
        return [session.spikes_stream] if session.spikes_stream else []

    def changed(self, options: int, fields: Mapping[str, Any]) -> int:
        return int(fields["raster_s"]) if fields.get("raster_s") in WINDOWS_S else options

    def about(self, session: SessionView) -> Mapping[str, Any]:
        return {"n_raster_rows": session.counts.n_rows if session.counts else 0}

    def state(self, session: SessionView, options: int, cursor: int) -> ViewState:
        counts = session.counts
        if counts is None:
            return ViewState({}, {}, cursor)
        # Whole bins only: one that has been sent is not sent again, so it must not grow any more.
        stop = counts.stop // counts.bin_samples
        first = max(cursor, stop - round(options / counts.bin_s), 0)
        head = {"raster": {"first": first, "stop": stop, "bin_samples": counts.bin_samples}}
        arrays: dict[str, NDArray[Any]] = {
            "raster": counts.raster(first, stop),
            "population_hz": counts.population(first, stop),
        }
        return ViewState(head, arrays, stop)
