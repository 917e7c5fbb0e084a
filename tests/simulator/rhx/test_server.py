"""The simulated RHX on the wire: its states, its one thread that sends, its worst faults."""

import socket
import time
from contextlib import suppress

import pytest

from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.rhx.blocks import BlockParser, block_bytes
from crepe.simulator.rhx.control import ask
from crepe.simulator.rhx.server import SimulatedRhx
from crepe.simulator.rhx.settings import RhxSimulatorSettings
from tests.running_rhx import wait_for


def test_a_run_command_and_the_end_of_its_client_still_run(rhx):
    simulator, client = rhx
    client.socket.sendall(b"set runmode run;")
    client.socket.close()
    wait_for(lambda: simulator.is_hardware_running)
    wait_for(lambda: simulator._client is None)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", simulator.port))


def test_blocks_follow_each_other_in_the_layout_that_was_set(rhx):
    _, client = rhx
    client.socket.sendall(b"set a-003.tcpdataoutputenabled true;set tcpnumberdatablocksperwrite 1;")
    data = client.output(rhx[0], "waveform")
    client.run()
    parser, blocks = BlockParser(1), []
    while len(blocks) < 20:
        blocks += parser.feed(data.recv(1 << 16))
    assert [block.timestamp for block in blocks[:20]] == [128 * i for i in range(20)]
    data.close()


def test_with_only_spikes_frames_hold_a_timestamp(rhx):
    _, client = rhx
    client.socket.sendall(b"set a-003.tcpdataoutputenabledspike true;")
    data = client.output(rhx[0], "waveform")
    client.run()
    received = b""
    while len(received) < 2 * 516:
        received += data.recv(1 << 16)
    assert BlockParser(0).feed(received)[1].timestamp == 128
    assert block_bytes(0) == 516
    data.close()


def test_nothing_is_sent_without_an_output(rhx):
    _, client = rhx
    data = client.output(rhx[0], "waveform")
    client.run()
    data.settimeout(0.3)
    with pytest.raises(TimeoutError):
        data.recv(1)
    data.close()


def stalled(make_rhx, **settings):
    """A run whose reader has stalled, so that the sending thread is blocked."""
    simulator, client = make_rhx(n_by_port={"A": 128}, n_cells=1, **settings)
    names = (f"a-{i:03}.tcpdataoutputenabled{band}" for i in range(128) for band in ("", "high"))
    values = simulator.controller.parameters.values
    values.update(dict.fromkeys(names, "True"))
    client.socket.sendall(b"set tcpnumberdatablocksperwrite 1;")
    data = client.output(simulator, "waveform")
    client.run()
    run = simulator._run
    # 10 MB/s fill the buffers of the sockets, which take some MB
    wait_for(lambda: simulator.controller.n_samples - run._n_written > 8000)
    return simulator, client, data


def test_stop_is_reported_at_once_while_the_hardware_runs_on_behind_a_stalled_reader(make_rhx):
    simulator, client, data = stalled(make_rhx)
    client.socket.sendall(b"set runmode stop;")
    client.wait("get runmode;", "Return: RunMode Stop")
    time.sleep(0.3)  # a proof needs a moment
    assert simulator.is_hardware_running
    data.close()  # nothing holds it any more
    wait_for(lambda: not simulator.is_hardware_running)


def test_a_stalled_reader_that_is_closed_before_the_stop_holds_nothing(make_rhx):
    simulator, client, data = stalled(make_rhx)
    data.close()
    client.socket.sendall(b"set runmode stop;")
    wait_for(lambda: not simulator.is_hardware_running)


def test_the_write_to_a_stalled_reader_ends_after_its_time(make_rhx):
    simulator, client, data = stalled(make_rhx, write_timeout_s=1.0)
    client.socket.sendall(b"set runmode stop;")
    wait_for(lambda: not simulator.is_hardware_running)
    data.close()


def test_a_full_backlog_stops_the_run_and_floods_the_command_port(make_rhx):
    simulator, client, data = stalled(make_rhx, backlog_s=1.0)
    assert client.socket.recv(1 << 16).startswith(b"Board must be running in order to stop" * 2)
    assert simulator.run_mode == "Stop"
    data.close()


def test_stop_and_run_in_one_read_do_not_stop_the_hardware(rhx):
    simulator, client = rhx
    client.run()
    run = simulator._run
    client.socket.sendall(b"set runmode stop;set runmode run;")
    time.sleep(0.1)  # a proof needs a moment
    assert run.is_acquiring
    assert simulator.run_mode == "Run"


def test_disconnecting_a_data_port_tells_its_client_nothing(rhx):
    _, client = rhx
    client.socket.sendall(b"set a-003.tcpdataoutputenabled true;")
    data = client.output(rhx[0], "waveform")
    client.socket.sendall(b"execute disconnecttcpwaveformdataoutput;")
    state = "TCPWaveformDataOutputConnectionStatus"
    client.wait(f"get {state};", f"Return: {state} Disconnected")
    client.run()
    data.settimeout(0.3)
    with pytest.raises(TimeoutError):
        data.recv(1)
    data.close()


def test_a_data_client_that_closes_leaves_the_run_on(rhx):
    simulator, client = rhx
    client.socket.sendall(b"set a-003.tcpdataoutputenabled true;")
    data = client.output(rhx[0], "waveform")
    client.run()
    data.close()
    state = "TCPWaveformDataOutputConnectionStatus"
    client.wait(f"get {state};", f"Return: {state} Disconnected")
    assert simulator.is_hardware_running


def test_a_crash_resets_the_connection_and_the_port_is_gone(rhx):
    simulator, client = rhx
    client.socket.sendall(b"set")
    wait_for(lambda: simulator.has_crashed)
    with pytest.raises(ConnectionResetError):
        client.socket.recv(1)
    simulator.click()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", simulator.port))


def is_reached(port):
    with suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def test_the_operator_is_reached_over_the_run_directory(rhx):
    simulator, client = rhx
    directory = paths.run_directory()
    client.socket.close()
    wait_for(lambda: simulator._client is None)
    answer = ask(directory, click=True)
    assert answer["pulses"] == []
    wait_for(lambda: is_reached(simulator.port))
    ask(directory, faults=["silent"])
    assert len(simulator.controller.faults) == 1
    simulator.begin_run("Run")
    ask(directory, press_stop=True)
    wait_for(lambda: not ask(directory)["is_hardware_running"])


def test_a_second_one_in_the_same_run_directory_is_refused(rhx):
    with pytest.raises(DeviceError, match="runs in this run directory already"):
        SimulatedRhx(
            RhxSimulatorSettings(n_cells=1, port=0, waveform_port=0, spike_port=0),
            paths.run_directory(),
        )


def test_a_port_that_is_set_and_taken_is_an_error(rhx):
    simulator, _ = rhx
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(DeviceError, match="port"):
        settings = RhxSimulatorSettings(n_cells=1, port=other.getsockname()[1])
        SimulatedRhx(settings, paths.run_directory() / "..")
    assert simulator.port


def test_none_answers_where_none_runs(tmp_path):
    with pytest.raises(DeviceError, match="no simulated RHX answers"):
        ask(tmp_path)
