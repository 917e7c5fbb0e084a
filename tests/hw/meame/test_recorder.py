"""The recorder against a MEAME that does what the real one may do."""

from types import SimpleNamespace

import numpy as np
import pytest

from crepe.actors.acquire import Acquire
from crepe.actors.actor import ActorContext
from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.device import open_recorder, open_stimulator
from crepe.hw.instrument import InProcess
from crepe.hw.meame import framing as framing_module
from crepe.hw.meame import http
from crepe.hw.meame.framing import Framing
from crepe.hw.meame.http import HttpControl, find_server, open_control
from crepe.hw.meame.wire import pack_block
from crepe.messages import Segment
from crepe.simulator.meame.quirks import Quirk


def device_of(simulator):
    return f"meame://127.0.0.1:{simulator.http_port}?data_port={simulator.data_port}"


@pytest.mark.parametrize("honest", [True, False])
def test_what_states_to_be_simulated_is_recorded_so_and_needs_arming_all_the_same(
    simulate_elsewhere, honest
):
    driven = []

    class Guard(InProcess):
        def drives(self, address, *, is_simulator):
            driven.append(is_simulator)

    with simulate_elsewhere(honest=honest) as simulator:
        recorder = open_recorder(device_of(simulator))
        assert recorder.open(0).is_simulated == honest
        assert (recorder.truth(0, 1) is not None) == honest
        recorder.close()
        stimulator = open_stimulator(f"meame://127.0.0.1:{simulator.http_port}", Guard())
        stimulator.open()
        stimulator.close()
    assert driven == [False]


@pytest.mark.parametrize("honest", [True, False])
def test_a_simulator_in_the_place_of_an_instrument_or_the_reverse_is_not_recorded(
    simulate_elsewhere, caplog, honest
):
    with simulate_elsewhere(honest=honest) as simulator:
        actor = Acquire(device=device_of(simulator))
        actor.open(ActorContext(open_recorder=open_recorder))
        while actor.read(1.0) is None:
            pass
        ports = {"http_port": simulator.http_port, "data_port": simulator.data_port}
        actor._recorder.close()  # by the client, so that the server's port is free at once
        while "retrying until it is back" not in caplog.text:
            actor.read(1.0)
    is_now = "an instrument" if honest else "a simulated culture"
    other = simulate_elsewhere(honest=not honest, **ports)
    with other, pytest.raises(DeviceError, match=f"is {is_now} of 60 .* in this session it was "):
        while True:
            actor.read(1.0)
    actor.close()


class StaleFile:
    """simulator.json as a simulator that was killed left it, until the first pause of a client.

    Meanwhile its successor serves the same port.
    """

    def __init__(self, monkeypatch):
        self._path = paths.run_directory() / "simulator.json"
        self._content = paths.read_json(self._path)
        self.n_pauses = self._now_s = 0
        paths.write_json(self._path, {**self._content, "nonce": "0" * 64})
        monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=self.now, sleep=self.pause))

    def now(self):
        return self._now_s

    def pause(self, seconds):
        self.n_pauses += 1
        self._now_s += seconds
        paths.write_json(self._path, self._content)


@pytest.mark.parametrize("kind", ["recorder", "stimulator"])
def test_a_successor_is_awaited_while_the_file_names_a_dead_simulator(simulator, monkeypatch, kind):
    stale = StaleFile(monkeypatch)
    if kind == "recorder":
        device = open_recorder("meame://simulator")
        assert device.open(0).is_simulated
    else:
        device = open_stimulator("meame://simulator", InProcess())
        device.open()
    device.close()
    assert stale.n_pauses == 1


def test_a_server_that_proves_nothing_is_refused_in_the_end(simulator, monkeypatch):
    stale = StaleFile(monkeypatch)
    simulator.nonce = "of something else on the same port"
    with pytest.raises(DeviceError, match="does not prove that it is the simulator of simulator"):
        open_recorder("meame://simulator", wait_s=0.3).open(0)
    assert stale.n_pauses > 1


def test_a_recorder_that_has_lost_its_simulator_does_not_wait_for_the_next(simulator, monkeypatch):
    recorder = opened()
    stale = StaleFile(monkeypatch)
    with pytest.raises(DeviceError, match="does not prove that it is the simulator of simulator"):
        recorder.open(0)
    assert stale.n_pauses == 0


def test_a_server_named_by_its_address_is_taken_for_an_instrument_at_once(simulator, monkeypatch):
    stale = StaleFile(monkeypatch)
    control, _, is_simulator = open_control(f"127.0.0.1:{simulator.http_port}", 0, 20.0)
    control.close()
    assert not is_simulator
    assert stale.n_pauses == 0


