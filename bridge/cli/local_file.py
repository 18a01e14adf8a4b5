"""The type of arguments that name a file which the command writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class LocalFile(click.Path):
    """The path of a file that may not exist yet. A folder is refused, and so is a path that no file can have."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if "\x00" in os.fspath(value):
            self.fail("A path cannot contain a null character.", param, ctx)
        return super().convert(value, param, ctx)
