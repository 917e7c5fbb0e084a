"""`rhx://` for stimulation: trains that an Intan RHS controller holds as patterns.

A channel of the controller holds one pattern, and takes it while it is stopped only. So the trains
of an experiment are loaded before a run, one for each key from F1, and a run can only fire them.
"""

# Decision 74: which trains are loaded, and when.

import logging
import time
from collections.abc import Sequence

from pydantic import field_validator

from crepe.environment import paths
from crepe.errors import ConfigError, DeviceError
from crepe.hw.capabilities import Latency, StimulatorCapabilities, StopEvidence
from crepe.hw.fixed_patterns import FixedPatterns
from crepe.hw.instrument import Guard, NotStarted, Stimulator
from crepe.hw.remote_stop import Address
from crepe.hw.rhx.client import DEAD, SERVICE_SOCKET, ServiceClient, ServiceDeadError
from crepe.hw.rhx.patterns import N_KEYS, STEPS_UA, Pattern, patterns_of, refusal
from crepe.hw.rhx.settings import RhxSettings
from crepe.messages import Stimulus

log = logging.getLogger(__name__)

_POLL_S = 0.1
_CALL_S = 2.5  # RHX has 2 s to answer
_STOP_S = 8.0  # with all reads back, on a busy machine
_UNVERIFIED = "shot not verified: RHX does not tell whether a trigger fired"


class StimulatorSettings(RhxSettings):
    """The settings of `rhx://` for stimulation."""

    step_ua: float = 0.5
    """Step of stimulation currents with which RHX was started; another one is refused."""

    @field_validator("step_ua")
    @classmethod
    def _is_a_step(cls, step_ua: float) -> float:
        if step_ua not in STEPS_UA:
            raise ValueError(f"must be one of {', '.join(f'{step:g}' for step in STEPS_UA)}")
        return step_ua


