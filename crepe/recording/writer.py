"""Writes a session's recording: every message of every stream, in one file that others can read.

The MCS layout holds what its readers understand; the group /CREPE holds everything exactly (see
docs/recording-format.md). The file can be read when its writer was killed, and be gone on with.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py
import numpy as np

from crepe.environment.versions import versions
from crepe.errors import DeviceError
from crepe.hw.mcs.hdf5_file import one_line
from crepe.messages import Delivered, Message, Segment, Spikes, StreamInfo
from crepe.recording import mcs_layout
from crepe.recording.layout import FORMAT, ROOT, STREAMS, TEXT, message_type
from crepe.recording.mcs_appenders import RawWriter, SpikeWriter, StimulusWriter
from crepe.recording.mcs_layout import About
from crepe.recording.stream_writer import StreamWriter, create_stream

log = logging.getLogger(__name__)

_CACHE_BYTES = 1 << 17  # of chunks, for each of a hundred tables: they are only appended to
_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)  # of h5py


class RecordingWriter:
    """One recording, new or gone on with.

    Parameters
    ----------
    path
        Of the file; if it is there, it is gone on with, and `about` is not used. A file that
        cannot be read any more is set aside under another name, never removed.
    spare_mb
        What must stay free on the disk: a full one could leave the file unreadable.
    """

    def __init__(
        self, path: Path, about: About, infos: Mapping[str, StreamInfo], spare_mb: float = 64
    ) -> None:
        self._path = path
        self._spare_bytes = spare_mb * 1e6
        self._streams: dict[str, StreamWriter] = {}
        self._raw: dict[str, RawWriter] = {}
        self._spikes: dict[str, SpikeWriter] = {}
        self._stimuli: dict[str, StimulusWriter] = {}
        self._is_broken = False
        with self._writing():
            if not path.exists() or not self._is_readable():
                self._create(about, infos)
            self._file = h5py.File(path, "r+", rdcc_nbytes=_CACHE_BYTES)
            for name in self._file[STREAMS]:
                self._take_up(name)
            for name, info in infos.items():
                if name not in self._streams:
                    self.add(name, info)
            self._file.flush()
            self._file[ROOT].attrs.modify("ended", np.int8(0))
            self._file[ROOT].attrs.modify("closed", np.int8(0))

    @property
    def positions(self) -> dict[str, int]:
        """By stream, the sample index before which everything is in the file for good."""
        return {name: stream.position for name, stream in self._streams.items()}

    def has(self, name: str) -> bool:
        """Whether the file has the stream."""
        return name in self._streams

    def add(self, name: str, info: StreamInfo) -> None:
        """A stream that the file does not have yet."""
        with self._writing():
            _add_stream(self._file, name, info)
            self._take_up(name)

    def append(self, name: str, message: Message) -> None:
        """Take the next message of a stream."""
        with self._writing():
            if not self._streams[name].append(message):
                return
            if isinstance(message, Segment) and name in self._raw:
                self._raw[name].append(message.start, message.stop)
            elif isinstance(message, Spikes):
                self._spikes[name].append(message)
            elif isinstance(message, Delivered):
                self._stimuli[name].append(message)

    def newest(self, name: str) -> int:
        """Where the last message of a stream that was taken stops."""
        return self._streams[name].newest

    def commit(self, *, with_rest: bool = False) -> None:
        """Write and flush what was taken, so that it survives the end of this process.

        The last chunk of samples, a quarter of a second at most, waits until it is full, unless
        `with_rest`.
        """
        with self._writing():
            self._check_disk()
            for stream in self._streams.values():
                stream.write(with_rest=with_rest)
            for name, raw in self._raw.items():
                raw.write(self._streams[name].n_samples)
            for spikes in self._spikes.values():
                spikes.write()
            for stimuli in self._stimuli.values():
                stimuli.write()
            self._file.flush()
            for stream in self._streams.values():
                stream.confirm()
            self._file.flush()

    def end(self) -> None:
        """Everything of the session is here: write it, say so, and close the file."""
        self.commit(with_rest=True)
        with self._writing():
            self._file[ROOT].attrs.modify("ended", np.int8(1))
        self.close()

    def close(self) -> None:
        """Write what was taken and close the file; harmless to repeat."""
        if not self._file:
            return
        if self._is_broken:
            self._abandon()
            return
        self.commit(with_rest=True)
        with self._writing():
            self._say_duration()
            self._file[ROOT].attrs.modify("closed", np.int8(1))
            self._file.close()

    def _abandon(self) -> None:
        """Close the file, but leave it on the disk as it was at the last flush.

        After a failed write HDF5 would still write a header that says more than is there, and
        nobody could open the file again; what it writes now goes nowhere.
        """
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, self._file.id.get_vfd_handle())
        os.close(nowhere)
        with suppress(*_ERRORS):
            self._file.close()

    def _is_readable(self) -> bool:
        try:
            with h5py.File(self._path, "r+") as file:
                if STREAMS in file:
                    return True
                why = f"no group /{STREAMS}"
        except BlockingIOError as error:
            raise DeviceError(f"{self._path}: is open in another program") from error
        except PermissionError:
            raise
        except OSError as error:
            why = str(error)
        aside = self._path.with_suffix(f".damaged-{time.time_ns()}.h5")
        log.error("%s: cannot be gone on with (%s); set aside as %s", self._path, why, aside.name)
        self._path.rename(aside)
        return False

    def _create(self, about: About, infos: Mapping[str, StreamInfo]) -> None:
        """Make the file under another name first, so that it is never there half made."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with h5py.File(part, "w") as file:
            mcs_layout.create(file, about)
            root = file.create_group(ROOT)
            root.attrs["format"] = FORMAT
            root.attrs["session"] = about.session
            root.attrs["seed"] = about.seed
            root.attrs["is_simulated"] = about.is_simulated
            root.attrs["kind"] = "SIMULATED" if about.is_simulated else "living culture"
            root.attrs["ended"] = root.attrs["closed"] = np.int8(0)
            root.attrs["versions"] = json.dumps(versions("h5py", "redis", "scipy"))
            root.create_dataset("experiment", data=about.experiment, dtype=TEXT)
            culture = json.dumps(dict(about.culture), ensure_ascii=False)
            root.create_dataset("culture", data=culture, dtype=TEXT)
            file.create_group(STREAMS)
            for name, info in infos.items():
                _add_stream(file, name, info)
        part.replace(self._path)

    def _take_up(self, name: str) -> None:
        group = self._file[STREAMS][name]
        stream = self._streams[name] = StreamWriter(group)
        rate_hz = stream.info.sampling_rate_hz
        mcs = self._file[group.attrs["mcs"]] if "mcs" in group.attrs else None
        if mcs is None:
            return
        if issubclass(stream.kind, Segment):
            starts, stops = stream.column("start"), stream.column("stop")
            self._raw[name] = RawWriter(mcs, rate_hz, starts, stops)
        elif issubclass(stream.kind, Spikes):
            self._spikes[name] = SpikeWriter(mcs, rate_hz, stream.array("channel"))
        elif issubclass(stream.kind, Delivered):
            states = [json.loads(said)["state"] for said in stream.json()]
            self._stimuli[name] = StimulusWriter(mcs, rate_hz, states)

    def _say_duration(self) -> None:
        raw = next(iter(self._raw), None)
        if raw is not None:
            stop, rate_hz = self.positions[raw], self._streams[raw].info.sampling_rate_hz
            duration_us = np.int64(round(stop * 1e6 / rate_hz))
            self._file[mcs_layout.RECORDING].attrs.modify("Duration", duration_us)

    def _check_disk(self) -> None:
        if (free := shutil.disk_usage(self._path.parent).free) < self._spare_bytes:
            raise OSError(f"{free / 1e6:.0f} MB free, {self._spare_bytes / 1e6:.0f} MB must stay")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except DeviceError:
            self._is_broken = True
            raise
        except _ERRORS as error:
            self._is_broken = True
            there = next(parent for parent in self._path.absolute().parents if parent.exists())
            free_mb = shutil.disk_usage(there).free / 1e6
            raise DeviceError(
                f"{self._path}: cannot be written: {one_line(error)}; "
                f"{free_mb:.0f} MB free on its disk"
            ) from error


def _add_stream(file: h5py.File, name: str, info: StreamInfo) -> None:
    group = file[STREAMS].create_group(name)
    create_stream(group, info)
    kind = message_type(info.message)
    has_raw = mcs_layout.RECORDING + "/AnalogStream" in file
    if issubclass(kind, Segment) and np.dtype(info.dtype).kind in "iu" and not has_raw:
        raw = mcs_layout.add_raw(file, info)
        group["fields/samples"] = raw["ChannelData"]
        group.attrs["mcs"] = raw.name
    elif issubclass(kind, Spikes):
        group.attrs["mcs"] = mcs_layout.add_spikes(file, info, name).name
    elif issubclass(kind, Delivered):
        group.attrs["mcs"] = mcs_layout.add_stimuli(file, info, name).name
