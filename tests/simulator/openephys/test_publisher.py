"""The simulated publisher, looked at with bare sockets as any client would."""

import json
import subprocess
import sys

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


def test_the_command_serves_until_it_is_stopped_and_refuses_a_taken_port():
    with publishing(PublisherSettings()) as other:
        command = [sys.executable, "-m", "crepe", "simulate", "openephys", "--port"]
        taken = subprocess.run(
            [*command, str(other.port)], capture_output=True, text=True, check=False
        )
        assert taken.returncode == 1
        assert f"ports {other.port} and {other.port + 1}: Address already in use" in taken.stderr
        free = str(other.port + 10)
        with subprocess.Popen([*command, free], stdout=subprocess.PIPE, text=True) as process:
            assert f'device = "openephys://127.0.0.1:{free}"' in process.stdout.readline()
            process.terminate()
        assert process.returncode == 0
