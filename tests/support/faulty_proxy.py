"""A TCP proxy before a server, which cuts, delays or answers requests itself."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Literal

Fault = Literal["none", "refuse", "hang", "cut", "tear", "slow", "500", "429"]
"""A kind of proxy.

`refuse` closes each connection immediately, `hang` reads and never answers, and `cut` forwards each request and closes
the connection instead of answering. `tear` forwards a part of an answer, and resets the connection. `slow` delays
each piece of an answer. `500` and `429` answer each request with this status.
"""

ANSWER = "HTTP/1.1 {} Fault\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nfault\n"
PIECE_BYTES = 1 << 16
SLOW_SECONDS = 0.3


class FaultyProxy:
    """A proxy on a free port of this computer, as a context manager.

    Attributes:
        fault: what it does with new connections. `fail` changes it and closes all connections.
        server_port: the port of the server; a test changes it after it has restarted the server.
        requests: the number of requests that were forwarded.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port, self.requests = server_port, 0
        self.fault: Fault = "none"
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
                self._forward(client, fault)

    def _forward(self, client: socket.socket, fault: Fault) -> None:
        server = socket.create_connection(("127.0.0.1", self.server_port))
        with self._lock:
            self._open.add(server)
        with server:
            back = threading.Thread(target=self._send_back, args=(server, client, fault), daemon=True)
            back.start()
            own, others = f"Host: 127.0.0.1:{self.port}".encode(), f"Host: 127.0.0.1:{self.server_port}".encode()
            while piece := client.recv(PIECE_BYTES):
                self.requests += piece.count(own)
                server.sendall(piece.replace(own, others))
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join()

    def _send_back(self, server: socket.socket, client: socket.socket, fault: Fault) -> None:
        with suppress(OSError):
            while piece := server.recv(PIECE_BYTES):
                if fault == "slow":
                    time.sleep(SLOW_SECONDS)
                elif fault == "tear":
                    client.sendall(piece[: random.randrange(len(piece))])
                    _reset(client)
                    return
                elif fault == "cut":
                    break
                client.sendall(piece)
            client.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    """Close a connection so that the other side gets an error instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)  # wakes the thread that receives
    connection.close()
