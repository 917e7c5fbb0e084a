"""The table of a stream, by what it carries."""

import pytest

from crepe.errors import ConfigError
from crepe.results.stream_table import stream_table
from crepe.store import Store
from tests.recorded_session import SPIKES, record


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with Store(record(tmp_path_factory.mktemp("table") / "s.h5")) as store:
        yield store


def test_each_stream_gives_the_table_of_its_messages(store):
    n_rows = {}
    for name in store:
        message = store[name].info.message
        if message != "Segment":
            n_rows.setdefault(message, len(stream_table(store, name).to_dataframe()))
    assert n_rows == {
        "GameState": 3,
        "Stimulus": 2,
        "Delivered": 2,
        "Spikes": len(SPIKES),
        "Command": 2,
    }


def test_samples_have_no_table_and_a_missing_stream_is_named(store):
    with pytest.raises(ConfigError, match="'data' carries Segment, which has no table"):
        stream_table(store, "data")
    with pytest.raises(ConfigError, match=r"no stream 'result:gane' was recorded.*result:game"):
        stream_table(store, "result:gane")
