"""A stimulator with its guard, which no driver can forget: it is asked here before each start."""

# Decision 40: why the guard is asked here, too. Decision 57: when the age is judged.

from crepe.errors import DeviceError
from crepe.hw.instrument import NotStarted, Stimulator
from crepe.messages import DeliveryState, Stimulus
from crepe.safety.firing.timed_guard import TimedGuard
from crepe.safety.gate import Gate
from crepe.safety.real_time import RealTime
from crepe.safety.train import Train, TrainState
from crepe.safety.train_queue import TrainQueue


class GuardedStimulator:
    """The instrument of a `Stimulate`: outcomes are values, unless a stop is not certain.

    Parameters
    ----------
    trains
        The train for which electrodes are connected must be prepared again after a stop.
    time
        Gives the wall clock of an acknowledged start.
    """

    def __init__(
        self,
        stimulator: Stimulator,
        guard: TimedGuard,
        gate: Gate,
        trains: TrainQueue,
        time: RealTime,
    ) -> None:
        self._stimulator = stimulator
        self._guard = guard
        self._gate = gate
        self._trains = trains
        self._time = time
        self._is_held = False  # an early stop was not proved: its train may still play

    def refusal(self, stimulus: Stimulus) -> str | None:
        """Return why the instrument cannot deliver a train, or no pulse may leave now, or None."""
        return self._stimulator.refusal(self._gate.sub_train(stimulus)) or self.watch()

    def watch(self) -> str | None:
        """Send a heartbeat, and return why no pulse may leave now, or None."""
        self._guard.beat()
        reason = self._stimulator.watch() or self._guard.refusal()
        if not self._is_held:
            return reason
        if held := self._gate.held():
            return reason or held
        self._is_held = False
        self._guard.pulsing(False)
        return reason

    def prepare(self, train: Train) -> str | None:
        """Set the instrument up for a train; return why that failed, or None."""
        try:
            self._guard.pulsing(True)  # electrodes are about to be connected
            self._stimulator.prepare(train.sub_train)
        except DeviceError as error:
            self.halt()
            return f"the instrument failed: {error}"
        train.move(TrainState.PREPARED)
        return None

    def start(self, train: Train) -> tuple[DeliveryState, str]:
        """Start the next sub-train; return why it must be stopped, or no reason, and its state."""
        train.begin_sub_train()
        with self._guard.starting(train, self._gate):
            try:
                if reason := self._guard.refusal():
                    raise NotStarted(reason)
                self._stimulator.start(train.sub_train)
                train.note_start(self._age_ms(train), self._time.wall_ns())
                return DeliveryState.STOPPED, self._guard.late() or ""
            except NotStarted as error:
                return train.note_not_started(), f"no pulse was triggered: {error}"
            except DeviceError as error:
                train.note_start(self._age_ms(train))
                return DeliveryState.UNKNOWN, f"the instrument failed: {error}"

    def halt(self) -> str:
        """Stop the instrument; return what is in doubt, or "".

        Raises DeviceError for less than the instrument promises. Where it does not promise a
        proof, a train that fires counts as under way until it would be over by itself.
        """
        self._trains.disconnect()
        self._stimulator.stop()
        evidence, firing = self._stimulator.capabilities.stop, self._trains.firing
        if evidence.is_verified or firing is None:
            # Not reached where the stop raises: the watchdog must still treat a train as under way.
            self._guard.pulsing(self._is_held)
        else:
            self._is_held = True
            self._gate.hold(firing.sub_train)
        return "" if evidence.is_verified else evidence.sentence

    def rest(self) -> None:
        """Put the instrument to rest after a train that is over. Raises DeviceError."""
        self._trains.disconnect()
        self._stimulator.rest()
        self._guard.pulsing(False)

    def doubts(self) -> str:
        """Return what could not be verified of the train that is over."""
        return self._stimulator.doubts()

    def _age_ms(self, train: Train) -> float:
        return self._gate.age_ms(train.stimulus, train.announced)
