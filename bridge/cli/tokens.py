"""Functions of `runbridge token`: create, list and revoke tokens, and print the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from bridge.cli.output import notice, print_json, print_table
from bridge.cli.removal import age_ms
from bridge.cli.texts import time_text
from bridge.errors import InvalidValue, NotFound
from bridge.records.times import now_ms
from bridge.server.identity.audit import AuditLog
from bridge.server.identity.database import FILE, ServerDatabase, default_home
from bridge.server.identity.names import own_user
from bridge.server.identity.token_store import TokenStore
from bridge.server.identity.tokens import Grant, TokenRecord
from bridge.server.roles import Role


def create_token(
    home: str | None,
    user: str,
    role: str,
    workspaces: Sequence[str],
    experiment: str | None,
    expires: str | None,
    json: bool,
) -> None:
    """Create a token and print it."""
    names: Sequence[str | None] = workspaces or (None,)
    grants = [Grant(cast(Role, role), name, experiment) for name in names]
    end = None if expires is None else now_ms() + age_ms(expires, "--expires")
    with _database(home) as database:
        record, text = TokenStore(database).create_token(user, grants, end)
        AuditLog(database).add("create token", f"{record.id} {user} {_grants_text(record)}", user=own_user())
    if json:
        print_json({**_json(record), "token": str(text)})
    else:
        print(text)
        notice("This is the only time that the token is shown. Programs use it with:")
        notice("  export MLFLOW_TRACKING_TOKEN=…")


def list_tokens(home: str | None, everything: bool, json: bool) -> None:
    """Print the tokens, newest first."""
    now = now_ms()
    with _existing(home) as database:
        found = [] if database is None else TokenStore(database).list_tokens()
    shown = [token for token in found if everything or token.is_valid(now)]
    if json:
        for token in shown:
            print_json(_json(token))
        return
    rows = [
        (token.id, token.user, _grants_text(token), time_text(token.created), time_text(token.last_used), _end(token))
        for token in shown
    ]
    print_table(("ID", "USER", "ROLE", "CREATED", "LAST USED", "END"), rows)
    if not shown:
        notice("The server has no tokens. `runbridge token create USER` creates one.")


def revoke_tokens(home: str | None, ids: Sequence[str], user: str | None, json: bool) -> None:
    """Revoke tokens: those with the ids, and those of a user that are valid."""
    if not ids and user is None:
        raise InvalidValue("token", "", "must be given by its id or with --user: `runbridge token list` prints the ids")
    now = now_ms()
    with _database(home) as database:
        store = TokenStore(database)
        for token_id in ids:
            if store.find_token(token_id) is None:
                raise NotFound("token", token_id, "`runbridge token list` prints the ids")
        of_user = [token.id for token in store.list_tokens() if token.user == user and token.is_valid(now)]
        if user is not None and not of_user:
            raise NotFound("valid token of the user", user, "`runbridge token list` prints the users")
        for token_id in dict.fromkeys([*ids, *of_user]):
            record = store.update_token(token_id, revoked=now)
            AuditLog(database).add("revoke token", f"{record.id} {record.user}", user=own_user())
            print_json(_json(record)) if json else print(record.id)


def print_log(home: str | None, limit: int, json: bool) -> None:
    """Print the newest entries of the audit log, newest first."""
    with _existing(home) as database:
        entries = [] if database is None else AuditLog(database).entries(limit)
    if json:
        for entry in entries:
            print_json(
                {
                    "kind": "audit",
                    "time": entry.time,
                    "action": entry.action,
                    "workspace": entry.workspace,
                    "target": entry.target,
                    "user": entry.user,
                    "token_id": entry.token_id,
                    "address": entry.address,
                }
            )
        return
    rows = [
        (time_text(entry.time), entry.user or "", entry.workspace or "", entry.action, entry.target)
        for entry in entries
    ]
    print_table(("TIME", "USER", "WORKSPACE", "ACTION", "TARGET"), rows)


def _database(home: str | None) -> ServerDatabase:
    return ServerDatabase(_folder(home))


@contextmanager
def _existing(home: str | None) -> Iterator[ServerDatabase | None]:
    """Open the database if it exists. A command that only prints does not create it."""
    if not (_folder(home) / FILE).exists():
        yield None
        return
    with _database(home) as database:
        yield database


def _folder(home: str | None) -> Path:
    return default_home() if home is None else Path(home)


def _grants_text(token: TokenRecord) -> str:
    """Return what a token allows, such as `writer on demo, vision`."""
    places = [f"{one.workspace} (experiment {one.experiment_id})" if one.experiment_id else one.workspace
              for one in token.grants if one.workspace is not None]  # fmt: skip
    return f"{token.grants[0].role} on {', '.join(map(str, places))}" if places else token.grants[0].role


def _end(token: TokenRecord) -> str:
    if token.revoked is not None:
        return f"revoked {time_text(token.revoked)}"
    return time_text(token.expires)


def _json(token: TokenRecord) -> dict[str, Any]:
    return {
        "kind": "token",
        "id": token.id,
        "user": token.user,
        "role": token.grants[0].role,
        "workspaces": [one.workspace for one in token.grants if one.workspace is not None],
        "experiment": token.grants[0].experiment_id,
        "creation_time": token.created,
        "expiry_time": token.expires,
        "last_use_time": token.last_used,
        "revocation_time": token.revoked,
    }
