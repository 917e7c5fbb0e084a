"""The faults of a MEAME: known oddities as switches, and faults on demand for tests."""

from dataclasses import dataclass
from enum import StrEnum


class Quirk(StrEnum):
    """An oddity of MEAME2 or its device, off unless the settings name it."""

    #: The last sample of each channel in each block is 0, since February 2019.
    ZERO_LAST_SAMPLE = "zero-last-sample"
    #: /DAQ/connect answers 200 for impossible settings.
    CONNECT_ALWAYS_SUCCEEDS = "connect-always-succeeds"
    IGNORED_STOP = "ignored-stop"  #: /DAQ/stop has no effect.
    MOCK_EXECUTOR = "mock-executor"  #: DSP calls succeed and do nothing; reads give 0.
    NOOP_FLASH = "noop-flash"  #: /DSP/flash does nothing, as in the last version.
    SHORT_BLOCK = "short-block"  #: The hundredth block is half as long: clients lose framing.
    STALL = "stall"  #: No data come after a hundred blocks; sockets stay open.
    LATE_PORTS = "late-ports"  #: The data ports open 100 ms after /DAQ/start has answered.
    STICKY_ERROR = "sticky-error"  #: The DSP's error register reads 2 from the beginning.
    DSP_DIES = "dsp-dies"  #: After a bad DSP request all others fail, until the power is cycled.
    LATE_ACKNOWLEDGEMENT = "late-acknowledgement"  #: MEAME waits its 100 ms for each call.
    NO_ACKNOWLEDGEMENT = "no-acknowledgement"  #: The DSP never answers a call.


@dataclass
class Faults:
    """The next faults, set over /simulator/faults; zero for none."""

    errors: int = 0  # number of requests that are answered with 500
    late: int = 0  # number of requests that are answered late
    late_s: float = 0.5
    stall_s: float = 0.0  # delay of the samples, once
    truncate_bytes: int = 0  # cut off one block, once
    drop: bool = False  # close the data sockets, once
    cut_s: float = 0.0  # the network is away for so long, once: requests wait, samples are lost
    die: bool = False  # end the process at once
