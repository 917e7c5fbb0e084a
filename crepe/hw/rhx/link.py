"""The one command connection to RHX, with the run behind it: opened, looked after, stopped.

The data ports are drained here, too: a stop begins with closing them, whatever the recorder does.
"""

# Decision 73: the order of a stop.

import hashlib
import hmac
import logging
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path

from crepe.errors import DeviceError
from crepe.hw.rhx.connection import CLICK, CommandPort, ConnectionLostError, PortClosedError
from crepe.hw.rhx.controller import Controller
from crepe.hw.rhx.drain import Drain
from crepe.hw.rhx.link_state import LinkState, moved
from crepe.hw.rhx.settings import find_place

log = logging.getLogger(__name__)

LOST = "the instrument may still run and stimulate; press Stop on the RHX computer, then " + CLICK


class Link:
    """The connection of one program to one RHX.

    Attributes
    ----------
    lock
        One thread at a time has the connection.
    problem
        Reason why nothing can be done with RHX now, or empty.
    is_proven
        Whether the instrument has proved that it is CREPE's own simulator.
    may_load
        Whether a run may have patterns: the stimulator was armed, or no living culture is there.
    is_loaded
        Whether the controller holds the patterns.
    """

    def __init__(self, location: str, run_directory: Path) -> None:
        self._location = location
        self._run_directory = run_directory
        self.lock = threading.RLock()
        self._n_stopping = 0  # threads that want to stop: others give way
        self._stopper: int | None = None
        self.state = LinkState.CLOSED
        self.controller: Controller | None = None
        self.drain: Drain | None = None
        self.problem = f"not connected; {CLICK}"
        self.n_connections = 0
        self.is_proven = False
        self.may_load = False
        self.is_loaded = False
        self.stopped_s = 0.0  # monotonic clock at the last stop

    @property
    def name(self) -> str:
        """Name of the instrument for people."""
        return self.controller.port.name if self.controller else f"rhx://{self._location}"

    def poll(self) -> None:
        """Connect, or look whether all is as it was. Called again and again."""
        with self.lock:
            try:
                if self.controller is None:
                    self._connect()
                else:
                    self._look()
            except PortClosedError as error:
                if not self.n_connections:
                    self.problem = str(error)
            except ConnectionLostError as error:
                self.lose(error)
            except DeviceError as error:
                if self.controller is None:
                    self.problem = str(error)
                else:
                    self.doubt(str(error))

    def _connect(self) -> None:
        place = find_place(self._location, self._run_directory)
        port = CommandPort(place.host, place.port)
        try:
            controller = Controller(port, self._give_way)
            self.is_proven = _proves(controller, place.nonce)
        except DeviceError:
            port.close()
            raise
        self.controller = controller
        self.n_connections += 1
        self.may_load, self.is_loaded = self.is_proven, False
        log.info("%s: connected: %s", port.name, controller.identity)
        self._look()

    def _look(self) -> None:
        """Read the run mode, and follow it."""
        assert self.controller is not None
        if reports := self.controller.port.drop_reports():
            log.error("%s reported: %.200s", self.name, reports)
        mode = self.controller.run_mode()
        if self.state is LinkState.RUNNING:
            if mode != "Run":
                self.doubt(f"{self.name}: the run has ended by itself ({mode})")
        elif mode != "Stop":
            self.problem = (
                f"{self.name} runs ({mode}), and CREPE has not started that: press Stop on the RHX "
                "computer"
            )
            if self.state is not LinkState.DOUBTFUL:
                self.move(LinkState.FOREIGN)
        elif self.state is not LinkState.READY:
            self.controller.disarm()
            self.problem = ""
            self.move(LinkState.READY)

    def move(self, state: LinkState) -> None:
        """Enter a state. Raises RuntimeError for a move that is not allowed."""
        self.state = moved(self.state, state)

    def lose(self, error: DeviceError) -> None:
        """Note that the connection is lost."""
        self.close_data()
        self.controller = None
        self.problem = f"{error}; {LOST}"
        log.critical("%s", self.problem)
        self.move(LinkState.CLOSED)
        self.is_loaded = self.may_load = False

    def doubt(self, text: str) -> None:
        """Note that the instrument is not as it must be; the next look may find it stopped."""
        self.close_data()
        self.problem = text
        log.error("%s", text)
        self.move(LinkState.DOUBTFUL)
        self.is_loaded = False

    def close_data(self) -> None:
        """Close both data sockets at once; needs no lock."""
        drain, self.drain = self.drain, None
        if drain is not None:
            drain.close()

    def _give_way(self) -> None:
        if self._n_stopping and self._stopper != threading.get_ident():
            raise DeviceError("RHX is being stopped")

    def stop(self) -> list[str]:
        """Stop the run and disable all stimulation; return what could not be read back.

        Other threads give way at their next command.
        """
        self._n_stopping += 1
        self.close_data()  # first, and without the lock
        try:
            with self.lock:
                self._stopper = threading.get_ident()
                try:
                    return self._stop_now()
                finally:
                    self._stopper = None
                    self.may_load = False
        finally:
            self._n_stopping -= 1

    def _stop_now(self) -> list[str]:
        self.close_data()
        self.is_loaded = False
        if self.controller is None:
            return [self.problem]
        try:
            doubts = self.controller.stop()
            self.stopped_s = time.monotonic()
            if doubts:
                self.doubt("; ".join(doubts))
                self.controller.run_mode()  # raises if the connection is lost
            else:
                self.problem = ""
                self.move(LinkState.READY)
                log.warning("%s: stopped, and all stimulation disabled", self.name)
            return doubts
        except ConnectionLostError as error:
            self.lose(error)
            return [self.problem]
        except DeviceError as error:
            return [str(error)]

    def end(self) -> None:
        """Stop what was started here, and disconnect."""
        with self.lock:
            if self.state in (LinkState.RUNNING, LinkState.DOUBTFUL) or self.is_loaded:
                self.stop()
            self.close_data()
            if self.controller is not None:
                with suppress(OSError):
                    self.controller.port.close()
                self.controller = None
            self.problem = "the program `rhx` has ended"


def _proves(controller: Controller, nonce: str) -> bool:
    """Return whether the instrument proves to be CREPE's own simulator, which has the nonce."""
    if not nonce:
        return False
    challenge = secrets.token_hex(16)
    answer = hmac.new(nonce.encode(), challenge.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(controller.proves(challenge), answer)
