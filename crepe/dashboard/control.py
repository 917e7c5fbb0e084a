"""What an operator can do from the page: stop, arm, and say things to the experiment."""

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
_LONGEST_WORD = 2000
_PAGE = 1000


class Control:
    """The hands of the page. Methods block; call them on a thread.

    Parameters
    ----------
    open_store
        Connects to Redis; called when something is to be said, and again after a failure.
    """

    def __init__(self, run_directory: Path, open_store: Callable[[], StreamStore]) -> None:
        self._run_directory = run_directory
        self._open_store = open_store
        self._store: StreamStore | None = None
        self._one_at_a_time = Lock()
        # a stop must not wait behind anything, and nothing else is ever put here
        self.stopper = ThreadPoolExecutor(2, thread_name_prefix="stop")
        self._sayer = ThreadPoolExecutor(1, thread_name_prefix="say")  # may wait for Redis

    def stop(self) -> dict[str, Any]:
        """The emergency stop: latched, then carried out and read back from the instrument."""
        lines: list[str] = []
        try:
            is_verified = emergency_stop.stop(
                [self._run_directory], "", lines.append, by="the page"
            )
        except (CrepeError, OSError) as error:
            lines.append(f"NOT VERIFIED: {error}")
            is_verified = False
        word = "verified" if is_verified else "NOT VERIFIED"
        self._sayer.submit(self._try_to_say, "stop", word)
        return {"is_verified": is_verified, "lines": lines}

    def arm(self, minutes: float) -> str:
        """Arm the stimulator that runs. Raises ConfigError."""
        found = arming.arm(self._run_directory, minutes)
        self._try_to_say("arm", f"{minutes:g} minutes, stimulator {found.stimulator}")
        return f"armed for {minutes:g} minutes: {found.host}:{found.http_port}"

    def send_command(
        self, name: str, value: str, stream: str = CONTROL, sender: str = SENDER
    ) -> None:
        """Put a command on a stream outside the clock. Raises StoreError."""
        command = Command(0, 0, name, value[:_LONGEST_WORD], sender)
        with self._one_at_a_time:
            if self._store is None:
                self._store = self._open_store()
            self._store.append_unclocked(stream, codec.pack([command], 0, 0))

    def said_player(self) -> str:
        """Who plays as this page, before it was restarted, said last. Raises StoreError."""
        player, cursor = "", "0-0"
        with self._one_at_a_time:
            if self._store is None:
                self._store = self._open_store()
            while found := self._store.wait({CONTROL: cursor}, 0.0, _PAGE):
                for _, item in found:
                    assert isinstance(item, UnclockedEntry)
                    cursor = item.id
                    for command in codec.unpack(Command, item.payload, 0, 0):
                        assert isinstance(command, Command)
                        if command.name == "player" and command.sender == SENDER:
                            player = command.value
        return player

    def _try_to_say(self, name: str, value: str) -> None:
        with suppress(StoreError):  # it is done all the same; the files in the run directory say so
            self.send_command(name, value)

    def state(self, *, can_stimulate: bool) -> dict[str, Any]:
        """Whether anything may be stimulated, as the files in the run directory say."""
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
            "refusal": refusal,
            "armed_s": round(arming.armed_s(self._run_directory)),
        }

    def close(self) -> None:
        self.stopper.shutdown(wait=False)
        self._sayer.shutdown(wait=False, cancel_futures=True)
        if self._store is not None:
            self._store.close()
