"""The simulated instrument: DSP, culture and digitiser, advanced by samples. No sockets."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from crepe.culture.contract import Shot
from crepe.culture.culture import Culture
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.hw.meame.registers import Register
from crepe.hw.meame.wire import N_CHANNELS, TICKS_PER_S
from crepe.messages import Spikes
from crepe.simulator.meame.dsp import Dsp
from crepe.simulator.meame.quirks import Quirk
from crepe.simulator.meame.settings import SimulatorSettings

_KEPT_TRUTH = 200_000
_ILLEGAL_MODE = 2


class SimulatedMeame:
    """The instrument behind MEAME's routes and ports."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.dsp = Dsp(settings.impedance_kohm, settings.firmware)
        if Quirk.STICKY_ERROR in settings.quirks:
            self.dsp.write(Register.ERROR_FLAG, _ILLEGAL_MODE)
        self.sampling_rate_hz = float(settings.sampling_rate_hz)
        self._begin()

    def connect(self, sampling_rate_hz: int) -> None:
        """Set the sampling rate; samples count from this moment."""
        self.sampling_rate_hz = float(sampling_rate_hz)
        self._begin()

    def start(self) -> None:
        """Let sample 0 be now, by the DSP's clock; no sample shows an earlier pulse."""
        self._began = self.dsp.now
        self.dsp.take()
        self._ahead: list[Shot] = []  # pulses of samples to come

    def _begin(self) -> None:
        self.culture = Culture(self.settings, MCS_60_LABELS, self.sampling_rate_hz)
        self._n_samples = 0  # simulated so far
        self.start()
        self._buffer = np.empty((N_CHANNELS, 0), np.int32)
        self._truth: deque[tuple[int, int]] = deque(maxlen=_KEPT_TRUTH)

    def advance(self, n_samples: int) -> NDArray[np.int32]:
        """Return the next samples of all electrodes, (60, n_samples) counts."""
        blocks = []
        have = self._buffer.shape[1]
        while have < n_samples:
            blocks.append(self._block())
            have += blocks[-1].shape[1]
        if blocks:
            counts = np.concatenate(blocks, axis=1)
            counts /= np.float32(self.settings.scale_uv)
            np.rint(counts, out=counts)
            np.clip(counts, -(2**23), 2**23 - 1, out=counts)
            self._buffer = np.concatenate((self._buffer, counts.astype(np.int32)), axis=1)
        now, self._buffer = self._buffer[:, :n_samples], self._buffer[:, n_samples:]
        return now

    def _block(self) -> NDArray[np.float32]:
        """Return the next millisecond of all electrodes, in microvolts."""
        n = self.culture.block_samples
        until = self._tick_of(self._n_samples + n)
        self.dsp.run_until(until)
        self._ahead += self.dsp.take()  # the DSP may have run ahead of the samples
        shots = []
        if self._ahead:  # in most milliseconds there are none
            began = self._tick_of(self._n_samples)
            due = [shot for shot in self._ahead if shot.tick < until]
            self._ahead = [shot for shot in self._ahead if shot.tick >= until]
            shots = [shot._replace(tick=shot.tick - began) for shot in due]
        voltage_uv, fired = self.culture.block(shots)
        if held := self.dsp.held:
            voltage_uv[list(held)] = 0.0
        if len(fired):
            self._truth.extend((self._n_samples, cell) for cell in fired.tolist())
        self._n_samples += n
        return voltage_uv

    def _tick_of(self, sample: int) -> int:
        """Return the DSP's tick at a sample; counted from 0, so that rounding does not add up."""
        return self._began + int(sample * TICKS_PER_S / self.sampling_rate_hz)

    def truth(self, start: int, stop: int) -> Spikes:
        """Return the cells that fired by millisecond, for validation; `channel` is the cell."""
        spikes = [(at, cell) for at, cell in self._truth if start <= at < stop]
        sample, cell = zip(*spikes, strict=True) if spikes else ((), ())
        return Spikes(
            start,
            stop,
            np.array(cell, np.int32),
            np.array(sample, np.int64),
            np.zeros(len(spikes), np.float32),
        )

    # The host's side of the DSP, as MEAME does it

    def call(self, function: int, arguments: list[tuple[int, int]]) -> bool:
        """Write the arguments and submit a function; return True if the DSP acknowledged."""
        before = self.dsp.read(Register.SLAVE_INSTRUCTION_ID)
        for address, value in arguments:
            self.dsp.write(address, value)
        self.dsp.write(Register.INSTRUCTION_TYPE, function)
        self.dsp.write(Register.MASTER_INSTRUCTION_ID, before + 1)
        return self.dsp.read(Register.SLAVE_INSTRUCTION_ID) == before + 1
