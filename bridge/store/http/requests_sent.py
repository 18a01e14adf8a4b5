"""Sends requests to a server, and repeats those that may be repeated."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bridge.errors import BridgeError, StoreUnavailable
from bridge.records.wire import load_error

if TYPE_CHECKING:
    from requests import Response, Session

CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS, TOTAL_SECONDS = 0.2, 5.0, 60.0
BUSY = frozenset((429, 502, 503, 504))
MOST_ERROR_BYTES = 1 << 20


class Requests:
    """Requests to one server. Threads may use an object at the same time, and a forked child may use it too.

    Args:
        address: the address of the workspace, such as `http://host:5000/w/demo`.
        token: the token, if there is one.
        total_seconds: for how long a request is repeated.
    """

    def __init__(self, address: str, token: str | None = None, total_seconds: float = TOTAL_SECONDS) -> None:
        self.address = address.rstrip("/")
        self._token, self._total_seconds = token, total_seconds
        self._session: tuple[int, Session] | None = None

    def send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: Callable[[bool], Any] | None = None,
        headers: Mapping[str, str] | None = None,
        may_repeat: bool = True,
        accepted: frozenset[int] = frozenset(),
    ) -> Response:
        """Send a request, and return the answer, whose body is read as a stream.

        Args:
            method: the HTTP method.
            path: the path below the address.
            parameters: the parameters of the query.
            body: returns the body; the argument is True if an earlier attempt was sent and its answer is not known.
            headers: further headers.
            may_repeat: whether the request may be sent again after a failure.
            accepted: statuses of errors that are returned as answers.

        Raises:
            BridgeError: the error that the server reports.
            StoreUnavailable: the server cannot be reached.
        """
        import requests

        give_up, pause, again = time.monotonic() + self._total_seconds, FIRST_PAUSE_SECONDS, False
        failure: BridgeError
        while True:
            try:
                answer = self._once(method, path, parameters, body(again) if body else None, headers)
            except requests.RequestException as error:
                again, failure = True, StoreUnavailable(self.address, _reason_of(error))
                failure.__cause__ = error
            else:
                if answer.status_code < 400 or answer.status_code in accepted:
                    return answer
                reported = error_of(self.address, answer)
                if answer.status_code not in BUSY:
                    raise reported
                failure, pause = reported, max(pause, _asked_pause(answer))
            if not may_repeat or time.monotonic() + pause > give_up:
                raise failure
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, MOST_PAUSE_SECONDS)

    def _once(
        self, method: str, path: str, parameters: Mapping[str, str], body: Any, headers: Mapping[str, str] | None
    ) -> Response:
        given = {"Accept-Encoding": "identity", **(headers or {})}
        if self._token:
            given["Authorization"] = f"Bearer {self._token}"
        return self._open_session().request(
            method,
            self.address + path,
            params=parameters,
            data=body,
            headers=given,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            stream=True,
            allow_redirects=False,
        )

    def _open_session(self) -> Session:
        """Return the connections of this process. A forked child opens its own."""
        known = self._session
        if known is None or known[0] != os.getpid():
            import requests

            session = requests.Session()
            session.trust_env = False  # no token from `.netrc` replaces ours
            known = self._session = (os.getpid(), session)
        return known[1]


def error_of(address: str, answer: Response) -> BridgeError:
    """Return the error that an answer reports."""
    import json

    try:
        content = answer.raw.read(MOST_ERROR_BYTES, decode_content=True)
        return load_error(json.loads(content))
    except (KeyError, TypeError, ValueError, AttributeError):
        return StoreUnavailable(address, f"it answered with the status {answer.status_code}, but not as Runbridge does")
    finally:
        answer.close()


def _asked_pause(answer: Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), MOST_PAUSE_SECONDS) if text.isascii() and text.isdigit() else 0.0


def _reason_of(error: Exception) -> str:
    """Return the reason of a failed request, without the address, which the sentence already has."""
    import requests

    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    deepest: BaseException = error
    while (below := deepest.__cause__ or deepest.__context__) is not None:
        deepest = below
    return str(getattr(deepest, "strerror", None) or deepest).lower() or type(deepest).__name__
