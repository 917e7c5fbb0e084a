"""An operator's commands from the page: stop, arm, and commands to the experiment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from crepe.commands import CONTROL
from crepe.errors import CrepeError, StoreError
from crepe.messages import Command
from crepe.safety import arming, emergency_stop
from crepe.store import codec
from crepe.store.contract import StreamStore, UnclockedEntry

SENDER = "page"
_LONGEST_VALUE = 2000
_PAGE = 1000


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

    def stop(self) -> dict[str, Any]:
        """Stop stimulation: latch the stop, carry it out, and read it back from the instrument."""
        lines: list[str] = []
        try:
            is_verified = emergency_stop.stop(
                [self._run_directory], "", lines.append, by="the page"
            )
        except (CrepeError, OSError) as error:
            lines.append(f"NOT VERIFIED: {error}")
            is_verified = False
        result = "verified" if is_verified else "NOT VERIFIED"
        # On another thread: a Redis that hangs must not delay the answer to STOP.
        self._sender.submit(self._try_to_send, "stop", result)
        return {"is_verified": is_verified, "lines": lines}

    def arm(self, minutes: float) -> str:
        """Arm the running stimulator; return a text that names it. Raises ConfigError."""
        instrument = arming.arm(self._run_directory, minutes)
        self._try_to_send("arm", f"{minutes:g} minutes, stimulator {instrument.stimulator}")
        return f"armed for {minutes:g} minutes: {instrument.host}:{instrument.http_port}"

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
                    for command in codec.unpack(Command, entry.payload, 0, 0):
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
            instrument = arming.announced(self._run_directory)
            stimulator = instrument.stimulator if instrument else ""
            is_simulator = bool(instrument and instrument.nonce)
            refusal = arming.refusal(self._run_directory, stimulator, is_simulator=is_simulator)
        except CrepeError as error:
            refusal, is_simulator, instrument = str(error), False, None
        return {
            "can_stimulate": can_stimulate,
            "instrument": f"{instrument.host}:{instrument.http_port}" if instrument else "",
            "is_simulator": is_simulator,
            "is_stopped": (self._run_directory / arming.STOPPED_FILE).exists(),
            "stopped_by": arming.stopped_by(self._run_directory) or "",
            "refusal": refusal,
            "armed_s": round(arming.armed_s(self._run_directory)),
        }

    def close(self) -> None:
        """End the threads and the connection; a stop under way goes on."""
        self.stopper.shutdown(wait=False)
        self._sender.shutdown(wait=False, cancel_futures=True)
        if self._store is not None:
            self._store.close()
