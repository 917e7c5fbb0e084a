"""A recording is chosen by `last`, by its session or by its path, for commands and `Store` alike."""

from pathlib import Path

import pytest

from crepe.errors import DeviceError
from crepe.recording.choice import find_recording
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.store import Store

OLDER, NEWER = "20261124-120000-abcd", "20261125-120000-abcd"


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    directory = tmp_path / "recordings"
    directory.mkdir()
    return directory


def record(directory: Path, session: str) -> Path:
    path = directory / f"{session}.h5"
    about = About(session, 1, "", {}, is_simulated=True, origin_t_ns=0)
    RecordingWriter(path, about, {}).end()
    return path


def test_last_is_the_newest_and_a_session_has_its_own(recordings):
    older, newer = record(recordings, OLDER), record(recordings, NEWER)
    older.touch()  # time of change does not matter, the session's does
    assert find_recording("last") == newer
    assert find_recording(OLDER) == older
    assert find_recording(str(older)) == older
    for name in ("last", NEWER, str(newer), newer):
        with Store(name) as store:
            assert str(newer) in repr(store)


def test_without_a_recording_the_directory_is_named(recordings):
    with pytest.raises(DeviceError, match="recordings: no recording yet"):
        Store("last")


def test_an_unknown_session_is_not_taken_for_a_path(recordings):
    record(recordings, NEWER)
    with pytest.raises(DeviceError, match=f"no session '2026.*abce'; did you mean '{NEWER}'"):
        Store("20261125-120000-abce")
    with pytest.raises(DeviceError, match=r"absent\.h5: does not exist"):
        Store("absent.h5")
