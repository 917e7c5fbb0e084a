"""The parameters of RHX that the simulation has: their spelling, values, and refusals."""

from collections.abc import Mapping
from typing import NamedTuple

from crepe.simulator.rhx.settings import ControllerType, RhxSimulatorSettings

_KEYS = tuple(f"KeyPressF{i}" for i in range(1, 9))
_SOURCES = (
    *(f"DigitalIn{i:02}" for i in range(1, 17)),
    *(f"AnalogIn{i:02}" for i in range(1, 9)),
    *_KEYS,
)


class Kind(NamedTuple):
    """The values that a parameter may have."""

    name: str  # in RHX's spelling
    default: str
    choices: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    is_read_only: bool = False
    is_locked: bool = False  # while the controller runs
    is_stimulation: bool = False
    is_text: bool = False

    def parsed(self, text: str) -> str | None:
        """Return the value that a text sets, as RHX prints it; None if it is none."""
        if self.is_text:
            return text
        if self.choices:
            return next((each for each in self.choices if each.lower() == text.lower()), None)
        if self.range is None:
            return text.lower()
        try:
            number = float(text)
        except ValueError:
            # Observed: RHX sets port 0 for a text that is no number.
            return "0" if self.name.endswith("OutputPort") else None
        if number < self.range[0] or number > self.range[1]:
            return None
        return f"{number:g}"  # NaN passes, as in RHX

    @property
    def refusal(self) -> str:
        """RHX's answer to a value that it does not take."""
        if self.range is not None:
            text = f"[ {self.range[0]:g} , {self.range[1]:g} ]"
        else:
            text = ";".join(self.choices) + (";" if self.choices != _BOOLEAN else "")
        return f"Invalid value for {self.name} command. Acceptable: {text}"


_BOOLEAN = ("True", "False")


def _flag(name: str, default: str = "False", *, stim: bool = False) -> Kind:
    return Kind(name, default, _BOOLEAN, is_stimulation=stim)


def _choice(name: str, default: str, *choices: str) -> Kind:
    return Kind(name, default, choices, is_stimulation=True)


def _number(name: str, default: str, most: float) -> Kind:
    return Kind(name, default, range=(0, most), is_stimulation=True)


_STIMULATION = (
    _flag("StimEnabled", stim=True),
    _choice("Polarity", "NegativeFirst", "NegativeFirst", "PositiveFirst"),
    _choice("Source", "DigitalIn01", *_SOURCES),
    _choice("TriggerEdgeOrLevel", "Edge", "Edge", "Level"),
    _choice("TriggerHighOrLow", "High", "High", "Low"),
    _choice("PulseOrTrain", "SinglePulse", "SinglePulse", "PulseTrain"),
    _number("NumberOfStimPulses", "2", 256),
    _number("PulseTrainPeriodMicroseconds", "10000", 1_000_000),
    _number("FirstPhaseDurationMicroseconds", "100", 5000),
    _number("SecondPhaseDurationMicroseconds", "100", 5000),
    _number("InterphaseDelayMicroseconds", "100", 5000),
    _number("PostTriggerDelayMicroseconds", "0", 500_000),
    _number("RefractoryPeriodMicroseconds", "1000", 1_000_000),
)
_SHAPES = ("Biphasic", "BiphasicWithInterphaseDelay", "Triphasic")
_AMPLIFIER_STIMULATION = (
    *_STIMULATION,
    _choice("Shape", "Biphasic", *_SHAPES),
    _number("FirstPhaseAmplitudeMicroAmps", "0", 2550),
    _number("SecondPhaseAmplitudeMicroAmps", "0", 2550),
    _flag("EnableAmpSettle", "True", stim=True),
    _flag("MaintainAmpSettle", stim=True),
    _number("PreStimAmpSettleMicroseconds", "0", 500_000),
    _number("PostStimAmpSettleMicroseconds", "1000", 500_000),
    _flag("EnableChargeRecovery", stim=True),
    _number("PostStimChargeRecovOnMicroseconds", "0", 1_000_000),
    _number("PostStimChargeRecovOffMicroseconds", "0", 1_000_000),
)
_AMPLIFIER = (
    *(_flag(f"TCPDataOutputEnabled{band}") for band in ("", "Low", "High", "Spike")),
    Kind("SpikeThresholdMicroVolts", "-70", range=(-5000, 5000), is_locked=True),
)
_RHS_BANDS = (_flag("TCPDataOutputEnabledDC"), _flag("TCPDataOutputEnabledStim"))
_ANALOG_OUT = (
    *_STIMULATION,
    _choice("Shape", "Biphasic", *_SHAPES, "Monophasic"),
    _number("FirstPhaseAmplitudeVolts", "0", 10.24),
    _number("SecondPhaseAmplitudeVolts", "0", 10.24),
)
_IN_OUT = (_flag("TCPDataOutputEnabled"),)


