"""A data port of the simulated RHX: one client, blocking writes, and no end that it announces."""

import socket
import threading
from contextlib import suppress
from select import select


class DataPort:
    """Disconnected, then Pending after `listen`, then Connected, until the client closes.

    Parameters
    ----------
    host
        Address to listen on.
    port
        TCP port; a listener is bound only while it is pending, as in RHX.
    """

    def __init__(self, host: str, port: int, write_timeout_s: float) -> None:
        self._host = host
        self.port = port
        self._write_timeout_s = write_timeout_s
        self.status = "Disconnected"
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._forgotten: list[socket.socket] = []  # neither data nor an end
        self._lock = threading.Lock()

    def listen(self) -> None:
        """Wait for one client; one that is connected gets data until the next has come."""
        self.status = "Pending"
        try:
            listener = socket.create_server((self._host, self.port))
        except OSError:
            return  # observed: the state is Pending although another program has the port
        with self._lock:
            before, self._listener = self._listener, listener
        if before is not None:
            before.close()
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(self._write_timeout_s)
        listener.close()
        with self._lock:
            if self._client is not None:
                self._forgotten.append(self._client)
            self._client, self._listener = client, None
            self.status = "Connected"

    def forget(self) -> None:
        """Report Disconnected; the connection stays open."""
        with self._lock:
            if self._client is not None:
                self._forgotten.append(self._client)
            self._client = None
            self.status = "Disconnected"

    def write(self, data: bytes) -> None:
        """Send, and wait for a slow client; drop what a client that is gone would get."""
        client = self._client
        if client is None or not data:
            return
        try:
            client.sendall(data)
        except OSError:  # gone, or stalled for too long
            self._lose(client)

    def look(self) -> None:
        """Look for a client that has closed although nothing is sent."""
        client = self._client
        if client is None:
            return
        try:
            # Asked first: `recv` would wait for the time limit of writes.
            has_ended = bool(select([client], [], [], 0)[0]) and not client.recv(1)
        except (OSError, ValueError):
            has_ended = True
        if has_ended:
            self._lose(client)

    def _lose(self, client: socket.socket) -> None:
        with self._lock:
            if self._client is client:
                self._client = None
                if self.status == "Connected":
                    self.status = "Disconnected"
        client.close()

    def close(self) -> None:
        """Close everything."""
        with self._lock:
            sockets = [self._listener, self._client, *self._forgotten]
            self._listener = self._client = None
            self.status = "Disconnected"
        for each in sockets:
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
