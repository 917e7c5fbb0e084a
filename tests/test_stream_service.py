"""The original's examples, on Redis Streams."""

import inspect
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import crepe
from crepe import settings as settings_module
from crepe.environment import paths, session
from crepe.errors import DeviceError, GapError, OrderError
from crepe.legacy.connection import Connection
from crepe.settings import RPCPORTS, RPYC_CONFIG, STREAM_DIMENSION
from crepe.store import Store
from crepe.stream_service import DataModus, StreamRowIterator, StreamSegmentIterator, StreamService
from crepe.utils import get_connection

ORIGINAL = Path(__file__).parents[1] / "docs" / "reference" / "original.md"
METHOD = re.compile(r"`(\w+)\(((?:_\w+(?:, )?)+)\)`")  # of the table: name(_parameter, ...)


class Pusher(StreamService):
    def __init__(self, store, **more):
        StreamService.__init__(self, DataModus.TESTING, n_channels=3, store=store, **more)


@pytest.fixture
def pair(make_store):
    service = Pusher(make_store("service"))
    with Connection(make_store("reader"), "testing") as connection:
        yield service, connection


ORIGINAL_NAMES = """
    CREPE(path) main.CREPE main.main() main.shutdown() CREPE.wait stream_services data_file_path path_to_file
    StreamService DataModus init_and_run _start_rpc_server terminate_service
    append_stream_row_data append_stream_segment_data get_row_segment get_stream_segment exposed_
    generate_random_test_stream generate_H5_stream StreamRowIterator StreamSegmentIterator next_or_wait
    get_connection RpycHelper rpyc.connect ThreadedServer RPCPORTS HDF5Reader gen_new_RPCPORT CrepeSettings
    STREAM_DIMENSION DEFAULT_STREAM_DIMENSION RPYC_CONFIG allow_pickle
    CrepeModus.LIVE OFFLINE FILE TEST LIVE_RECORD QueueService StartQueueService get_queue get_first_queue
    get_last_queue queue_services get_x_elems is_poison_pill MeameListener MeameSpeaker template_complete
    MovingAvg FrequencyExtractor MeameDecoder hw_api growing_np_array visualiser meme start.py
""".split()


@pytest.mark.parametrize("name", ORIGINAL_NAMES)
def test_the_tables_have_every_name_of_the_original(name):
    assert name in ORIGINAL.read_text(encoding="utf-8")


def test_crepe_takes_the_place_of_the_module_main():
    main = crepe
    parameters = iter(inspect.signature(main.CREPE).parameters.values())
    assert next(parameters).name == "data_file_path"
    assert all(other.kind is other.KEYWORD_ONLY for other in parameters)
    assert callable(main.CREPE.shutdown)


def test_the_enumeration_and_the_settings_are_the_originals():
    assert [modus.value for modus in (DataModus.DATA, DataModus.RESULT, DataModus.TESTING)] == [
        1,
        2,
        3,
    ]
    assert STREAM_DIMENSION == 60
    assert RPCPORTS["STREAM"] == 18861
    assert RPYC_CONFIG["allow_pickle"] is False


def test_methods_take_the_parameters_that_the_table_of_the_original_names(pair):
    service, _ = pair
    calls = {
        "append_stream_row_data": {"_row": 0, "_new_data": [1]},
        "append_stream_segment_data": {"_new_data": [[2], [3], [4]]},
        "get_row_segment": {"_row": 0, "_range": 1, "_startIndex": 0, "_callback": None},
        "get_stream_segment": {"_range": 1, "_startIndex": 0, "_callback": None},
    }
    methods = dict(METHOD.findall(ORIGINAL.read_text(encoding="utf-8")))
    assert {name: text.split(", ") for name, text in methods.items()} == {
        name: list(parameters) for name, parameters in calls.items()
    }
    for name, parameters in calls.items():
        getattr(service, name)(**parameters)


def test_segments_that_are_pushed_are_pulled(pair):
    service, connection = pair
    service.append_stream_segment_data([1, 2, 3])
    service.append_stream_segment_data([[4, 5], [6, 7], [8, 9]])
    got = connection.root.get_stream_segment(_range=10, _startIndex=0)
    np.testing.assert_array_equal(got, [[1, 4, 5], [2, 6, 7], [3, 8, 9]])
    np.testing.assert_array_equal(
        connection.root.get_row_segment(_row=1, _range=2, _startIndex=1), [6, 7]
    )
    assert connection.root.exposed_get_stream_segment(10, 3) is False


