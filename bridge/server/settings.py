"""The settings of a server of workspaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from bridge.address import home_folder
from bridge.errors import InvalidValue, NotAllowed
from bridge.server.files.rules import FileRules
from bridge.server.hosts import LOOPBACK
from bridge.server.plugin_routes import MlflowMode, PluginOptions
from bridge.server.roles import Role


@lru_cache(1_000)
def is_loopback(host: str) -> bool:
    """Return whether only this computer can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def server_home() -> Path:
    """Return the folder of the server's own data, unless `--home` names another one."""
    return home_folder() / "server"


@dataclass(frozen=True)
class Settings:
    """The settings of a server. Each is an option of `runbridge server`.

    Attributes:
        host: the address on which the server listens, such as 127.0.0.1, or 0.0.0.0 for all addresses.
        port: the port; 0 is any free one, None the first free one of the 100 ports from 5000.
        home: the folder of tokens and of the audit log; None for a server that has only the token of its start.
        base_path: what all addresses begin with, such as `/runs`; empty for none.
        mlflow: when MLflow's own application is loaded: at the first request that needs it, at the start, or never.
        allow_mlflow: the groups of MLflow's routes that are closed by default and that this server opens.
        host_names: names besides those of the loopback addresses under which clients reach the server.
        allow_artifacts: prefixes below which an experiment may store its artifacts, such as `s3://team/`.
        upload_bytes: the greatest size of one file that a client stores; None for no limit.
        workspace_bytes: the greatest size of all files of a workspace together; None for no limit.
        no_token: everyone on this computer is an admin. It is possible only on a loopback address.
        access_log: the file to which a line is written for each request; `-` is the standard output, "" writes none.
        trust_proxy: the addresses of reverse proxies, whose headers about the client are believed.
        user_header: the header in which a trusted proxy names the user; empty if it does not.
        public_url: the address under which clients reach the server, if it is not that of the host and the port.
        connections: the greatest number of open connections.
        is_page_only: serve only the page and its data, as `runbridge ui` does.
        start_role: the role of the token of the start.
        hint: a sentence for a browser without a session about how to get a token.
        peer_connections: the greatest number of open connections from one address. A trusted proxy may open more.

    Raises:
        InvalidValue: the base path or a prefix has the wrong form.
        NotAllowed: without tokens, other computers could reach the server.
    """

    host: str = "127.0.0.1"
    port: int | None = 5000
    home: Path | None = field(default_factory=server_home)
    base_path: str = ""
    mlflow: MlflowMode = "lazy"
    allow_mlflow: tuple[str, ...] = ()
    host_names: tuple[str, ...] = ()
    allow_artifacts: tuple[str, ...] = ()
    upload_bytes: int | None = None
    workspace_bytes: int | None = None
    no_token: bool = False
    access_log: str = ""
    trust_proxy: tuple[str, ...] = ()
    user_header: str = ""
    public_url: str = ""
    connections: int = 1_000
    peer_connections: int = 100
    is_page_only: bool = False
    start_role: Role = "admin"
    hint: str = "An administrator of the server creates tokens with the command `runbridge token create`."

    def __post_init__(self) -> None:
        path = self.base_path
        if path and (not path.startswith("/") or path.endswith("/") or "//" in path or not path.isascii()):
            raise InvalidValue("base path", path, "must begin with / and must not end with it, such as /runs")
        _ = self.file_rules  # checks the prefixes
        if self.no_token and not is_loopback(self.host):
            reason = "other computers could reach it: use a loopback address, or tokens"
            raise NotAllowed("serve without tokens on", self.host, reason)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the server's host that a request may have."""
        own = () if self.host in ("0.0.0.0", "::", *LOOPBACK) else (_as_host(self.host),)
        return (*LOOPBACK, *own, *self.host_names)

    @property
    def file_rules(self) -> FileRules:
        """The rules for the files of each workspace."""
        return FileRules(self.upload_bytes, self.workspace_bytes, self.allow_artifacts)

    @property
    def plugin_options(self) -> PluginOptions:
        """The choices that plugins get."""
        return PluginOptions(self.mlflow, frozenset(self.allow_mlflow))

    @property
    def local_host(self) -> str:
        """The host with which programs on this computer reach the server."""
        return "127.0.0.1" if self.host in ("0.0.0.0", "::") else _as_host(self.host)

    @property
    def shown_host(self) -> str:
        """The host in the addresses that the server prints."""
        return self.host_names[0] if self.host_names else self.local_host


def _as_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
