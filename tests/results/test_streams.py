"""Streams found by what they carry."""

import pytest

from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState, Spikes, StreamInfo
from crepe.results.streams import messages_of, names_of, stream_of
from crepe.store import Store
from crepe.store.memory_store import MemoryStore


def test_a_stream_may_have_any_name_but_the_true_spikes_are_left_out():
    infos = {name: StreamInfo("Spikes") for name in ("data:truth", "mine", "data:spikes")}
    assert names_of(Spikes, infos) == ["data:spikes", "mine"]


def test_messages_of_a_type_come_from_all_its_streams():
    memory = MemoryStore()
    store = Store(memory)
    for name in ("b", "a"):
        memory.declare(name, StreamInfo("GameState", longest_samples=10))
        store[name].append_message(GameState(0, 1, 1, name))
    assert [state.phase for state in messages_of(GameState, store)] == ["a", "b"]
    assert stream_of(GameState, store).name == "a"
    with pytest.raises(ConfigError, match="no stream of Delivered was recorded; streams: a, b"):
        stream_of(Delivered, store)