class RhxStimulator(Stimulator, FixedPatterns):
    """Pulse trains by the keys F1 to F8 of an RHS controller, through the program `rhx`."""

    Settings = StimulatorSettings

    def __init__(self, settings: StimulatorSettings, guard: Guard) -> None:
        self.settings = settings
        self._guard = guard
        self._place = f"rhx://{settings.location}"
        self._path = paths.run_directory() / SERVICE_SOCKET
        self._client = ServiceClient(self._path)
        self._connection = 0  # number of the program's connection to RHX
        self._is_open = False
        self._doubts: list[str] = []  # of the last stop
        self._patterns: list[Stimulus] = []  # as the program has them
        self._prepared: Stimulus | None = None

    @property
    def capabilities(self) -> StimulatorCapabilities:
        return StimulatorCapabilities(
            stop=StopEvidence.REPORTED,
            stop_is_known_from=(
                "the run mode that RHX reports, and settings read back; whether a chip in the "
                "middle of a phase turns its current off cannot be read"
            ),
            stops_with_client=False,
            latency=Latency(source="simulation only; RHX alone takes 1 to 9 ms for a trigger"),
            clock="the controller, in samples",
            n_patterns=N_KEYS,
            only_while_stopped=("the shape and the electrodes of a train",),
            amplitude_steps={"uA": self.settings.step_ua},
            time_step_us=1e6 / self.settings.sampling_rate_hz,
            verified=(
                "every parameter of a pattern, and that all other channels are disabled, before "
                "a run",
                "the step of currents, before each upload",
            ),
            not_verified=("that a trigger fired", "that an upload has reached the chips"),
        )

    def open(self) -> None:
        self._guard.drives(Address(str(self._path), 0, stop="rhx"), is_simulator=False)
        self._is_open = True
        deadline_s = time.monotonic() + self.settings.wait_s
        while self._connection == 0:
            try:
                problem = self._look(may_arm=False)
            except ServiceDeadError as error:
                problem = str(error)
            if self._connection == 0 and time.monotonic() > deadline_s:
                raise DeviceError(f"{self._place}: {problem}")
            time.sleep(_POLL_S)
        self._halt()  # what an earlier process has fired

    def watch(self) -> str | None:
        if self._doubts:
            self._halt()
        return self._refusal_now()

    def _refusal_now(self) -> str | None:
        self._guard.beat()
        if self._doubts:
            return f"the instrument's state is NOT VERIFIED: {self._doubts[0]}"
        guarded = self._guard.refusal()
        try:
            problem = self._look(may_arm=guarded is None)
        except DeviceError as error:
            return str(error)
        return guarded or problem or None

    def _look(self, *, may_arm: bool) -> str:
        """Ask the program for the instrument's state; return why no pulse may leave."""
        answer = self._client.call("watch", _CALL_S, may_arm=may_arm)
        if answer["connection"] != self._connection and answer["is_connected"]:
            # Another connection, after an operator's click: an arming before it counts no more.
            self._connection = answer["connection"]
            address = Address(str(self._path), 0, stop="rhx")
            self._guard.drives(address, is_simulator=answer["is_proven"])
        settings = self.settings
        for name in ("step_ua", "sampling_rate_hz"):
            if answer["patterns"] and answer[name] != getattr(settings, name):
                raise DeviceError(
                    f"{self._place}: the program `rhx` has patterns for {name} {answer[name]:g}, "
                    f"this stimulator for {getattr(settings, name):g}"
                )
        self._patterns = [
            Stimulus(0, 0, 0, 0, tuple(labels), tuple(map(tuple, phases)), rate_hz, n)
            for labels, phases, rate_hz, n in answer["patterns"]
        ]
        return str(answer["problem"])

    def refusal(self, stimulus: Stimulus) -> str | None:
        return refusal(stimulus, self.settings.step_ua, self.settings.sampling_rate_hz)

    def patterns(self, trains: Sequence[Stimulus]) -> tuple[Pattern, ...]:
        """Return the patterns for all trains of an experiment. Raises ConfigError."""
        return patterns_of(trains, self.settings.step_ua, self.settings.sampling_rate_hz)

    def refusal_together(self, trains: Sequence[Stimulus]) -> str | None:
        try:
            self.patterns(trains)
        except ConfigError as error:
            return str(error)
        return None

    def prepare(self, stimulus: Stimulus) -> None:
        if reason := self.refusal(stimulus) or self._refusal_now() or self._not_loaded(stimulus):
            raise DeviceError(f"stimulus {stimulus.number}: {reason}")
        self._guard.pulsing(True)
        self._prepared = stimulus

    def _not_loaded(self, stimulus: Stimulus) -> str | None:
        if any(_pulses(stimulus) == _pulses(pattern) for pattern in self._patterns):
            return None
        return (
            f"{self._place}: a train that is not among the {len(self._patterns)} patterns that "
            "were loaded before the run; those are the trains that games report as possible"
        )

    def start(self, stimulus: Stimulus) -> None:
        if self._prepared is None or not stimulus.has_pulses_of(self._prepared):
            raise NotStarted(f"stimulus {stimulus.number}: is not prepared")
        if reason := self._refusal_now():
            raise NotStarted(f"{self._place}: {reason}")
        electrodes, phases, rate_hz, n_pulses = _pulses(stimulus)
        answer = self._client.call(
            "trigger",
            min(_CALL_S, self._guard.left_s()),
            electrodes=electrodes,
            phases=phases,
            rate_hz=rate_hz,
            n_pulses=n_pulses,
        )
        if "refused" in answer:
            raise NotStarted(f"{self._place}: {answer['refused']}")

    def doubts(self) -> str:
        return _UNVERIFIED

    def stop(self) -> None:
        self._halt()
        if self._doubts:
            raise DeviceError(f"{self._place}: NOT STOPPED for certain: {self._doubts}")

    def _halt(self) -> None:
        """Stop a train that is under way; RHX runs on between trains, for its recorder."""
        self._prepared = None
        if not self._is_open:
            return
        try:
            self._doubts = list(self._client.call("halt", _STOP_S)["doubts"])
        except ServiceDeadError as error:
            self._doubts = [DEAD, str(error)]
        except DeviceError as error:
            self._doubts = [str(error)]
        for doubt in self._doubts:
            log.error("stopping is NOT VERIFIED: %s", doubt)
        self._guard.pulsing(bool(self._doubts))

    def close(self) -> None:
        if self._is_open:
            self._halt()
            self._is_open = False
        self._client.close()


def _pulses(
    stimulus: Stimulus,
) -> tuple[tuple[str, ...], tuple[tuple[float, float], ...], float, int]:
    """Return what makes a pattern."""
    return (
        tuple(sorted(stimulus.electrodes)),
        tuple((float(amplitude), float(us)) for amplitude, us in stimulus.phases),
        stimulus.rate_hz,
        stimulus.n_pulses,
    )
