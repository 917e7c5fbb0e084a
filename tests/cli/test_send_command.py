"""Commands to a game that is known by its stream alone: no actor's class is imported."""

import pytest

from crepe.cli import send_command
from crepe.errors import ConfigError
from crepe.messages import GameState, StreamInfo
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.memory_store import MemoryStore


@pytest.fixture
def memory():
    return MemoryStore(writer="game")


def begin_game(memory):
    memory.declare("mine:states", StreamInfo(message="GameState"))
    memory.declare("data", StreamInfo(labels=("1",)))


def publish(memory, start, state):
    memory.append(
        [("mine:states", Entry(start, start + 10, codec.pack([state], start, start + 10)))]
    )


def test_a_game_is_found_by_its_messages_whatever_its_class_and_stream_are(memory, monkeypatch):
    begin_game(memory)
    answers = {
        "rock": GameState(0, 10, 4, "stimulation", gesture="rock", shown_by="crepe gesture"),
        "rok": GameState(10, 20, 4, "refused", outcome="'rok' is no gesture", shown_by="crepe gesture"),
    }  # fmt: skip
    store = Store(memory)
    for name, state in answers.items():
        monkeypatch.setattr(
            store, "send_command", lambda *_, state=state: publish(memory, state.start, state)
        )
        if name == "rock":
            begun = send_command.send_gesture(store, "A title", name)
            assert (begun.trial, begun.gesture) == (4, "rock")
        else:
            with pytest.raises(ConfigError, match="refused: 'rok' is no gesture"):
                send_command.send_gesture(store, "A title", name)


def test_without_a_game_a_note_can_be_sent_and_nothing_else(memory, monkeypatch):
    store = Store(memory)
    sent = []
    monkeypatch.setattr(store, "send_command", lambda *command: sent.append(command))
    send_command.send_command(store, "A title", "note", "medium changed")
    assert sent == [("note", "medium changed", "crepe say", "control")]
    with pytest.raises(ConfigError, match="A title: no game runs"):
        send_command.send_command(store, "A title", "pause", "")
    with pytest.raises(ConfigError, match="did you mean 'pause'"):
        send_command.send_command(store, "A title", "paus", "")
    assert len(sent) == 1


def test_a_note_without_a_text_is_refused(memory):
    with pytest.raises(ConfigError, match="note: needs a text: `crepe say note"):
        send_command.send_command(Store(memory), "A title", "note", " ")
