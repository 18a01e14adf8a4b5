"""All error classes of Runbridge, with the HTTP status of each.

BridgeError
├── InvalidValue (ValueError)          400
├── NotAuthenticated                   401
├── NotAllowed                         403
├── NotFound (LookupError)             404
├── AlreadyExists                      409
├── InvalidState (RuntimeError)        409
│   └── ParamChanged                   409
├── QuotaExceeded (RuntimeError)       507
├── SchemaMismatch (RuntimeError)      500
├── SubmitFailed (RuntimeError)        500
└── StoreUnavailable (RuntimeError)    503
    └── TooManyRequests                429

The arguments of an error are values, not a message. The error makes one sentence of them: what happened, with which
value, and what to do.
No error is an `OSError`, so `except OSError` around a system call catches only failures of the system.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple


class BridgeError(Exception):
    """The base of every error of Runbridge."""

    status: ClassVar[int] = 500
    """The HTTP status of the response in which a server reports the error."""

    def __init__(self, sentence: str, **fields: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fields = fields

    @property
    def message(self) -> str:
        """The text of the error. Exceptions of the Azure ML SDK v1 have an attribute of this name."""
        return self.sentence

    def __str__(self) -> str:
        return self.sentence

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.fields, self.sentence)


def _rebuild(kind: type[BridgeError], fields: dict[str, Any], sentence: str | None = None) -> BridgeError:
    if kind is BridgeError:
        return BridgeError(sentence or "", **fields)
    error = kind(**fields)
    if sentence is not None:  # a pickle of version 0.1 has no sentence, and `kind` has made one
        error.sentence = sentence
    return error


class Problem(NamedTuple):
    """One mistake in an input: a key, its value, and the rule that the value breaks."""

    key: str
    value: Any
    rule: str


class InvalidValue(BridgeError, ValueError):
    """A value breaks a rule.

    `problems` contains every mistake in the input. `key`, `value` and `rule` describe the first mistake.
    """

    status = 400

    def __init__(self, key: str, value: Any, rule: str, others: tuple[Problem, ...] = ()) -> None:
        self.key, self.value, self.rule = key, value, rule
        self.problems = (Problem(key, value, rule), *(Problem(*other) for other in others))
        sentence = "; ".join(f"{p.key} {shortened(p.value)}: {p.rule}" for p in self.problems) + "."
        super().__init__(sentence, key=key, value=value, rule=rule, others=self.problems[1:])


class NotAuthenticated(BridgeError):
    """A server requires authentication."""

    status = 401

    def __init__(
        self, address: str, reason: str = "requires a session: run `runbridge ui` to open a page of it"
    ) -> None:
        super().__init__(f"{address} {reason}.", address=address)


class NotAllowed(BridgeError):
    """An operation is not allowed, for example a write to a folder that can only be read."""

    status = 403

    def __init__(self, action: str, name: str, reason: str) -> None:
        super().__init__(f"Cannot {action} {name}: {reason}.", action=action, name=name, reason=reason)


class NotFound(BridgeError, LookupError):
    """A named object does not exist."""

    status = 404

    def __init__(self, kind: str, name: str, hint: str = "") -> None:
        self.kind, self.name = kind, name
        super().__init__(
            f"There is no {kind} {shortened(name, 2_000)}{': ' + hint if hint else ''}.",
            kind=kind,
            name=name,
            hint=hint,
        )


class AlreadyExists(BridgeError):
    """An object with the name already exists."""

    status = 409

    def __init__(self, kind: str, name: str, hint: str = "") -> None:
        self.kind, self.name = kind, name
        super().__init__(
            f"The {kind} {shortened(name, 2_000)} already exists{': ' + hint if hint else ''}.",
            kind=kind,
            name=name,
            hint=hint,
        )


class InvalidState(BridgeError, RuntimeError):
    """An object is in a state in which the operation is not possible."""

    status = 409

    def __init__(self, kind: str, name: str, state: str, wanted: str) -> None:
        self.kind, self.name, self.state, self.wanted = kind, name, state, wanted
        super().__init__(
            f"The {kind} {shortened(name, 2_000)} is {state}, but must be {wanted}.",
            kind=kind,
            name=name,
            state=state,
            wanted=wanted,
        )


class ParamChanged(InvalidState):
    """A call would change a param, which can be set only once.

    `changes` has a tuple (key, old value, new value) for every param that the call would change.
    """

    def __init__(self, run_id: str, changes: tuple[tuple[str, str, str], ...]) -> None:
        self.run_id = run_id
        self.changes = tuple((key, old, new) for key, old, new in changes)
        said = "; ".join(f"{k} is {shortened(old)}, not {shortened(new)}" for k, old, new in self.changes)
        sentence = f"Cannot change a param of run {run_id!r}: {said}. Log the new value under another key."
        self.kind, self.name, self.state, self.wanted = "param", self.changes[0][0], "set", "unset"
        BridgeError.__init__(self, sentence, run_id=run_id, changes=self.changes)


class QuotaExceeded(BridgeError, RuntimeError):
    """A file would exceed a limit that the operator of a server has chosen."""

    status = 507

    def __init__(self, what: str, most_bytes: int, advice: str) -> None:
        self.what, self.most_bytes = what, most_bytes
        super().__init__(
            f"This server accepts at most {most_bytes} bytes for {what}: {advice}.",
            what=what,
            most_bytes=most_bytes,
            advice=advice,
        )


class SchemaMismatch(BridgeError, RuntimeError):
    """A newer version of Runbridge has written a file or database."""

    def __init__(self, name: str, found: int, expected: int) -> None:
        self.name, self.found, self.expected = name, found, expected
        super().__init__(
            f"{name} uses format {found}, but this version reads formats up to {expected}. Upgrade runbridge.",
            name=name,
            found=found,
            expected=expected,
        )


class SubmitFailed(BridgeError, RuntimeError):
    """A command could not be started, or a submitted run failed."""

    def __init__(self, command: str, exit_code: int | None, reason: str) -> None:
        self.command, self.exit_code, self.reason = command, exit_code, reason
        code = "" if exit_code is None else f" with exit code {exit_code}"
        super().__init__(f"{command} failed{code}: {reason}.", command=command, exit_code=exit_code, reason=reason)


class StoreUnavailable(BridgeError, RuntimeError):
    """A store cannot be read or written at the moment; trying again may help."""

    status = 503

    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(f"{place} is not available: {reason}.", place=place, reason=reason)


class TooManyRequests(StoreUnavailable):
    """A server has too much to do for this caller at the moment; trying again later helps."""

    status = 429


def shortened(value: Any, most: int = 200) -> str:
    """Return the repr of a value, cut to `most` characters so that an error message stays readable."""
    try:
        # `repr` raises ValueError for an integer of more than 4300 decimal digits.
        text = hex(value) if isinstance(value, int) and value.bit_length() > 1024 else repr(value)
    except ValueError:  # the value contains a huge integer
        text = f"<{type(value).__name__}>"
    return text if len(text) <= most else text[: most - 1] + "…"
