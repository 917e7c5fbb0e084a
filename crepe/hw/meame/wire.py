"""MEAME's wire format: blocks of samples, DSP registers, pattern words. No sockets.

Facts from the public sources of MEAME2 and MEAME-DSP; addresses are those of the MCS DSP.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crepe.electrodes.layouts import MCS_60_LABELS

N_CHANNELS = 60
TICK_US = 20.0
TICKS_PER_S = 50_000
UA_PER_DIGIT = 0.05
MV_PER_DIGIT = 0.571
LARGEST = {"uA": 1500.0, "uV": 12_000_000.0}  # of the DAC; its codes reach further
ZERO_DIGIT = 0x8000  # DAC values are offset binary

SIDEBAND_STIMULATE = 0x19  # amplifier protected, stimulation switch closed, stimulus selected
SIDEBAND_BLANK = 0x01  # amplifier protected
_BLANK_TICKS = 200  # 4 ms after the pulse; 2 to 10 ms are usual (Wagenaar & Potter 2002)
_LONG_BASE = 1000  # ticks of 20 us, where bit 26 of a word is set
_RATES_HZ = (0.01, 100)  # period of 500 ticks at least, chosen
_LONGEST_US = 1024 * TICK_US  # the longest that one pattern word holds
MODE_AUTO = 0b11  # the switch follows the sideband; 00 is manual


def block_bytes(segment_samples: int) -> int:
    """Return the length of one block on the data port."""
    return N_CHANNELS * segment_samples * 4


def pack_block(samples: NDArray[np.int32]) -> bytes:
    """Return (60, n) counts as little-endian int32, all samples of channel 0 first."""
    return samples.astype("<i4", order="C", copy=False).tobytes()


def unpack_block(data: bytes | bytearray, segment_samples: int) -> NDArray[np.int32]:
    """Return the (60, segment_samples) counts of a block. Raises ValueError for a wrong length."""
    samples = np.frombuffer(data, dtype="<i4").reshape(N_CHANNELS, segment_samples)
    return samples.astype(np.int32, copy=False)


def sawtooth(start: int, stop: int) -> NDArray[np.int32]:
    """Return the test signal of the second port, samples [start, stop) since its first client."""
    n = np.arange(start, stop, dtype=np.int64)
    channel = np.arange(N_CHANNELS)[:, np.newaxis]
    top = (channel // 20 + 1) * 400
    values = (n * (channel % 20 + 1)) % (2 * top) - top
    values[14] = 0  # the reference
    return values.astype(np.int32)


def bitmap(labels: Iterable[str]) -> tuple[int, int]:
    """Return electrodes as two words of 30 bits. Raises KeyError for an unknown label."""
    masks = [0, 0]
    for label in labels:
        index = _INDEX[label]
        masks[index // 30] |= 1 << index % 30
    return masks[0], masks[1]


@lru_cache(maxsize=1024)
def from_bitmap(masks: tuple[int, ...]) -> tuple[int, ...]:
    """Return the channel indices of two words of 30 bits."""
    return tuple(i for i in range(N_CHANNELS) if masks[i // 30] >> i % 30 & 1)


def pairs(indices: Iterable[int], code: int) -> tuple[int, int, int, int]:
    """Return four words of 15 electrodes, 2 bits each: `code` for `indices`, 0 for the others."""
    codes = [0, 0, 0, 0]
    for index in indices:
        codes[index // 15] |= code << 2 * (index % 15)
    return codes[0], codes[1], codes[2], codes[3]


@lru_cache(maxsize=1024)
def from_pairs(codes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the 2-bit code of each of the 60 electrodes."""
    return tuple(codes[i // 15] >> 2 * (i % 15) & 3 for i in range(N_CHANNELS))


def vector(value: int, ticks: int) -> int:
    """Return a pattern word that holds `value` for `ticks` of 20 us. Raises ValueError."""
    if not 1 <= ticks <= 1024:
        raise ValueError(f"{ticks} ticks, one pattern word holds 1 to 1024")
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"value {value}, a pattern word holds 0 to 65535")
    return (ticks - 1) << 16 | value


def ticks(word: int) -> int:
    """Return for how many ticks a pattern word holds its value."""
    return ((word >> 16 & 0x3FF) + 1) * (_LONG_BASE if word >> 26 & 1 else 1)


def compile_train(
    phases: Sequence[tuple[float, float]], unit: str, rate_hz: float, n_pulses: int
) -> tuple[list[int], list[int]]:
    """Return the pattern words of a whole finite train, for the DAC and the sideband.

    One trigger plays it once, and no word is a loop: it ends whatever happens to the client.
    The electrodes stay switched for one tick longer than each pulse, and the amplifiers protected
    until the artefact has decayed.

    Parameters
    ----------
    phases
        (amplitude in `unit`, width in us) in order of time.
    unit
        "uA" for current pulses, "uV" for voltage pulses.

    Raises ValueError for widths and amplitudes that 20 us ticks and the DAC's digits cannot give,
    and for a train without pulses.
    """
    if unit not in LARGEST:
        raise ValueError(f"unit {unit!r}, must be {' or '.join(LARGEST)}")
    if n_pulses < 1:
        raise ValueError(f"{n_pulses} pulses, must be at least 1")
    pulse = [
        (ZERO_DIGIT + _digits(i, value, unit), _ticks(i, width_us))
        for i, (value, width_us) in enumerate(phases)
    ]
    total = sum(n for _, n in pulse)
    rest = period_ticks(rate_hz) - total - 1
    if n_pulses > 1 and rest < _BLANK_TICKS:
        ms = TICK_US / 1000
        raise ValueError(
            f"pulse and blanking take {(total + 1 + _BLANK_TICKS) * ms:g} ms, "
            f"the period is {period_ticks(rate_hz) * ms:g} ms"
        )
    dac: list[int] = []
    sideband: list[int] = []
    for i in range(n_pulses):
        dac += [vector(value, n) for value, n in pulse]
        dac.append(vector(ZERO_DIGIT, 1))
        sideband += hold(SIDEBAND_STIMULATE, total + 1)
        sideband.append(vector(SIDEBAND_BLANK, _BLANK_TICKS))
        if i < n_pulses - 1:
            dac += hold(ZERO_DIGIT, rest)
            sideband += hold(0, rest - _BLANK_TICKS)
    return dac, sideband


def hold(value: int, ticks: int) -> list[int]:
    """Return pattern words that put out `value` for any number of ticks."""
    pattern = []
    while ticks >= _LONG_BASE:
        n = min(ticks // _LONG_BASE, 1024)
        pattern.append(1 << 26 | vector(value, n))
        ticks -= n * _LONG_BASE
    if ticks:
        pattern.append(vector(value, ticks))
    return pattern


def period_ticks(rate_hz: float) -> int:
    """Return the stimulation period nearest to a rate. Raises ValueError."""
    if not _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1]:
        raise ValueError(f"{rate_hz:g} Hz, the DSP is driven with {_RATES_HZ[0]} to {_RATES_HZ[1]}")
    return round(TICKS_PER_S / rate_hz)


def _ticks(i: int, width_us: float) -> int:
    """Return the ticks of a width. Raises ValueError if they are no whole number."""
    if not TICK_US <= width_us <= _LONGEST_US or width_us % TICK_US:
        raise ValueError(
            f"phase {i}: {width_us:g} us, must be a multiple of {TICK_US:g} us "
            f"up to {_LONGEST_US:g} us"
        )
    return round(width_us / TICK_US)


def _digits(i: int, value: float, unit: str) -> int:
    """Return the DAC's digits: a current must fit exactly, a voltage is rounded."""
    if not abs(value) <= LARGEST[unit]:
        raise ValueError(f"phase {i}: {value:g} {unit}, limit {LARGEST[unit]:g} {unit}")
    per_digit = UA_PER_DIGIT if unit == "uA" else 1000 * MV_PER_DIGIT
    digits = round(value / per_digit)
    if unit == "uA" and abs(digits * per_digit - value) > 1e-9:
        raise ValueError(f"phase {i}: {value:g} uA, must be a multiple of {per_digit} uA")
    return digits


_INDEX = {label: i for i, label in enumerate(MCS_60_LABELS)}
