"""Writer of a session's recording: every message of every stream, in one file of MCS's format.

The MCS layout holds the data that its readers support; the group /CREPE holds everything exactly
(see docs/reference/recording-format.md). After a crash of its writer the file can be read and
continued. A
file that cannot be continued is set aside, and a new part of the recording begins.
"""

import errno
import logging
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from crepe.errors import DeviceError
from crepe.hw.mcs.hdf5_file import one_line
from crepe.messages import Delivered, Message, Segment, Spikes, Stimulus, StreamInfo
from crepe.recording import file, mcs_layout
from crepe.recording.committed_hdf5 import CommittedHdf5
from crepe.recording.layout import ROOT, STREAMS, differences
from crepe.recording.mcs_appenders import RawWriter, SpikeWriter, StimulusWriter
from crepe.recording.mcs_layout import About
from crepe.recording.parts import set_aside
from crepe.recording.stream_writer import StreamWriter

log = logging.getLogger(__name__)

_CACHE_BYTES = (
    1 << 17
)  # of chunks, for each of a hundred tables; small, since they are only appended to
_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)  # of h5py
_OF_THE_FILE = (None, errno.EIO)  # errors of this file; others would hit a new file, too


class RecordingWriter:
    """One recording, new or continued.

    Parameters
    ----------
    path
        Of the file; if it exists, it is continued, and `about` is not used. A file that cannot be
        continued is set aside under another name, never removed, and a new part begins.
    compress_mb_per_s
        Fastest signal that is compressed.

    Attributes
    ----------
    problem
        Text for people: why this is not the first part of the recording, where it begins and which
        samples are missing before it; empty for the first part.
    """

    def __init__(
        self,
        path: Path,
        about: About,
        infos: Mapping[str, StreamInfo],
        *,
        compress_mb_per_s: float = math.inf,
    ) -> None:
        self._path = path
        self._compress_mb_per_s = compress_mb_per_s
        with self._writing():
            problem = self._try_to_continue(infos) if path.exists() else ""
            if problem:
                aside = set_aside(path)
                log.error("%s: cannot be continued: %s; set aside as %s", path, problem, aside.name)
            if not path.exists():
                earlier = file.earlier_parts(path, problem)
                file.create(path, about, infos, earlier)
                self._open(infos)
            for name, info in infos.items():
                if name not in self._streams:
                    self._add(name, info)
            self._clock = next(iter(infos), "")
            self.problem = self._describe_earlier()

    def _try_to_continue(self, infos: Mapping[str, StreamInfo]) -> str:
        """Open the existing file; return why it cannot be continued, or an empty text."""
        try:
            self._open(infos)
        except BlockingIOError as error:
            raise DeviceError(f"{self._path}: is open in another program") from error
        except (DeviceError, *_ERRORS) as error:
            if getattr(error, "errno", None) not in _OF_THE_FILE:
                raise
            self._discard()
            return one_line(error).removeprefix(str(self._path)).lstrip(":, ")
        return ""

    def _open(self, infos: Mapping[str, StreamInfo]) -> None:
        self._streams: dict[str, StreamWriter] = {}
        self._raw: dict[str, RawWriter] = {}
        self._spikes: dict[str, SpikeWriter] = {}
        self._stimuli: dict[str, StimulusWriter] = {}
        self._requests: dict[tuple[str, int], Stimulus] = {}  # by stream and number
        self._trains: dict[str, Stimulus] = {}  # equal ones are kept once: there are thousands
        self._hdf5 = CommittedHdf5(self._path, rdcc_nbytes=_CACHE_BYTES)
        self._file = self._hdf5.file
        if STREAMS not in self._file:
            raise DeviceError(f"{self._path}: no group /{STREAMS}")
        for name in self._file[STREAMS]:
            self._open_stream(name)
            fields = differences(self._streams[name].info, infos[name]) if name in infos else []
            if fields:
                text = f"{name} was recorded with other {', '.join(fields)}"
                raise DeviceError(f"{self._path}: {text}")
        root = self._file[ROOT].attrs
        # Committed at once: after a kill the file must not pass for one closed in good order.
        root.modify("ended", np.int8(0))
        root.modify("closed", np.int8(0))
        self._hdf5.commit()

    @property
    def positions(self) -> dict[str, int]:
        """The sample index, by stream, before which everything is in the file for good."""
        return {name: stream.position for name, stream in self._streams.items()}

    def stop_before(self, name: str) -> int:
        """Return the stop of a stream in the parts set aside, as far as they can be read."""
        return self._streams[name].stop_before

    def has(self, name: str) -> bool:
        """Return whether the file has the stream."""
        return name in self._streams

    def add(self, name: str, info: StreamInfo) -> None:
        """Add a stream that the file does not have yet."""
        with self._writing():
            self._add(name, info)

    def _add(self, name: str, info: StreamInfo) -> None:
        file.add_stream(self._file, name, info)
        self._open_stream(name)

    def append(self, name: str, message: Message) -> None:
        """Take the next message of a stream."""
        with self._writing():
            stream = self._streams[name]
            is_first = bool(self.problem) and stream.begins is None
            if not stream.append(message):
                return
            if is_first:
                stream.begin(message.start)
                self.problem = self._describe_earlier()
            self._append_to_mcs(name, message)

    def _append_to_mcs(self, name: str, message: Message) -> None:
        if isinstance(message, Segment) and name in self._raw:
            self._raw[name].append(message.start, message.stop)
        elif isinstance(message, Spikes):
            self._spikes[name].append(message)
        elif isinstance(message, Stimulus):
            train = replace(message, start=0, stop=0, number=0, due=0)
            self._requests[name, message.number] = self._trains.setdefault(repr(train), train)
        elif isinstance(message, Delivered):
            self._stimuli[name].append(message)

    def newest(self, name: str) -> int:
        """Return the stop of the last message that was taken of a stream."""
        return self._streams[name].newest

    def commit(self, *, with_rest: bool = False) -> None:
        """Write and flush the messages taken, so that they survive the end of this process.

        The last chunk of samples, a quarter of a second at most, waits until it is full, unless
        `with_rest`.
        """
        with self._writing():
            for stream in self._streams.values():
                stream.write(with_rest=with_rest)
            # After the streams: timestamps may cover only samples that are in the file.
            for name, raw in self._raw.items():
                raw.write(self._streams[name].n_samples)
            for spikes in self._spikes.values():
                spikes.write()
            for stimuli in self._stimuli.values():
                stimuli.write(with_rest=with_rest)
            self._hdf5.commit()
            # Only now: Redis may trim what lies before a confirmed position.
            for stream in self._streams.values():
                stream.confirm()

    def end(self) -> None:
        """Write everything, mark the session as ended, and close the file."""
        self.commit(with_rest=True)
        with self._writing():
            self._file[ROOT].attrs.modify("ended", np.int8(1))
        self.close()

    def close(self) -> None:
        """Write the messages taken and close the file; harmless to repeat, and after an error."""
        if not self._file:
            return
        self.commit(with_rest=True)
        with self._writing():
            self._write_duration()
            self._file[ROOT].attrs.modify("closed", np.int8(1))
            self._hdf5.close()

    def _discard(self) -> None:
        """Close the file in the state of the last commit."""
        if hasattr(self, "_hdf5"):
            self._hdf5.discard()

    def _open_stream(self, name: str) -> None:
        group = self._file[STREAMS][name]
        stream = self._streams[name] = StreamWriter(group, self._compress_mb_per_s)
        rate_hz = stream.info.sampling_rate_hz
        if issubclass(stream.kind, Stimulus):
            for message in stream.messages():
                self._append_to_mcs(name, message)
        mcs = self._file[group.attrs["mcs"]] if "mcs" in group.attrs else None
        if mcs is None:
            return
        if issubclass(stream.kind, Segment):
            starts, stops = stream.column("start"), stream.column("stop")
            self._raw[name] = RawWriter(mcs, rate_hz, starts, stops)
        elif issubclass(stream.kind, Spikes):
            self._spikes[name] = SpikeWriter(mcs, rate_hz, stream.array("channel"))
        elif issubclass(stream.kind, Delivered):
            self._stimuli[name] = StimulusWriter(mcs, stream.info, self._requests)
            for message in stream.messages():
                self._append_to_mcs(name, message)

    def _describe_earlier(self) -> str:
        root = self._file[ROOT].attrs
        if "part" not in root:
            return ""
        text = f"part {root['part']}: {root['before']} was set aside: {root['problem_before']}"
        clock = self._streams.get(self._clock)
        if clock is None or clock.begins is None:
            return text
        text += f"; {self._clock} goes on at sample {clock.begins}"
        if clock.stop_before >= clock.begins:
            return text
        gap = f"{clock.stop_before} to {clock.begins}"
        return f"{text}, samples {gap} are in no part that can be read"

    def _write_duration(self) -> None:
        raw = next(iter(self._raw), None)
        if raw is not None:
            stop, rate_hz = self.positions[raw], self._streams[raw].info.sampling_rate_hz
            duration_us = np.int64(round(stop * 1e6 / rate_hz))
            self._file[mcs_layout.RECORDING].attrs.modify("Duration", duration_us)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._discard()  # so that no half of a change is committed
            if not isinstance(error, _ERRORS):
                raise
            existing = next(parent for parent in self._path.absolute().parents if parent.exists())
            free_mb = shutil.disk_usage(existing).free / 1e6
            raise DeviceError(
                f"{self._path}: cannot be written: {one_line(error)}; "
                f"{free_mb:.0f} MB free on its disk"
            ) from error
