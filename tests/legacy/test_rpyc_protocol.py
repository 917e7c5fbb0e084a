"""What a client of RPyC cannot do: anything but call the functions that are named."""

import pickle
import socket
import struct
import zlib

import pytest
import rpyc
from rpyc.core import consts
from rpyc.core.channel import Channel

from crepe.legacy.rpyc_protocol import Functions, by_value, connect
from tests.legacy.rpyc_clients import SEED_CONFIG, connected
from tests.legacy.test_rpyc_server import Running, numbers

REFUSED = "RPyC calls get_row_segment, get_stream_segment"


@pytest.fixture(scope="module")
def port():
    running = Running().begin()
    running.append(0, numbers(0, 3))
    yield running.port
    running.server.close()


@pytest.fixture
def connection(port):
    with connected(port) as opened:
        yield opened


NAMES = """
    __class__ __dict__ __init__ __globals__ __getattribute__ __reduce_ex__ __doc__ _connect functions
    exposed_ stream store _reader on_disconnect get_service_name exposed_get_service_name
""".split()


@pytest.mark.parametrize("name", NAMES)
def test_no_other_attribute_is_readable(connection, name):
    for owner in (connection.root, connection.root.get_row_segment):
        with pytest.raises(AttributeError, match="RPyC calls"):
            connection.sync_request(consts.HANDLE_GETATTR, owner, name)
        with pytest.raises(AttributeError, match="RPyC calls"):
            connection.sync_request(consts.HANDLE_CALLATTR, owner, name, (), ())


@pytest.mark.parametrize("name", ["append_stream_row_data", "append_stream_segment_data"])
def test_appends_are_refused_with_a_sentence(connection, name):
    with pytest.raises(AttributeError, match=f"^{name}: RPyC only reads; append in the process"):
        getattr(connection.root, name)(0, [1])


REQUESTS = [
    (consts.HANDLE_PICKLE, (2,)),
    (consts.HANDLE_SETATTR, ("index", 1)),
    (consts.HANDLE_DELATTR, ("get_row_segment",)),
    (consts.HANDLE_STR, ()),
    (consts.HANDLE_REPR, ()),
    (consts.HANDLE_HASH, ()),
    (consts.HANDLE_DIR, ()),
    (consts.HANDLE_CMP, (1, "__eq__")),
    (consts.HANDLE_BUFFITER, (10,)),
    (consts.HANDLE_OLDSLICING, ("__getitem__", "__getslice__", 0, 1, ())),
    (consts.HANDLE_CTXEXIT, (None,)),
    (consts.HANDLE_INSTANCECHECK, (("builtins.int", 1, 0),)),
]


@pytest.mark.parametrize(("request_number", "arguments"), REQUESTS)
def test_no_other_request_is_carried_out(connection, request_number, arguments):
    for owner in (connection.root, connection.root.get_row_segment):
        with pytest.raises(AttributeError, match=REFUSED):
            connection.sync_request(request_number, owner, *arguments)


def test_every_request_of_rpyc_is_either_allowed_or_refused_above(connection):
    allowed = "PING CLOSE GETROOT INSPECT GETATTR CALL CALLATTR DEL".split()
    numbers_allowed = {getattr(consts, f"HANDLE_{name}") for name in allowed}
    every = {number for name, number in vars(consts).items() if name.startswith("HANDLE_")}
    assert every - numbers_allowed == {number for number, _ in REQUESTS}
    assert connection.sync_request(consts.HANDLE_INSPECT, connection.root.____id_pack__) == ()


def test_only_functions_of_the_root_can_be_called(connection):
    root = connection.root
    for owner in (root, 5, len, "get_row_segment"):
        with pytest.raises(AttributeError, match=REFUSED):
            connection.sync_request(consts.HANDLE_CALL, owner, (), ())
    with pytest.raises(AttributeError, match=REFUSED):  # the name is an object of the client
        connection.sync_request(consts.HANDLE_GETATTR, root, [1])
    with pytest.raises(TypeError, match="arguments must be tuples"):
        connection.sync_request(consts.HANDLE_CALL, root.get_row_segment, [0, 1, 0], ())


class Trap:
    """An argument that would unpickle something if the server made an array or a copy of it."""

    pickled = False

    def __reduce_ex__(self, protocol):
        Trap.pickled = True
        return (int, ("7",))

    def __array__(self):
        return [1]


def test_arguments_are_never_unpickled(connection):
    for arguments in ((Trap(), 1, 0), (0, Trap(), 0), (0, 1, Trap()), (0, 9, 9, 5)):
        with pytest.raises(TypeError):
            connection.root.get_row_segment(*arguments)
    assert not Trap.pickled
    assert pickle.loads(pickle.dumps(connection.root.get_row_segment(0, 2, 0))) == (0, 1)


def test_what_the_client_configures_changes_nothing(port):
    everything = {
        **SEED_CONFIG,
        **dict.fromkeys(("allow_all_attrs", "allow_public_attrs", "allow_setattr"), True),
        "import_custom_exceptions": True,
    }
    with connected(port, everything) as connection:
        with pytest.raises(AttributeError, match="RPyC calls"):
            connection.root.functions  # noqa: B018
        with pytest.raises(AttributeError, match=REFUSED):
            connection.root.get_row_segment = 1


HEADER = struct.Struct("!LB")
BOMB = zlib.compress(bytes(10_000_000))


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        HEADER.pack(2**32 - 1, 0),
        HEADER.pack(len(BOMB), 1) + BOMB + b"\n",
        HEADER.pack(4, 1) + b"1234\n",
        HEADER.pack(4, 0) + b"1234\n",
    ],
)
def test_what_is_no_request_ends_the_connection_and_no_other(port, connection, sent):
    with socket.create_connection(("localhost", port), timeout=20) as client:
        client.sendall(sent)
        assert client.recv(1) == b""
    assert connection.root.get_row_segment(0, 1, 0) == (0,)


@pytest.mark.parametrize(
    ("peer", "credentials", "is_open"),
    [
        (("127.0.0.1", 5), None, True),
        (("192.0.2.7", 5), None, False),
        (("192.0.2.7", 5), "token", True),
        ("", None, True),  # a unix socket
    ],
)
def test_another_machine_needs_an_authenticator(peer, credentials, is_open):
    ours, theirs = socket.socketpair()
    closed = []
    config = {"endpoints": (("", 0), peer), "credentials": credentials}
    connection = connect(
        Functions({}, lambda: closed.append(1)), Channel(rpyc.SocketStream(ours)), config
    )
    assert connection.closed is not is_open
    assert closed == ([] if is_open else [1])
    theirs.close()
    connection._cleanup() if is_open else None


@pytest.mark.parametrize("value", [{"a": 1}, object(), [len], {1}])
def test_only_values_are_sent(value):
    with pytest.raises(TypeError, match="sent are only numbers"):
        by_value(value)
