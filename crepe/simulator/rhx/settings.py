"""The settings of the simulated RHX and its controller."""

from enum import StrEnum

from pydantic import Field, PositiveFloat

from crepe.culture.settings import CultureSettings


class ControllerType(StrEnum):
    """Intan's controllers: RHS records and stimulates, RHD only records."""

    RHS = "ControllerStimRecord"
    RHD = "ControllerRecordUSB3"


class Fault(StrEnum):
    """Faults on request; each holds until it is taken back."""

    SILENT = "silent"  # commands are accepted, and neither carried out nor answered
    SLOW_CLOCK = "slow_clock"  # samples come at nine tenths of their rate
    WRONG_MAGIC = "wrong_magic"  # blocks begin with another number
    LAYOUT = "layout"  # blocks have a word more than outputs were enabled
    STEP_CHANGED = "step_changed"  # the step of currents is ten times what it was
    UPLOAD_STUCK = "upload_stuck"  # an upload never ends
    DEAF = "deaf"  # triggers and uploads do nothing, as in Intan's demonstration mode


class RhxSimulatorSettings(CultureSettings):
    """The simulated culture, and the RHX program in front of it."""

    controller: ControllerType = ControllerType.RHS
    """Type of the controller."""
    sampling_rate_hz: PositiveFloat = 20_000.0
    """Sampling rate from the start on: 20, 25 or 30 kHz."""
    step_ua: PositiveFloat = 0.5
    """Step of stimulation currents."""
    n_by_port: dict[str, int] = {"A": 32}
    """Amplifier channels of each port."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(5000, ge=0, le=65535)
    """TCP port of commands; unless it is set, a free one is used where it is taken."""
    waveform_port: int = Field(5001, ge=0, le=65535)
    """TCP port of waveforms, likewise."""
    spike_port: int = Field(5002, ge=0, le=65535)
    """TCP port of spikes, likewise."""
    write_timeout_s: PositiveFloat = 30.0
    """Time after which a write to a stalled reader is given up."""
    backlog_s: PositiveFloat = 45.0
    """Signal that a stalled reader may leave unread; then the run stops by itself."""
