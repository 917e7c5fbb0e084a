"""The stimulation hardware of the simulated controller: uploads, triggers, pulses.

Pulses follow from what was uploaded, never from what is set. What RHX does not guard is not guarded
here: a current above 255 steps leaves its phase at zero, a count of zero keeps the one before.
What a trigger does during a train is not public; here it does nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_STEPS = 255


@dataclass(frozen=True)
class Pulse:
    """One pulse at one channel; samples count from the start of the run."""

    sample: int
    channel: str
    phases: tuple[tuple[float, int], ...]  # (current in uA, samples)

    @property
    def stop(self) -> int:
        """Sample after the last one with a current, or a pause of the pulse."""
        return self.sample + sum(n for _, n in self.phases)

    def before(self, sample: int) -> "Pulse":
        """Return the part of it before a sample."""
        phases, at = [], self.sample
        for ua, n in self.phases:
            if at < sample:
                phases.append((ua, min(n, sample - at)))
            at += n
        return Pulse(self.sample, self.channel, tuple(phases))


@dataclass
class _Channel:
    """What one channel's registers hold."""

    is_enabled: bool = False
    source: str = ""
    is_level: bool = False
    phases: tuple[tuple[float, int], ...] = ()
    n_pulses: int = 1
    period: int = 0
    delay: int = 0
    refractory: int = 0
    busy_until: int = 0


class StimHardware:
    """All channels' registers, and the pulses that follow from triggers."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._channels: dict[str, _Channel] = {}
        self._keys_on: set[str] = set()
        self._due: list[Pulse] = []  # in the future
        self.log: list[str] = []

    def upload(self, channel: str, values: Mapping[str, str], step_ua: float) -> None:
        """Set the registers of a channel from its parameters."""
        registers = self._channels.setdefault(channel, _Channel())
        registers.is_enabled = values["StimEnabled"] == "True"
        registers.source = values["Source"]
        registers.is_level = values["TriggerEdgeOrLevel"] == "Level"
        registers.delay = self._samples(values["PostTriggerDelayMicroseconds"])
        registers.refractory = self._samples(values["RefractoryPeriodMicroseconds"])
        registers.period = self._samples(values["PulseTrainPeriodMicroseconds"])
        is_train = values["PulseOrTrain"] == "PulseTrain"
        n_pulses = int(float(values["NumberOfStimPulses"])) if is_train else 1
        self.log.append(f"upload {channel} {dict(values)}")
        if n_pulses == 0:
            return  # shape and count stay as they were
        registers.n_pulses = n_pulses
        first = self._phase(values, "First", step_ua)
        second = self._phase(values, "Second", step_ua)
        sign = -1 if values["Polarity"] == "NegativeFirst" else 1
        pause = self._samples(values["InterphaseDelayMicroseconds"])
        with_pause = values["Shape"] == "BiphasicWithInterphaseDelay"
        registers.phases = (
            (sign * first[0], first[1]),
            *(((0.0, pause),) if with_pause else ()),
            (-sign * second[0], second[1]),
        )

    def _samples(self, microseconds: str) -> int:
        return round(float(microseconds) * self._rate_hz / 1e6)

    def _phase(self, values: Mapping[str, str], which: str, step_ua: float) -> tuple[float, int]:
        amplitude = float(values.get(f"{which}PhaseAmplitudeMicroAmps", "0"))
        steps = amplitude / step_ua
        # The register refuses more, and keeps 0; so it does for NaN, of which no step is known.
        n_steps = round(steps) if steps <= MOST_STEPS + 0.5 else 0
        if n_steps > MOST_STEPS:
            n_steps = 0
        return n_steps * step_ua, self._samples(values[f"{which}PhaseDurationMicroseconds"])

    def key(self, key: str, *, is_on: bool, sample: int | None) -> None:
        """Turn a key's trigger on or off; `sample` is the present one, None while nothing runs."""
        was_on = key in self._keys_on
        self.log.append(f"trigger {key} {'on' if is_on else 'off'}")
        if not is_on:
            self._keys_on.discard(key)
            return
        self._keys_on.add(key)
        if sample is not None and not was_on:  # an edge needs a rise
            self._fire(key, sample, levels=False)

    def _fire(self, key: str, sample: int, *, levels: bool) -> None:
        for name, channel in self._channels.items():
            is_due = channel.is_enabled and channel.source.lower() == f"keypress{key}".lower()
            if not is_due or sample < channel.busy_until or (levels and not channel.is_level):
                continue
            at = sample + channel.delay
            pulses = [
                Pulse(at + i * channel.period, name, channel.phases)
                for i in range(channel.n_pulses)
            ]
            self._due += pulses
            channel.busy_until = pulses[-1].stop + channel.refractory

    def begin(self) -> None:
        """Let sample 0 be now."""
        self._due.clear()
        for channel in self._channels.values():
            channel.busy_until = 0

    def until(self, sample: int) -> list[Pulse]:
        """Return the pulses that begin before a sample, in order, once each."""
        for key in self._keys_on:
            self._fire(key, sample, levels=True)
        ready = sorted(
            (it for it in self._due if it.sample < sample), key=lambda it: (it.sample, it.channel)
        )
        self._due = [it for it in self._due if it.sample >= sample]
        return ready

    def end(self) -> None:
        """Stop: no further pulse begins. A key that is on stays on."""
        self._due.clear()


def stim_words(
    pulses: Iterable[Pulse], channel: str, start: int, stop: int, step_ua: float
) -> list[int]:
    """Return the STIM words of a channel in a window of samples; 256 without a current."""
    words_now = [256] * (stop - start)
    for pulse in pulses:
        if pulse.channel != channel:
            continue
        at = pulse.sample
        for ua, n in pulse.phases:
            word = min(round(abs(ua) / step_ua), MOST_STEPS) | (256 if ua <= 0 else 0)
            for i in range(max(at, start), min(at + n, stop)):
                words_now[i - start] = word
            at += n
    return words_now
