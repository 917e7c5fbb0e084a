"""A replay: any position of any browser, and files that are damaged or foreign."""

import h5py
import numpy as np
import pytest

from crepe.dashboard.replay import Replay
from crepe.errors import DeviceError
from crepe.results.library import experiment_tables
from tests.dashboard.test_session_routes import record


@pytest.mark.parametrize(
    ("seek_s", "at"), [(0.5, 500.0), (-(10**400), 0.0), (10**400, 1000.0), (1e308, 1000.0)]
)
def test_a_position_outside_is_that_of_the_end_next_to_it(tmp_path, seek_s, at):
    replay = Replay(record(tmp_path))
    replay.change({"seek_s": seek_s, "is_playing": False})
    assert replay.session_view.now == at
    replay.close()


def test_fields_of_other_types_change_nothing(tmp_path):
    replay = Replay(record(tmp_path))
    replay.change({"seek_s": True, "speed": [], "is_playing": 1, "channels": {}, "shows_x": 1})
    assert (replay.session_view.now, replay.speed, replay.is_playing) == (0, 1.0, True)
    replay.close()


@pytest.mark.parametrize(
    "content", [b"x", b"[" * 5000, np.zeros((3, 3)), np.full(9, -1)], ids=range(4)
)
def test_a_damaged_file_is_replayed_or_refused_with_its_name(tmp_path, content):
    whole = record(tmp_path).read_bytes()
    path = tmp_path / "recordings" / "damaged.h5"
    path.write_bytes(whole)
    with h5py.File(path) as file:
        places: list[str] = []
        file.visititems(
            lambda name, item: places.append(name) if isinstance(item, h5py.Dataset) else None
        )
    reasons = []
    for place in places:
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            del file[place]
            file[place] = content
        try:
            replay = Replay(path)
            replay.change({"seek_s": 1.0, "shows_traces": True})
            replay.close()
        except DeviceError as error:
            reasons.append(str(error))
    assert reasons
    assert all("damaged.h5" in reason for reason in reasons)


def test_an_experiment_that_nests_without_end_is_none():
    assert experiment_tables("[" * 100_000) == experiment_tables("a = " + "[" * 100_000) == {}
