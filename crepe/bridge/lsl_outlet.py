"""Streams of a session for programs that read the Lab Streaming Layer (LSL)."""

# Decision 91: units, times, and what restarts do.

import json
import socket
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.electrodes.geometry import as_array, positions_um
from crepe.errors import ConfigError
from crepe.hw.optional_package import import_optional
from crepe.messages import Message, Segment, Spikes, StreamInfo

_CHANNEL_TYPE = "seeg"  # the nearest that MNE knows; it ignores the unit of any other
_NO_ORIGIN = (
    "this instrument does not tell when it began, so that a stream of samples, such as `data`, "
    "must be among them to date the others"
)
_APART_S = 0.1  # of the acquisition clock from this computer's, worth a note


class LslOutlet(Actor[Message, None]):
    """Outlets of LSL, one for each stream that it reads.

    WARNING: liblsl listens on all addresses of the computer, and no setting restricts that:
    everyone on the network can read the streams. No experiment of CREPE has this actor.

    Samples are regular channels in microvolts (float32), with labels and places. All other
    messages are markers: a text in JSON for each, and one for each spike. Times are those of the
    acquisition clock: sample 0 is where the session began, by this computer's clock, and each
    sample follows the one before at the nominal rate. An instrument that does not tell when it
    began is dated by the arrival of its first samples, so that `reads` must have a stream of
    them. What the two clocks drift apart is stated as the actor's problem. What was acquired
    before the outlets opened is not sent, so that a restart doubles nothing; receivers know the
    outlets again by their `source_id`.
    """

    prefix: str = "crepe"
    """First part of the streams' names and IDs; with several experiments on one computer, one for
    each."""
    buffer_s: int = Field(30, ge=1, le=360)
    """Seconds that are kept for a receiver that is slow; then it loses the oldest."""

    merges: ClassVar[bool] = False
    acts_outside: ClassVar[bool] = True
    priority: ClassVar[int] = 40

    _context: ActorContext = PrivateAttr()
    _outlets: dict[str, Any] = PrivateAttr(default_factory=dict)  # by stream
    _scale_uv: dict[str, NDArray[np.float32]] = PrivateAttr(default_factory=dict)  # (n_channels, 1)
    _lsl: Any = PrivateAttr(None)
    _opened_ns: int = PrivateAttr(0)  # wall clock
    _origin_ns: int = PrivateAttr(0)  # of sample 0, wall clock; 0: not known yet
    _origin_s: float = PrivateAttr(0.0)  # the same on LSL's clock
    _apart_s: float = PrivateAttr(0.0)

    def open(self, context: ActorContext) -> None:
        self._lsl = import_optional("pylsl", "pylsl", "lsl")
        self._context, self._opened_ns = context, context.wall_ns()
        if origin_ns := context.first.origin_t_ns:
            self._set_origin(origin_ns)
        elif all(info.message != "Segment" for info in context.inputs.values()):
            raise ConfigError(
                f"[actors.{context.name}] reads: found {', '.join(context.inputs)}; {_NO_ORIGIN}"
            )
        for stream, info in context.inputs.items():
            self._outlets[stream] = self._lsl.StreamOutlet(
                self._description(stream, info), max_buffered=self.buffer_s
            )
            scale_uv = np.broadcast_to(np.array(info.scale_uv, np.float32), max(1, info.n_channels))
            self._scale_uv[stream] = scale_uv[:, np.newaxis]

    def _description(self, stream: str, info: StreamInfo) -> Any:
        is_dense = info.message == "Segment"
        name = f"{self.prefix}:{stream}"
        about = self._lsl.StreamInfo(
            name,
            "MEA" if is_dense else "Markers",
            info.n_channels if is_dense else 1,
            info.sampling_rate_hz if is_dense else self._lsl.IRREGULAR_RATE,
            "float32" if is_dense else "string",
            f"{socket.gethostname()}:{name}",
        )
        if is_dense:
            about.set_channel_labels(list(info.labels))
            about.set_channel_units("microvolts")
            about.set_channel_types(_CHANNEL_TYPE)
            channel = about.desc().child("channels").first_child()
            for x_um, y_um in as_array(positions_um(info)):
                if not np.isnan(x_um):
                    place = channel.append_child("location")
                    place.append_child_value("X", f"{x_um / 1000:g}")  # LSL: in millimetres
                    place.append_child_value("Y", f"{y_um / 1000:g}")
                channel = channel.next_sibling()
        simulated = "SIMULATED: " if info.is_simulated else ""
        about.desc().append_child("acquisition").append_child_value(
            "manufacturer", f"{simulated}CREPE"
        ).append_child_value("model", f"{simulated}{info.source}")
        about.desc().append_child("crepe").append_child_value(
            "session", self._context.session
        ).append_child_value("message", info.message)
        return about

    def step_from(self, stream: str, message: Message) -> None:
        rate_hz = self._context.first.sampling_rate_hz
        if isinstance(message, Segment):
            arrived_ns = message.t_ns or self._context.wall_ns()
            begun_ns = arrived_ns - round(message.stop / rate_hz * 1e9)
            if not self._origin_ns:
                self._set_origin(begun_ns)
            if message.t_ns:
                self._apart_s = (begun_ns - self._origin_ns) / 1e9
        if not self._origin_ns or self._is_older(message, rate_hz):
            return
        outlet = self._outlets.get(stream)
        if outlet is None:  # `control` and `input` have no description before their first entry
            info = StreamInfo(type(message).__name__)
            outlet = self._outlets[stream] = self._lsl.StreamOutlet(self._description(stream, info))
        if isinstance(message, Segment):
            samples_uv = message.samples.T * self._scale_uv[stream].T
            last_s = self._origin_s + (message.stop - 1) / rate_hz
            outlet.push_chunk(np.ascontiguousarray(samples_uv, np.float32), last_s)
        else:
            labels = self._context.inputs.get(stream, self._context.first).labels
            for sample, text in markers(message, labels):
                outlet.push_sample([text], self._origin_s + sample / rate_hz)

    def _set_origin(self, origin_ns: int) -> None:
        self._origin_ns = origin_ns
        age_s = (self._context.wall_ns() - origin_ns) / 1e9
        self._origin_s = self._lsl.local_clock() - age_s

    def _is_older(self, message: Message, rate_hz: float) -> bool:
        """Return whether a message was acquired before the outlets opened."""
        if isinstance(message, Segment) and message.t_ns:
            return message.t_ns < self._opened_ns
        return self._origin_ns + message.stop / rate_hz * 1e9 < self._opened_ns

    @property
    def problem(self) -> str:
        apart_s = round(self._apart_s, 1)  # in steps, since each new text is a note
        if abs(self._apart_s) < _APART_S:
            return ""
        return f"LSL: the acquisition clock is {apart_s:+.1f} s from this computer's"

    def close(self) -> None:
        self._outlets.clear()  # takes the streams off the network


def markers(message: Message, labels: tuple[str, ...] = ()) -> list[tuple[int, str]]:
    """Return the markers of a message: sample index and text in JSON, one for each spike."""
    if isinstance(message, Spikes):
        rows = zip(
            message.sample.tolist(),
            message.channel.tolist(),
            message.amplitude_uv.tolist(),
            strict=True,
        )
        return [
            (sample, json.dumps({"spike": labels[channel], "amplitude_uv": round(amplitude_uv, 3)}))
            for sample, channel, amplitude_uv in rows
        ]
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    return [
        (message.stop, json.dumps({"message": type(message).__name__, **values}, default=_plain))
    ]


def _plain(value: object) -> object:
    """Return an array as a list, and a mapping as a dictionary."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return dict(value) if isinstance(value, Mapping) else str(value)
