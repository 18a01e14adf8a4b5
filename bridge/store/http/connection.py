"""Connections to a server: sends requests, and repeats those that a server or a network has not answered."""

from __future__ import annotations

import random
import threading
import time
import weakref
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from bridge.errors import StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.store.http.answers import error_of
from bridge.store.http.patience import seconds_left, waited

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
"""How long a try waits for a connection, and for the next bytes of the answer."""

LEAST_SECONDS = 0.05
"""The shortest time that a try waits, also if the caller has no more time."""

PATIENCE_SECONDS = 60.0
"""How long a call repeats a request that is not answered, unless the caller chooses another time."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""The greatest pause after the first try, in seconds. It doubles with each try up to the longest pause."""

POOL = 8
"""The number of connections that stay open."""

LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))


class Answer(NamedTuple):
    """An answer: its status, its headers by name in lower case, and its body."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Connection:
    """The connections of a process to one server. Any thread may use it, also in a child after a fork.

    Redirects are not followed, because the token would be sent to another address. Cookies are not stored.

    Args:
        address: the address of the workspace, without a slash at the end.
        token: the token, or None.
        patience_seconds: how long a call repeats a request that is not answered.
    """

    def __init__(self, address: str, token: str | None = None, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.address, self._token = address, token
        self.patience_seconds = patience_seconds
        self._begin()
        _connections.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._session: requests.Session | None = None

    def __repr__(self) -> str:
        return f"Connection({self.address!r})"

    def post(self, path: str, content: Any, headers: Mapping[str, str]) -> Answer:
        """Send a request until it is answered, and return the answer. The request must be repeatable.

        Args:
            path: the path below the address of the workspace.
            content: the body, as bytes or a memoryview.
            headers: further headers.

        Raises:
            StoreUnavailable: the server has not answered in time, or something else has answered.
            BridgeError: the error that the server has answered with.
        """
        left, begun = seconds_left(), time.monotonic()
        end = begun + (self.patience_seconds if left is None else left)
        pause = FIRST_PAUSE
        while True:
            answer, problem = self._try(path, content, headers)
            if answer is not None and not _is_repeated(answer):
                return _checked(self.address, answer)
            wait = _wait(answer, pause)
            if time.monotonic() + wait > end:
                waited(time.monotonic() - begun)
                if answer is not None:
                    raise error_of(self.address, answer.status, answer.headers, answer.content)
                raise StoreUnavailable(self.address, f"it does not answer ({problem}): check that the server runs")
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, path: str, content: Any, headers: Mapping[str, str]) -> tuple[Answer | None, Exception | None]:
        import requests

        try:
            with self._opened().post(
                self.address + path,
                data=content,
                headers=dict(headers),
                timeout=_timeouts(),
                allow_redirects=False,
            ) as response:
                found = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, found, response.content), None
        except requests.exceptions.InvalidURL as error:
            raise StoreUnavailable(self.address, "it is not an address of a server") from error
        except requests.exceptions.SSLError as error:
            raise StoreUnavailable(self.address, f"its certificate is not accepted ({error})") from error
        except requests.exceptions.RequestException as error:
            return None, error

    def _opened(self) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = _new_session(self.address, self._token)
            return self._session

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def forget(self) -> None:
        """Forget the connections of the parent, in a child after a fork. They stay open in the parent."""
        self._inherited = getattr(self, "_session", None)  # not closed, because TLS would tell the server
        self._begin()


def _timeouts() -> tuple[float, float]:
    """Return how long a try waits for a connection, and for the next bytes of the answer."""
    left = seconds_left()
    most = READ_SECONDS if left is None else max(LEAST_SECONDS, left)
    return min(CONNECT_SECONDS, most), min(READ_SECONDS, most)


def _new_session(address: str, token: str | None) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    settings = session.merge_environment_settings(address, {}, False, None, None)
    session.trust_env = False  # otherwise each request would read the environment, and a password of ~/.netrc
    if urlsplit(address).hostname not in LOCAL:
        session.proxies = dict(settings["proxies"])
    session.verify = settings["verify"]
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=POOL))
    if token is not None:
        session.headers["Authorization"] = f"Bearer {token}"
    return session


def _is_repeated(answer: Answer) -> bool:
    """Return whether the request must be sent again.

    A 503 with an error of a store, and without the time of a repetition, is an answer: the store cannot do it.
    """
    if answer.status in (429, 502, 504):
        return True
    is_ours = answer.headers.get("content-type", "").startswith("application/json")
    return answer.status == 503 and ("retry-after" in answer.headers or not is_ours)


def _wait(answer: Answer | None, pause: float) -> float:
    """Return the seconds until the next try. They are random, so that many clients do not repeat at the same time."""
    jittered = random.uniform(pause / 2, pause)
    return max(jittered, _retry_after(answer.headers.get("retry-after", ""))) if answer is not None else jittered


def _retry_after(text: str) -> float:
    """Return the seconds in a header `Retry-After`; 0 if it has none."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _checked(address: str, answer: Answer) -> Answer:
    """Return an answer that is no error."""
    if answer.status != 200:
        raise error_of(address, answer.status, answer.headers, answer.content)
    return answer


_connections: weakref.WeakSet[Connection] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for connection in list(_connections):
        connection.forget()


on_fork(Step.STORES, in_child=_after_fork_in_child)
