"""The subcommand `runbridge version`."""

from __future__ import annotations

from bridge.cli.options import JsonOption


def command(json: JsonOption = False) -> None:
    """Print the versions of Runbridge, Python and SQLite, and of the installed packages that it works with.

    \b
    Example:
      runbridge version
    """
    from bridge.cli.versions import print_versions

    print_versions(json)