def test_a_row_that_runs_ahead_is_readable_at_once_and_becomes_a_segment(pair):
    service, connection = pair
    service.append_stream_row_data(_row=0, _new_data=[1, 2, 3])
    service.append_stream_row_data(1, 4)
    np.testing.assert_array_equal(connection.root.get_row_segment(0, 10, 0), [1, 2, 3])
    np.testing.assert_array_equal(connection.root.get_row_segment(0, 10, 2), [3])
    assert connection.root.get_stream_segment(10, 0) is False
    service.append_stream_segment_data([None, [], [5, 6]])
    np.testing.assert_array_equal(connection.root.get_stream_segment(10, 0), [[1], [4], [5]])
    np.testing.assert_array_equal(connection.root.get_row_segment(2, 10, 0), [5, 6])
    np.testing.assert_array_equal(connection.root.get_row_segment(0, 10, 0), [1, 2, 3])


def test_callback_is_called_once_with_the_data_when_there_was_none(pair):
    service, connection = pair
    arrived, got = threading.Event(), []

    def callback(data):
        got.append(data)
        arrived.set()

    assert connection.root.get_stream_segment(10, 0, _callback=callback) is False
    service.append_stream_segment_data([1, 2, 3])
    assert arrived.wait(10)
    service.append_stream_segment_data([4, 5, 6])
    np.testing.assert_array_equal(
        connection.root.get_stream_segment(1, 0, _callback=callback), [[1], [2], [3]]
    )
    connection.close()
    assert len(got) == 1
    assert got[0].shape[0] == 3


def test_a_callback_without_arguments_and_a_row_wake_too(pair):
    service, connection = pair
    arrived = threading.Event()
    assert connection.root.get_row_segment(2, 5, 0, arrived.set) is False
    service.append_stream_row_data(2, 7)
    assert arrived.wait(10)


def test_iterators_walk_through_everything_and_stop_at_the_end(pair):
    service, connection = pair
    for i in range(25):
        service.append_stream_segment_data([[i, i], [-i, -i], [0, 0]])
    service.end()
    rows, segments = StreamRowIterator(_channel=1, _range=7), StreamSegmentIterator(_range=7)
    got = []
    while True:
        data = rows.next_or_wait(connection, timeout=1)
        if data is False:
            break
        assert 1 <= len(data) <= 7
        got.extend(data)
    assert got == [-i for i in range(25) for _ in range(2)]
    shapes = iter(lambda: getattr(segments.next(_conn=connection), "shape", None), None)
    assert sum(n for _, n in shapes) == 50


def test_waiting_ends_with_the_data_or_with_the_time(pair):
    service, connection = pair
    iterator = StreamRowIterator()
    assert iterator.next(connection) is False
    assert iterator.next_or_wait(connection, sleep=0.01, timeout=1) is False
    timer = threading.Timer(0.05, lambda: service.append_stream_segment_data([1, 2, 3]))
    timer.start()
    np.testing.assert_array_equal(iterator.next_or_wait(connection), [1])
    timer.join()


