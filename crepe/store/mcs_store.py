"""A file of Multi Channel Systems, read like a session's stream `data`."""

from collections.abc import Iterator
from pathlib import Path

from crepe.hw.device import check_url
from crepe.hw.mcs.analog_stream import AnalogStream
from crepe.hw.mcs.recorder import McsSettings
from crepe.messages import Segment
from crepe.store import codec
from crepe.store.contract import Entry
from crepe.store.recording_store import FileStore
from crepe.store.segments import joined_windows

DATA = "data"
_SEGMENT_SAMPLES = 1000


class McsStore(FileStore):
    """The reading half of a store, over one analog stream of an MCS file.

    Without a choice it is the first stream of raw electrode data in the first recording. Raises
    DeviceError if the file is none of MCS.
    """

    def __init__(self, path: Path, *, recording: str = "", stream: str = "") -> None:
        self._analog = AnalogStream(
            path, recording=recording, stream=stream, segment_samples=_SEGMENT_SAMPLES
        )
        super().__init__(str(path), {DATA: self._analog.info})

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        if stream not in self._infos:
            return []
        windows = self._windows(after, until)
        return [entry for _, entry in zip(range(count), windows, strict=False)]

    def _windows(self, after: int, until: int) -> Iterator[Entry]:
        for span in self._analog.spans:
            if span.stop <= after:
                continue
            n_before = max(0, after - span.start) // _SEGMENT_SAMPLES
            for start in range(
                span.start + n_before * _SEGMENT_SAMPLES, span.stop, _SEGMENT_SAMPLES
            ):
                stop = min(start + _SEGMENT_SAMPLES, span.stop)
                if stop > until:
                    return
                segment = Segment(start, stop, self._analog.samples(span, start, stop))
                yield Entry(start, stop, codec.pack([segment], start, stop))

    def covered(self, stream: str) -> list[tuple[int, int]]:
        spans = self._analog.spans if stream in self._infos else []
        return joined_windows((span.start, span.stop) for span in spans)

    def _bounds(self, stream: str) -> tuple[int, int]:
        del stream  # the only one
        spans = self._analog.spans
        return (spans[0].start, spans[-1].stop) if spans else (0, 0)

    def close(self) -> None:
        self._analog.close()


def open_url(url: str) -> McsStore:
    """Return the store for `hdf5://PATH?stream=Filter&recording=Recording_1`.

    Raises ConfigError for another setting, and DeviceError as `McsStore` does.
    """
    settings = check_url(url, is_source=True)
    assert isinstance(settings, McsSettings)
    path = Path(settings.location).expanduser()
    return McsStore(path, recording=settings.recording, stream=settings.stream)
