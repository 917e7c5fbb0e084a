"""Requests for stimuli by programs of the CL API: from pulses to `Stimulus`. Needs no CL SDK."""

# Decision 94: why an actor publishes them.

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from crepe.actors.actor import Actor, ActorContext
from crepe.messages import Command, Delivered, DeliveryState, Segment, Spikes, Stimulus
from crepe.safety.limits import Limits

log = logging.getLogger(__name__)

REQUESTER = "cl"
PULSE = "pulse"
"""Name of the command by which a program requests a pulse."""

_LARGEST = 2**62  # as a stimulator accepts it


class Pulse(BaseModel):
    """A pulse on several electrodes at once: the value of a command, in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: int = Field(ge=0, lt=_LARGEST)
    """Sample index at which it is requested."""
    electrodes: tuple[str, ...]
    """Labels."""
    phases: tuple[tuple[float, float], ...]
    """Each (current in uA, width in us), in order of time."""


class ClRequests(Actor[Segment | Spikes | Command, Stimulus | Command]):
    """The requester `cl`: pulses that programs of the CL API command become requests.

    It reads its clock and `input`, on which those programs send the command `pulse`. Each becomes a
    train of one pulse; a program's answer is that of the gate. The commands are published again,
    so that they are recorded. One that cannot be read becomes a request without electrodes, which
    the gate refuses.
    """

    is_sparse: ClassVar[bool] = True

    rate_hz: float = Field(Limits().max_rate_hz, gt=0)
    """Rate of a train of one pulse: it occupies the instrument for one period."""

    _number: int = PrivateAttr(0)

    def open(self, context: ActorContext) -> None:
        self._number = (context.snapshot or {}).get("number", 0)

    def snapshot(self) -> Mapping[str, Any]:
        return {"number": self._number}

    def step(self, message: Segment | Spikes | Command) -> Iterator[Stimulus | Command]:
        if isinstance(message, Command) and message.name == PULSE:
            yield message
            self._number += 1
            yield self._request(message)

    def _request(self, command: Command) -> Stimulus:
        try:
            pulse = Pulse.model_validate_json(command.value)
        except ValidationError:
            pulse = Pulse(sample=command.stop, electrodes=(), phases=())
        # Its age counts from what the program knew, and never from the future.
        stop = min(pulse.sample, command.stop)
        return Stimulus(
            start=max(0, stop - 1),
            stop=stop,
            number=self._number,
            due=max(pulse.sample, stop),
            electrodes=pulse.electrodes,
            phases=pulse.phases,
            rate_hz=self.rate_hz,
            n_pulses=1,
            meaning=REQUESTER,
        )


def pulses(stims: Iterable[Any], labels: Mapping[int, str]) -> list[Pulse]:
    """Return stims of the CL SDK as pulses: those of one moment and shape are one.

    Parameters
    ----------
    stims
        `cl.sim.DataSourceStim`; their timestamps become the samples.
    labels
        By channel; a channel without one is named so, and no instrument has it.
    """
    at_once: dict[Any, list[str]] = defaultdict(list)
    for stim in stims:
        phases = tuple(zip(stim.phase_currents_uA, stim.phase_durations_us, strict=True))
        label = labels.get(stim.channel, f"channel {stim.channel}")
        at_once[stim.timestamp, phases].append(label)
    return [
        Pulse(sample=timestamp, electrodes=tuple(electrodes), phases=phases)
        for (timestamp, phases), electrodes in sorted(at_once.items())
    ]


def log_undelivered(answer: Delivered) -> None:
    """Write a warning of a stimulus that was not delivered, with the reason."""
    if answer.state not in (DeliveryState.INTENDED, DeliveryState.DELIVERED):
        log.warning("stimulus %d %s: %s", answer.number, answer.state, answer.reason)
