"""A server on a thread of the test's process that does not answer as HTTP should."""

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\n"
FAULTS = (
    "silent",  # accepts and never answers
    "drips its head",
    "drips its body",
    "never ends its body",
    "never ends its head",
    "never ends with 100 Continue",
    "never ends its chunks",
    "closes",
    "resets",
    "is no HTTP",
    "promises more than it sends",
    "sends a bad length",
    "500",
    "302",
)


class MisbehavingServer:
    """Its port, and the requests that it was sent."""

    def __init__(self, fault):
        self.fault = fault
        self.requests = []
        self.is_over = False
        self._gate = socket.create_server(("127.0.0.1", 0))
        self.port = self._gate.getsockname()[1]
        self._ends = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.is_over = True
        for end in (self._gate, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                end, _ = self._gate.accept()
                self._ends.append(end)
                threading.Thread(target=self._serve, args=(end,), daemon=True).start()

    def _serve(self, end):
        with suppress(OSError), end:
            while data := end.recv(1 << 16):
                if b" HTTP/1.1\r\n" in data:  # else it is a body that came by itself
                    self.requests.append(data.split(b" ", 2)[1].decode())
                    self._answer(end)

    def _answer(self, end):
        match self.fault:
            case "silent":
                end.recv(1)
            case "drips its head":
                self._for_ever(end, HEAD + b"X-A: ", b"a", 0.05)
            case "drips its body":
                self._for_ever(end, HEAD + b"Content-Length: 100000\r\n\r\n", b" ", 0.05)
            case "never ends its body":
                self._for_ever(end, HEAD + b"\r\n", b" " * 65536, 0)
            case "never ends its head":
                self._for_ever(end, HEAD, b"X-A: a\r\n" * 1000, 0)
            case "never ends with 100 Continue":
                self._for_ever(end, b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0)
            case "never ends its chunks":
                head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
                self._for_ever(end, head, b"1\r\na\r\n", 0)
            case "closes":
                end.shutdown(socket.SHUT_RDWR)
            case "resets":
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()
            case "is no HTTP":
                end.sendall(b"\x00\xff\r\n\r\n" * 3)
                end.close()
            case "promises more than it sends":
                end.sendall(HEAD + b"Content-Length: 100\r\n\r\n{}")
                end.shutdown(socket.SHUT_RDWR)
            case "sends a bad length":
                end.sendall(HEAD + "Content-Length: ²\r\n\r\n{}".encode())
                end.shutdown(socket.SHUT_RDWR)
            case "500" | "302":
                line = f"HTTP/1.1 {self.fault} X\r\nLocation: /DSP/write\r\n"
                end.sendall(line.encode() + b"Content-Length: 0\r\n\r\n")
            case "works":
                end.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
            case "is a simulator":
                end.sendall(HEAD + b"CREPE-Simulated: x\r\nContent-Length: 2\r\n\r\nok")
            case _:
                raise AssertionError(self.fault)

    def _for_ever(self, end, head, rest, pause_s):
        end.sendall(head)
        while not self.is_over:
            end.sendall(rest)
            time.sleep(pause_s)


@contextmanager
def misbehaving(fault):
    """Run a server with a fault while the block lasts."""
    server = MisbehavingServer(fault)
    try:
        yield server
    finally:
        server.close()
