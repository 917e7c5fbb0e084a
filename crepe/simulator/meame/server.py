"""`crepe simulate`: the simulated instrument on the wire, as MEAME serves it.

HTTP and both data ports live in one event loop, so that no call to the DSP interleaves with
another, nor with a block of samples.
"""

import asyncio
import errno
import logging
import os
import secrets
import socket
import time
from contextlib import suppress
from pathlib import Path

from crepe.environment import paths, process
from crepe.errors import DeviceError
from crepe.hw.meame.http import SIMULATED_HEADER, SIMULATOR_FILE, HttpControl, Server
from crepe.hw.meame.recorder import RecorderSettings
from crepe.hw.meame.wire import TICKS_PER_S
from crepe.simulator.meame.daq import Daq
from crepe.simulator.meame.dsp import Dsp
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.quirks import Faults
from crepe.simulator.meame.routes import make_app
from crepe.simulator.meame.settings import SimulatorSettings
from crepe.web.server import uvicorn_server

log = logging.getLogger(__name__)

_KEEP_ALIVE_S = 3600  # a stimulator's connection must not end between two trains
_PORTS_TRIED = 200
_USUAL_DATA_PORT = RecorderSettings().data_port
_PROOF_S = 2.0  # for another simulator to prove that it lives


class Simulator:
    """The server: its ports, the instrument behind them, and its faults."""

    def __init__(self, settings: SimulatorSettings, run_directory: Path) -> None:
        self.settings = settings
        self.instrument = SimulatedMeame(settings)
        self.nonce = secrets.token_hex(32)
        self.name = secrets.token_hex(8)  # for everybody; the nonce is a secret
        self.faults = Faults()
        self.is_dsp_dead = False  # until the power is cycled
        self._run_directory = run_directory
        self._began_s = time.monotonic()
        self._sockets = {
            "http": _bound(settings, "http", settings.http_port),
            "data": _bound(settings, "data", settings.data_port),
            "sawtooth": _bound(settings, "sawtooth", settings.sawtooth_port),
        }
        data = {name: self._sockets[name] for name in ("data", "sawtooth")}
        self.daq = Daq(self.instrument, data, self.faults)
        self._ports = {name: each.getsockname()[1] for name, each in self._sockets.items()}
        self._http = uvicorn_server(
            make_app(self), keep_alive_s=_KEEP_ALIVE_S, headers=[(SIMULATED_HEADER, self.name)]
        )

    @property
    def _address(self) -> tuple[str, int]:
        return self.settings.host, self.http_port

    @property
    def http_port(self) -> int:
        return int(self._ports["http"])

    @property
    def data_port(self) -> int:
        return int(self._ports["data"])

    @property
    def sawtooth_port(self) -> int:
        return int(self._ports["sawtooth"])

    async def run(self) -> None:
        """Serve until `stop`."""
        self._announce()
        try:
            await self._http.serve(sockets=[self._sockets["http"]])
        finally:
            self._withdraw()
            self.daq.close()
            for each in self._sockets.values():
                each.close()
            if self.daq.pacing is not None:
                self.daq.pacing.cancel()
                with suppress(asyncio.CancelledError):
                    await self.daq.pacing  # raises the error that ended it, if any

    def stop(self) -> None:
        """End `run`; call it in the event loop."""
        self._http.should_exit = True

    def _announce(self) -> None:
        """Let `meame://simulator` name this server, unless it names another that runs."""
        other = self._announced()
        # The own address was that of a simulator that is gone: it would ask itself in vain.
        if other is not None and (other.host, other.http_port) != self._address:
            with suppress(DeviceError), HttpControl(other.resolved(_PROOF_S), _PROOF_S) as control:
                if control.is_our_simulator():
                    log.warning("meame://simulator still names %s, not this one", other.name)
                    return
        paths.write_json(
            self._run_directory / SIMULATOR_FILE,
            {
                "host": self.settings.host,
                "http_port": self.http_port,
                "data_port": self.data_port,
                "sawtooth_port": self.sawtooth_port,
                "pid": os.getpid(),
                "nonce": self.nonce,
            },
        )
        log.info(
            "simulated MEAME on http://%s:%d, data %d, sawtooth %d",
            *(self.settings.host, self.http_port, self.data_port, self.sawtooth_port),
        )
        if 0 < self.settings.http_port != self.http_port:
            log.warning(
                "port %d is taken, by another simulator for example: an experiment that names it "
                "does not drive this one",
                self.settings.http_port,
            )
        query = "" if self.data_port == _USUAL_DATA_PORT else f"?data_port={self.data_port}"
        log.info(
            'its device: "meame://%s:%d%s" in [actors.acquire], "meame://%s:%d" in '
            "[actors.stimulate]",
            *(*self._address, query, *self._address),
        )

    def _announced(self) -> Server | None:
        """Return the simulator that is announced in this run directory."""
        content = paths.read_json(self._run_directory / SIMULATOR_FILE)
        if content is None:
            return None
        return Server(content["host"], content["http_port"], content["data_port"], content["nonce"])

    def _withdraw(self) -> None:
        # Another simulator may have been announced instead; that file must stay.
        if (server := self._announced()) is not None and server.nonce == self.nonce:
            (self._run_directory / SIMULATOR_FILE).unlink(missing_ok=True)

    def catch_up(self) -> Dsp:
        """Return the DSP with its clock at the present: it runs without acquisition, too."""
        elapsed_s = time.monotonic() - self._began_s
        self.instrument.dsp.run_until(int(elapsed_s * TICKS_PER_S))
        return self.instrument.dsp

    async def start(self) -> None:
        """Open the data ports and let time advance; without a configuration do nothing."""
        self.catch_up()
        if await self.daq.start() and self.daq.pacing is not None:
            self.daq.pacing.add_done_callback(lambda _: self.stop())  # no use without samples


def _bound(settings: SimulatorSettings, name: str, port: int) -> socket.socket:
    """Return a socket on the port, or on the next free one if allowed. Raises DeviceError.

    A data port refuses connections until acquisition starts. It is claimed all the same: a port
    bound without reuse of the address cannot be bound by another program. It is bound for reuse
    only where old connections still hold it.
    """
    listens = name == "http"
    n = 1 if settings.is_fixed(name) or port == 0 else _PORTS_TRIED
    for candidate in range(port, min(port + n, 65536)):
        for is_for_reuse in (True,) if listens else (False, True):
            # asyncio turns Nagle's delay off only where the protocol is named
            bound = socket.socket(proto=socket.IPPROTO_TCP)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(is_for_reuse))
            try:
                bound.bind((settings.host, candidate))
                if listens:
                    bound.listen(64)  # a second program that has bound it is refused from now on
                return bound
            except OSError as error:
                bound.close()
                is_taken = error.errno == errno.EADDRINUSE
                if not is_taken or (n == 1 and is_for_reuse):
                    place = f"{settings.host} port {candidate}"
                    raise DeviceError(f"{place}: {error.strerror}; choose another") from error
    raise DeviceError(f"ports {port} to {port + n - 1}: all taken, one must be free")


def serve(settings: SimulatorSettings, run_directory: Path) -> None:
    """Run in the foreground until SIGTERM or SIGINT. Raises DeviceError if a port is taken."""
    simulator = Simulator(settings, run_directory)
    process.serve(simulator.run, simulator.stop)
