"""`none://`: the stimulator of an experiment that must not stimulate."""

from crepe.errors import DeviceError
from crepe.hw.capabilities import StimulatorCapabilities, StopEvidence
from crepe.hw.instrument import DeviceSettings, Guard, Stimulator
from crepe.messages import Stimulus

_REFUSAL = "this experiment has no stimulator"


class NoStimulator(Stimulator):
    """A stimulator that refuses every train."""

    Settings = DeviceSettings

    def __init__(self, settings: DeviceSettings, guard: Guard) -> None:
        del settings, guard

    @property
    def capabilities(self) -> StimulatorCapabilities:
        return StimulatorCapabilities(
            stop=StopEvidence.PROVED,
            stop_is_known_from="nothing can stimulate",
            stops_with_client=True,
            clock="none",
            not_verified=(),
        )

    def open(self) -> None:
        pass

    def refusal(self, stimulus: Stimulus) -> str | None:
        del stimulus
        return _REFUSAL

    def prepare(self, stimulus: Stimulus) -> None:
        raise DeviceError(f"stimulus {stimulus.number}: {_REFUSAL}")

    def start(self, stimulus: Stimulus) -> None:
        raise DeviceError(f"stimulus {stimulus.number}: {_REFUSAL}")

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass
