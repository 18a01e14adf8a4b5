"""Tokens are stored as hashes only, in a file of the server's user, and end when they are revoked or expire."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import InvalidValue, NotFound, SchemaMismatch, StoreUnavailable
from bridge.records.times import now_ms
from bridge.server.identity import tokens
from bridge.server.identity.accounts import Accounts
from bridge.server.identity.database import FILE, ServerDatabase
from bridge.server.identity.token_store import TokenStore, has_valid_token
from bridge.server.identity.tokens import Grant, TokenText, new_token_text, parse_token


@pytest.fixture
def database(tmp_path: Path) -> Iterator[ServerDatabase]:
    with ServerDatabase(tmp_path / "home" / "server") as opened:
        yield opened


@pytest.fixture
def in_memory() -> Iterator[ServerDatabase]:
    with ServerDatabase(None) as opened:
        yield opened


def test_a_token_has_256_random_bits_and_a_checksum() -> None:
    first, second = new_token_text(), new_token_text()
    assert re.fullmatch(r"rb_[0-9a-f]{12}_[0-9a-f]{64}_[0-9a-f]{8}", str(first))
    assert first.secret != second.secret and first.token_id != second.token_id
    assert parse_token(str(first)) == first
    text = str(first)
    for place in (4, 20, len(text) - 1):
        other = "0" if text[place] != "0" else "1"
        assert parse_token(text[:place] + other + text[place + 1 :]) is None
    for wrong in ("", "rb_", text + "0", f" {text}", text.upper(), text.replace("_", "-"), f"{text}\n"):
        assert parse_token(wrong) is None


def test_the_file_has_no_secret_and_only_its_user_reads_it(database: ServerDatabase, tmp_path: Path) -> None:
    _, text = TokenStore(database).create_token("ann", [Grant("writer", "demo")])
    folder = tmp_path / "home" / "server"
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
        assert text.secret.encode() not in file.read_bytes()
        assert bytes.fromhex(text.secret) not in file.read_bytes()
    assert text.secret not in repr(TokenStore(database).list_tokens())
    assert tokens.hash_of(text.secret).hex() not in repr(TokenStore(database).list_tokens())


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / FILE).touch(0o666)
    (tmp_path / FILE).chmod(0o666)
    ServerDatabase(tmp_path).close()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_token_is_found_until_it_is_revoked(database: ServerDatabase) -> None:
    store = TokenStore(database)
    assert not has_valid_token(store)
    record, text = store.create_token("ann", [Grant("writer", "demo"), Grant("reader")], now_ms() + 60_000)
    assert store.find_token(record.id) == record and has_valid_token(store)
    assert store.find_token("0" * 12) is None
    accounts = Accounts([database])
    found = accounts.of_text(str(text))
    assert found is not None and found.id == record.id
    assert accounts.of_text(str(TokenText(text.token_id, "0" * 64))) is None
    revoked = store.update_token(record.id, revoked=now_ms())
    assert store.update_token(record.id, revoked=1).revoked == revoked.revoked, "the first time is kept"
    assert accounts.of_text(str(text)) is None and accounts.of_id(record.id) is None
    assert [token.id for token in store.list_tokens()] == [record.id] and not has_valid_token(store)
    with pytest.raises(NotFound, match="runbridge token list"):
        store.update_token("0" * 12, revoked=1)


def test_another_process_can_revoke(database: ServerDatabase, tmp_path: Path) -> None:
    record, text = TokenStore(database).create_token("ann", [Grant("writer")])
    accounts = Accounts([database])
    assert accounts.of_text(str(text)) is not None
    with ServerDatabase(tmp_path / "home" / "server") as other:
        TokenStore(other).update_token(record.id, revoked=now_ms())
    assert accounts.of_text(str(text)) is None


def test_an_expired_token_is_not_valid(database: ServerDatabase) -> None:
    record, _ = TokenStore(database).create_token("ann", [Grant("writer")], now_ms() + 60_000)
    assert record.expires is not None
    assert record.is_valid(record.expires - 1) and not record.is_valid(record.expires)


def test_the_last_use_is_stored(database: ServerDatabase) -> None:
    store = TokenStore(database)
    record, text = store.create_token("ann", [Grant("writer")])
    assert record.last_used is None
    before = now_ms()
    accounts = Accounts([database])
    for _ in range(3):
        accounts.of_text(str(text))
    found = store.find_token(record.id)
    assert found is not None and found.last_used is not None and found.last_used >= before
    store.update_token(record.id, last_used=5)
    accounts.of_text(str(text))
    assert store.find_token(record.id).last_used == 5, "at most once in a minute"
    unused, _ = store.create_token("ben", [Grant("writer")])
    assert accounts.of_text(str(TokenText(unused.id, "0" * 64))) is None
    assert store.find_token(unused.id).last_used is None, "a wrong secret is no use"


def test_an_unknown_id_costs_as_many_hashes_as_a_known_one(
    database: ServerDatabase, in_memory: ServerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = TokenStore(database).create_token("ann", [Grant("writer")])
    accounts, hashed, read = Accounts([database, in_memory]), list[str](), list[str]()
    real, real_read = tokens.hash_of, ServerDatabase.read
    monkeypatch.setattr(tokens, "hash_of", lambda secret: hashed.append(secret) or real(secret))
    monkeypatch.setattr(ServerDatabase, "read", lambda *args: read.append(args[1]) or real_read(*args))
    costs = []
    wrong = [str(TokenText(text.token_id, "0" * 64)), str(TokenText("0" * 12, "0" * 64)), "rb_wrong", ""]
    for sent in wrong:
        hashed.clear()
        read.clear()
        assert accounts.of_text(sent) is None
        costs.append((len(hashed), len(read)))
    assert costs == [(1, 2)] * len(wrong)


@pytest.mark.parametrize(
    ("user", "grants", "expires", "named"),
    [
        ("", [Grant("reader")], None, "user"),
        ("a\nb", [Grant("reader")], None, "user"),
        ("a" * 256, [Grant("reader")], None, "user"),
        ("ann", [], None, "workspaces"),
        ("ann", [Grant("reader", "demo"), Grant("admin", "demo")], None, "workspaces"),
        ("ann", [Grant("owner")], None, "role"),  # type: ignore[arg-type]
        ("ann", [Grant("reader", None, "1")], None, "experiment"),
        ("ann", [Grant("reader")], 1, "expires"),
        ("ann", [Grant("reader", "Demo/..")], None, "workspace"),
    ],
)
def test_wrong_tokens_are_not_created(
    database: ServerDatabase, user: str, grants: list[Grant], expires: int | None, named: str
) -> None:
    with pytest.raises(InvalidValue, match=named):
        TokenStore(database).create_token(user, grants, expires)
    assert TokenStore(database).list_tokens() == []


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    ServerDatabase(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(SchemaMismatch, match="Upgrade runbridge"):
        ServerDatabase(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"x" * 5_000)
    with pytest.raises(StoreUnavailable):
        ServerDatabase(tmp_path)
    (tmp_path / "folder").touch()
    with pytest.raises(StoreUnavailable):
        ServerDatabase(tmp_path / "folder")
