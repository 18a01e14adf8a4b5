"""The subcommand `runbridge token`: the tokens of a server, and its audit log."""

from __future__ import annotations

import click

from bridge.cli.options import json_option, limit_option
from bridge.cli.subcommands import HELP_NAMES, subcommand

home_option = click.option(
    "--home", metavar="DIR", help="The folder of the server's own data. By default, $BRIDGE_HOME/server."
)


@click.group("token", context_settings=HELP_NAMES)
def command() -> None:
    """Create, list and revoke the tokens of a server, and print its audit log.

    A server that runs accepts a new token, and refuses a revoked one, immediately.

    \b
    Examples:
      runbridge token create ann --role writer --on demo --expires 90d
      runbridge token list
      runbridge token revoke --user ann
      runbridge token log
    """


@subcommand("create")
@click.argument("user")
@click.option(
    "--role",
    type=click.Choice(["reader", "writer", "admin"]),
    default="writer",
    show_default=True,
    help="A reader changes nothing. Only an admin can remove permanently.",
)
@click.option(
    "--on",
    "workspaces",
    multiple=True,
    metavar="NAME",
    help="A workspace, by its name on the server. The option can be repeated. By default, the role holds in all.",
)
@click.option("--experiment", metavar="ID", help="The role holds only for this experiment of the workspace.")
@click.option("--expires", metavar="AGE", help="When the token ends, such as 90d. By default, it does not.")
@home_option
@json_option
def create(
    user: str,
    role: str,
    workspaces: tuple[str, ...],
    experiment: str | None,
    expires: str | None,
    home: str | None,
    json: bool,
) -> None:
    """Create a token for USER, a person or a program, and print it. It cannot be printed again.

    \b
    Examples:
      runbridge token create ann --role writer --on demo --expires 90d
      runbridge token create dashboard --role reader
    """
    from bridge.cli.tokens import create_token

    create_token(home, user, role, workspaces, experiment, expires, json)


@subcommand("list")
@click.option("--all", "everything", is_flag=True, help="List also tokens that were revoked or have expired.")
@home_option
@json_option
def list_(everything: bool, home: str | None, json: bool) -> None:
    """List the tokens, newest first. Their secrets are not stored.

    \b
    Examples:
      runbridge token list
      runbridge token list --all --json
    """
    from bridge.cli.tokens import list_tokens

    list_tokens(home, everything, json)


@subcommand("revoke")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--user", help="Revoke all tokens of this user.")
@home_option
@json_option
def revoke(ids: tuple[str, ...], user: str | None, home: str | None, json: bool) -> None:
    """Revoke tokens. Sessions of browsers that were started with them end, too.

    \b
    Examples:
      runbridge token revoke --user ann
    """
    from bridge.cli.tokens import revoke_tokens

    revoke_tokens(home, ids, user, json)


@subcommand("log")
@limit_option
@home_option
@json_option
def log(limit: int, home: str | None, json: bool) -> None:
    """Print who deleted, restored and purged on the server, and who changed tokens, newest first.

    \b
    Examples:
      runbridge token log --limit 100
    """
    from bridge.cli.tokens import print_log

    print_log(home, limit, json)


for each in (create, list_, revoke, log):
    command.add_command(each)