class Parameters:
    """All parameters of one RHX, by address in small letters, such as `a-010.stimenabled`."""

    def __init__(self, settings: RhxSimulatorSettings, ports: Mapping[str, int]) -> None:
        self.is_rhs = settings.controller is ControllerType.RHS
        self.kinds: dict[str, Kind] = {}
        self.channels: dict[str, tuple[Kind, ...]] = {}
        read_only = {
            "Type": settings.controller.value,
            "Version": "3.4.0",
            "Synthetic": "True",
            "Playback": "False",
            "SampleRateHertz": f"{settings.sampling_rate_hz:g}",
        }
        kinds = [Kind(name, value, is_read_only=True) for name, value in read_only.items()]
        # Observed: any client can set these three, though they are meant to be read.
        kinds += [_flag("UploadInProgress"), _flag("HeadstagePresent", "True")]
        step = f"{settings.step_ua:g}"
        kinds.append(Kind("StimStepSizeMicroAmps", step, is_stimulation=True))
        kinds.append(
            Kind("TCPNumberDataBlocksPerWrite", "10", range=(1, 100), is_locked=True),
        )
        for output in ("Waveform", "Spike"):
            port = ports[output.lower()]
            kinds.append(
                Kind(f"TCP{output}DataOutputPort", str(port), range=(0, 65535), is_locked=True)
            )
        texts = ("Filename.Path", "Filename.BaseFilename", "Note1", "Note2", "Note3")
        kinds += [Kind(name, "", is_text=True, is_locked=True) for name in texts]
        letters = "ABCD" if self.is_rhs else "ABCDEFGH"
        self._add("", kinds)
        for letter in letters:
            n = settings.n_by_port.get(letter, 0)
            self._add(f"{letter}.", [Kind("NumberAmplifierChannels", str(n), is_read_only=True)])
            for i in range(n):
                own = (*_AMPLIFIER, *(_RHS_BANDS if self.is_rhs else ()), *_AMPLIFIER_STIMULATION)
                self._add_channel(f"{letter}-{i:03}", own)
        for i in range(1, 9):
            self._add_channel(f"ANALOG-IN-{i}", _IN_OUT)
            self._add_channel(f"ANALOG-OUT-{i}", (*_IN_OUT, *_ANALOG_OUT))
        for i in range(1, 17):
            self._add_channel(f"DIGITAL-IN-{i:02}", _IN_OUT)
            self._add_channel(f"DIGITAL-OUT-{i:02}", (*_IN_OUT, *_STIMULATION))
        self.values = {address: kind.default for address, kind in self.kinds.items()}

    def _add(self, prefix: str, kinds: list[Kind] | tuple[Kind, ...]) -> None:
        for kind in kinds:
            self.kinds[f"{prefix}{kind.name}".lower()] = kind

    def _add_channel(self, name: str, kinds: tuple[Kind, ...]) -> None:
        self.channels[name] = kinds
        self._add(f"{name}.", kinds)

    def of_channel(self, name: str) -> dict[str, str]:
        """Return the values of a channel, by RHX's spelling."""
        return {
            kind.name: self.values[f"{name}.{kind.name}".lower()] for kind in self.channels[name]
        }

    def is_on(self, channel: str, name: str) -> bool:
        """Return whether a flag of a channel is set; False where it has none."""
        return self.values.get(f"{channel}.{name}".lower()) == "True"

    def clear_outputs(self) -> None:
        """Disable all data outputs."""
        for address, kind in self.kinds.items():
            if kind.name.startswith("TCPDataOutputEnabled"):
                self.values[address] = "False"