def test_what_does_not_fit_is_refused_with_both_shapes(pair):
    service, connection = pair
    with pytest.raises(IndexError, match="row 3, there are 3"):
        service.append_stream_row_data(3, 1)
    with pytest.raises(IndexError, match="row -1, there are 3"):
        connection.root.get_row_segment(-1, 1, 0)
    with pytest.raises(ValueError, match="data for 2 channels, must be 3"):
        service.append_stream_segment_data([1, 2])
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        service.append_stream_row_data(0, [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="0 samples from 0"):
        connection.root.get_row_segment(0, 0, 0)
    assert len(service.stream) == 0


def test_a_second_living_service_is_told_to_choose_a_name(make_store):
    first = make_store("first")
    Pusher(first)
    with pytest.raises(OrderError, match="choose another stream name"):
        Pusher(make_store("second"))
    named = Pusher(make_store("second"), name="mine")
    assert named.name == "testing:mine"


@pytest.mark.parametrize("is_resumed", [True, False])
def test_a_service_begins_empty_unless_it_is_resumed(make_store, is_resumed):
    store = make_store("first")
    service = Pusher(store)
    service.append_stream_segment_data([[1, 2], [3, 4], [5, 6]])
    service.append_stream_row_data(0, [7, 8])
    store.close()
    again = Pusher(make_store("second"), is_resumed=is_resumed)
    got = again.get_row_segment(0, 10, 0)
    if not is_resumed:
        assert got is False
        return
    np.testing.assert_array_equal(got, [1, 2, 7, 8])
    again.append_stream_segment_data([None, [9], [10]])
    np.testing.assert_array_equal(
        again.get_stream_segment(10, 0), [[1, 2, 7], [3, 4, 9], [5, 6, 10]]
    )


def test_samples_that_were_dropped_are_an_error(make_store):
    store = make_store("service")
    service = Pusher(store)
    service.stream.append(np.ones((3, 5)), start=10)
    with pytest.raises(GapError, match="0 to 5 are missing"):
        service.get_stream_segment(5, 0)


def test_what_comes_before_a_gap_is_given_and_iterators_step_over_it(pair, caplog):
    service, connection = pair
    service.append_stream_segment_data(np.arange(150.0).reshape(3, 50))
    service.stream.append(np.ones((3, 5)), start=1_000_000)
    root = connection.root
    assert root.get_stream_segment(100, 0).shape == (3, 50)
    assert root.get_row_segment(1, 100, 40).shape == (10,)
    with pytest.raises(GapError, match="50 to 60 are missing"):
        root.get_stream_segment(10, 50)
    for iterator in (StreamSegmentIterator(100), StreamRowIterator(2, 100)):
        lengths = [iterator.next_or_wait(connection, timeout=0).shape[-1] for _ in range(2)]
        assert lengths == [50, 5]
        assert iterator.position == 1_000_005
        assert iterator.next(connection) is False
    assert "samples 50 to 1000000 are missing" in caplog.text


def test_names_of_the_original_become_streams(make_store):
    store = make_store("reader")
    service = Pusher(store, name="HDF5Reader")
    assert service.name == "testing:hdf5reader"
    found = get_connection("testing:HDF5Reader", store=store)
    assert found.root.stream.name == service.name


def test_the_settings_follow_the_experiment_file(tmp_path, monkeypatch):
    text = (paths.project_directory() / "config" / "record.toml").read_text()
    path = tmp_path / "small.toml"
    path.write_text(text.replace("meame://simulator", "generator://?n_channels=7"))
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("CREPE_EXPERIMENT", str(path))
    assert settings_module.STREAM_DIMENSION == 7
    assert "RESULT:GAME" not in settings_module.RPCPORTS


@pytest.mark.parametrize("culture", ["Left", "crepe:{well-3}"])
@pytest.mark.parametrize("is_shared", [False, True])
def test_everything_follows_the_name_of_the_running_experiment(
    own_server, tmp_path, monkeypatch, culture, is_shared
):
    own_server.start()
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))
    (tmp_path / "v").mkdir(mode=0o700)
    if is_shared:
        session.begin(session.new(tmp_path / "left.toml", "", 0, culture))
        monkeypatch.setenv("CREPE_REDIS", own_server.url)
    else:
        place = {"socket": str(own_server.socket), "url": own_server.url, "culture": culture}
        paths.write_json(paths.run_directory() / "redis.json", place)
    other = Store(own_server.url)  # a server that is named has the culture `crepe`
    service = StreamService(DataModus.TESTING, n_channels=1)
    service.append_stream_segment_data([[1, 2]])
    with Store() as store:
        assert (store.culture, store.streams()) == (culture, ["testing"])
        assert f"{culture}:testing" in store
    for port in ("TESTING", RPCPORTS["TESTING"], DataModus.TESTING, f"{culture}:testing"):
        with get_connection(port, timeout_s=0) as connection:
            assert connection.root.get_row_segment(0, 1, 1) == [2]
    assert other.culture == "crepe"
    assert other.streams() == []
    assert "testing" not in other
    other.close()
    service._store.close()


def test_get_connection_takes_a_port_a_name_or_a_modus_and_waits_in_bounds(make_store):
    store = make_store("service")
    Pusher(store)
    for port in (RPCPORTS["TESTING"], "TESTING", "testing", DataModus.TESTING):
        assert get_connection(port, store=store).root.stream.name == "testing"
    with pytest.raises(DeviceError, match="stream 'data': not there after 0 s"):
        get_connection(DataModus.DATA, store=store, timeout_s=0)


moves = st.lists(
    st.one_of(
        st.tuples(st.just("row"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("segment"), st.tuples(*[st.integers(0, 3)] * 3)),
    ),
    max_size=12,
)


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves)
def test_rows_of_any_length_read_back_as_they_were_pushed(make_store, course):
    service = Pusher(make_store("service"), name="property")
    rows = [[], [], []]

    def some(row, n):
        new = [100 * row + len(rows[row]) + i for i in range(n)]
        rows[row] += new
        return new

    for name, *values in course:
        if name == "row":
            service.append_stream_row_data(values[0], some(*values))
        else:
            service.append_stream_segment_data([some(i, n) for i, n in enumerate(values[0])])
    for i, row in enumerate(rows):
        got = service.get_row_segment(i, 1000, 0)
        assert (got is False and not row) or list(got) == row
    shortest = min(map(len, rows))
    got = service.get_stream_segment(1000, 0)
    assert (got is False and not shortest) or got.shape == (3, shortest)
    service._store.close()
