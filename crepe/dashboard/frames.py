"""One frame for one browser: a JSON head and plain arrays behind it, all in one message.

    4 bytes   length of the head, little endian; the head is padded so that arrays are aligned
    head      JSON; `arrays` names each array with its dtype and shape, in order
    arrays    little endian, each padded to a multiple of 8 bytes

A browser that is slow is sent fewer frames: a frame is made when it can be sent, and holds what is
new since the last one, never more than a screen's worth.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.dashboard.picture import Picture
from crepe.dashboard.traces import BIN_S

TRACE_WINDOWS_S = (1, 2, 5, 10)
RASTER_WINDOWS_S = (10, 30, 60)
MOST_TRACES = 64
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


class View:
    """What one browser looks at, and what of it it has been sent."""

    def __init__(self) -> None:
        self.stream: str | None = None
        self.channels: tuple[int, ...] = ()
        self.traces_s = 5
        self.raster_s = 30
        self.shows_traces = False
        self.shows_raster = False
        self._picture: Picture | None = None
        self._sent_column = 0
        self._sent_bin = 0
        self._sent_spike = 0
        self._sent_version = -1
        self._sent_streams = -1
        self._sent_more: str = ""

    def ask(self, words: Mapping[str, Any]) -> None:
        """Change what is looked at; whatever makes no sense is left as it is."""
        if isinstance(stream := words.get("stream"), str):
            self.stream = stream
        if isinstance(channels := words.get("channels"), list):
            numbers = [c for c in channels if isinstance(c, int) and 0 <= c < 1 << 20]
            self.channels = tuple(dict.fromkeys(numbers))[:MOST_TRACES]
        if words.get("traces_s") in TRACE_WINDOWS_S:
            self.traces_s = int(words["traces_s"])
        if words.get("raster_s") in RASTER_WINDOWS_S:
            self.raster_s = int(words["raster_s"])
        self.shows_traces = bool(words.get("shows_traces", self.shows_traces))
        self.shows_raster = bool(words.get("shows_raster", self.shows_raster))
        self._sent_column = self._sent_bin = self._sent_spike = 0

    def wants(self, picture: Picture) -> tuple[str, tuple[int, ...]] | None:
        """The stream and the channels whose traces it shows."""
        stream = self.stream if self.stream in picture.infos else picture.default_traces
        return (stream, self.channels) if self.shows_traces and stream else None

    def frame(self, picture: Picture, more: Mapping[str, Any]) -> bytes:
        """What is new for this browser; `more` is sent when it has changed."""
        if picture is not self._picture:
            self._picture = picture
            self._sent_column = self._sent_bin = self._sent_spike = 0
            self._sent_version = self._sent_streams = -1
        head: dict[str, Any] = {"now": picture.now}
        arrays: dict[str, NDArray[Any]] = {}
        if self._sent_streams != len(picture.infos):
            self._sent_streams = len(picture.infos)
            head["about"] = picture.about()
        if self._sent_version != picture.story.version:
            self._sent_version = picture.story.version
            head["story"] = picture.story.as_json()
        if (court := picture.story.court) is not None:
            head["court"] = [
                court.ball_x, court.ball_y, court.paddle_y, court.paddle_size,
                court.is_in_play, court.trial,
            ]  # fmt: skip
        if (text := json.dumps(more)) != self._sent_more:
            self._sent_more = text
            head["more"] = more
        self._traces(picture, head, arrays)
        self._counts(picture, head, arrays)
        return pack(head, arrays)

    def _traces(
        self, picture: Picture, head: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> None:
        wanted = self.wants(picture)
        traces = picture.traces.get(wanted[0]) if wanted else None
        if wanted is None or traces is None:
            return
        n_channels = picture.infos[wanted[0]].n_channels
        shown = [c for c in self.channels if c < n_channels]
        n_bins = round(self.traces_s / BIN_S)
        n_together = max(1, n_bins // (_COLUMNS if len(shown) <= _FEW else _FEW_COLUMNS))
        n_columns = n_bins // n_together
        column = n_together * traces.bin_samples
        stop = traces.stop // column
        first = max(self._sent_column, stop - n_columns, 0)
        low, high = traces.window(np.array(shown, np.int64), first, stop, n_together)
        sd = picture.threshold_sd(wanted[0])
        thresholds = [
            None if sd is None or c not in traces.noise_uv else round(-sd * traces.noise_uv[c], 2)
            for c in shown
        ]
        self._sent_column = stop
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
        if picture.counts is not None:
            places, samples = picture.counts.newest(self._sent_spike, shown)
            self._sent_spike = picture.counts.stop
            head["spikes"] = {"place": places, "sample": samples}

    def _counts(
        self, picture: Picture, head: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> None:
        counts = picture.counts
        if counts is None:
            return
        arrays["rates_hz"] = counts.rates_hz()
        if not self.shows_raster:
            return
        stop = counts.stop // counts.bin_samples
        first = max(self._sent_bin, stop - round(self.raster_s / counts.bin_s), 0)
        self._sent_bin = stop
        head["raster"] = {"first": first, "stop": stop, "bin_samples": counts.bin_samples}
        arrays["raster"] = counts.raster(first, stop)
        arrays["population_hz"] = counts.population(first, stop)


def union(views: Sequence[View], picture: Picture) -> dict[str, tuple[int, ...]]:
    """The channels by stream that any of the views shows."""
    found: dict[str, tuple[int, ...]] = {}
    for view in views:
        if (wanted := view.wants(picture)) is not None:
            stream, channels = wanted
            found[stream] = (*found.get(stream, ()), *channels)
    return found
