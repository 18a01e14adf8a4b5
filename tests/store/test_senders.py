"""A journal of another computer belongs to its first user, and is forgotten if no client uses it for long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import NotAllowed
from bridge.store.create import create_store
from bridge.store.sql import senders
from bridge.store.sql.database import Database
from bridge.store.sql.senders import DAY, KEPT_MILLISECONDS, Sender, check_journals, claim_journals

ANN, BEN = Sender("t-ann", "ann"), Sender("t-ben", "ben")
NOW = 2_000 * DAY


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    stores = create_store(tmp_path / "demo", "demo")
    yield stores.open_store.sql_database
    stores.close()


def uses(database: Database) -> dict[str, int]:
    """Return the time of the last use of each journal."""
    with database.read() as c:
        return dict(c.execute("SELECT journal_id, used FROM sender").fetchall())


def test_only_the_first_user_and_admins_may_use_a_journal(database: Database) -> None:
    claim_journals(database, ["a", "b"], ANN, False, NOW)
    with pytest.raises(NotAllowed, match="journal b.*another user"):
        claim_journals(database, ["b", "c"], BEN, False, NOW)
    assert set(uses(database)) == {"a", "b"}
    claim_journals(database, ["b", "c"], BEN, True, NOW)
    with pytest.raises(NotAllowed):
        check_journals(database, ["b"], BEN)
    check_journals(database, ["a", "b"], ANN)


def test_a_use_is_recorded_once_a_day(database: Database) -> None:
    for later, recorded in ((0, 0), (DAY - 1, 0), (DAY, DAY), (DAY + 5, DAY)):
        claim_journals(database, ["a"], ANN, False, NOW + later)
        assert uses(database) == {"a": NOW + recorded}


def test_a_journal_without_use_is_forgotten_a_bounded_number_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "REMOVED_AT_ONCE", 2)
    claim_journals(database, ["old1", "old2", "old3", "used"], ANN, False, NOW)
    later = NOW + KEPT_MILLISECONDS
    claim_journals(database, ["used"], ANN, False, later)
    assert len(uses(database)) == 4
    claim_journals(database, ["new"], BEN, False, later + 1)
    assert len(uses(database)) == 3
    claim_journals(database, ["newer"], BEN, False, later + 2)
    assert set(uses(database)) == {"used", "new", "newer"}
    claim_journals(database, ["old1"], BEN, False, later + 3)
    check_journals(database, ["old1"], BEN)
    with pytest.raises(NotAllowed):
        check_journals(database, ["old1"], ANN)
