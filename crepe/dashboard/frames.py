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
from crepe.dashboard.traces import BIN_S

TRACE_WINDOWS_S = (1, 2, 5, 10)
RASTER_WINDOWS_S = (10, 30, 60)
MOST_TRACES = 64
Array = NDArray[Any]
_COLUMNS, _FEW_COLUMNS, _FEW = 1000, 400, 16  # of a trace, on a screen; of more than a few traces
_ALIGN = 8


def pack(head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A frame as bytes."""
    about = [
        {"name": name, "dtype": array.dtype.name, "shape": array.shape}
        for name, array in arrays.items()
    ]
    text = json.dumps({**head, "arrays": about}, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % _ALIGN)
    parts = [len(text).to_bytes(4, "little"), text]
    for array in arrays.values():
        data = np.ascontiguousarray(array).tobytes()
        parts += [data, bytes(-len(data) % _ALIGN)]
    return b"".join(parts)


@dataclass(frozen=True)
class Asked:
    """What a browser looks at."""

    stream: str | None = None
    channels: tuple[int, ...] = ()
    traces_s: int = 5
    raster_s: int = 30
    shows_array: bool = False
    shows_traces: bool = False
    shows_raster: bool = False

    def wants(self, session_view: SessionView) -> tuple[str, tuple[int, ...]] | None:
        """The stream and the channels whose traces it shows."""
        stream = self.stream if self.stream in session_view.infos else session_view.default_traces
        return (stream, self.channels) if self.shows_traces and stream else None


@dataclass(frozen=True)
class Sent:
    """How much of a session_view a browser has been sent."""

    session_view: int = 0  # its number
    column: int = 0  # of the traces, up to which it has all
    bin: int = 0  # of the raster
    spike: int = 0  # sample index, for the marks at the traces
    version: int = -1  # of the events
    n_streams: int = -1
    more: str = ""


class More(NamedTuple):
    """What is told beside the session_view, and sent when it has changed; `text` tells that."""

    value: Mapping[str, Any]
    text: str


def more(value: Mapping[str, Any]) -> More:
    """Ready to be sent to many."""
    return More(value, json.dumps(value))


Made = dict[tuple[Asked, Sent, str], tuple[bytes, Sent]]
"""The frames of one moment: those who look at the same, have the same and are told the same."""


class BrowserView:
    """What one browser looks at, and what of it it has been sent."""

    def __init__(self) -> None:
        self.asked = Asked()
        self._sent = Sent()

    def ask(self, words: Mapping[str, Any]) -> None:
        """Change what is looked at; whatever makes no sense is left as it is."""
        new: dict[str, Any] = {}
        if isinstance(stream := words.get("stream"), str):
            new["stream"] = stream
        if isinstance(channels := words.get("channels"), list):
            numbers = [c for c in channels if isinstance(c, int) and 0 <= c < 1 << 20]
            new["channels"] = tuple(dict.fromkeys(numbers))[:MOST_TRACES]
        if words.get("traces_s") in TRACE_WINDOWS_S:
            new["traces_s"] = int(words["traces_s"])
        if words.get("raster_s") in RASTER_WINDOWS_S:
            new["raster_s"] = int(words["raster_s"])
        for name in ("shows_array", "shows_traces", "shows_raster"):
            if name in words:
                new[name] = bool(words[name])
        self.asked = replace(self.asked, **new)
        self._sent = replace(self._sent, column=0, bin=0, spike=0)

    def frame(self, session_view: SessionView, told: More, made: Made) -> bytes:
        """What is new for this browser; taken from `made` if it was made for another."""
        if self._sent.session_view != session_view.number:
            self._sent = Sent(session_view=session_view.number, more=self._sent.more)
        key = (self.asked, self._sent, told.text)
        if key not in made:
            made[key] = _make(session_view, told, self.asked, self._sent)
        frame, self._sent = made[key]
        return frame


def _make(session_view: SessionView, told: More, asked: Asked, sent: Sent) -> tuple[bytes, Sent]:
    head: dict[str, Any] = {"now": session_view.now}
    arrays: dict[str, Array] = {}
    if sent.n_streams != len(session_view.infos):
        head["about"] = session_view.about()
    if sent.version != session_view.events.version:
        head["events"] = session_view.events.as_json()
        minute_ago = session_view.now - round(KEPT_S * session_view.rate_hz)
        head["trains"] = session_view.events.trains(sent.version, minute_ago)
    if (court := session_view.events.court) is not None:
        head["court"] = [
            court.ball_x, court.ball_y, court.paddle_y, court.paddle_size,
            court.is_in_play, court.trial,
        ]  # fmt: skip
    if told.text != sent.more:
        head["more"] = told.value
    now = replace(
        sent, version=session_view.events.version, n_streams=len(session_view.infos), more=told.text
    )
    now = _traces(session_view, asked, now, head, arrays)
    now = _counts(session_view, asked, now, head, arrays)
    return pack(head, arrays), now


def _traces(
    session_view: SessionView,
    asked: Asked,
    sent: Sent,
    head: dict[str, Any],
    arrays: dict[str, Array],
) -> Sent:
    wanted = asked.wants(session_view)
    traces = session_view.traces.get(wanted[0]) if wanted else None
    if wanted is None or traces is None:
        return sent
    n_channels = session_view.infos[wanted[0]].n_channels
    shown = [c for c in asked.channels if c < n_channels]
    n_bins = round(asked.traces_s / BIN_S)
    n_together = max(1, n_bins // (_COLUMNS if len(shown) <= _FEW else _FEW_COLUMNS))
    n_columns = n_bins // n_together
    column = n_together * traces.bin_samples
    stop = traces.stop // column
    first = max(sent.column, stop - n_columns, 0)
    low, high = traces.window(np.array(shown, np.int64), first, stop, n_together)
    sd = session_view.threshold_sd(wanted[0])
    thresholds = [
        None if sd is None or c not in traces.noise_uv else round(-sd * traces.noise_uv[c], 2)
        for c in shown
    ]
    head["traces"] = {
        "stream": wanted[0],
        "channels": shown,
        "first": first,
        "stop": stop,
        "n_columns": n_columns,
        "column_samples": column,
        "thresholds_uv": thresholds,
    }
    arrays["low"], arrays["high"] = low, high
    if session_view.counts is None:
        return replace(sent, column=stop)
    places, samples = session_view.counts.newest(sent.spike, shown)
    head["spikes"] = {"place": places, "sample": samples}
    return replace(sent, column=stop, spike=session_view.counts.stop)


def _counts(
    session_view: SessionView,
    asked: Asked,
    sent: Sent,
    head: dict[str, Any],
    arrays: dict[str, Array],
) -> Sent:
    counts = session_view.counts
    if counts is None:
        return sent
    if asked.shows_array:
        arrays["rates_hz"] = counts.rates_hz()
    if not asked.shows_raster:
        return sent
    stop = counts.stop // counts.bin_samples
    first = max(sent.bin, stop - round(asked.raster_s / counts.bin_s), 0)
    head["raster"] = {"first": first, "stop": stop, "bin_samples": counts.bin_samples}
    arrays["raster"] = counts.raster(first, stop)
    arrays["population_hz"] = counts.population(first, stop)
    return replace(sent, bin=stop)


def union(views: Sequence[BrowserView], session_view: SessionView) -> dict[str, tuple[int, ...]]:
    """The channels by stream that any of the views shows."""
    found: dict[str, tuple[int, ...]] = {}
    for view in views:
        if (wanted := view.asked.wants(session_view)) is not None:
            stream, channels = wanted
            found[stream] = (*found.get(stream, ()), *channels)
    return found
