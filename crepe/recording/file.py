"""Creation of a recording's file, without messages: both sides of the layout, and the streams."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from crepe.environment.versions import versions
from crepe.errors import DeviceError
from crepe.hw.mcs.committed_file import journal_of
from crepe.hw.mcs.hdf5_file import one_line
from crepe.messages import Delivered, Segment, Spikes, StreamInfo, message_type
from crepe.recording import mcs_layout
from crepe.recording.committed_hdf5 import CommittedHdf5
from crepe.recording.layout import FORMAT, ROOT, STREAMS, TEXT
from crepe.recording.mcs_layout import About
from crepe.recording.part import Part
from crepe.recording.parts import parts_set_aside
from crepe.recording.stream_writer import create_stream

_NOT_NOTED = "the recorder was killed before it had noted why"


class Earlier(NamedTuple):
    """The parts of a session that were set aside before this one."""

    names: tuple[str, ...]  # of the files, from the oldest to the newest
    problem: str  # why the last of them could not be continued
    stops: Mapping[str, int]  # by stream: its stop in the readable parts


def earlier_parts(path: Path, problem: str) -> Earlier:
    """Return what precedes the part that begins as `path`."""
    stops: dict[str, int] = {}
    files = parts_set_aside(path)
    for file in files:
        try:
            part = Part(file, is_damaged=True)
        except DeviceError:
            continue
        for name in part.infos:
            _, stop = part.windows(name)
            stops[name] = max(stops.get(name, 0), int(stop.max(initial=0)))
        part.close()
    return Earlier(tuple(file.name for file in files), problem or _NOT_NOTED, stops)


def create(path: Path, about: About, infos: Mapping[str, StreamInfo], earlier: Earlier) -> None:
    """Create the file, under another name first, so that it never exists in part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with h5py.File(unfinished, "w") as file:
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
            add_stream(file, name, info)
        if earlier.names:
            _describe_earlier(file, earlier)
    # Before the rename: a journal beside the new file would be carried out on it.
    journal_of(path).unlink(missing_ok=True)  # of an earlier file of that name
    unfinished.replace(path)


def add_stream(file: h5py.File, name: str, info: StreamInfo) -> None:
    """Add a stream without messages, on both sides of the layout."""
    group = file[STREAMS].create_group(name)
    create_stream(group, info)
    kind = message_type(info.message, DeviceError)
    # The analog stream is for samples as acquired, in counts; other segments are in /CREPE only.
    has_raw = mcs_layout.RECORDING + "/AnalogStream" in file
    if issubclass(kind, Segment) and np.dtype(info.dtype).kind in "iu" and not has_raw:
        raw = mcs_layout.add_raw(file, info)
        group["fields/samples"] = raw["ChannelData"]  # a hard link: the samples exist once
        group.attrs["mcs"] = raw.name
    elif issubclass(kind, Spikes):
        group.attrs["mcs"] = mcs_layout.add_spikes(file, info, name).name
    elif issubclass(kind, Delivered):
        group.attrs["mcs"] = mcs_layout.add_stimuli(file, name).name


def mark_ended(path: Path) -> None:
    """Mark the session of a closed recording as ended; harmless without a file.

    Raises DeviceError if the file is damaged or cannot be written.
    """
    if not path.exists():
        return
    try:
        hdf5 = CommittedHdf5(path)
        try:
            hdf5.file[ROOT].attrs.modify("ended", np.int8(1))
            hdf5.close()
        finally:
            hdf5.discard()
    except (OSError, KeyError, RuntimeError) as error:
        raise DeviceError(f"{path}: cannot be marked as ended: {one_line(error)}") from error


def _describe_earlier(file: h5py.File, earlier: Earlier) -> None:
    file[ROOT].attrs["part"] = len(earlier.names) + 1
    file[ROOT].attrs["before"] = earlier.names[-1]
    file[ROOT].attrs["problem_before"] = earlier.problem
    for name, stop in earlier.stops.items():
        if name in file[STREAMS]:
            file[STREAMS][name].attrs["stop_before"] = stop
