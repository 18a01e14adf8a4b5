"""The subcommand `runbridge server`: serves workspaces over HTTP."""

from __future__ import annotations

from typing import Any

import click

from bridge.cli.subcommands import subcommand


@subcommand("server")
@click.argument("workspaces", metavar="[WORKSPACE]...", nargs=-1)
@click.option("--workspace", "-w", "chosen", hidden=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 is all of them."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="The port; 0 is any free one."
)
@click.option(
    "--home", metavar="DIR", help="The folder of tokens and of the audit log. By default, $BRIDGE_HOME/server."
)
@click.option("--base-path", default="", metavar="PATH", help="The first part of all addresses, such as /runs.")
@click.option(
    "--mlflow",
    type=click.Choice(["lazy", "eager", "off"]),
    default="lazy",
    show_default=True,
    help="When MLflow's own application is loaded: at the first request that needs it, at the start, or never.",
)
@click.option("--allow-mlflow", multiple=True, metavar="GROUP", help="Open a group of MLflow's routes that is closed.")
@click.option(
    "--host-name", "host_names", multiple=True, metavar="NAME", help="A name under which clients reach the server."
)
@click.option(
    "--allow-artifacts",
    multiple=True,
    metavar="PREFIX",
    help="A prefix below which an experiment may store its artifacts, such as s3://team/.",
)
@click.option("--upload-bytes", type=click.IntRange(0), metavar="BYTES", help="The greatest size of one stored file.")
@click.option(
    "--workspace-bytes", type=click.IntRange(0), metavar="BYTES", help="The greatest size of all files of a workspace."
)
@click.option("--no-token", is_flag=True, help="Everyone on this computer is an admin. Only with a loopback address.")
@click.option(
    "--access-log", default="", metavar="FILE", help="Write a line of JSON for each request; - is the standard output."
)
@click.option(
    "--trust-proxy", multiple=True, metavar="IP", help="Believe what a reverse proxy reports about the client."
)
@click.option("--user-header", default="", metavar="NAME", help="The header in which a trusted proxy names the user.")
@click.option("--public-url", default="", metavar="URL", help="The address under which clients reach the server.")
def command(workspaces: tuple[str, ...], chosen: str | None, **options: Any) -> None:
    """Serve workspaces to other computers, other users, and MLflow clients, until Ctrl-C.

    A workspace can be written as NAME=FOLDER, to choose its name in addresses.

    \b
    Examples:
      runbridge server ./demo --port 0 --no-token
      runbridge server first=./demo --base-path /runs --port 0 --no-token
    """
    from bridge.cli.server import run_server

    run_server(workspaces or ((chosen,) if chosen else ()), options)
