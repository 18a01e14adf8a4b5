"""Opening a workspace on a server either works or raises one sentence that says what to do."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from served_workspaces import ServedBySubprocess, served

from bridge import Workspace
from bridge.errors import BridgeError, InvalidValue, NotAllowed, NotAuthenticated, NotFound, StoreUnavailable
from bridge.server_address import mlflow_uri_of, server_address
from bridge.store import open_server
from bridge.store.server_records import running_servers
from bridge.store.token import FILE_VARIABLE, MLFLOW_VARIABLE, VARIABLE, find_token, token_file


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("http://host:5000", "http://host:5000"),
        ("HTTP://Host:5000/", "http://host:5000"),
        ("http://host:80/w/demo/", "http://host/w/demo"),
        ("https://host:443", "https://host"),
        ("https://host:80/runs/w/demo", "https://host:80/runs/w/demo"),
        ("bridge+http://host:5000/w/demo", "http://host:5000/w/demo"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_an_address_has_one_normal_form(given: str, normal: str) -> None:
    assert server_address(given) == normal
    assert server_address(mlflow_uri_of(normal)) == normal


@pytest.mark.parametrize(
    "given",
    [
        "http://", "http:///w/demo", "http://host:port", "http://host:99999", "http://user:secret@host", "http://host?a=1",
        "http://host#a", "http://host/a b", "http://ho\nst", "http:host",
    ],
)  # fmt: skip
def test_a_wrong_address_is_refused_without_its_password(given: str) -> None:
    with pytest.raises(InvalidValue, match="must") as raised:
        Workspace.open(given)
    assert "secret" not in str(raised.value)
    assert str(raised.value).count("\n") == 0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_server, "OPEN_SECONDS", 0.5)


def test_a_server_that_does_not_run_is_reported(quick: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(StoreUnavailable, match=rf"^{address} is not available: .*connection refused"):
        Workspace.open(address)


def test_a_host_that_does_not_exist_is_reported(quick: None) -> None:
    with pytest.raises(StoreUnavailable, match="no-such-host.invalid:5000 is not available"):
        Workspace.open("http://no-such-host.invalid:5000")


class OtherServer(BaseHTTPRequestHandler):
    """A server that is not one of Runbridge."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_a_server_of_another_program_is_reported(quick: None) -> None:
    other = HTTPServer(("127.0.0.1", 0), OtherServer)
    thread = threading.Thread(target=other.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(StoreUnavailable, match="it is not a server of Runbridge"):
            Workspace.open(f"http://127.0.0.1:{other.server_port}")
    finally:
        other.shutdown()
        other.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBySubprocess]:
    """A server with tokens, whose record this process does not find."""
    folder = tmp_path_factory.mktemp("opening")
    folders = {name: Workspace.create(name, path=folder / name).path for name in ("one", "two")}
    home = {"BRIDGE_HOME": str(folder / "home")}
    with served(folders, folder / "log", "--mlflow", "off", environment=home, tokens=True) as server:
        yield server


@pytest.fixture
def token(server: ServedBySubprocess, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token of the server's start."""
    with monkeypatch.context() as patch:
        patch.setenv("BRIDGE_HOME", str(server.log.parent / "home"))
        (record,) = running_servers()
    return str(record["token"])


@pytest.mark.slow
@pytest.mark.processes
class TestServerWithTokens:
    def test_no_token_and_a_wrong_token_are_reported(self, server, token, monkeypatch) -> None:
        for sent in ("", "rb_wrong_token", token + "x"):
            monkeypatch.setenv(VARIABLE, sent)
            said = "does not accept the token" if sent else "requires a token"
            with pytest.raises(NotAuthenticated, match=f"{said}: set the environment variable {VARIABLE} to") as raised:
                Workspace.open(server.at("one"))
            assert token not in str(raised.value)

    def test_a_workspace_that_does_not_exist_is_reported(self, server, token, monkeypatch) -> None:
        monkeypatch.setenv(VARIABLE, token)
        for address in (server.at("three"), server.address, f"{server.address}/elsewhere"):
            with pytest.raises(NotFound, match=re.escape(address)):
                Workspace.open(address)

    @pytest.mark.parametrize("variable", [VARIABLE, MLFLOW_VARIABLE])
    def test_the_token_in_a_variable_opens_the_workspace(self, server, token, monkeypatch, variable) -> None:
        monkeypatch.setenv(variable, token)
        with Workspace.open(server.at("two")) as workspace:
            assert workspace.name == "two"

    def test_the_token_in_a_file_opens_its_workspace_only(self, server, token, monkeypatch, tmp_path) -> None:
        file = tmp_path / "token.json"
        file.write_bytes(token_file(server.at("one"), token))
        monkeypatch.setenv(FILE_VARIABLE, str(file))
        file.chmod(0o644)
        with pytest.raises(NotAllowed, match="run chmod 600"):
            Workspace.open(server.at("one"))
        file.chmod(0o600)
        with Workspace.open(server.at("one")) as workspace:
            assert workspace.name == "one"
        assert find_token(server.at("two")) is None

    def test_a_server_of_this_user_needs_no_variable(self, server, monkeypatch) -> None:
        monkeypatch.setenv("BRIDGE_HOME", str(server.log.parent / "home"))
        with Workspace.open(server.at("one").replace("127.0.0.1", "localhost")) as workspace:
            assert workspace.name == "one"
        assert find_token("http://other.example:5000") is None

    def test_a_folder_for_points_that_cannot_be_created_is_reported(self, server, token, monkeypatch, tmp_path) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv(VARIABLE, token)
        monkeypatch.setenv("BRIDGE_JOURNAL", str(tmp_path / "file"))
        with pytest.raises(StoreUnavailable, match="set BRIDGE_JOURNAL to another folder"):
            Workspace.open(server.at("one"))

    def test_maintenance_names_the_computer_of_the_server(self, server, token, monkeypatch) -> None:
        from bridge.maintenance.leftovers import remove_leftovers
        from bridge.maintenance.vacuum import vacuum

        monkeypatch.setenv(VARIABLE, token)
        with Workspace.open(server.at("one")) as workspace:
            for call in (
                lambda: vacuum(workspace.stores), lambda: remove_leftovers(workspace.stores), lambda: workspace.path,
            ):  # fmt: skip
                with pytest.raises(BridgeError, match="on the computer of the server"):
                    call()


def test_points_wait_below_the_home_folder_or_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bridge.store.journal_place import journal_folder

    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    assert journal_folder("a" * 32) == tmp_path / "home" / "journal" / ("a" * 32)
    monkeypatch.setenv("BRIDGE_JOURNAL", str(tmp_path / "scratch"))
    assert journal_folder("b" * 32) == tmp_path / "scratch" / ("b" * 32)
    assert os.stat(tmp_path / "scratch" / ("b" * 32)).st_mode & 0o777 == 0o700
    monkeypatch.setenv("BRIDGE_JOURNAL", "relative")
    with pytest.raises(InvalidValue, match="must be an absolute path"):
        journal_folder("c" * 32)
