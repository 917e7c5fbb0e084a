"""The simulated controller: culture, samples, run. No sockets, no threads, no clock of its own."""

from collections import deque
from collections.abc import Mapping
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from crepe.culture.contract import Shot
from crepe.culture.culture import Culture
from crepe.hw.meame.wire import TICK_US
from crepe.hw.rhx.blocks import FRAMES, SCALE_UV, SPIKE_MAGIC, ZERO
from crepe.simulator.rhx.parameters import Parameters
from crepe.simulator.rhx.settings import Fault, RhxSimulatorSettings
from crepe.simulator.rhx.stimulation import Pulse, StimHardware, stim_words

_KEPT_PULSES = 200_000
_SETTLE_US = 1000.0
_LOWPASS_HZ = 250.0  # RHX's default border of the LOW and HIGH bands
_BANDS = ("", "Low", "High", "DC", "Stim")
_DC_WORD = 460  # what the demonstration mode shows: 1.0 V


class SimulatedController:
    """One controller with a culture on its amplifier channels."""

    def __init__(self, settings: RhxSimulatorSettings, ports: Mapping[str, int]) -> None:
        self.settings = settings
        self.parameters = Parameters(settings, ports)
        self.rate_hz = settings.sampling_rate_hz
        self.hardware = StimHardware(self.rate_hz)
        self.faults: set[Fault] = set()
        self.amplifiers = tuple(
            f"{port}-{i:03}" for port, n in sorted(settings.n_by_port.items()) for i in range(n)
        )
        self.pulses: deque[tuple[float, Pulse]] = deque(maxlen=_KEPT_PULSES)  # with their time
        self._culture = Culture(settings, self.amplifiers, self.rate_hz)
        self._row = {name: i for i, name in enumerate(self.amplifiers)}
        self.begin(0.0)

    def begin(self, now_s: float) -> None:
        """Let sample 0 be now, by the simulator's clock."""
        self.began_s = now_s
        self.n_samples = 0  # simulated in this run
        self._ahead = np.empty((len(self.amplifiers), 0), np.float32)
        self._n_cultured = 0
        self._recent: deque[Pulse] = deque(maxlen=1000)
        self._low_state = np.zeros((len(self.amplifiers), 1))
        self._was_below = np.zeros(len(self.amplifiers), bool)
        self._ahead_pulses: list[Pulse] = []  # not in the culture's time yet
        self.hardware.begin()

    def end(self, now_s: float) -> None:
        """End the run: pulses that are due by now have left, and a pulse under way is cut."""
        stop = self.sample_at(now_s)
        pulses = [it.before(stop) for it in self.hardware.until(stop) if it.phases]
        self.pulses += [(self.began_s + it.sample / self.rate_hz, it) for it in pulses]
        self.hardware.end()

    def sample_at(self, now_s: float) -> int:
        """Return the sample that the hardware takes at a time."""
        return max(0, int((now_s - self.began_s) * self.rate_hz))

    def _outputs(self) -> list[tuple[str, str]]:
        """Return the words of a frame, as RHX orders them: (channel, band)."""
        on = self.parameters.is_on
        outputs = [
            (channel, band)
            for channel in self.amplifiers
            for band in _BANDS
            if on(channel, f"TCPDataOutputEnabled{band}")
        ]
        for kind in ("ANALOG-IN", "ANALOG-OUT"):
            names = (f"{kind}-{i}" for i in range(1, 9))
            outputs += [(name, "") for name in names if on(name, "TCPDataOutputEnabled")]
        for kind in ("DIGITAL-IN", "DIGITAL-OUT"):
            names = (f"{kind}-{i:02}" for i in range(1, 17))
            if any(on(name, "TCPDataOutputEnabled") for name in names):
                outputs.append((kind, ""))
        return outputs

    @property
    def has_outputs(self) -> bool:
        """Whether any data output is enabled; with spikes only, frames hold a timestamp."""
        values = self.parameters.values
        return any("dataoutputenabled" in name and on == "True" for name, on in values.items())

    def block(self) -> tuple[int, NDArray[np.uint16], bytes]:
        """Return the next 128 frames: first timestamp, words, spike packets."""
        start, self.n_samples = self.n_samples, self.n_samples + FRAMES
        pulses = self.hardware.until(self.n_samples)
        rate_hz = self.rate_hz
        self.pulses += [(self.began_s + it.sample / rate_hz, it) for it in pulses if it.phases]
        self._recent += pulses
        wide_uv = self._voltage_uv(pulses)
        a = np.exp(-2 * np.pi * _LOWPASS_HZ / rate_hz)
        low_uv, self._low_state = lfilter([1 - a], [1, -a], wide_uv, axis=1, zi=self._low_state)
        high_uv = wide_uv - low_uv
        bands = {"": _to_words(wide_uv), "Low": _to_words(low_uv), "High": _to_words(high_uv)}
        outputs = self._outputs()
        if Fault.LAYOUT in self.faults:
            outputs.append(("DIGITAL-IN", ""))
        values = np.empty((len(outputs), FRAMES), np.uint16)
        for i, (channel, band) in enumerate(outputs):
            values[i] = self._words_of(channel, band, bands, start)
        return start, values, self._spikes(high_uv, start)

    def _words_of(
        self, channel: str, band: str, bands: Mapping[str, NDArray[np.uint16]], start: int
    ) -> NDArray[np.uint16]:
        if (row := self._row.get(channel)) is not None:
            if band == "DC":
                return np.full(FRAMES, _DC_WORD, np.uint16)
            if band == "Stim":
                window = (start, start + FRAMES)
                step_ua = self.settings.step_ua
                return np.array(stim_words(self._recent, channel, *window, step_ua), np.uint16)
            row_words: NDArray[np.uint16] = bands[band][row]
            return row_words
        t_s = (start + np.arange(FRAMES)) / self.rate_hz
        if channel == "DIGITAL-IN":  # input 1 toggles once a second
            return np.asarray(t_s.astype(np.int64) % 2, np.uint16)
        if channel == "ANALOG-IN-1":
            return np.asarray(np.rint(ZERO + 32_000 * np.sin(2 * np.pi * 10 * t_s)), np.uint16)
        return np.full(FRAMES, 0 if channel == "DIGITAL-OUT" else ZERO, np.uint16)

    def _voltage_uv(self, pulses: list[Pulse]) -> NDArray[np.float32]:
        """Return the next 128 samples of all amplifiers, (n_channels, 128)."""
        self._ahead_pulses += pulses
        blocks, have = [self._ahead], self._ahead.shape[1]
        n = self._culture.block_samples
        while have < FRAMES:
            begin, end = self._n_cultured, self._n_cultured + n
            due = [it for it in self._ahead_pulses if it.sample < end]
            self._ahead_pulses = [it for it in self._ahead_pulses if it.sample >= end]
            voltage_uv, _ = self._culture.block(self._shots(due, begin))
            blocks.append(voltage_uv)
            self._n_cultured, have = end, have + n
        whole = np.concatenate(blocks, axis=1)
        now, self._ahead = whole[:, :FRAMES], whole[:, FRAMES:]
        return now

    def _shots(self, pulses: list[Pulse], begin: int) -> list[Shot]:
        """Return pulses as the culture receives them: one for all channels of a trigger."""
        tick_s = TICK_US / 1e6
        shots = []
        key = lambda it: (it.sample, it.phases)  # noqa: E731  # as short as what it sorts by
        for (sample, phases), together in groupby(sorted(pulses, key=key), key):
            rows = tuple(self._row[it.channel] for it in together if it.channel in self._row)
            microseconds = tuple((ua, n / self.rate_hz * 1e6) for ua, n in phases)
            blanked_us = sum(us for _, us in microseconds) + _SETTLE_US
            tick = max(0, round((sample - begin) / self.rate_hz / tick_s))
            shots.append(Shot(tick, rows, microseconds, rows, blanked_us))
        return shots

    def _spikes(self, high_uv: NDArray[np.float64], start: int) -> bytes:
        """Return the packets of threshold crossings on channels with a spike output."""
        packets = []
        for row, channel in enumerate(self.amplifiers):
            if not self.parameters.is_on(channel, "TCPDataOutputEnabledSpike"):
                continue
            address = f"{channel}.spikethresholdmicrovolts".lower()
            below = high_uv[row] < float(self.parameters.values[address])
            crossed = below & ~np.concatenate(([self._was_below[row]], below[:-1]))
            self._was_below[row] = below[-1]
            packets += [(start + int(i), channel) for i in np.flatnonzero(crossed)]
        return b"".join(
            SPIKE_MAGIC.to_bytes(4, "little")
            + channel.encode()[:5]
            + at.to_bytes(4, "little")
            + b"\x01"
            for at, channel in sorted(packets)
        )


def _to_words(microvolts: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.asarray(np.clip(np.rint(microvolts / SCALE_UV) + ZERO, 0, 65535), np.uint16)
