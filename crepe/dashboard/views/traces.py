"""Voltage traces of chosen channels, with their thresholds and their spikes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from crepe.dashboard.session_view import SessionView
from crepe.dashboard.traces import BIN_S
from crepe.dashboard.views.view import Shown, View, ViewState

WINDOWS_S = (1, 2, 5, 10)
MOST_TRACES = 64
_LARGEST_CHANNEL = 1 << 20
_COLUMNS, _FEW_COLUMNS, _FEW = 1000, 400, 16  # of a trace, on a screen; of more than a few traces


@dataclass(frozen=True)
class TracesOptions:
    """The choice of traces that a browser shows."""

    stream: str | None = None  # None, or one that the session has not: the default
    channels: tuple[int, ...] = ()
    seconds: int = 5


class TracesCursor(NamedTuple):
    """The part of the traces that a browser has been sent."""

    column: int = 0  # it has all up to this one
    spike: int = 0  # sample index up to which it has the marks


class TracesView(View[TracesOptions, TracesCursor]):
    """Minimum and maximum of each column of the screen, in microvolts."""

    name = "traces"
    messages = ("Segment",)
    options = TracesOptions()
    cursor = TracesCursor()

    def streams(self, session: SessionView) -> list[str]:
        del session
        return []  # samples are many: only what a browser shows is read

    def changed(self, options: TracesOptions, fields: Mapping[str, Any]) -> TracesOptions:
        new: dict[str, Any] = {}
        if isinstance(stream := fields.get("stream"), str):
            new["stream"] = stream
        if isinstance(channels := fields.get("channels"), list):
            numbers = [c for c in channels if isinstance(c, int) and 0 <= c < _LARGEST_CHANNEL]
            new["channels"] = tuple(dict.fromkeys(numbers))[:MOST_TRACES]
        if fields.get("traces_s") in WINDOWS_S:
            new["seconds"] = int(fields["traces_s"])
        return replace(options, **new)

    def traces(self, session: SessionView, options: TracesOptions) -> Shown | None:
        stream = options.stream if options.stream in session.infos else session.default_traces
        return (stream, options.channels) if stream else None

    def about(self, session: SessionView) -> Mapping[str, Any]:
        return {
            "segment_streams": session.segment_streams,
            "default_traces": session.default_traces,
        }

    def state(
        self, session: SessionView, options: TracesOptions, cursor: TracesCursor
    ) -> ViewState:
        shown = self.traces(session, options)
        traces = session.traces.get(shown[0]) if shown else None
        if shown is None or traces is None:
            return ViewState({}, {}, cursor)
        stream = shown[0]
        channels = [c for c in options.channels if c < session.infos[stream].n_channels]
        n_bins = round(options.seconds / BIN_S)
        n_together = max(1, n_bins // (_COLUMNS if len(channels) <= _FEW else _FEW_COLUMNS))
        n_columns = n_bins // n_together
        column_samples = n_together * traces.bin_samples
        stop = traces.stop // column_samples
        first = max(cursor.column, stop - n_columns, 0)
        low, high = traces.window(np.array(channels, np.int64), first, stop, n_together)
        thresholds_sd = session.thresholds_sd(stream)
        thresholds = [
            [round(sd * traces.noise_uv[c], 2) for sd in thresholds_sd]
            if c in traces.noise_uv
            else []
            for c in channels
        ]
        head: dict[str, Any] = {
            "traces": {
                "stream": stream,
                "channels": channels,
                "first": first,
                "stop": stop,
                "n_columns": n_columns,
                "column_samples": column_samples,
                "thresholds_uv": thresholds,
            }
        }
        spike = cursor.spike
        if session.counts is not None:
            places, samples = session.counts.newest(cursor.spike, channels)
            head["spikes"] = {"place": places, "sample": samples}
            spike = session.counts.stop
        return ViewState(head, {"low": low, "high": high}, TracesCursor(stop, spike))