def opened(**settings):
    recorder = open_recorder("meame://simulator", **settings)
    recorder.open(0)
    return recorder


def read_until_it_fails(recorder, n):
    for _ in range(n):
        recorder.read(1.0)


def test_a_server_that_was_configured_otherwise_is_refused(simulate):
    with simulate():
        opened(segment_samples=100).close()
        with pytest.raises(DeviceError, match="in segments of 100 samples, asked for 10000 Hz and"):
            opened(segment_samples=50)


def test_a_socket_that_falls_silent_is_given_up(simulate, monkeypatch):
    monkeypatch.setattr("crepe.hw.meame.recorder._STALL_S", 0.3)
    with simulate(Quirk.STALL):
        recorder = opened()
        with pytest.raises(DeviceError, match=r"silent for 0\.3 s"):
            read_until_it_fails(recorder, 500)
        recorder.close()


def test_lost_framing_is_noticed_by_the_reference_and_an_artefact_is_none(simulate):
    with simulate(Quirk.SHORT_BLOCK):
        recorder = opened()
        with pytest.raises(DeviceError, match="the framing is lost"):
            read_until_it_fails(recorder, 500)
        recorder.close()


def loudness(segment):
    """Of the reference, in counts."""
    return segment.samples[14].std()


def test_of_what_comes_after_a_cut_block_nothing_is_handed_on(simulator):
    recorder = opened()
    for _ in range(30):
        recorder.read(1.0)
    simulator.faults.truncate_bytes = 1000
    released = []
    with pytest.raises(DeviceError, match="the framing is lost"):
        for _ in range(500):
            released += [segment] if (segment := recorder.read(1.0)) else []
    assert max(map(loudness, released)) < 30
    recorder.close()


class Loud:
    """Blocks of noise in which the reference is as quiet as it should be, or is not."""

    def __init__(self):
        self._rng = np.random.default_rng(1)
        self._n = 0

    def block(self, reference=5.0, electrodes=70.0, offset=0, is_zeroed=False):
        samples = self._rng.normal(offset, electrodes, (60, 100))
        samples[14] = self._rng.normal(offset, reference, 100)
        if is_zeroed:
            samples[:, -1] = 0
        start, self._n = self._n, self._n + 100
        return Segment(start, self._n, samples.astype(np.int32))


def test_the_loudness_of_the_reference_is_numpys_to_the_last_bit():
    rng = np.random.default_rng(0)
    for n_samples in (10, 100, 997):
        for scale in (1, 1000, 2**22):
            samples = rng.integers(-scale, scale, (60, n_samples), np.int32)
            segment = Segment(0, n_samples, samples)
            expected = framing_module._loudness(segment)[framing_module._REFERENCE]
            assert framing_module._reference_loudness(segment) == expected


def test_blocks_in_which_the_reference_is_loud_for_a_moment_are_late_and_not_lost():
    framing, loud = Framing("x"), Loud()
    blocks = [loud.block() for _ in range(10)]
    assert [framing.check(block) for block in blocks] == [[]] * 9 + [blocks]
    blocks = [loud.block(reference=300.0) for _ in range(19)] + [loud.block()]
    assert [framing.check(block) for block in blocks] == [[]] * 19 + [blocks]
    with pytest.raises(DeviceError, match="the framing is lost"):
        for _ in range(20):
            assert framing.check(loud.block(reference=300.0)) == []


def test_a_reference_as_loud_as_the_electrodes_is_none():
    framing, loud = Framing("x"), Loud()
    with pytest.raises(DeviceError, match=r"segment length: restart MEAME"):
        for _ in range(10):
            assert framing.check(loud.block(reference=60.0)) == []


def test_a_zeroed_last_sample_does_not_hide_how_quiet_the_reference_is():
    framing, loud = Framing("x"), Loud()
    blocks = [loud.block(offset=5000, is_zeroed=True) for _ in range(10)]
    assert [framing.check(block) for block in blocks][-1] == blocks


def square(reference, electrodes=70):
    """A block whose channels have exactly these SDs without their last sample."""
    samples = np.tile(np.array([[1, -1]], np.int32), (60, 51))[:, :101] * electrodes
    samples[14] = samples[0] // electrodes * reference
    return Segment(0, 101, samples)


