"""The subcommand `runbridge version`."""

from __future__ import annotations

from bridge.cli.options import json_option
from bridge.cli.subcommands import subcommand


@subcommand("version")
@json_option
def command(json: bool) -> None:
    """Print the versions of Runbridge, Python, SQLite and packages.

    \b
    Example:
      runbridge version
    """
    from bridge.cli.versions import print_versions

    print_versions(json)
