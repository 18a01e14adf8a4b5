"""The error of a failed run, as JSON."""

from __future__ import annotations

from typing import Any

from bridge.errors import InvalidValue


def failure_json(error_details: object = None, error_code: object = None) -> str:
    """Return the error of a failed run as JSON with `code`, `message` and, for an exception, `debug_stack_trace`.

    Args:
        error_details: a sentence or the exception; None is an empty message.
        error_code: a word for the error; None is "UserError".

    Raises:
        InvalidValue: the details are neither text nor an exception, or the code is not text.
    """
    import json

    if error_code is not None and not isinstance(error_code, str):
        raise InvalidValue("error_code", error_code, "must be text")
    error = {"code": error_code or "UserError"}
    if isinstance(error_details, BaseException):
        error.update(_of_exception(error_details))
    elif error_details is None or isinstance(error_details, str):
        error["message"] = error_details or ""
    else:
        raise InvalidValue("error_details", error_details, "must be text or an exception")
    return json.dumps(error)


def _of_exception(error: BaseException) -> dict[str, str]:
    import traceback

    lines = traceback.format_exception(type(error), error, error.__traceback__)
    # `str(error)` would call a method of the user's class, which may raise. `TracebackException` catches this.
    text = traceback.TracebackException(type(error), error, None)
    message = f"User program failed with {type(error).__name__}: {text}"
    return {"message": message, "debug_stack_trace": "".join(lines)}


def is_success(error: BaseException) -> bool:
    """Return whether an exception ends a process successfully, as those of `sys.exit()` and `sys.exit(0)` do."""
    return isinstance(error, SystemExit) and error.code in (0, None)


def stored_json(text: str | None) -> Any:
    """Return the content of stored JSON, for example of an error, or the text itself if it is not JSON."""
    import json

    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
