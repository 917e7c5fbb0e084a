"""The simulated publisher, looked at with bare sockets as any client would."""

import json

import numpy as np
import pytest

from crepe.simulator.openephys.publisher import PublisherSettings, publishing

zmq = pytest.importorskip("zmq")


def test_messages_have_the_parts_and_the_numbers_of_the_plugin():
    with publishing(PublisherSettings(n_channels=2, block_samples=(300, 200))) as publisher:
        context = zmq.Context()
        socket = context.socket(zmq.SUB)
        socket.setsockopt(zmq.SUBSCRIBE, b"DATA")
        socket.connect(f"tcp://127.0.0.1:{publisher.port}")
        messages = [socket.recv_multipart() for _ in range(6)]
        listen = context.socket(zmq.REQ)
        listen.connect(f"tcp://127.0.0.1:{publisher.port + 1}")
        listen.send(b'{"application": "a", "uuid": "b", "type": "heartbeat"}')
        assert listen.recv() == b"heartbeat received"
        context.destroy(linger=0)
        headers = [json.loads(message[1]) for message in messages]
        assert {message[0] for message in messages} == {b"DATA\0"}
        numbers = [header["message_num"] for header in headers]
        assert numbers == list(range(numbers[0], numbers[0] + 6))
        content = headers[0]["content"]
        assert content["num_samples"] in (300, 200)
        assert headers[0]["data_size"] == len(messages[0][2]) == 4 * content["num_samples"]
        start = content["sample_num"]
        truth = publisher.samples(start, start + content["num_samples"])
        assert np.array_equal(np.frombuffer(messages[0][2], "<f4"), truth[content["channel_num"]])
