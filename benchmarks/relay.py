"""A TCP relay that delays, and now and then stalls, what it hands on; its settings are a file.

TCP shows a lost packet to its users as a pause until the packet was sent again, so a loss is a
pause of 200 ms, the least retransmission timeout of Linux.
"""

import asyncio
import json
import random
import sys
from pathlib import Path

_RESENT_S = 0.2  # TCP_RTO_MIN of Linux
_CHUNK_BYTES = 1 << 14


class Relay:
    """A relay from a port of this machine to a server.

    Parameters
    ----------
    settings
        A JSON file: `delay_s` of each direction, and the share of chunks that are lost, `loss`.
    """

    def __init__(self, host: str, port: int, settings: Path) -> None:
        self._host, self._port = host, port
        self._settings = settings
        self._random = random.Random(1)

    async def serve(self, port: int) -> None:
        """Accept connections on 127.0.0.1 until this task is cancelled."""
        server = await asyncio.start_server(self._connect, "127.0.0.1", port)
        async with server:
            await server.serve_forever()

    async def _connect(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            answers, forth = await asyncio.open_connection(self._host, self._port)
        except OSError:
            back.close()
            return
        ways = (self._pass_on(client, forth), self._pass_on(answers, back))
        await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)

        async def send() -> None:
            while True:
                at_s, chunk = await chunks.get()
                await asyncio.sleep(max(0.0, at_s - loop.time()))
                if not chunk:
                    sink.close()
                    return
                sink.write(chunk)
                await sink.drain()

        sending, free_s = asyncio.create_task(send()), 0.0
        chunk = b"-"
        while chunk and not sending.done():
            chunk = await source.read(_CHUNK_BYTES)
            now = json.loads(self._settings.read_text())
            is_lost = self._random.random() < now["loss"]
            # What follows a lost chunk waits for it, too.
            free_s = max(free_s, loop.time() + now["delay_s"] + _RESENT_S * is_lost)
            await chunks.put((free_s, chunk))
        await sending


if __name__ == "__main__":
    host, port, own_port, path = sys.argv[1:]
    asyncio.run(Relay(host, int(port), Path(path)).serve(int(own_port)))
