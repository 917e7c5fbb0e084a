"""What the programs of an experiment may do with one RHX: each method is one request."""

# Decision 73: why a program of its own. Decision 74: what it loads, and when.

import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crepe.errors import DeviceError
from crepe.hw.rhx.connection import ConnectionLostError
from crepe.hw.rhx.controller import Identity
from crepe.hw.rhx.drain import Drain
from crepe.hw.rhx.link import Link
from crepe.hw.rhx.link_state import LinkState
from crepe.hw.rhx.patterns import Pattern
from crepe.messages import Stimulus

log = logging.getLogger(__name__)

_FRESH_S = 0.2  # data that are older allow no trigger
_REST_S = 0.25  # from a stop to the next run: without a rest the hardware does not stop


class RhxSession:
    """The recorder's run, and the stimulator's patterns.

    Parameters
    ----------
    patterns
        The trains of the experiment, for `step_ua` and `rate_hz`; empty for one that only records.
    """

    def __init__(
        self,
        location: str,
        run_directory: Path,
        patterns: Sequence[Pattern] = (),
        *,
        step_ua: float = 0.0,
        rate_hz: float = 0.0,
    ) -> None:
        self._link = Link(location, run_directory)
        self._patterns = tuple(patterns)
        self._step_ua, self._rate_hz = step_ua, rate_hz
        self._channels: tuple[str, ...] = ()
        self._busy_until_s = 0.0  # end of the train that was triggered last

    @property
    def is_connected(self) -> bool:
        """Whether RHX has accepted the connection, and it is not lost."""
        return self._link.controller is not None

    def poll(self) -> None:
        """Connect, or look whether all is as it was. Called again and again."""
        self._link.poll()

    # Requests of the recorder

    def begin(
        self, client: socket.socket, reply: Callable[[dict[str, Any]], None], **fields: Any
    ) -> None:
        """Start a run with these channels, or join the one that is on; samples follow the reply."""
        channels, rate_hz = tuple(fields["channels"]), float(fields["sampling_rate_hz"])
        link = self._link
        with link.lock:
            link.poll()  # another user may have started a run since the last look
            identity = self._checked(channels, rate_hz)
            try:
                if link.drain is None or self._channels != channels:
                    self._start(channels)
            except ConnectionLostError as error:
                link.lose(error)
                raise
            except DeviceError as error:
                link.doubt(str(error))
                raise
            drain = link.drain
            if drain is None:
                raise DeviceError(f"{link.name}: is being stopped")
            reply(
                {
                    "source": f"{link.name} {identity.type} {identity.version}",
                    "is_simulated": link.is_proven or identity.is_demo,
                    "identity": "" if link.is_proven else f"{identity.type} {identity.n_by_port}",
                }
            )
            drain.join(client)

    def _checked(self, channels: Sequence[str], rate_hz: float) -> Identity:
        link = self._link
        if link.controller is None or link.state in (LinkState.FOREIGN, LinkState.DOUBTFUL):
            raise DeviceError(link.problem)
        identity = link.controller.identity
        if identity.sampling_rate_hz != rate_hz:
            raise DeviceError(
                f"{link.name}: runs at {identity.sampling_rate_hz:g} Hz, the device asks for "
                f"{rate_hz:g}; RHX has one rate from its start"
            )
        if unknown := [name for name in channels if name not in identity.channels]:
            raise DeviceError(
                f"{link.name}: no channel {unknown[0]}; it has "
                + ", ".join(f"{n} on port {port}" for port, n in identity.n_by_port.items())
            )
        return identity

    def _start(self, channels: tuple[str, ...]) -> None:
        """Stop a run that is on, load the patterns if that is allowed, and run."""
        link = self._link
        if link.state is LinkState.RUNNING:
            may_load = link.may_load
            if doubts := self._stop():
                raise DeviceError("; ".join(doubts))
            link.may_load = may_load
        assert link.controller is not None
        controller = link.controller
        if link.may_load and self._patterns and not link.is_loaded:
            controller.load(self._patterns, self._step_ua, self._rate_hz)
            link.is_loaded = True
        if (rest_s := link.stopped_s + _REST_S - time.monotonic()) > 0:
            time.sleep(rest_s)
        sockets = controller.connect_outputs(channels, controller.port.host)
        link.drain = Drain(sockets, len(channels), self._on_data_end)
        self._channels = channels
        controller.start()
        link.move(LinkState.RUNNING)
        link.problem = ""
        log.info("%s: runs, %d channels, loaded: %s", link.name, len(channels), link.is_loaded)

    def _on_data_end(self, reason: str) -> None:
        log.error("%s: %s", self._link.name, reason)  # a look finds out whether the run has ended
        drain = self._link.drain
        if drain is not None and drain.is_closed:  # else it is of the next run already
            self._link.drain = None

    # Requests of the stimulator

    def watch(self, *, may_arm: bool = False) -> dict[str, Any]:
        """Return why no pulse may leave, and the instrument; arm if the guard allows it.

        To arm stops the run: RHX takes patterns only while it is stopped. The recorder begins
        another one, with patterns.
        """
        link = self._link
        # Until they are loaded: a recorder may have begun a run right after the last stop.
        if may_arm and self._patterns and not link.is_loaded and self.is_connected:
            if link.state is LinkState.RUNNING:
                self._stop()
            link.may_load = True
        return {
            "problem": self._refusal(),
            "connection": link.n_connections,
            "is_connected": self.is_connected,
            "is_proven": link.is_proven,
            "step_ua": self._step_ua,
            "sampling_rate_hz": self._rate_hz,
            "patterns": [[p.electrodes, p.phases, p.rate_hz, p.n_pulses] for p in self._patterns],
        }

    def _refusal(self) -> str:
        link = self._link
        if link.problem:
            return link.problem
        if link.state is not LinkState.RUNNING:
            return f"{link.name} does not run"
        if not link.is_loaded:
            return f"{link.name}: its patterns are not loaded; they are when it is armed"
        drain = link.drain
        if drain is None or time.monotonic() - drain.received_s > _FRESH_S:
            return f"{link.name}: no data for more than {_FRESH_S:g} s"
        return ""

    def trigger(self, **fields: Any) -> dict[str, Any]:
        """Start the pattern of a train; the answer says why it was refused, if it was."""
        stimulus, link = _stimulus(fields), self._link
        with link.lock:
            pattern = next((it for it in self._patterns if it.is_for(stimulus)), None)
            left_s = self._busy_until_s - time.monotonic()
            reason = self._refusal()
            if pattern is None:
                reason = "is none of the patterns that are loaded"
            elif left_s > 0 and not reason:
                reason = f"the train before ends in {left_s * 1000:.0f} ms"
            if reason or pattern is None or link.controller is None:
                return {"refused": reason}
            # Before the command, which may arrive although its answer does not.
            self._busy_until_s = time.monotonic() + pattern.lasts_s
            try:
                link.controller.trigger(pattern.key)
            except ConnectionLostError as error:
                link.lose(error)
                raise
            return {}

    def halt(self) -> dict[str, Any]:
        """Stop a train that is under way; between trains nothing needs a stop."""
        link = self._link
        if time.monotonic() < self._busy_until_s or link.state is LinkState.DOUBTFUL:
            return self.stop()
        return {"doubts": [] if self.is_connected else [link.problem], "name": link.name}

    # The stop, of everybody

    def stop(self) -> dict[str, Any]:
        """Stop the run and all stimulation; return what could not be read back."""
        name = self._link.name
        return {"doubts": self._stop(), "name": name}

    def _stop(self) -> list[str]:
        doubts = self._link.stop()
        if not doubts:
            self._busy_until_s = 0.0
        return doubts

    def end(self) -> None:
        """Stop what this program has started, and disconnect: the end of the program."""
        self._link.end()


def _stimulus(fields: dict[str, Any]) -> Stimulus:
    phases = tuple((float(amplitude), float(us)) for amplitude, us in fields["phases"])
    electrodes = tuple(map(str, fields["electrodes"]))
    return Stimulus(
        0, 0, 0, 0, electrodes, phases, float(fields["rate_hz"]), int(fields["n_pulses"])
    )