def released(*blocks, first=(4, 70)):
    """How many segments come out at the last of the blocks, after ten with the SDs `first`."""
    framing = Framing("x")
    for _ in range(10):
        framing.check(square(*first))
    return [len(framing.check(block)) for block in blocks][-1]


def test_the_reference_is_loud_above_five_times_what_it_was_and_five_counts_at_least():
    assert released(square(20)) == 1
    assert released(square(21)) == 0
    assert released(square(5), first=(0, 70)) == 1
    assert released(square(6), first=(0, 70)) == 0
    assert released(square(21), square(4)) == 2


def test_a_reference_is_compared_with_electrodes_that_are_not_flat():
    assert released(square(1), first=(1, 1)) == 1
    assert released(square(4), first=(4, 8)) == 1
    for reference, electrodes in ((2, 2), (5, 8)):
        with pytest.raises(DeviceError, match="must be below 0.5 of the electrodes"):
            released(square(1), first=(reference, electrodes))


def test_only_the_last_sample_of_a_block_is_left_out():
    for at, n in ((-1, 1), (-2, 0)):
        block = square(4)
        block.samples[14, at] = 10_000
        assert released(block) == n


@pytest.mark.parametrize("segment_samples", [200, 1000])
def test_a_server_that_another_client_has_configured_gives_no_sample(
    simulate, segment_samples, monkeypatch
):
    with simulate() as simulator:
        with HttpControl(find_server("simulator", 0, 1.0)) as control:
            control.connect(10_000, segment_samples)
        monkeypatch.setattr(HttpControl, "acquisition", lambda self: (10_000, 100))
        recorder = open_recorder(
            f"meame://127.0.0.1:{simulator.http_port}", data_port=simulator.data_port
        )
        recorder.open(0)
        with pytest.raises(DeviceError, match="restart MEAME"):
            while True:
                assert recorder.read(1.0) is None
        recorder.close()


class Bench:
    """A MEAME that sends at a rate of its own, and the clock that goes by its samples."""

    def __init__(self, rate_hz):
        self.rate_hz = rate_hz
        self.now_s = 0.0
        self._rest = b""

    # what the recorder has of `time`

    def monotonic(self):
        return self.now_s

    def time_ns(self):
        return round(self.now_s * 1e9)

    # of `socket`

    def create_connection(self, address, timeout_s):
        return self

    def settimeout(self, timeout_s):
        pass

    def recv(self, n_bytes):
        if not self._rest:
            self.now_s += 100 / self.rate_hz
            self._rest = pack_block(np.zeros((60, 100), np.int32))
        chunk, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        return chunk

    def close(self):
        pass


@pytest.fixture
def at(tmp_path, monkeypatch):
    """Opens a recorder of 10 kHz at a MEAME that sends at another rate."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.setattr(HttpControl, "_request", lambda *request: b"")  # 200 to all, as MEAME

    def at(rate_hz):
        bench = Bench(rate_hz)
        monkeypatch.setattr("crepe.hw.meame.recorder.time", bench)
        monkeypatch.setattr("crepe.hw.meame.recorder.socket", bench)
        recorder = open_recorder("meame://192.0.2.1:8888", sampling_rate_hz=10_000)
        assert not recorder.open(0).is_simulated
        return recorder, bench

    return at


def read_for(recorder, bench, seconds):
    until_s = bench.now_s + seconds
    while bench.now_s < until_s:
        assert recorder.read(1.0) is not None


@pytest.mark.parametrize(
    ("rate_hz", "measured"), [(20_000, "20000"), (5_000, "5000"), (8_000, "8000")]
)
def test_samples_at_another_rate_than_asked_for_are_warned_of(at, caplog, rate_hz, measured):
    recorder, bench = at(rate_hz)
    read_for(recorder, bench, 9.0)
    assert caplog.messages == []  # not measured long enough
    read_for(recorder, bench, 12.0)
    assert set(caplog.messages) == {f"data port: {measured} samples/s, asked for 10000"}
    assert 1 <= len(caplog.messages) <= 2


@pytest.mark.parametrize("rate_hz", [10_000, 10_002, 9_000, 11_000])
def test_a_rate_within_the_tolerance_is_not_warned_of(at, caplog, rate_hz):
    recorder, bench = at(rate_hz)
    read_for(recorder, bench, 25.0)
    assert caplog.messages == []


def test_the_rate_is_measured_anew_after_the_instrument_was_away(at, caplog):
    recorder, bench = at(10_000)
    read_for(recorder, bench, 6.0)
    bench.now_s += 30.0
    recorder.open(60_000)
    read_for(recorder, bench, 12.0)
    assert caplog.messages == []
