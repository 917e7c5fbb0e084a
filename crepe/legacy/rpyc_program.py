"""The program `rpyc`: the experiment's streams of samples for clients of the original."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from uuid import uuid4

from rpyc.utils.server import ThreadedServer

from crepe.config.experiment import load_experiment
from crepe.config.program_part import ProgramPart
from crepe.config.tables import RPYC
from crepe.environment import session
from crepe.environment.process import end_if_orphan, serve
from crepe.errors import ConfigError, StoreError
from crepe.legacy import settings
from crepe.legacy.rpyc_server import StreamDoor, started
from crepe.messages import Segment
from crepe.redis_server.find_url import find_url
from crepe.store.contract import Readable
from crepe.store.groups.grouped_redis import GroupedRedis
from crepe.web.token import chosen_token

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_PATIENCE_S = 5.0


def run_rpyc(part: ProgramPart) -> None:
    """Run the program until it is stopped."""
    if part.rpyc is None:
        raise ConfigError(f"{part.path}: no [rpyc] table to serve streams from")
    experiment = load_experiment(part.path)  # its ports follow from all actors
    ports, stream_of = settings.ports(experiment), settings.services(experiment)
    samples = set(experiment.streams_of(Segment))
    find_url(patience_s=float("inf"), is_ours=True, meanwhile=end_if_orphan)

    def open_store() -> GroupedRedis:
        name = f"{RPYC}-{uuid4().hex[:12]}"
        return GroupedRedis(find_url(is_ours=True), part.name, name, _PATIENCE_S)

    now = session.current()
    port_of = {stream_of[service]: port for service, port in ports.items()}
    server = RpycServer(
        {stream: port for stream, port in port_of.items() if stream in samples},
        open_store,
        session=now.id if now else "",
        host=part.rpyc.host,
        token=chosen_token(RPYC),
    )
    serve(server.run, server.stop)


class RpycServer:
    """A port for each stream, opened once the session has the stream.

    Until then a port refuses connections, and the original's `get_connection` waits.

    Parameters
    ----------
    ports
        The port of each stream.
    open_store
        Returns a store for one client: clients read on threads of their own.
    token
        What a client sends before RPyC, as a line; empty: nothing.
    """

    def __init__(
        self,
        ports: Mapping[str, int],
        open_store: Callable[[], Readable],
        *,
        session: str,
        host: str,
        token: str,
    ) -> None:
        self._waiting = dict(ports)
        self._open_store = open_store
        self._session = session
        self._host = host
        self._token = token
        self._is_stopped = False
        self.servers: dict[str, ThreadedServer] = {}

    async def run(self) -> None:
        """Serve until `stop`. Raises DeviceError if a port is taken."""
        store = self._open_store()
        try:
            while not self._is_stopped:
                try:
                    await asyncio.to_thread(self.open_ports, store)
                except StoreError as error:
                    log.warning("cannot look for streams: %s", error)
                await asyncio.sleep(_LOOK_S)
        finally:
            store.close()
            self.close()

    def stop(self) -> None:
        """End `run`."""
        self._is_stopped = True

    def open_ports(self, store: Readable) -> None:
        """Open the ports of the streams that have begun since the last call."""
        for stream, port in list(self._waiting.items()):
            info = store.info(stream)
            if info is not None and info.session == self._session:
                door = StreamDoor(stream, self._open_store)
                self.servers[stream] = started(door, self._host, port, self._token)
                del self._waiting[stream]

    def close(self) -> None:
        """Close all ports and connections."""
        for server in self.servers.values():
            server.close()
