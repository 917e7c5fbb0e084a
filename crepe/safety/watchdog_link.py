"""The stimulator's side of the watchdog: a local heartbeat that does not need Redis.

Datagrams on unix sockets in the run directory. The stimulator sends that it is alive, and whether
a train is under way. The watchdog answers with the name of a stimulator that it had to stop, if
any. Without a fresh answer nothing is stimulated. Both send the latch that they keep in memory.
"""

# Decision 84: how often a heartbeat is sent.

import logging
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from math import inf
from pathlib import Path

from crepe.environment import paths
from crepe.environment.clock import Clocks, read_clocks
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import DeviceError
from crepe.hw.remote_stop import Address
from crepe.safety import arming
from crepe.safety.instrument_lease import InstrumentLease
from crepe.safety.instrument_lock import instrument_lock
from crepe.safety.protocol.announcement import Instrument, announce
from crepe.safety.protocol.datagrams import LARGEST, Answer, Heartbeat, Latch, Order, pack, unpack
from crepe.safety.protocol.orders import STIMULATOR_SOCKET, WATCHDOG_SOCKET

log = logging.getLogger(__name__)

FRESH_S = 0.5  # after that an answer of the watchdog counts no more
_BEAT_NS = 50_000_000  # between equal heartbeats: a tenth of the silence that counts as death
_RETRY_NS = 1_000_000_000  # between attempts to announce the instrument
_MOST_DATAGRAMS = 100  # that are received at once: the queue of a socket is shorter


