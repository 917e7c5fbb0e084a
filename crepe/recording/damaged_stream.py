"""What can be trusted of one stream in a damaged recording: messages, and what is lost."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import h5py
import numpy as np

from crepe.errors import DeviceError
from crepe.messages import TRUTH, Cutouts, Message, Segment, Spikes, message_type
from crepe.recording.damaged_file import UNREADABLE, Chunks
from crepe.recording.damaged_table import longest_growing, read_rows, spans_of
from crepe.recording.layout import Layout, info_from_json
from crepe.recording.windows import Windows, union

_SLACK_S = 1.0  # a spike's peak is this close to its window
# So many zeros in a row are no channels, times or amplitudes of spikes. Other arrays, such as
# counts of bursts, may well hold nothing else.
_MANY_ZEROS = 64


class Piece(NamedTuple):
    """A message, or an undamaged part of a segment; `begin` is its column in the matrix."""

    start: int
    stop: int
    row: int  # of the table; -1: it was lost, and the window follows from its neighbours
    begin: int = 0


class DamagedStream:
    """A stream of a file from `open_copy`.

    Attributes
    ----------
    pieces
        What can be read, in the order of the table.
    lost
        Windows of messages, or of parts of segments, that cannot be read.
    n_lost
        Number of messages that are lost at least in part.
    lost_from
        Where a lost end of the table begins, whose length nothing gives; None if it is there.
    """

    def __init__(self, group: h5py.Group) -> None:
        self.info = info_from_json(group["info"][()])
        self.kind = message_type(self.info.message, DeviceError)
        self._layout = Layout(self.kind)
        table = group["messages"]
        if table.dtype.names != self._layout.columns:
            raise ValueError(f"table with the columns {', '.join(table.dtype.names or ())}")
        # True spikes have the number of a cell as their channel, and no amplitude.
        self._is_truth = group.name.endswith(f"/{TRUTH}")
        is_signal = issubclass(self.kind, Segment | Spikes | Cutouts) and not self._is_truth
        many = _MANY_ZEROS if is_signal and self.info.n_channels > 1 else None
        self._arrays = {
            name: Chunks(dataset, 1 if name == "samples" else many)
            for name, dataset in group["fields"].items()
        }
        self._json = Chunks(group["json"], 1)
        self._rows, self._is_valid = read_rows(Chunks(table, 1), table.dtype)
        self.pieces: list[Piece] = []
        self.n_lost = 0
        self.lost_from: int | None = None
        lost: Windows = []
        self._check_rows()
        if issubclass(self.kind, Segment):
            lost += self._find_segments(spans_of(group, self.info.sampling_rate_hz))
        else:
            lost += self._find_messages()
        self.lost = union(lost)

    @property
    def uncertain(self) -> list[str]:
        """The arrays with chunks of zeros, which may have been written or be damage."""
        return [name for name, chunks in self._arrays.items() if chunks.has_zeros]

    @property
    def last(self) -> int:
        """The highest stop that is known."""
        stops = [piece.stop for piece in self.pieces] + [stop for _, stop in self.lost]
        return max(stops, default=0)

    def read(self, piece: Piece) -> Message | None:
        """Return the message; None if it is damaged."""
        try:
            return (
                self._segment(piece) if "samples" in self._layout.matrices else self._other(piece)
            )
        except UNREADABLE:
            return None

    def _check_rows(self) -> None:
        """Mark as invalid the rows that contradict the others."""
        rows, valid = self._rows, self._is_valid
        valid &= (rows["start"] >= 0) & (rows["stop"] >= rows["start"])
        valid &= np.any([rows[name] != 0 for name in self._layout.columns], axis=0)
        growing = [name for name in self._layout.columns if name.endswith(".stop")]
        growing.append("json_stop")
        growing += ["start", "stop"] if self.kind.is_clocked else []
        for name in growing:
            at = np.flatnonzero(valid)
            valid[at] = longest_growing(rows[name][at])
        if "samples" in self._layout.matrices and len(rows):
            begin = rows["samples.stop"] - (rows["stop"] - rows["start"])
            fits = valid & (begin == np.concatenate([[0], rows["samples.stop"][:-1]]))
            fits[1:] &= valid[:-1]
            # After a wrong row, the next one is right if the row behind it follows from it.
            before, after = np.append(True, fits[:-1]), np.append(fits[1:], True)
            valid &= (fits | (~before & after)) & (begin >= 0)

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Yield the runs [low, high) of invalid rows."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (~self._is_valid).view(np.int8), [0]])))
        yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)

    def _find_segments(self, spans: list[tuple[int, int, int]]) -> Windows:
        rows = self._rows
        lost: Windows = []
        windows_of_rows = []
        for row in np.flatnonzero(self._is_valid).tolist():
            start, stop, end = (int(rows[row][n]) for n in ("start", "stop", "samples.stop"))
            windows_of_rows.append(Piece(start, stop, row, end - (stop - start)))
        for low, high in self._runs():
            windows, unknown = self._windows_of(low, high, spans)
            windows_of_rows += windows
            lost += unknown
            self.n_lost += high - low
        for piece in sorted(windows_of_rows, key=lambda piece: piece.begin):
            offset = piece.start - piece.begin
            n_before = len(self.pieces)
            for low, high in self._samples_good(
                piece.begin, piece.begin + piece.stop - piece.start
            ):
                self.pieces.append(Piece(low + offset, high + offset, piece.row, low))
            parts = [(p.start, p.stop) for p in self.pieces[n_before:]]
            if parts != [(piece.start, piece.stop)]:
                self.n_lost += piece.row >= 0
                edges = [piece.start, *(edge for part in parts for edge in part), piece.stop]
                lost += zip(edges[::2], edges[1::2], strict=True)
        return lost

    def _samples_good(self, begin: int, stop: int) -> Windows:
        chunks = self._arrays.get("samples")
        return [] if chunks is None else chunks.good(begin, min(stop, chunks.length))

    def _windows_of(
        self, low: int, high: int, spans: list[tuple[int, int, int]]
    ) -> tuple[list[Piece], Windows]:
        """Return where the samples of lost rows belong, and what remains unknown."""
        rows = self._rows
        is_end = high == len(rows)
        begin = int(rows["samples.stop"][low - 1]) if low else 0
        after = int(rows["stop"][low - 1]) if low else 0
        until = None if is_end else int(rows["start"][high])
        stop = (
            spans[-1][2] if is_end and spans
            else begin if is_end
            else int(rows["samples.stop"][high] - rows["stop"][high] + rows["start"][high])
        )  # fmt: skip
        if until is not None and until - after == stop - begin:
            windows = [(after, begin, stop)]  # no gap: there is only one way
        else:
            windows = [
                (start + max(begin, first) - first, max(begin, first), min(stop, end))
                for start, first, end in spans
                if first < stop and end > begin
            ]
        if not windows:
            if is_end:
                self.lost_from = after
            return [], [] if until is None else [(after, until)]
        step = max(1, self.info.longest_samples or int(self.info.sampling_rate_hz))
        pieces = [
            Piece(start + at - first, start + min(at + step, end) - first, -1, at)
            for start, first, end in windows
            for at in range(first, end, step)
        ]
        return pieces, []

    def _find_messages(self) -> Windows:
        rows = self._rows
        lost: Windows = []
        for row in np.flatnonzero(self._is_valid).tolist():
            piece = Piece(int(rows[row]["start"]), int(rows[row]["stop"]), row)
            if self.read(piece) is None:
                lost.append((piece.start, max(piece.stop, piece.start + 1)))
                self.n_lost += 1
            else:
                self.pieces.append(piece)
        for low, high in self._runs():
            self.n_lost += high - low
            after = int(rows["stop"][low - 1]) if low else 0
            if high < len(rows):
                lost.append((after, max(after + 1, int(rows["start"][high]))))
            else:
                self.lost_from = after
        return lost

    def _segment(self, piece: Piece) -> Message | None:
        n = piece.stop - piece.start
        samples = self._arrays["samples"].read(piece.begin, piece.begin + n)
        if samples is None:
            return None
        samples = np.ascontiguousarray(samples)
        if piece.row < 0:
            return self.kind(piece.start, piece.stop, samples)  # type: ignore[call-arg]  # a Segment
        row = self._rows[piece.row]
        has_begin, has_end = piece.start == row["start"], piece.stop == row["stop"]
        segment = self._layout.message(row, self._json_of(piece.row), {"samples": samples})
        assert isinstance(segment, Segment)
        return replace(
            segment,
            start=piece.start,
            stop=piece.stop,
            t_ns=segment.t_ns if has_end else 0,  # it is that of the last sample
            is_estimated=segment.is_estimated and bool(has_begin),
        )

    def _other(self, piece: Piece) -> Message | None:
        row, before = self._rows[piece.row], piece.row - 1
        if before >= 0 and not self._is_valid[before]:
            return None  # where its arrays begin is lost
        arrays: dict[str, Any] = {}
        for name in self._layout.arrays:
            begin = int(self._rows[before][f"{name}.stop"]) if before >= 0 else 0
            array = self._arrays[name].read(begin, int(row[f"{name}.stop"]))
            if array is None:
                return None
            arrays[name] = array
        message = self._layout.message(row, self._json_of(piece.row), arrays)
        return message if self._is_plausible(message) else None

    def _json_of(self, row: int) -> bytes:
        if not self._layout.others and not self._layout.arrays:
            return b""
        begin = int(self._rows[row - 1]["json_stop"]) if row else 0
        json = self._json.read(begin, int(self._rows[row]["json_stop"]))
        if json is None:
            raise ValueError("damaged text")
        return json.tobytes()

    def _is_plausible(self, message: Message) -> bool:
        if not isinstance(message, Spikes | Cutouts) or self._is_truth:
            return True
        slack = int(_SLACK_S * self.info.sampling_rate_hz)
        channel, sample = message.channel, message.sample
        values = message.amplitude_uv if isinstance(message, Spikes) else message.waveform_uv
        return bool(
            len(channel) == len(sample) == len(values)
            and ((channel >= 0) & (channel < self.info.n_channels)).all()
            and ((sample >= message.start - slack) & (sample < message.stop + slack)).all()
            and np.isfinite(values).all()
            and not (isinstance(message, Spikes) and (values == 0).any())
        )
