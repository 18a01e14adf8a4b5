"""The parameters of a request, read and checked as MLflow's server does.

Source: MLflow 3.17.2, `mlflow.server.handlers._get_request_message`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from bridge.server.roles import Caller
from bridge_mlflow.server.hot.checks import Schema, check_request
from bridge_mlflow.server.hot.messages import Message
from bridge_mlflow.server.hot.parsing import check_aliases, parse
from bridge_mlflow.translate.refusals import Refusal

JSON_TYPE = "application/json"
UNDECODED = re.compile("[\udc80-\udcff]")


class Asked:
    """A request with its body.

    Attributes:
        method: the HTTP method.
        query: the part of the address after `?`.
        content_type: the header, or None.
        body: the body.
        caller: the sender.
        check: checks whether the sender may use the experiments and runs that a request names.
    """

    __slots__ = ("body", "caller", "check", "content_type", "method", "query")

    def __init__(
        self,
        method: str,
        query: bytes,
        content_type: str | None,
        body: bytes,
        caller: Caller,
        check: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.method, self.query, self.content_type, self.body = method, query, content_type, body
        self.caller, self.check = caller, check

    def arguments(self) -> dict[str, list[str]]:
        """Return the parameters in the address, each with all its values."""
        found: dict[str, list[str]] = {}
        query = self.query.decode("latin-1")
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
            found.setdefault(_spelled(name), []).append(_spelled(value))
        return found

    def values(self, message: Message, schema: Schema) -> dict[str, Any]:
        """Return the values of the fields that were given.

        Raises:
            Refusal: the request is not valid.
            NotAllowed: the sender may not use an experiment or a run that the request names.
        """
        arguments = self.arguments() if self.method == "GET" and self.query else {}
        given = _of_arguments(arguments, message) if arguments else self.json()
        check_aliases(given, message)
        values, is_parsed = parse(given, message)
        check_request(given, schema, is_parsed)
        self.check(values)
        return values

    def check_content_type(self) -> None:
        """Check that the body is JSON, if the method has one.

        Raises:
            Refusal: the header is missing, or names another type.
        """
        if self.method != "POST":
            return
        if self.content_type is None:
            raise Refusal("Bad Request. Content-Type header is missing.")
        if self.content_type.split(";")[0] != JSON_TYPE:
            raise Refusal(f"Bad Request. Content-Type must be one of ['{JSON_TYPE}'].")

    def json(self) -> dict[str, Any]:
        """Return the object in the body. It is empty if the body is not JSON.

        Raises:
            Refusal: the body is JSON, but no object.
        """
        self.check_content_type()
        try:
            given = _loaded(self.body)
            if isinstance(given, str):  # older clients encode the body twice
                given = _loaded(given)
        except RecursionError:
            raise Refusal("The request has too many nested values.") from None
        if given is None:
            return {}
        if not isinstance(given, dict):
            raise Refusal("The body of the request must be a JSON object.")
        return given


def _of_arguments(arguments: dict[str, list[str]], message: Message) -> dict[str, Any]:
    return {
        field.name: arguments[field.name] if field.is_repeated else arguments[field.name][0]
        for field in message.fields
        if field.name in arguments
    }


def _loaded(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _spelled(text: str) -> str:
    """Return a text whose bytes that are not UTF-8 are percent-encoded, as MLflow's server reads it."""
    return UNDECODED.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", text)
