"""`runbridge token` creates, lists and revokes tokens, and prints the audit log."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from terminal import in_pipe, output_of, shown_in_terminal

from bridge.server.identity.accounts import Accounts
from bridge.server.identity.database import FILE, ServerDatabase

pytestmark = pytest.mark.slow

FORM = re.compile(r"rb_([0-9a-f]{12})_[0-9a-f]{64}_[0-9a-f]{8}")
PUBLISHED = json.loads((Path(__file__).parent / "published_fields.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def printed(*arguments: str) -> list[dict[str, object]]:
    """Return the records that a subcommand of `token` prints."""
    lines = output_of("token", *arguments, "--json").splitlines()
    found = [json.loads(line) for line in lines]
    for record in found:
        assert sorted(record) == PUBLISHED[f"token {arguments[0]}"]
    return found


def test_a_token_is_printed_once(home: Path) -> None:
    text = output_of("token", "create", "ann", "--role", "reader", "--on", "demo", "--expires", "90d").strip()
    found = FORM.fullmatch(text)
    assert found
    with ServerDatabase(home / "server") as database:
        record = Accounts([database]).of_text(text)
        assert record is not None and (record.user, record.grants[0].role) == ("ann", "reader")
        assert record.expires is not None
        assert abs(record.expires - record.created - 90 * 86_400_000) < 60_000
    for shown in (output_of("token", "list"), shown_in_terminal("token", "list", columns=200)):
        assert found[1] in shown and "ann" in shown and "reader on demo" in shown and text not in shown
    in_terminal = shown_in_terminal("token", "create", "ben", columns=200)
    assert FORM.search(in_terminal) and "only time" in in_terminal


def test_tokens_are_revoked_by_id_and_by_user(home: Path) -> None:
    first, second = printed("create", "ann")[0], printed("create", "ann")[0]
    third = printed("create", "ben", "--on", "demo", "--on", "vision", "--role", "admin")[0]
    assert (third["workspaces"], third["role"], first["workspaces"]) == (["demo", "vision"], "admin", [])
    assert {record["id"] for record in printed("list")} == {first["id"], second["id"], third["id"]}
    assert output_of("token", "revoke", str(first["id"])).strip() == first["id"]
    assert [record["id"] for record in printed("revoke", "--user", "ann")] == [second["id"]]
    assert [record["id"] for record in printed("list")] == [third["id"]]
    assert len(printed("list", "--all")) == 3
    actions = [(entry["action"], str(entry["target"]).split()[0]) for entry in printed("log")]
    assert actions == [
        ("revoke token", second["id"]),
        ("revoke token", first["id"]),
        ("create token", third["id"]),
        ("create token", second["id"]),
        ("create token", first["id"]),
    ]
    assert "revoke token" in shown_in_terminal("token", "log", columns=200)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["revoke"], "--user"),
        (["revoke", "0" * 12], "runbridge token list"),
        (["revoke", "--user", "nobody"], "runbridge token list"),
        (["create", "ann", "--expires", "90"], "--expires"),
        (["create", "ann", "--experiment", "1"], "workspace"),
        (["create", "ann", "--on", "De mo"], "name in addresses"),
        (["create", ""], "user"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], sentence: str) -> None:
    done = in_pipe("token", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_a_list_creates_no_file(home: Path, tmp_path: Path) -> None:
    assert printed("list") == printed("log") == []
    assert not home.exists()
    output_of("token", "create", "ann", "--home", str(tmp_path / "other"))
    assert (tmp_path / "other" / FILE).exists() and not home.exists()
