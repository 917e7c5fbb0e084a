"""The link to RHX: whose run it is, what a lost connection means, and the click."""

import pytest

from crepe.hw.rhx.connection import CommandPort
from crepe.hw.rhx.link import Link
from crepe.hw.rhx.link_state import MOVES, LinkState, moved
from crepe.hw.rhx.settings import find_place
from tests.running_rhx import wait_for


@pytest.fixture
def link(rhx, tmp_path):
    link = Link("simulator", rhx._path.parent)
    yield link
    link.end()


def test_without_a_click_the_problem_says_what_to_click(link):
    link.poll()
    assert "Network > Remote TCP Control > Connect" in link.problem
    assert link.state is LinkState.CLOSED


def test_after_a_click_it_connects_and_disarms_all(rhx, link):
    rhx.controller.parameters.values["a-003.stimenabled"] = "True"
    rhx.click()
    link.poll()
    assert link.state is LinkState.READY
    assert link.problem == ""
    assert link.is_proven
    assert rhx.controller.parameters.values["a-003.stimenabled"] == "False"


def test_a_run_of_another_user_is_neither_used_nor_stopped(rhx, link):
    rhx.begin_run("Run")
    rhx.click()
    link.poll()
    assert link.state is LinkState.FOREIGN
    assert "CREPE has not started that: press Stop on the RHX computer" in link.problem
    link.poll()
    assert rhx.is_hardware_running
    rhx.press_stop()
    wait_for(lambda: (link.poll(), link.state is LinkState.READY)[1])


def test_a_lost_connection_says_that_the_instrument_may_run_and_needs_a_click(rhx, link):
    rhx.click()
    link.poll()
    link.may_load = link.is_loaded = True
    rhx._client.shutdown(2)
    wait_for(lambda: (link.poll(), link.controller is None)[1])
    assert "may still run and stimulate; press Stop on the RHX computer" in link.problem
    assert not link.may_load
    assert link.stop() == [link.problem]
    link.poll()
    assert link.state is LinkState.CLOSED
    wait_for(lambda: rhx._client is None)
    rhx.click()
    wait_for(lambda: (link.poll(), link.state is LinkState.READY)[1])
    assert link.n_connections == 2


def test_an_instrument_that_cannot_answer_the_challenge_is_no_simulator(rhx, monkeypatch):
    monkeypatch.setattr(type(rhx), "proof", lambda self, challenge: "")
    link = Link("simulator", rhx._path.parent)
    rhx.click()
    link.poll()
    assert link.state is LinkState.READY
    assert not link.is_proven
    assert not link.may_load
    link.end()


def test_the_simulator_is_recognized_by_its_address_too(rhx, tmp_path):
    place = find_place(f"127.0.0.1:{rhx.port}", rhx._path.parent)
    assert place.nonce
    assert not find_place("127.0.0.1:1", rhx._path.parent).nonce


def test_the_end_stops_what_was_started_and_disconnects(rhx, link):
    rhx.click()
    link.poll()
    link.controller.start()
    link.move(LinkState.RUNNING)
    link.end()
    wait_for(lambda: not rhx.is_hardware_running and rhx._client is None)


def test_a_crashed_rhx_is_a_lost_connection(rhx, link):
    rhx.click()
    link.poll()
    link.controller.port._socket.sendall(b"set;")
    wait_for(lambda: rhx.has_crashed)  # a command in the same read would save it
    wait_for(lambda: (link.poll(), link.state is LinkState.CLOSED)[1])
    with pytest.raises(Exception, match="RHX"):
        CommandPort("127.0.0.1", rhx.port)


def test_a_move_that_is_not_listed_raises():
    for state in LinkState:
        assert moved(state, state) is state
        for to in set(LinkState) - MOVES[state] - {state}:
            with pytest.raises(RuntimeError, match=f"link: {state} to {to}"):
                moved(state, to)
