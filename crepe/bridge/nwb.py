"""A recorded session as a file of Neurodata Without Borders (NWB), by pynwb."""

# Decision 80: what goes where, and what stays out.

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from crepe.bridge.nwb_series import add_electrodes, add_samples
from crepe.bridge.nwb_subject import missing_fields, subject
from crepe.bridge.nwb_tables import add_notes, add_stimuli, add_trials, add_units
from crepe.environment.installation import pip_install
from crepe.environment.versions import versions
from crepe.errors import ConfigError, CrepeError
from crepe.messages import Segment, StreamInfo
from crepe.recording.choice import find_recording
from crepe.recording.computed import experiment_tables
from crepe.recording.reader import Recording
from crepe.results.streams import streams_of
from crepe.store import Store
from crepe.store.stream import Stream

if TYPE_CHECKING:
    from pynwb import NWBFile

_KEYWORDS = ("multi-electrode array", "cell culture", "closed loop")
SIMULATED = "SIMULATED: no living culture. "


def export_nwb(
    session: str | Path,
    out: Path | None = None,
    reached: Callable[[float, float], None] | None = None,
) -> tuple[Path, list[str]]:
    """Write a recorded session as NWB, beside its recording unless `out` names another file.

    The file appears under its name when it is whole; an earlier one of that name is replaced.
    Samples go through in blocks of a few megabytes.

    Parameters
    ----------
    session
        ID of a session, `last`, or the path of a recording.
    reached
        Called with the seconds of data that are written, and those that there are.

    Returns
    -------
    The path, and what the archive DANDI requires or advises and `[culture]` lacks, for people.

    Raises
    ------
    ConfigError
        pynwb is not installed, or no stream of samples was recorded.
    DeviceError
        There is no such recording, or it cannot be read.
    CrepeError
        The file cannot be written.
    """
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise ConfigError(
            f"{error}; an export to NWB needs pynwb: {pip_install('pynwb>=4')}"
        ) from error
    path = find_recording(session) if isinstance(session, str) else session
    out = out or path.with_suffix(".nwb")
    unfinished = out.with_name(f".{out.stem}.{os.getpid()}.nwb")
    with Recording(path) as recording, Store(path) as store:
        file = _describe(recording, store, reached)
        try:
            with NWBHDF5IO(unfinished, "w") as io:
                io.write(file)
            unfinished.replace(out)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CrepeError(f"{out}: cannot be written: {reason}") from error
        finally:
            unfinished.unlink(missing_ok=True)
        return out, missing_fields(recording.culture, is_simulated=recording.is_simulated)


def samples_of(store: Store) -> Stream:
    """Return the stream of samples as they were acquired. Raises ConfigError without one."""
    streams = [s for s in streams_of(Segment, store) if s.info.dtype.startswith(("int", "uint"))]
    if not streams:
        raise ConfigError(
            f"no samples were recorded, which NWB is for; streams: {', '.join(store)}. "
            "`crepe export csv` writes the tables"
        )
    return streams[0]


def _describe(
    recording: Recording, store: Store, reached: Callable[[float, float], None] | None
) -> "NWBFile":
    from pynwb import NWBFile

    samples = samples_of(store)
    info, culture = samples.info, recording.culture
    title = (
        str(experiment_tables(recording.experiment).get("title", "")) or "An experiment of CREPE"
    )
    simulated = SIMULATED if recording.is_simulated else ""
    written_by = {"crepe": "", **recording.versions, **versions()}
    file = NWBFile(
        session_description=f"{simulated}{title}.",
        identifier=f"{recording.session}-{info.origin_t_ns}",
        session_id=recording.session,
        session_start_time=_start(info, recording.session),
        experimenter=[culture["experimenter"]] if culture.get("experimenter") else None,
        lab=culture.get("lab"),
        institution=culture.get("institution"),
        experiment_description=(
            f"{simulated}Closed loop between a cell culture on a multi-electrode array and "
            f"software. Times count from sample 0 of the session; seed {recording.seed}."
        ),
        keywords=[*(["SIMULATED"] if recording.is_simulated else []), *_KEYWORDS],
        protocol=recording.experiment,
        notes=culture.get("notes"),
        was_generated_by=[[name, version] for name, version in written_by.items() if version],
        subject=subject(culture, recording.session, is_simulated=recording.is_simulated),
    )
    device = file.create_device(
        name="array",
        description=simulated
        + "Multi-electrode array "
        + ", ".join(filter(None, [info.geometry, info.source, culture.get("mea_serial", "")])),
    )
    electrodes = add_electrodes(file, device, info)
    add_samples(file, samples, electrodes, reached)
    add_units(file, store, electrodes)
    add_trials(file, store)
    add_stimuli(file, store, electrodes)
    add_notes(file, store)
    return file


def _start(info: StreamInfo, session: str) -> datetime:
    """Return the time of sample 0; without one, that in the session's ID, to the second."""
    if info.origin_t_ns:
        return datetime.fromtimestamp(info.origin_t_ns / 1e9, UTC)
    try:
        return datetime.strptime(session[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise ConfigError(
            f"session {session!r}: when it began was not recorded, and NWB requires it"
        ) from None
