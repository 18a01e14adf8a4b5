"""A TCP proxy before a server, which cuts, delays or answers requests itself."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Literal

Fault = Literal["none", "refuse", "hang", "cut", "500", "429"]
"""A kind of proxy.

`refuse` closes each connection immediately, `hang` reads and never answers, and `cut` forwards each request and closes
the connection instead of answering. `500` and `429` answer each request with this status.
"""

ANSWER = "HTTP/1.1 {} Fault\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nfault\n"
PIECE_BYTES = 1 << 16


class FaultyProxy:
    """A proxy on a free port of this computer, as a context manager.

    Attributes:
        fault: what it does with new connections. `fail` changes it and closes all connections.
        server_port: the port of the server; a test changes it after it has restarted the server.
        requests: the number of requests that were forwarded.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port, self.fault, self.requests = server_port, "none", 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._close_all()

    def fail(self, fault: Fault) -> None:
        """Treat all connections in another way, also those that are open."""
        self.fault = fault
        self._close_all()

    def _close_all(self) -> None:
        with self._lock:
            closed, self._open = self._open, set()
        for one in closed:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self._open.add(client)
                threading.Thread(target=self._serve, args=(client, self.fault), daemon=True).start()

    def _serve(self, client: socket.socket, fault: Fault) -> None:
        with suppress(OSError), client:
            if fault == "hang":
                while client.recv(PIECE_BYTES):
                    pass
            elif fault in ("500", "429"):
                client.recv(PIECE_BYTES)
                client.sendall(ANSWER.format(fault).encode())
            elif fault != "refuse":
                self._forward(client, cuts=fault == "cut")

    def _forward(self, client: socket.socket, cuts: bool) -> None:
        server = socket.create_connection(("127.0.0.1", self.server_port))
        with self._lock:
            self._open.add(server)
        with server:
            back = threading.Thread(target=self._send_back, args=(server, client, cuts), daemon=True)
            back.start()
            own, others = f"Host: 127.0.0.1:{self.port}".encode(), f"Host: 127.0.0.1:{self.server_port}".encode()
            while piece := client.recv(PIECE_BYTES):
                self.requests += piece.count(own)
                server.sendall(piece.replace(own, others))
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join()

    def _send_back(self, server: socket.socket, client: socket.socket, cuts: bool) -> None:
        with suppress(OSError):
            while piece := server.recv(PIECE_BYTES):
                if cuts:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(piece)
            client.shutdown(socket.SHUT_RDWR)