class WatchdogLink:
    """The `Guard` of a stimulator outside this process: latch, arming, lease and watchdog."""

    def __init__(self, run_directory: Path, clocks: Callable[[], Clocks] = read_clocks) -> None:
        self.run_directory = run_directory
        self._clocks = clocks
        self._last_clocks = clocks()
        self._address = Address("", 0)
        self._requesters: tuple[str, ...] = ()
        self._instrument: Instrument | None = None  # None until a driver calls `drives`
        self._lease: InstrumentLease | None = None
        self._latch = Latch()
        self._unwritten = ""  # why the instrument could not be announced
        self._announced_ns = 0  # time of the last attempt, by the clock since boot
        self._is_simulator = False  # True when proven: no living culture is behind it
        self._answered_ns: int | None = None  # by the clock since boot; None: no answer counts
        self._watchdog = ""  # process key of the one that answered last
        self._sent: Heartbeat | None = None
        self._sent_ns = 0  # by the clock since boot
        self._is_pulsing = True  # until a stop is certain: an earlier process may have left a train
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def drives(self, address: Address, *, is_simulator: bool) -> None:
        if self._lease is None or not self._lease.is_of(address.host, address.http_port):
            if self._lease is not None:
                self._lease.release()
                self._lease = None
            self._lease = InstrumentLease(address.host, address.http_port)
        if self._instrument is None:
            path = self.run_directory / STIMULATOR_SOCKET
            try:
                path.unlink(missing_ok=True)
                self._socket.bind(str(path))
            except OSError as error:  # a stop could not reach this stimulator
                raise DeviceError(f"{path}: {error.strerror}; nothing is stimulated") from error
        # The watchdog does not change with the name that its next answer is for.
        answered_ns = self._answered_ns if address == self._address else None
        self._address, self._is_simulator = address, is_simulator
        self._is_pulsing = True
        self._disarm()
        self._answered_ns = answered_ns

    def serves(self, requesters: Sequence[str]) -> None:
        self._requesters = tuple(requesters)
        if self._instrument is not None:
            self._announce(self._instrument._replace(requesters=self._requesters))

    def _disarm(self) -> None:
        """Take a new name, so that an arming of the old one no longer counts."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._answered_ns = None
        host, port, nonce, stop = self._address
        process = ProcessIdentity.own()
        self._announce(Instrument(name, process, host, port, nonce, self._requesters, stop))

    def _announce(self, instrument: Instrument) -> None:
        """Announce the instrument; until that succeeds no pulse leaves.

        Where it cannot be written, a stop could not be latched, nor the latch of one before be seen
        to be complete: it may have been in the memory of processes that have ended.
        """
        self._instrument = instrument
        self._announced_ns = self._clocks().boot_ns
        try:
            announce(self.run_directory, instrument)
        except OSError as error:
            log.error("%s: not announced: %s", instrument.stimulator, error)
            self._unwritten = f"{self.run_directory} cannot be written: {error.strerror}"
        else:
            self._unwritten = ""

    def pulsing(self, is_pulsing: bool) -> None:
        """Set whether pulses may flow: from before electrodes are connected to a certain stop."""
        self._is_pulsing = is_pulsing
        self.beat()

    def beat(self) -> None:
        """Send a heartbeat if one is due or it has changed, and receive the watchdog's answers.

        It is called more than once for each segment, and each heartbeat wakes the watchdog.
        """
        if self._instrument is None:
            return
        heartbeat = Heartbeat(self._instrument, self._is_pulsing, self._latch)
        now_ns = self._clocks().boot_ns
        if heartbeat != self._sent or now_ns - self._sent_ns >= _BEAT_NS:
            with suppress(OSError):  # no watchdog: no answer comes, and nothing is stimulated
                self._socket.sendto(pack(heartbeat), str(self.run_directory / WATCHDOG_SOCKET))
                self._sent, self._sent_ns = heartbeat, now_ns
        self._receive()

    def _receive(self) -> None:
        """Receive the answers of the watchdog, and the orders of `crepe stop` and `crepe arm`."""
        is_another = False
        for _ in range(_MOST_DATAGRAMS):
            try:
                datagram = unpack(self._socket.recv(LARGEST))
            except OSError:  # no more have come
                break
            if isinstance(datagram, Order):
                self._obey(datagram)
            elif isinstance(datagram, Answer):
                is_another |= self._note(datagram)
        if is_another:  # the last watchdog was killed: since then nothing could stop a train
            self._answered_ns = None
            self._sent = None  # the new one does not know the latch yet

    def _obey(self, order: Order) -> None:
        if order.by or order.releases:
            now_ns = self._clocks().boot_ns
            self._latch = self._latch.merged(Latch(now_ns, order.by), now_ns)

    def _note(self, answer: Answer) -> bool:
        """Note an answer of the watchdog; return whether it is another one than before."""
        assert self._instrument is not None
        now_ns = self._clocks().boot_ns
        self._latch = self._latch.merged(answer.latch, now_ns)
        if answer.stopped == self._instrument.stimulator:
            self._disarm()
        elif answer.stimulator == self._instrument.stimulator:
            # The time at the watchdog, not that of arrival: queued answers may be old. The clock
            # since boot is one for all processes of a machine.
            self._answered_ns = min(answer.at_ns, now_ns)
            is_another = self._watchdog not in ("", answer.process)
            self._watchdog = answer.process
            return is_another
        return False

    def refusal(self) -> str | None:
        """Return why no pulse may leave now, or None."""
        if self._instrument is None:
            return "no instrument is announced"
        self._receive()  # an order to stop may have come since the last heartbeat
        now = self._clocks()
        jump, self._last_clocks = now.jump_since(self._last_clocks), now
        if jump and not self._is_simulator:
            log.error("%s: disarmed", jump)
            self._disarm()
            with suppress(OSError):  # its name is another already
                arming.disarm(self.run_directory)
            return f"disarmed: {jump}; `crepe arm`"
        if self._unwritten and now.boot_ns - self._announced_ns > _RETRY_NS:
            self._announce(self._instrument)
        if self._unwritten:
            return self._unwritten
        if self._latch.is_closed:
            return f"stopped by {self._latch.by}; `crepe arm`"
        if self._answered_ns is None or now.boot_ns - self._answered_ns > FRESH_S * 1e9:
            return f"the watchdog has not answered within {FRESH_S:g} s, or stopped the instrument"
        return arming.refusal(
            self.run_directory,
            self._instrument.stimulator,
            is_simulator=self._is_simulator,
            requesters=self._requesters,
            now_ns=lambda: now.boot_ns,
        )

    def left_s(self) -> float:
        return inf

    def alone(self, wait_s: float, *, may_break: bool = False) -> AbstractContextManager[None]:
        """Keep other programs from the instrument in the block; see `instrument_lock`."""
        return instrument_lock(self.run_directory, wait_s, may_break=may_break)

    def close(self) -> None:
        self._socket.close()
        if self._lease is not None:
            self._lease.release()


def watchdog_link() -> WatchdogLink:
    """Return the link of this run directory."""
    return WatchdogLink(paths.run_directory())
