"""A message type states its own properties, also one from outside the package."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from crepe.errors import DeviceError
from crepe.messages import Message, Segment, StreamInfo, message_type


@dataclass(frozen=True, slots=True)
class Power(Message):
    """A message of a third party that covers every window."""

    is_clocked: ClassVar[bool] = True

    value_uv2: float = 0.0


def test_a_stream_info_leads_to_the_class_of_its_messages():
    assert StreamInfo("Segment").kind is Segment
    assert StreamInfo(f"{__name__}:Power").kind.is_clocked
    assert not StreamInfo("GameState").kind.is_clocked
    assert StreamInfo("GameState").kind.is_event


def test_a_type_that_is_not_imported_has_no_properties_and_is_refused_where_it_is_needed():
    assert StreamInfo("not.imported:Thing").kind is Message
    with pytest.raises(DeviceError, match="import its module first"):
        message_type("not.imported:Thing", DeviceError)
