"""Commands, and nothing else, are published with the sample index of their arrival."""

from crepe.actors.annotate import Annotate
from crepe.messages import Command, Spikes


def test_a_command_is_published_as_it_is():
    note = Command(700, 701, "note", "medium changed", "page")
    assert Annotate().step(note) is note


def test_the_clock_alone_makes_nothing():
    assert Annotate().step(Spikes.none(0, 100)) is None
