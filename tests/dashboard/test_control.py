"""The page's commands: STOP answers whatever the instrument does, and shows every latch."""

import threading

import pytest

from crepe.commands import CONTROL
from crepe.dashboard import control as module
from crepe.dashboard.control import Control
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import StoreError
from crepe.safety import arming
from crepe.safety.protocol import orders
from crepe.safety.protocol.announcement import Instrument, announce
from crepe.safety.watchdog import Watchdog
from crepe.store import codec
from crepe.store.memory_store import MemoryStore
from tests.misbehaving_server import misbehaving


def no_store():
    raise StoreError("no Redis server answers")


@pytest.fixture
def control(tmp_path):
    control = Control(tmp_path, no_store)
    yield control
    if control._last_stop is not None:
        control._last_stop.call_off()
    control.close()


@pytest.mark.parametrize("fault", ["silent", "drips its body", "never ends its body"])
def test_no_instrument_occupies_the_threads_of_stop(control, tmp_path, monkeypatch, fault):
    monkeypatch.setattr(module, "ANSWER_S", 0.3)
    with misbehaving(fault) as server:
        announce(tmp_path, Instrument("7-abc", ProcessIdentity.own(), "127.0.0.1", server.port))
        answers = [control.stopper.submit(control.stop) for _ in range(6)]
        for answer in answers:
            outcome = answer.result(timeout=60)
            assert not outcome["is_verified"]
            assert any("NOT VERIFIED" in line for line in outcome["lines"])
        assert control.state(can_stimulate=True)["is_stopped"]


def test_a_stop_that_is_verified_after_its_answer_is_sent_then(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    is_late, is_sent = threading.Event(), threading.Event()
    monkeypatch.setattr(
        "crepe.hw.meame.remote_stop.stop_dsp",
        lambda control: [] if is_late.is_set() else ["a doubt"],
    )
    announce(tmp_path, Instrument("7-abc", ProcessIdentity.own(), "127.0.0.1", 9))
    sent = []

    class Sending(Control):
        def send_command(self, name, value, *arguments, **options):
            sent.append((name, value))
            if value == "verified":
                is_sent.set()

    control = Sending(tmp_path, no_store)
    try:
        assert not control.stop()["is_verified"]
        is_late.set()
        assert is_sent.wait(60)
    finally:
        control.close()
    assert sent == [("stop", "NOT VERIFIED"), ("stop", "verified")]


def test_a_latch_that_only_the_watchdog_has_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LATCH_S", 0.0)
    watchdog = Watchdog(tmp_path, lambda text: None)
    is_over = threading.Event()

    def run():
        while not is_over.is_set():
            watchdog.step()

    thread = threading.Thread(target=run)
    thread.start()
    control = Control(tmp_path, no_store)
    try:
        orders.latch_in_memory(tmp_path, "crepe stop")
        assert not (tmp_path / arming.STOPPED_FILE).exists()
        while not (state := control.state(can_stimulate=True))["is_stopped"]:
            pass
        assert state["refusal"] == "stopped by crepe stop; `crepe arm`"
        orders.release_in_memory(tmp_path)
        while control.state(can_stimulate=True)["is_stopped"]:
            pass
    finally:
        is_over.set()
        thread.join()
        control.close()
        watchdog.close()


def test_a_command_that_cannot_be_read_hides_no_player_that_the_page_has_sent(tmp_path):
    store = MemoryStore(writer="test")
    control = Control(tmp_path, lambda: store)
    control.send_command("player", "sensor")
    store.append_unclocked(CONTROL, b"garbage")
    store.append_unclocked(CONTROL, codec.pack_value([{"name": "player", "value": ["x"]}]))
    assert control.sent_player() == "sensor"
    control.close()
