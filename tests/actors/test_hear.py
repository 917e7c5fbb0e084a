"""What is said is published with the sample index at which it was heard, and nothing else is."""

from crepe.actors.hear import Hear
from crepe.messages import Command, Spikes


def test_a_command_is_published_as_it_is():
    note = Command(700, 701, "note", "medium changed", "page")
    assert Hear().step(note) is note


def test_the_clock_alone_makes_nothing():
    assert Hear().step(Spikes.none(0, 100)) is None
