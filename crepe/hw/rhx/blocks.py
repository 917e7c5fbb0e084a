"""Waveform blocks and spike packets of RHX: bytes in, arrays out. No sockets.

The number and order of the words in a frame are stated nowhere in the stream: they follow from the
outputs that the client has enabled. So any deviation is a fault, never a reason to look for the
next block.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError

MAGIC = 0x2EF07A08
SPIKE_MAGIC = 0x3AE2710F
FRAMES = 128  # of a block
SPIKE_BYTES = 14
SCALE_UV = 0.195  # microvolts per count of an amplifier channel
ZERO = 32768  # the word at 0 uV
_TIMESTAMPS = 1 << 32  # a timestamp has 32 bits, and 20 kHz fills them in 60 hours


class Block(NamedTuple):
    """One block: 128 frames."""

    timestamp: int  # of the first frame; frames since the start of the run
    values: NDArray[np.uint16]  # (n_words, 128)


def block_bytes(n_words: int) -> int:
    """Return the size of a block with so many words in a frame."""
    return 4 + FRAMES * (4 + 2 * n_words)


def _frame(n_words: int) -> np.dtype[np.void]:
    return np.dtype([("timestamp", "<u4"), ("words", "<u2", (n_words,))])


def pack_block(timestamp: int, values: NDArray[np.uint16]) -> bytes:
    """Return the bytes of a block of (n_words, 128) words."""
    frames = np.zeros(FRAMES, _frame(len(values)))
    frames["timestamp"] = (timestamp + np.arange(FRAMES)) % _TIMESTAMPS
    frames["words"] = values.T
    return MAGIC.to_bytes(4, "little") + frames.tobytes()


def counts(values: NDArray[np.uint16]) -> NDArray[np.int16]:
    """Return the samples of words: signed counts of 0.195 uV."""
    return (values ^ np.uint16(ZERO)).view(np.int16)


class BlockParser:
    """Blocks from a stream of bytes; strict on magic number and timestamps.

    Parameters
    ----------
    n_words
        Words of a frame, by the outputs that were enabled.
    """

    def __init__(self, n_words: int) -> None:
        self._n_bytes = block_bytes(n_words)
        self._frame = _frame(n_words)
        self._left = bytearray()
        self._expected: int | None = None  # timestamp of the next frame

    def feed(self, data: bytes) -> list[Block]:
        """Return the blocks that are complete now. Raises DeviceError for anything else."""
        self._left += data
        n = len(self._left) // self._n_bytes
        if n == 0:
            return []
        whole = bytes(self._left[: n * self._n_bytes])
        del self._left[: n * self._n_bytes]
        return [self._block(whole, i * self._n_bytes) for i in range(n)]

    def _block(self, data: bytes, at: int) -> Block:
        magic = int.from_bytes(data[at : at + 4], "little")
        if magic != MAGIC:
            raise DeviceError(
                f"RHX waveforms: a block begins with {magic:#010x}, must be {MAGIC:#010x}; its "
                "outputs were changed in the run, or another program serves the port"
            )
        frames = np.frombuffer(data, self._frame, FRAMES, at + 4)
        timestamps = frames["timestamp"].astype(np.int64)
        first = int(timestamps[0])
        if self._expected is not None and first != self._expected:
            raise DeviceError(
                f"RHX waveforms: timestamp {first}, must be {self._expected}: samples are missing"
            )
        if np.any(np.diff(timestamps) % _TIMESTAMPS != 1):
            raise DeviceError(
                f"RHX waveforms: timestamps after {first} do not rise by 1; the outputs were "
                "changed in the run"
            )
        self._expected = (first + FRAMES) % _TIMESTAMPS
        return Block(first, np.ascontiguousarray(frames["words"].T))
