"""A proxy that cuts connections after the server has answered, and before the client receives the answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit


class AnswerCutter:
    """A proxy between a client and a server, as a context manager.

    Attributes:
        address: the address of the proxy.
        target: the address of the server, which may be changed.
        cuts: the number of answers that were cut.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.cuts = 0
        self._left: list[Callable[[], object]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: list[socket.socket] = []

    def cut_next(self, before: Callable[[], object] = lambda: None, times: int = 1) -> None:
        """Cut the next answers. `before` is called when an answer has begun to arrive."""
        self._left += [before] * times

    def __enter__(self) -> AnswerCutter:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        parts = urlsplit(self.target)
        try:
            server = socket.create_connection((parts.hostname or "", parts.port or 80))
        except OSError:
            client.close()
            return
        self._open.append(server)
        threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
        self._answer(client, server)

    def _copy(self, client: socket.socket, server: socket.socket) -> None:
        """Pass requests to the server. The proxy has another port, so it names the server as the host."""
        ours, theirs = urlsplit(self.address).netloc.encode(), urlsplit(self.target).netloc.encode()
        with suppress(OSError):
            while data := client.recv(65_536):
                server.sendall(data.replace(b"Host: " + ours, b"Host: " + theirs))
        _close(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if self._left:
                    self.cuts += 1
                    self._left.pop(0)()
                    break
                client.sendall(data)
        _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
