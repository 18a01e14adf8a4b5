"""A file with every log message of Runbridge."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "%(asctime)s|%(name)s|%(levelname)s|%(message)s"


@contextmanager
def diagnostic_log(context_name: str = "azureml.log", **kwargs: object) -> Iterator[None]:
    """Append every message of the loggers `bridge` and `azureml` to a file, until the `with` block ends.

    Args:
        context_name: the file, relative to the working folder.
    """
    handler = logging.FileHandler(context_name, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    loggers = [logging.getLogger(name) for name in ("bridge", "azureml")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()
