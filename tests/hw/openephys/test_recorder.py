"""`openephys://` against the simulated publisher: samples, gaps, events, silence, the GUI."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice, pairwise

import numpy as np
import pytest

from crepe.actors.acquire import Acquire
from crepe.actors.actor import ActorContext
from crepe.config.experiment import load_experiment
from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import open_recorder
from crepe.messages import Command, Segment
from crepe.simulator.openephys.publisher import Publisher, PublisherSettings, publishing

pytest.importorskip("zmq")

SETTINGS = PublisherSettings(n_channels=4, block_samples=(300, 250))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing(SETTINGS) as running:
        yield running


def url(publisher: Publisher, **settings: object) -> str:
    query = "&".join(f"{name}={value}" for name, value in settings.items())
    return f"openephys://127.0.0.1:{publisher.port}?{query}"


def segments(recorder) -> Iterator[Segment]:
    while True:
        segment = recorder.read(5.0)
        if segment is not None:
            yield segment


def true_samples(publisher: Publisher, recorder, segment: Segment) -> np.ndarray:
    shift = recorder._shift
    return publisher.samples(segment.start - shift, segment.stop - shift)


def test_samples_come_in_order_with_labels_and_rate(publisher):
    recorder = open_recorder(url(publisher, stream="Rhythm_Data"))
    info = recorder.open(5000)
    assert info.labels == ("CH1", "CH2", "CH3", "CH4")
    assert (info.sampling_rate_hz, info.dtype, info.scale_uv) == (30_000, "float32", (1.0,))
    assert (info.is_live, info.is_simulated) == (True, True)
    parts = list(islice(segments(recorder), 15))
    assert [(s.start, s.stop) for s in parts] == [
        (5000 + 100 * i, 5100 + 100 * i) for i in range(15)
    ]
    for part in parts:
        assert np.array_equal(part.samples, true_samples(publisher, recorder, part))
    recorder.close()
    recorder.close()


def test_lost_messages_and_dropped_frames_are_gaps_of_the_right_length(publisher):
    recorder = open_recorder(url(publisher))
    recorder.open(0)
    publisher.lose(2)
    parts = list(islice(segments(recorder), 12))
    publisher.skip(1234)
    parts += islice(segments(recorder), 30)
    recorder.close()
    gaps = [b.start - a.stop for a, b in pairwise(parts)]
    lost, skipped = (gap for gap in gaps if gap)
    assert lost in (300, 250)
    assert skipped == 1234
    for part in parts:  # nothing is shifted, doubled or mixed
        assert np.array_equal(part.samples, true_samples(publisher, recorder, part))


def test_edges_come_with_their_sample_on_a_stream_of_their_own(publisher):
    actor = Acquire(device=url(publisher), segment_samples=100)
    actor.open(ActorContext())
    numbers = [publisher.edge(3, is_on=True), publisher.edge(4, is_on=True)]
    messages: list[Segment | Command] = []
    while not any(isinstance(message, Command) for message in messages):
        output = actor.read(5.0)
        messages += output if isinstance(output, list) else [output]
    (event,) = (message for message in messages if isinstance(message, Command))
    shift = actor._recorder._shift
    actor.close()
    if numbers[0] == numbers[1]:  # no block was sent between the two
        assert event.value == "3 on, 4 on"
    assert (event.name, event.start, event.stop) == (
        "ttl",
        numbers[0] + shift,
        numbers[0] + shift + 1,
    )
    assert event.value.startswith("3 on")
    last = max(message.stop for message in messages if isinstance(message, Segment))
    assert last - 100 <= event.start < last


def test_silence_is_a_fault_and_acquisition_that_starts_anew_is_another(publisher):
    recorder = open_recorder(url(publisher, silence_s=0.1))
    recorder.open(0)
    publisher.stop()
    with pytest.raises(DeviceError, match=r"silent for 0\.1 s"):
        for _ in segments(recorder):
            pass
    publisher.start()
    assert recorder.open(200).n_channels == 4
    assert next(segments(recorder)).start == 200
    publisher.start()
    with pytest.raises(DeviceError, match="acquisition was started anew"):
        for _ in segments(recorder):
            pass
    recorder.close()


def test_other_channels_are_a_fault_and_heartbeats_arrive(publisher):
    recorder = open_recorder(url(publisher))
    recorder.open(0)
    assert publisher.n_beats == 1
    publisher.send_channels(2)
    with pytest.raises(DeviceError, match="sends 2 channels .* but before 4 channels"):
        for _ in segments(recorder):
            pass
    recorder.close()


def test_a_port_without_data_another_stream_and_another_rate_are_refused(publisher):
    with pytest.raises(DeviceError, match="stream 'Rhythm_Data' is sent, must be 'LFP'"):
        open_recorder(url(publisher, stream="LFP")).open(0)
    with pytest.raises(DeviceError, match="has 30000 Hz, must have 20000"):
        open_recorder(url(publisher), sampling_rate_hz=20_000).open(0)
    publisher.stop()
    with pytest.raises(DeviceError, match=r"no blocks in 0\.05 s; is acquisition on"):
        open_recorder(url(publisher, wait_s=0.05)).open(0)
    with pytest.raises(DeviceError, match=r"no blocks in 0\.05 s"):  # nothing listens there
        open_recorder("openephys://127.0.0.1:1?wait_s=0.05").open(0)
    with pytest.raises(ConfigError, match="port must be 1 to 65534"):
        open_recorder("openephys://host:65535")


def test_acquisition_is_started_and_stopped_where_that_is_requested(publisher):
    publisher.stop()

    answers = []  # in place of the mode

    class Status(BaseHTTPRequestHandler):
        def do_GET(self):
            content = answers.pop() if answers else json.dumps({"mode": publisher.mode}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_PUT(self):
            mode = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["mode"]
            publisher.start() if mode == "ACQUIRE" else publisher.stop()
            self.do_GET()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Status) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            settings = {"starts_acquisition": True, "gui_port": server.server_port}
            recorder = open_recorder(url(publisher, **settings))
            recorder.open(0)
            assert publisher.mode == "ACQUIRE"
            recorder.close()
            assert publisher.mode == "IDLE"
            publisher.start()  # by hand, so that it stays on
            recorder.open(0)
            recorder.close()
            assert publisher.mode == "ACQUIRE"
            for answer in (b"[" * 100_000, b"[]", b"{}", b"\xff"):
                answers.append(answer)
                with pytest.raises(DeviceError, match="is the HTTP server on in the File menu"):
                    recorder.open(0)
        finally:
            server.shutdown()
            thread.join()
    with pytest.raises(DeviceError, match="is the HTTP server on in the File menu"):
        recorder.open(0)


def test_an_experiment_gives_events_a_stream_of_their_own():
    device = {
        "actors.acquire.device": "openephys://bench",
        "actors.acquire.writes": ["data", "ttl"],
    }
    record = load_experiment("config/record.toml", device)
    assert record.actors["acquire"].writes == {Segment: "data", Command: "ttl"}
