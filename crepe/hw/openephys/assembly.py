"""Blocks of all channels from the plugin's messages, each of which has one channel."""

import logging
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.hw.openephys.wire import Data, Other, Ttl

log = logging.getLogger(__name__)

_ALIKE_BLOCKS = 2  # whole blocks in a row from which the channels are learnt


class Channels(NamedTuple):
    """The channels that the plugin sends, which it announces nowhere."""

    stream: str
    numbers: tuple[int, ...]
    names: tuple[str, ...]
    sampling_rate_hz: float
    is_simulated: bool


class Block(NamedTuple):
    """The samples of all channels from `sample_num` on, as Open Ephys counts them."""

    sample_num: int
    samples: NDArray[np.float32]  # (n_channels, n_samples)


class Assembly:
    """The channels and the blocks of one stream.

    Parameters
    ----------
    stream
        Name of the stream that must come; "": any.

    Attributes
    ----------
    channels
        None until they are learnt: from whole blocks that follow each other without a loss.
    n_lost
        Number of messages that did not come.
    """

    def __init__(self, stream: str) -> None:
        self.channels: Channels | None = None
        self.n_lost = 0
        self._stream = stream
        self._number: int | None = None  # of the last message
        self._unnumbered = 0  # messages without a number since then
        self._parts: dict[int, Data] = {}  # of the block that is incomplete, by channel
        self._is_whole = False  # no message of that block was lost
        self._alike: list[Channels] = []

    def add(self, message: Data | Ttl | Other) -> Block | None:
        """Return the block that a message completes, once the channels are learnt.

        A block with a lost message is left out. Raises DeviceError where acquisition was started
        anew, and where the stream or its channels are other ones.
        """
        n_missing = self._count(message)
        if n_missing:
            self._is_whole = False
            self._alike.clear()
            log.warning("%d messages lost, %d in all", n_missing, self.n_lost)
        if not isinstance(message, Data):
            return None
        if self._stream and message.stream != self._stream:
            raise DeviceError(
                f"stream {message.stream!r} is sent, must be {self._stream!r}: choose it in the "
                "editor of the ZMQ interface"
            )
        first = next(iter(self._parts.values()), None)
        if first is None or message.sample_num != first.sample_num:
            if first is not None:
                self._end_block(n_missing)
            self._parts = {}
            # With a loss at the border it is open to which block the messages belonged.
            self._is_whole = first is not None and not n_missing
        self._parts[message.channel] = message
        return self._complete()

    def _count(self, message: Data | Ttl | Other) -> int:
        """Return how many messages were lost before this one."""
        number, before = message.message_num, self._number
        if number is None:
            self._unnumbered += 1
            return 0
        if before is not None and number < before:
            raise DeviceError(f"message {number} follows {before}: acquisition was started anew")
        n_missing = 0 if before is None else max(0, number - before - 1 - self._unnumbered)
        self._number, self._unnumbered = number, 0
        self.n_lost += n_missing
        return n_missing

    def _end_block(self, n_missing: int) -> None:
        """Judge the parts of a block after which another has begun."""
        if n_missing or not self._is_whole:
            return
        channels = _channels_of(self._parts)
        if self.channels is None:
            self._alike = [each for each in self._alike if each == channels] + [channels]
            if len(self._alike) == _ALIKE_BLOCKS:
                self.channels = channels
        elif channels.numbers != self.channels.numbers:
            self._refuse(channels)

    def _complete(self) -> Block | None:
        channels = self.channels
        if channels is None or len(self._parts) < len(channels.numbers):
            return None
        actual = _channels_of(self._parts)
        if actual != channels:
            self._refuse(actual)
        parts = [self._parts[number].samples for number in channels.numbers]
        if len({len(part) for part in parts}) != 1:
            raise DeviceError("channels of one block have different numbers of samples")
        return Block(self._parts[channels.numbers[0]].sample_num, np.stack(parts))

    def _refuse(self, actual: Channels) -> None:
        assert self.channels is not None
        raise DeviceError(
            f"sends {_summary(actual)}, but before {_summary(self.channels)}: channels, stream or "
            "rate were changed in Open Ephys"
        )


def _channels_of(parts: Mapping[int, Data]) -> Channels:
    numbers = tuple(sorted(parts))
    first = parts[numbers[0]]
    names = tuple(parts[number].name for number in numbers)
    return Channels(first.stream, numbers, names, first.sampling_rate_hz, first.is_simulated)


def _summary(channels: Channels) -> str:
    return (
        f"{len(channels.names)} channels ({channels.names[0]} ... {channels.names[-1]}) of "
        f"{channels.stream} at {channels.sampling_rate_hz:g} Hz"
    )
