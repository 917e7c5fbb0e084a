"""Notes of a session: each once, at its first sample."""

from crepe.messages import Command, StreamInfo
from crepe.results.notes import note_table
from crepe.store import Store
from crepe.store.memory_store import MemoryStore


def test_a_note_on_several_streams_is_there_once_and_the_same_words_twice_are_two():
    memory = MemoryStore()
    store = Store(memory)
    for name in ("result:control", "result:input"):
        memory.declare(name, StreamInfo("Command", 1000.0, longest_samples=9000))
    for at, text in ((100, "light on"), (200, "light off"), (300, "light on")):
        store["result:control"].append_message(Command(at, at + 1, "note", text, "page"))
    store["result:control"].append_message(Command(400, 401, "pause", "", "page"))
    store["result:input"].append_message(Command(90, 91, "note", "light on", "page"))
    notes = note_table(store)
    assert list(zip(notes["sample"], notes["text"], strict=True)) == [
        (90, "light on"), (200, "light off"), (300, "light on"),
    ]  # fmt: skip
    assert notes["time_s"].tolist() == [0.09, 0.2, 0.3]


def test_a_session_without_notes_has_an_empty_table():
    assert len(note_table(Store(MemoryStore()))) == 0
