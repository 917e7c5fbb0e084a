"""The Python client: `from crepe.store import Store, DataModus`.

store = Store()                              # the running CREPE; or a URL; or a recording
data = store[DataModus.DATA]
data["47", 1000:2000]                        # counts of electrode 47
data.microvolts[:, -500:]                    # the newest 500 samples of all channels
for segment in data.follow(n_samples=100):   # as they come, until the stream ends
    ...
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import numpy as np

from crepe.errors import ConfigError, StoreError
from crepe.messages import Command, StreamInfo
from crepe.recording.choice import find_recording
from crepe.redis_server.find_url import CULTURE, find_place
from crepe.store import codec
from crepe.store.contract import Readable, StreamStore
from crepe.store.describe import describe_store
from crepe.store.memory_store import MemoryStore
from crepe.store.modus import DataModus, stream_name
from crepe.store.redis_store import RedisStore
from crepe.store.stream import Stream

INPUT = "input"
"""Name of the stream of commands from people and sensors, outside the clock."""


class Store:
    """All streams of one culture, live or recorded. Usable as a context manager.

    Parameters
    ----------
    url
        A recording: `last` (the newest), its session's ID, or its path; or the path of a file of
        Multi Channel Systems, whose first stream of raw electrode data becomes the stream `data`
        (`hdf5://PATH?stream=LABEL&recording=LABEL` chooses another). Or a server: redis://,
        rediss:// or unix://. Or memory:// for a new store in this process, or a store that is open
        already. Without it: the server in the environment variable CREPE_REDIS, else the server of
        this user's running CREPE.
    culture
        First part of every key in Redis: `name` of the experiment. Default: that of the running
        experiment, and `crepe` on a server that `url` names.
    patience_s
        How long to wait for an absent server.

    Raises
    ------
    StoreError
        No server answers.
    DeviceError
        There is no recording of that name, or the file is neither one of CREPE nor of MCS.

    Examples
    --------
    >>> store = Store("last")
    >>> store["data"].microvolts["47", -500:]
    >>> store["result:game"].messages()
    """

    def __init__(
        self,
        url: str | Path | StreamStore | None = None,
        *,
        culture: str | None = None,
        patience_s: float = 2.0,
    ) -> None:
        self._kept: Readable
        if url is None:
            url, running = find_place(patience_s)
            culture = culture or running
        self.culture = culture or CULTURE
        if isinstance(url, str) and "://" in url:
            self._kept = self._open_url(url, patience_s)
        elif isinstance(url, str | Path):
            self._kept = _open_file(find_recording(url) if isinstance(url, str) else url)
        else:
            self._kept = url

    def _open_url(self, url: str, patience_s: float) -> Readable:
        if url.startswith("memory://"):
            return MemoryStore()
        if url.startswith("hdf5://"):
            from crepe.store.mcs_store import open_url

            return open_url(url)
        return RedisStore(url, culture=self.culture, patience_s=patience_s)

    def __repr__(self) -> str:
        return f"<Store {describe_store(self._kept)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __getitem__(self, stream: DataModus | str) -> Stream:
        """Return a stream by modus or name (`data`, `data:spikes`). KeyError if there is none."""
        name = stream_name(stream, self.culture)
        opened = Stream(self._kept, name)
        if opened.info is None:
            names = ", ".join(self.streams()) or "none"
            raise KeyError(f"no stream {name!r}; there are: {names}")
        return opened

    def __contains__(self, stream: DataModus | str) -> bool:
        return self._kept.info(stream_name(stream, self.culture)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.streams())

    def streams(self) -> list[str]:
        """Return the names of the streams, without the culture's name."""
        return self._kept.streams()

    def declare(
        self,
        stream: DataModus | str,
        *,
        labels: tuple[str, ...] = (),
        sampling_rate_hz: float = 10_000.0,
        dtype: str = "int32",
        scale_uv: float | tuple[float, ...] = 1.0,
        longest_samples: int = 10_000,
        is_resumed: bool = False,
        keep_s: float | None = None,
        keep_bytes: float | None = None,
    ) -> Stream:
        """Become the writer of a stream of segments, with one label for each channel.

        It begins empty unless it is resumed. Its last `keep_s` seconds stay readable (default 300),
        but at most `keep_bytes`, if the server's memory allows. Raises OrderError if another
        writer, which is connected, has it.
        """
        scales = tuple(scale_uv) if isinstance(scale_uv, tuple) else (scale_uv,)
        if len(scales) not in (1, len(labels)):
            raise ConfigError(f"scale_uv: {len(scales)} values for {len(labels)} channels")
        name = stream_name(stream, self.culture)
        before = self._kept.info(name) if is_resumed else None
        info = StreamInfo(
            sampling_rate_hz=sampling_rate_hz,
            labels=labels,
            dtype=np.dtype(dtype).name,
            scale_uv=scales,
            longest_samples=longest_samples,
            is_live=True,  # the writer does not wait for readers
            # A stream of another session would be emptied.
            session=before.session if before else uuid4().hex[:12],
        )
        self._writable().declare(
            name, info, is_fresh=not is_resumed, keep_s=keep_s, keep_bytes=keep_bytes
        )
        return Stream(self._kept, name)

    def send_command(self, name: str, value: str, sender: str = "", stream: str = INPUT) -> str:
        """Send a command to the experiment, such as ("gesture", "rock"); return its ID."""
        # No sample index: the command is stamped with that of its arrival.
        payload = codec.pack([Command(0, 0, name, value, sender)], 0, 0)
        return self._writable().append_unclocked(stream, payload)

    def actors(self) -> dict[str, dict[str, str]]:
        """Return the last heartbeat of every actor, by name."""
        return self._writable().beats()

    def close(self) -> None:
        """Disconnect; harmless to repeat."""
        self._kept.close()

    def _writable(self) -> StreamStore:
        if not hasattr(self._kept, "append"):
            raise StoreError("a recording cannot be changed")
        return self._kept  # type: ignore[return-value]  # all other stores can be written


def _open_file(path: Path) -> Readable:
    """Return the store over a recording of CREPE, or over a file of Multi Channel Systems."""
    from crepe.hw.mcs.hdf5_file import is_foreign  # h5py is slow to import

    if is_foreign(path):
        from crepe.store.mcs_store import McsStore

        return McsStore(path)
    from crepe.store.recording_store import RecordedStore

    return RecordedStore(path)
