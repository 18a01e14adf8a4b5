"""Sends requests to a server, and repeats those that may be repeated."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from bridge.errors import BridgeError, NotAuthenticated, NotFound, StoreUnavailable
from bridge.records.wire import load_error
from bridge.store.http.methods import PROTOCOL_HEADER, WORKSPACE_HEADER
from bridge.store.http.patience import seconds_left, waited
from bridge.store.http.protocol import THIS_SERVER, Protocol
from bridge.store.http.quiet import install, quietly
from bridge.store.retries import CHANCE
from bridge.store.token import VARIABLE

if TYPE_CHECKING:
    from requests import Response, Session

CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
"""How long an attempt waits for a connection, and for the next bytes of the answer."""

FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS, PATIENCE_SECONDS = 0.2, 5.0, 60.0
"""The pause after the first attempt, which doubles up to the longest pause, and for how long a request is repeated."""

LEAST_SECONDS = 0.05
"""The shortest time that an attempt waits, also if the caller has no more time."""

BUSY = frozenset((429, 502, 504))
"""The statuses of answers after which a request is repeated; see also `_is_busy`."""

CUT = "the connection was lost within an answer"

HTTP_1_1, NO_BODY = 11, frozenset((204, 304))

POOL = 8
"""The number of connections that stay open."""

MOST_ERROR_BYTES, PIECE_BYTES = 1 << 20, 1 << 16

LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))


class Answer(NamedTuple):
    """An answer without an error: its headers by name in lower case, and its body."""

    headers: Mapping[str, str]
    content: bytes


class Requests:
    """Requests to one server. Threads may use an object at the same time, and a forked child may use it too.

    Redirects are not followed, because the token would be sent to another address. Cookies are not stored. A proxy of
    the environment is used, except for this computer.

    Args:
        address: the address of the workspace, such as `http://host:5000/w/demo`.
        token: the token, if there is one.
        patience_seconds: for how long a request is repeated; see also `bridge.store.http.patience`.
        find_token: returns the token that counts now. It is called if the server does not accept the token.

    Attributes:
        workspace_id: the id of the workspace that the address must lead to; empty for any.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        find_token: Callable[[], str | None] | None = None,
    ) -> None:
        self.address = address.rstrip("/")
        self._token, self.patience_seconds = token, patience_seconds
        self._find_token, self.workspace_id = find_token, ""
        self._protocol = Protocol(self.address)
        self._session: tuple[int, Session] | None = None

    def __repr__(self) -> str:
        return f"Requests({self.address!r})"

    def __reduce__(self) -> Any:
        raise TypeError("Requests cannot be pickled, because a pickle would contain the token")

    def post(self, path: str, content: bytes | memoryview, headers: Mapping[str, str]) -> Answer:
        """Send a request that may be repeated, and return its answer with the whole body.

        Raises:
            BridgeError: the error that the server reports.
            NotAuthenticated: the server does not accept the token.
            StoreUnavailable: the server cannot be reached.
        """
        return _whole(
            self._repeated("POST", path, {}, lambda again: content, headers, True, frozenset(), is_whole=True)
        )

    def send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: Callable[[bool], Any] | None = None,
        headers: Mapping[str, str] | None = None,
        may_repeat: bool = True,
        accepted: frozenset[int] = frozenset(),
        is_whole: bool = False,
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
            is_whole: the whole body is read, and a request whose answer is cut is repeated.

        Raises:
            BridgeError: the error that the server reports.
            StoreUnavailable: the server cannot be reached.
        """
        return self._repeated(method, path, parameters, body, headers, may_repeat, accepted, is_whole)

    def _repeated(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: Callable[[bool], Any] | None,
        headers: Mapping[str, str] | None,
        may_repeat: bool,
        accepted: frozenset[int],
        is_whole: bool,
    ) -> Response:
        """Send a request until it is answered, and return the answer, with its whole body if `is_whole` is True."""
        import requests

        limit, begun = seconds_left(), time.monotonic()
        give_up = begun + (self.patience_seconds if limit is None else limit)
        pause, again = FIRST_PAUSE_SECONDS, False
        failure: BridgeError
        while True:
            wait = pause * CHANCE.uniform(0.5, 1)  # so that many clients do not repeat at the same time
            token, protocol = self._token, self._protocol.version
            try:
                left = give_up - time.monotonic()
                answer = self._once(method, path, parameters, body(again) if body else None, headers, token, left)
                if self._is_too_new(answer, protocol) and may_repeat:
                    answer.close()
                    continue  # the server has done nothing with the request
                if answer.status_code < 300 or answer.status_code in accepted:
                    if is_whole:
                        _ = answer.content  # raises an error if the connection is lost
                    return answer
                is_busy, asked = _is_busy(answer), _asked_pause(answer)
                failure = error_of(self.address, answer, self._protocol.has_answered)
            except requests.RequestException as error:
                again, failure = True, StoreUnavailable(self.address, reason_of(error))
                failure.__cause__ = error
            else:
                if isinstance(failure, NotAuthenticated):
                    if self._has_new_token(token) and may_repeat:
                        continue  # the server has done nothing with the request
                    raise NotAuthenticated(self.address, refusal(bool(token))) from failure
                if not is_busy:
                    raise failure
                wait = max(wait, asked)
            if (rest := seconds_left()) is not None:  # the process may have begun to end
                give_up = min(give_up, time.monotonic() + rest)
            if not may_repeat or time.monotonic() + wait > give_up:
                waited(time.monotonic() - begun)
                raise failure
            time.sleep(wait)
            pause = min(2 * pause, MOST_PAUSE_SECONDS)

    def _once(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: Any,
        headers: Mapping[str, str] | None,
        token: str | None,
        seconds: float,
    ) -> Response:
        given = {"Accept-Encoding": "identity", **(headers or {}), PROTOCOL_HEADER: str(self._protocol.version)}
        if token:
            given["Authorization"] = f"Bearer {token}"
        if self.workspace_id:
            given[WORKSPACE_HEADER] = self.workspace_id
        seconds = max(seconds, LEAST_SECONDS)
        with quietly():
            answer = self._open_session().request(
                method,
                self.address + path,
                params=parameters,
                data=body,
                headers=given,
                timeout=(min(CONNECT_SECONDS, seconds), min(READ_SECONDS, seconds)),
                stream=True,
                allow_redirects=False,
            )
        _check_head(answer)
        return answer

    def _is_too_new(self, answer: Response, sent: int) -> bool:
        """Return whether the server knows only an older protocol than the request named, which this client knows, too.

        Raises:
            StoreUnavailable: this client does not know the server's protocol any more.
        """
        try:
            return self._protocol.heed(answer.status_code, answer.headers, sent)
        except StoreUnavailable:
            answer.close()
            raise

    def _has_new_token(self, refused: str | None) -> bool:
        """Return whether there is another token than one that the server has refused. Later requests send it."""
        if self._token == refused and self._find_token is not None:
            self._token = self._find_token() or refused
        return self._token != refused

    def _open_session(self) -> Session:
        """Return the connections of this process. A forked child opens its own."""
        known = self._session
        if known is None or known[0] != os.getpid():
            known = self._session = (os.getpid(), _new_session(self.address))
        return known[1]

    def close(self) -> None:
        """Close the connections. A later request opens new ones."""
        known, self._session = self._session, None
        if known is not None and known[0] == os.getpid():
            _close(known[1])


def _new_session(address: str) -> Session:
    import requests
    from requests.adapters import HTTPAdapter

    install()
    session = requests.Session()
    settings = session.merge_environment_settings(address, {}, True, None, None)
    session.trust_env = False  # else each request would read the environment, and `.netrc` could replace the token
    if urlsplit(address).hostname not in LOCAL:
        session.proxies = dict(settings["proxies"])
    session.verify = settings["verify"]
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=POOL))
    return session


def _check_head(answer: Response) -> None:
    """Check that the head of an answer is complete.

    If the connection is lost within the head, `http.client` returns an answer with the headers that have arrived. It
    would be taken for an answer without a body. An answer of HTTP/1.1 with a body states how long the body is.

    Raises:
        requests.ConnectionError: the connection was lost.
    """
    import requests

    is_sized = answer.headers.get("Content-Length", "").isdecimal() or "Transfer-Encoding" in answer.headers
    if not is_sized and answer.raw.version == HTTP_1_1 and answer.status_code not in NO_BODY:
        answer.close()
        raise requests.ConnectionError(CUT)


def _close(session: Session) -> None:
    """Close a session and its connections.

    `Session.close` leaves the connections to finalizers of urllib3, which do nothing while a process exits.
    """
    for adapter in session.adapters.values():
        for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):  # type: ignore[attr-defined]
            for key in manager.pools.keys():
                manager.pools[key].close()
    session.close()


def _whole(answer: Response) -> Answer:
    with answer:
        return Answer({name.lower(): value for name, value in answer.headers.items()}, answer.content)


NO_WORKSPACE = "the server has none at this address, or it is an older version"
NO_ADDRESS = "it does not know the address {}, because its version is older or it does not serve the workspace any more"


def error_of(address: str, answer: Response, has_answered: bool) -> BridgeError:
    """Return the error that an answer reports. An answer that is not in our form gets an error that describes it.

    Args:
        address: the address of the workspace.
        answer: an answer with an error.
        has_answered: whether the server has answered an earlier request to the workspace.

    Raises:
        requests.RequestException: the connection is lost before the error has arrived.
    """
    import json

    status = answer.status_code
    try:
        error = load_error(json.loads(_first_bytes(answer, MOST_ERROR_BYTES)))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        if status == 404:
            if has_answered:
                return StoreUnavailable(address, NO_ADDRESS.format(urlsplit(answer.url).path))
            return NotFound("workspace", address, NO_WORKSPACE)
        if 300 <= status < 400:
            return StoreUnavailable(address, "it redirects to another address; use the address of the server itself")
        return StoreUnavailable(address, f"it answered with the status {status}, but not as Runbridge does")
    finally:
        answer.close()
    if isinstance(error, StoreUnavailable) and error.place == THIS_SERVER:
        return StoreUnavailable(address, error.reason)
    return error


def _first_bytes(answer: Response, count: int) -> bytes:
    content = b""
    for piece in answer.iter_content(PIECE_BYTES):
        content += piece
        if len(content) >= count:
            break
    return content


def refusal(has_token: bool) -> str:
    """Return the part of a sentence that says what to do if a server does not accept the token of this process."""
    if has_token:
        return f"does not accept the token: set the environment variable {VARIABLE} to a valid token of this server"
    return f"requires a token: set the environment variable {VARIABLE} to a token of this server"


def _is_busy(answer: Response) -> bool:
    """Return whether a later attempt may succeed.

    A 503 without `Retry-After` that reports an error of a store is final, for example of a search that took too long.
    """
    if answer.status_code != 503:
        return answer.status_code in BUSY
    return "Retry-After" in answer.headers or not answer.headers.get("Content-Type", "").startswith("application/json")


def _asked_pause(answer: Response) -> float:
    """Return the seconds in the header `Retry-After`; 0 if there are none."""
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError):
        return 0.0


def reason_of(error: Exception) -> str:
    """Return the reason of a failed request, without the address, which the sentence already has."""
    from http.client import IncompleteRead

    import requests

    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    deepest: BaseException = error
    while (below := deepest.__cause__ or deepest.__context__) is not None:
        deepest = below
    if isinstance(deepest, IncompleteRead):
        return CUT
    return str(getattr(deepest, "strerror", None) or deepest).lower() or type(deepest).__name__
