"""An operator's commands from the page: stop, arm, and commands to the experiment."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import Any

from crepe.commands import CONTROL
from crepe.environment.bounded_call import begin
from crepe.errors import CrepeError, StoreError
from crepe.hw.capabilities import StopEvidence
from crepe.messages import Command
from crepe.safety import arming
from crepe.safety.emergency_stop import ANSWER_S, EmergencyStop
from crepe.safety.protocol.announcement import announced
from crepe.safety.protocol.datagrams import Latch
from crepe.safety.protocol.orders import watchdog_state
from crepe.safety.pursuit import Pursuit
from crepe.store import codec
from crepe.store.contract import StreamStore, UnclockedEntry

SENDER = "page"
_LONGEST_VALUE = 2000
_PAGE = 1000
_OUTCOMES = {
    StopEvidence.ASKED: "NOT VERIFIED",
    StopEvidence.REPORTED: "NOT VERIFIED (reported)",
    StopEvidence.PROVED: "verified",
}
"""Values of the command `stop`, which says in the recording how the stop is known."""
_LATCH_S = 1.0  # between requests for the watchdog's latch


class Control:
    """The commands of the page. Methods block; call them on a thread.

    Parameters
    ----------
    open_store
        Connects to Redis; called before the first command, and again after a failure.
    """

    def __init__(self, run_directory: Path, open_store: Callable[[], StreamStore]) -> None:
        self._run_directory = run_directory
        self._open_store = open_store
        self._store: StreamStore | None = None
        # Requests run on several threads and share one connection.
        self._lock = Lock()
        # a stop must not wait in a queue, so nothing else may ever be submitted here
        self.stopper = ThreadPoolExecutor(2, thread_name_prefix="stop")
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="send")  # may wait for Redis
        self._last_stop: EmergencyStop | None = None
        self._watchdog = begin(watchdog_state, run_directory)
        self._requested_s = time.monotonic()
        self._latch = Latch()  # of the watchdog

    def stop(self) -> dict[str, Any]:
        """Stop stimulation: latch the stop, carry it out, and read it back from the instrument."""
        lines: list[str] = []
        is_answered = Event()

        def on_end(pursuit: Pursuit) -> None:
            if is_answered.is_set() and pursuit.stopped_s is not None:
                self._send_later("stop", _OUTCOMES[pursuit.evidence])

        stop = EmergencyStop([self._run_directory], "", by="the page", on_end=on_end)
        earlier, self._last_stop = self._last_stop, stop
        if earlier is not None:
            earlier.call_off()  # so that pressing the button again and again piles nothing up
        stop.answer(lines.append, ANSWER_S)
        evidence = stop.evidence
        is_answered.set()
        self._send_later("stop", _OUTCOMES[evidence])
        return {"is_verified": evidence.is_verified, "evidence": evidence, "lines": lines}

    def _send_later(self, name: str, value: str) -> None:
        """Send a command on another thread: a Redis that hangs must not delay an answer to STOP."""
        with suppress(RuntimeError):  # the page has ended
            self._sender.submit(self._try_to_send, name, value)

    def arm(self, minutes: float) -> str:
        """Arm the running stimulator; return a text that names it. Raises ConfigError."""
        instrument = arming.arm(self._run_directory, minutes)
        self._try_to_send("arm", f"{minutes:g} minutes, stimulator {instrument.stimulator}")
        return (
            f"armed for {minutes:g} minutes: {instrument.host}:{instrument.http_port}, for "
            f"requests of {', '.join(instrument.requesters) or 'no program'}"
        )

    def send_command(
        self, name: str, value: str, stream: str = CONTROL, sender: str = SENDER
    ) -> None:
        """Put a command on a stream outside the clock. Raises StoreError."""
        command = Command(0, 0, name, value[:_LONGEST_VALUE], sender)
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
            self._store.append_unclocked(stream, codec.pack([command], 0, 0))

    def sent_player(self) -> str:
        """Return the last `player` this page sent, also before a restart. Raises StoreError."""
        player, cursor = "", "0-0"
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
            while entries := self._store.wait({CONTROL: cursor}, 0.0, _PAGE):
                for _, entry in entries:
                    assert isinstance(entry, UnclockedEntry)
                    cursor = entry.id
                    # Any program may write there: what cannot be read is passed over.
                    for command in codec.read(Command, entry.payload, 0, 0)[0]:
                        assert isinstance(command, Command)
                        if command.name == "player" and command.sender == SENDER:
                            player = command.value
        return player

    def _try_to_send(self, name: str, value: str) -> None:
        with suppress(StoreError):  # it is done all the same, as the run directory shows
            self.send_command(name, value)

    def state(self, *, can_stimulate: bool) -> dict[str, Any]:
        """Return whether stimulation is possible, after the files in the run directory."""
        try:
            instrument = announced(self._run_directory)
            stimulator = instrument.stimulator if instrument else ""
            is_simulator = bool(instrument and instrument.nonce)
            refusal = arming.refusal(self._run_directory, stimulator, is_simulator=is_simulator)
        except CrepeError as error:
            refusal, is_simulator, instrument = str(error), False, None
        latch = self._latch_in_memory()
        if latch.is_closed:
            refusal = f"stopped by {latch.by}; `crepe arm`"
        return {
            "can_stimulate": can_stimulate,
            "instrument": f"{instrument.host}:{instrument.http_port}" if instrument else "",
            "is_simulator": is_simulator,
            "is_stopped": latch.is_closed or (self._run_directory / arming.STOPPED_FILE).exists(),
            "stopped_by": arming.stopped_by(self._run_directory) or latch.by,
            "refusal": refusal,
            "armed_s": round(arming.armed_s(self._run_directory)),
        }

    def _latch_in_memory(self) -> Latch:
        """Return the watchdog's latch, up to a second old: the page must not wait for it."""
        if self._watchdog.done():
            state = self._watchdog.result()
            self._latch = state.latch if state else Latch()
            if time.monotonic() - self._requested_s > _LATCH_S:
                self._requested_s = time.monotonic()
                self._watchdog = begin(watchdog_state, self._run_directory)
        return self._latch

    def close(self) -> None:
        """End the threads and the connection; a stop under way goes on."""
        self.stopper.shutdown(wait=False)
        self._sender.shutdown(wait=False, cancel_futures=True)
        if self._store is not None:
            self._store.close()
