"""The connections to one RHX, and what the programs of an experiment may do with them.

It also drains the data ports: a stop begins with closing them, whatever the recorder does.
"""

# Decision 73: why a program of its own. Decision 74: what it loads, and when.

import hashlib
import hmac
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from crepe.errors import DeviceError
from crepe.hw.rhx.connection import CLICK, CommandPort, ConnectionLostError, PortClosedError
from crepe.hw.rhx.controller import UNPROVED, Controller, Identity
from crepe.hw.rhx.drain import Drain
from crepe.hw.rhx.link import LinkState, moved
from crepe.hw.rhx.patterns import Pattern
from crepe.hw.rhx.settings import find_place
from crepe.messages import Stimulus

log = logging.getLogger(__name__)

POLL_S = 1.0  # between looks at the run mode
CONNECT_S = 0.5  # between attempts to connect
_FRESH_S = 0.2  # data that are older allow no trigger
_REST_S = 0.25  # from a stop to the next run
_LOST = "the instrument may still run and stimulate; press Stop on the RHX computer, then " + CLICK


class RhxSession:
    """The state of one RHX, and what clients may do with it; each method is one request.

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
        self._location = location
        self._run_directory = run_directory
        self._patterns = tuple(patterns)
        self._step_ua, self._rate_hz = step_ua, rate_hz
        self._lock = threading.RLock()  # one thread at a time has the command connection
        self._stopping = 0  # threads that want to stop: others give way
        self._stopper: int | None = None
        self._state = LinkState.CLOSED
        self._controller: Controller | None = None
        self._drain: Drain | None = None
        self._channels: tuple[str, ...] = ()
        self._problem = f"not connected; {CLICK}"
        self._n_connections = 0
        self._is_proven = False  # the instrument is CREPE's own simulator
        self._may_load = False  # the stimulator was armed, or no living culture is behind it
        self._is_loaded = False
        self._busy_until_s = 0.0  # end of the train that was triggered last
        self._stopped_s = 0.0

    # The connection

    @property
    def is_connected(self) -> bool:
        """Whether RHX has accepted the connection, and it is not lost."""
        return self._controller is not None

    def poll(self) -> None:
        """Connect, or look whether all is as it was. Called again and again."""
        with self._lock:
            try:
                if self._controller is None:
                    self._connect()
                else:
                    self._look()
            except PortClosedError as error:
                if not self._n_connections:
                    self._problem = str(error)
            except ConnectionLostError as error:
                self._lose(error)
            except DeviceError as error:
                if self._controller is None:
                    self._problem = str(error)
                else:
                    self._doubt(str(error))

    def _connect(self) -> None:
        place = find_place(self._location, self._run_directory)
        port = CommandPort(place.host, place.port)
        try:
            controller = Controller(port, self._give_way)
            self._is_proven = _proves(controller, place.nonce)
        except DeviceError:
            port.close()
            raise
        self._controller = controller
        self._n_connections += 1
        self._may_load = self._is_proven
        self._is_loaded = False
        log.info("%s: connected: %s", port.name, controller.identity)
        self._look()

    def _look(self) -> None:
        """Read the run mode, and follow it."""
        assert self._controller is not None
        if reports := self._controller.port.drop_reports():
            log.error("%s reported: %.200s", self._controller.port.name, reports)
        mode, state = self._controller.run_mode(), self._state
        if state is LinkState.RUNNING:
            if mode != "Run":
                self._doubt(f"{self._controller.port.name}: the run has ended by itself ({mode})")
            return
        if mode != "Stop":
            self._problem = (
                f"{self._controller.port.name} runs ({mode}), and CREPE has not started that: "
                "press Stop on the RHX computer"
            )
            if state is not LinkState.DOUBTFUL:
                self._move(LinkState.FOREIGN)
        elif state is not LinkState.READY:
            self._controller.disarm()
            self._problem = ""
            self._move(LinkState.READY)

    def _move(self, state: LinkState) -> None:
        self._state = moved(self._state, state)

    def _lose(self, error: DeviceError) -> None:
        self._close_data()
        self._controller = None
        self._problem = f"{error}; {_LOST}"
        log.critical("%s", self._problem)
        self._move(LinkState.CLOSED)
        self._is_loaded = self._may_load = False

    def _doubt(self, text: str) -> None:
        self._close_data()
        self._problem = text
        log.error("%s", text)
        self._move(LinkState.DOUBTFUL)
        self._is_loaded = False

    def _close_data(self) -> None:
        drain, self._drain = self._drain, None
        if drain is not None:
            drain.close()

    def _give_way(self) -> None:
        if self._stopping and self._stopper != threading.get_ident():
            raise DeviceError("RHX is being stopped")

    # Requests of the recorder

    def begin(
        self, client: socket.socket, reply: Callable[[dict[str, Any]], None], **fields: Any
    ) -> None:
        """Start a run with these channels, or join the one that is on; samples follow the reply."""
        channels, rate_hz = tuple(fields["channels"]), float(fields["sampling_rate_hz"])
        with self._lock:
            identity = self._checked(channels, rate_hz)
            try:
                if self._drain is None or self._channels != channels:
                    self._start(channels)
            except ConnectionLostError as error:
                self._lose(error)
                raise
            except DeviceError as error:
                self._doubt(str(error))
                raise
            assert self._drain is not None
            reply(
                {
                    "source": f"{self._name} {identity.type} {identity.version}",
                    "is_simulated": self._is_proven or identity.is_demo,
                    "identity": "" if self._is_proven else f"{identity.type} {identity.n_by_port}",
                }
            )
            self._drain.join(client)

    def _checked(self, channels: Sequence[str], rate_hz: float) -> Identity:
        if self._controller is None or self._state in (LinkState.FOREIGN, LinkState.DOUBTFUL):
            raise DeviceError(self._problem)
        identity = self._controller.identity
        if identity.sampling_rate_hz != rate_hz:
            raise DeviceError(
                f"{self._name}: runs at {identity.sampling_rate_hz:g} Hz, the device asks for "
                f"{rate_hz:g}; RHX has one rate from its start"
            )
        if unknown := [name for name in channels if name not in identity.channels]:
            raise DeviceError(
                f"{self._name}: no channel {unknown[0]}; it has "
                + ", ".join(f"{n} on port {port}" for port, n in identity.n_by_port.items())
            )
        return identity

    @property
    def _name(self) -> str:
        return self._controller.port.name if self._controller else f"rhx://{self._location}"

    def _start(self, channels: tuple[str, ...]) -> None:
        """Stop a run that is on, load the patterns if that is allowed, and run."""
        assert self._controller is not None
        controller = self._controller
        if self._state is LinkState.RUNNING and (doubts := self._stop_now()):
            raise DeviceError("; ".join(doubts))
        if not self._is_loaded and self._may_load and self._patterns:
            controller.load(self._patterns, self._step_ua, self._rate_hz)
            self._is_loaded = True
        if (rest_s := self._stopped_s + _REST_S - time.monotonic()) > 0:
            time.sleep(rest_s)
        sockets = controller.connect_outputs(channels, controller.port.host)
        self._drain = Drain(sockets, len(channels), self._on_data_end)
        self._channels = channels
        controller.start()
        self._move(LinkState.RUNNING)
        self._problem = ""
        log.info("%s: runs, %d channels, loaded: %s", self._name, len(channels), self._is_loaded)

    def _on_data_end(self, reason: str) -> None:
        log.error("%s: %s", self._name, reason)  # `poll` finds out whether the run has ended
        self._drain = None

    # Requests of the stimulator

    def watch(self, *, may_arm: bool = False) -> dict[str, Any]:
        """Return why no pulse may leave, and the instrument; arm if the guard allows it.

        To arm stops the run: RHX takes patterns only while it is stopped. The recorder begins
        another one, with patterns.
        """
        if may_arm and self._patterns and not self._may_load and self.is_connected:
            if self._state is LinkState.RUNNING:
                self.stop()
            self._may_load = True
        return {
            "problem": self._refusal(),
            "connection": self._n_connections,
            "is_connected": self._controller is not None,
            "is_proven": self._is_proven,
            "step_ua": self._step_ua,
            "sampling_rate_hz": self._rate_hz,
            "patterns": [[p.electrodes, p.phases, p.rate_hz, p.n_pulses] for p in self._patterns],
        }

    def _refusal(self) -> str:
        if self._problem:
            return self._problem
        if self._state is not LinkState.RUNNING:
            return f"{self._name} does not run"
        if not self._is_loaded:
            return f"{self._name}: its patterns are not loaded; they are when it is armed"
        drain = self._drain
        if drain is None or time.monotonic() - drain.received_s > _FRESH_S:
            return f"{self._name}: no data for more than {_FRESH_S:g} s"
        return ""

    def trigger(self, **fields: Any) -> dict[str, Any]:
        """Fire the pattern of a train; the answer says whether it may have begun."""
        stimulus = _stimulus(fields)
        with self._lock:
            pattern = next((it for it in self._patterns if it.is_for(stimulus)), None)
            left_s = self._busy_until_s - time.monotonic()
            reason = self._refusal()
            if pattern is None:
                reason = "is none of the patterns that are loaded"
            elif left_s > 0 and not reason:
                reason = f"the train before ends in {left_s * 1000:.0f} ms"
            if reason or pattern is None or self._controller is None:
                return {"refused": reason}
            # Before the command, which may arrive although its answer does not.
            self._busy_until_s = time.monotonic() + pattern.lasts_s
            try:
                self._controller.trigger(pattern.key)
            except ConnectionLostError as error:
                self._lose(error)
                raise
            return {}

    def halt(self) -> dict[str, Any]:
        """Stop a train that is under way; between trains nothing needs a stop."""
        if time.monotonic() < self._busy_until_s or self._state is LinkState.DOUBTFUL:
            return self.stop()
        doubts = [] if self._controller is not None else [self._problem]
        return {"doubts": doubts, "name": self._name, "note": ""}

    # The stop, of everybody

    def stop(self) -> dict[str, Any]:
        """Stop the run and all stimulation; return what could not be read back."""
        with suppress(AttributeError):
            self._drain.close()  # type: ignore[union-attr]  # first, and without the lock
        self._stopping += 1
        try:
            with self._lock:
                self._stopper = threading.get_ident()
                name = self._name
                doubts = self._stop_now()
                self._may_load = False
                self._stopper = None
                return {"doubts": doubts, "name": name, "note": UNPROVED}
        finally:
            self._stopping -= 1

    def _stop_now(self) -> list[str]:
        self._close_data()
        self._is_loaded = False
        if self._controller is None:
            return [self._problem]
        try:
            doubts = self._controller.stop()
            self._stopped_s = time.monotonic()
            if doubts:
                self._doubt("; ".join(doubts))
                # A lost connection closes itself: the next poll connects, if an operator clicks.
                self._controller.run_mode()
            else:
                self._busy_until_s = 0.0
                self._problem = ""
                self._move(LinkState.READY)
                log.warning("%s: stopped, and all stimulation disabled", self._name)
            return doubts
        except ConnectionLostError as error:
            self._lose(error)
            return [self._problem]
        except DeviceError as error:
            return [str(error)]

    def end(self) -> None:
        """Stop what this program has started, and disconnect: the end of the program."""
        with self._lock:
            if self._state in (LinkState.RUNNING, LinkState.DOUBTFUL) or self._is_loaded:
                self.stop()
            self._close_data()
            if self._controller is not None:
                self._controller.port.close()
                self._controller = None


def _stimulus(fields: dict[str, Any]) -> Stimulus:
    phases = tuple((float(amplitude), float(us)) for amplitude, us in fields["phases"])
    electrodes = tuple(map(str, fields["electrodes"]))
    return Stimulus(
        0, 0, 0, 0, electrodes, phases, float(fields["rate_hz"]), int(fields["n_pulses"])
    )


def _proves(controller: Controller, nonce: str) -> bool:
    """Whether the instrument proves that it is CREPE's own simulator: it knows the nonce."""
    if not nonce:
        return False
    challenge = secrets.token_hex(16)
    answer = hmac.new(nonce.encode(), challenge.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(controller.proves(challenge), answer)
