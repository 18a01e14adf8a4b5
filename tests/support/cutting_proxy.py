"""A TCP proxy that loses answers."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class CuttingProxy:
    """A proxy of a server on this computer, as a context manager.

    Attributes:
        lost: how many of the next answers are lost: the server has answered, and the connection is closed.
        after_bytes: how many bytes of a lost answer arrive.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._own_name, self._name_of_target = self.address[7:].encode(), f"127.0.0.1:{port}".encode()
        assert len(self._own_name) == len(self._name_of_target)
        self.lost, self.after_bytes = 0, 0

    def __enter__(self) -> CuttingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                # The server accepts only its own name. Both names have the same length.
                target.sendall(piece.replace(self._own_name, self._name_of_target))
            target.shutdown(socket.SHUT_WR)

    def _answer(self, source: socket.socket, target: socket.socket) -> None:
        passed: int | None = None
        with suppress(OSError), source, target:
            while piece := source.recv(1 << 16):
                if passed is None and self.lost:
                    self.lost -= 1
                    passed = 0
                if passed is not None:
                    target.sendall(piece[: self.after_bytes - passed])
                    passed += len(piece)
                    if passed >= self.after_bytes:
                        target.shutdown(socket.SHUT_RDWR)
                        return
                else:
                    target.sendall(piece)
