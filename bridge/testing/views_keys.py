"""The conformance suite of listed keys."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest

from bridge.errors import InvalidValue
from bridge.records.run import RunChanges, RunRecord
from bridge.records.series import BIG, COLUMN, IMAGE, SCALAR, Point
from bridge.records.views import WORD_LENGTH, WORDS, KeyRecord
from bridge.store.backend import Backend
from bridge.store.one_run import create_run
from bridge.testing.strategies import row


def names(store: Backend, *experiment_ids: str, prefix: str = "") -> list[tuple[str, str, int]]:
    """Return entity, key and number of runs of all keys of experiments."""
    found = store.views.list_keys(experiment_ids or ("0",), prefix=prefix).items
    return [(key.entity, key.key, key.runs) for key in found]


def token_of(*name: Any) -> str:
    """Return a token in the form of the token of a page."""
    return base64.urlsafe_b64encode(json.dumps(name).encode()).decode()


class KeyPromises:
    """The tests of listed keys, which `RunViewsTests` inherits. Each test checks one promise."""

    def test_keys_are_listed_with_their_number_of_runs(self, store: Backend) -> None:
        create_run(store, RunRecord("a", "0", params={"lr": "1"}, tags={"team": "x"}, properties={"team": "y"}))
        create_run(store, RunRecord("b", "0", params={"lr": "2", "model": "cnn"}))
        store.log("a", "loss", 0.5, 1)
        store.log("b", "loss", 0.25, 1)
        store.log("b", "loss", "text", 1)
        assert names(store) == [
            ("metric", "loss", 2),
            ("metric", "loss", 1),
            ("param", "lr", 2),
            ("param", "model", 1),
            ("property", "team", 1),
            ("tag", "team", 1),
        ]

    def test_a_number_key_has_the_range_of_its_latest_values(self, store: Backend) -> None:
        for run_id, last in (("a", 3.0), ("b", -1), ("c", math.nan), ("d", math.inf)):
            create_run(store, RunRecord(run_id, "0"))
            store.log(run_id, "loss", 77.0, 1, 0)
            store.log(run_id, "loss", last, 1, 1)
        store.log("c", "nan", math.nan, 1)
        assert store.views.list_keys(("0",)).items == (
            KeyRecord("metric", "loss", "", SCALAR, "number", 4, -1.0, BIG),
            KeyRecord("metric", "nan", "", SCALAR, "number", 1, None, None),
        )

    def test_each_series_of_a_key_is_listed(self, store: Backend, run: str) -> None:
        store.log_points(run, [*row("k", {"x": 1.0, "y": "a"}, 1), Point("k", "a.png", 1, kind=IMAGE)])
        store.log(run, "k", "red", 1)
        store.log_points(run, row("k", {"z": 2.0}, 2))
        assert store.views.list_keys(("0",)).items == (
            KeyRecord("metric", "k", "", SCALAR, "text", 1, words=(('"red"', 1),)),
            KeyRecord("metric", "k", "x", COLUMN, "number", 1, 1.0, 1.0),
            KeyRecord("metric", "k", "y", COLUMN, "text", 1),
            KeyRecord("metric", "k", "z", COLUMN, "number", 1, 2.0, 2.0),
            KeyRecord("metric", "k", "", IMAGE, "text", 1),
        )

    def test_words_are_distinct_values_with_their_number_of_runs(self, store: Backend) -> None:
        texts = ("b", "a", "é", "b", "x" * WORD_LENGTH, "x" * (WORD_LENGTH + 1), None, "")
        for number, text in enumerate(texts):
            create_run(store, RunRecord(f"r{number}", "0", tags={"team": text}))
        (key,) = store.views.list_keys(("0",)).items
        assert key.runs == len(texts)
        assert key.words == (("", 1), ("a", 1), ("b", 2), ("x" * WORD_LENGTH, 1), ("é", 1))
        store.update_runs(("r0",), RunChanges(tags={"team": "a"}))
        assert store.views.list_keys(("0",)).items[0].words[1:3] == (("a", 2), ("b", 1))

    def test_the_number_of_words_is_limited(self, store: Backend) -> None:
        texts = [f"{number:03}" for number in range(WORDS + 2)]
        store.create_runs([RunRecord(f"r{text}", "0", params={"lr": text}) for text in texts])
        (key,) = store.views.list_keys(("0",)).items
        assert (key.runs, key.words) == (len(texts), tuple((text, 1) for text in texts[:WORDS]))

    def test_long_values_do_not_displace_words(self, store: Backend) -> None:
        texts = [*(f"{number:0>{WORD_LENGTH + 1}}" for number in range(WORDS + 2)), "z"]
        store.create_runs([RunRecord(f"r{at}", "0", tags={"t": text}) for at, text in enumerate(texts)])
        (key,) = store.views.list_keys(("0",)).items
        assert (key.runs, key.words) == (len(texts), (("z", 1),))

    def test_keys_of_several_experiments_are_merged(self, store: Backend) -> None:
        second = store.create_experiment("second", 1).id
        for run_id, experiment_id, value in (("a", "0", 1.0), ("b", second, 2.0)):
            create_run(store, RunRecord(run_id, experiment_id, params={"lr": "1", f"of {run_id}": run_id}))
            store.log(run_id, "loss", value, 1)
        found = store.views.list_keys(("0", second, "0", "77", "x")).items
        assert found[:2] == (
            KeyRecord("metric", "loss", "", SCALAR, "number", 2, 1.0, 2.0),
            KeyRecord("param", "lr", "", 0, "text", 2, words=(("1", 2),)),
        )
        assert [key.key for key in found] == ["loss", "lr", "of a", "of b"]
        assert [key.key for key in store.views.list_keys(("0",)).items] == ["loss", "lr", "of a"]

    def test_keys_of_deleted_runs_are_listed_and_those_of_purged_runs_are_not(self, store: Backend) -> None:
        for run_id in ("a", "b"):
            create_run(store, RunRecord(run_id, "0", params={run_id: "1"}, tags={"t": "1"}))
            store.log(run_id, "loss", 0.5 if run_id == "a" else 2.0, 1)
        store.delete_runs(("b",), 1)
        before = store.views.list_keys(("0",)).items
        assert (before[0].runs, before[0].maximum) == (2, 2.0)
        store.purge_runs(("b",))
        after = store.views.list_keys(("0",)).items
        assert [(key.key, key.runs, key.maximum) for key in after] == [("loss", 1, 0.5), ("a", 1, None), ("t", 1, None)]
        store.purge_runs(("a",))
        assert store.views.list_keys(("0",)).items == ()

    def test_a_removed_tag_is_not_listed(self, store: Backend) -> None:
        create_run(store, RunRecord("a", "0", tags={"t": "1"}))
        store.update_runs(("a",), RunChanges(removed_tags=("t",)))
        assert names(store) == []

    def test_keys_are_chosen_by_entity_and_prefix(self, store: Backend, run: str) -> None:
        store.update_runs((run,), RunChanges(params={"val/loss": "1", "Val": "1", "va": "1", "vb": "1", "é%": "1"}))
        store.log(run, "val/loss", 1.0, 1)
        assert names(store, prefix="val") == [("metric", "val/loss", 1), ("param", "val/loss", 1)]
        assert [key for _, key, _ in names(store, prefix="é%")] == ["é%"]
        assert names(store, prefix="%") == names(store, prefix="\udcff") == []
        assert [key.key for key in store.views.list_keys(("0",), "param", "v").items] == ["va", "val/loss", "vb"]
        assert store.views.list_keys(("0",), "tag").items == ()

    def test_pages_of_keys_follow_each_other(self, store: Backend, run: str) -> None:
        store.update_runs((run,), RunChanges(params={"a": "1", "b": "1"}, tags={"a": "1"}))
        store.log_points(run, row("t", {"x": 1.0, "y": 1.0}, 1))
        everything = store.views.list_keys(("0",))
        assert everything.next_token is None
        for limit in (1, 2, 3):
            token: str | None = None
            pages: list[KeyRecord] = []
            while True:
                page = store.views.list_keys(("0",), limit=limit, page_token=token)
                assert len(page.items) <= limit
                pages += page.items
                token = page.next_token
                if token is None:
                    break
            assert tuple(pages) == everything.items

    def test_pages_of_keys_of_several_experiments_follow_each_other(self, store: Backend) -> None:
        second = store.create_experiment("second", 1).id
        for experiment_id, keys in (("0", "bdef"), (second, "aceg")):
            params = {key: experiment_id for key in keys}
            create_run(store, RunRecord(f"r{experiment_id}", experiment_id, params=params, tags=params))
        create_run(store, RunRecord("purged", second, params=dict.fromkeys(("a0", "f0", "f1", "f2", "h"), "1")))
        store.purge_runs(("purged",))
        first = store.views.list_keys(("0", second), limit=3)
        assert [key.key for key in first.items] == ["a", "b", "c"]
        rest = store.views.list_keys(("0", second), page_token=first.next_token)
        assert [key.key for key in rest.items] == [*"defg", *"abcdefg"]
        assert rest.items[1].words == (("0", 1), (second, 1))
        pages = [store.views.list_keys(("0", second), limit=1)]
        while pages[-1].next_token is not None:
            pages.append(store.views.list_keys(("0", second), limit=1, page_token=pages[-1].next_token))
        assert [page.items for page in pages] == [(key,) for key in first.items + rest.items]

    @pytest.mark.parametrize(
        "token",
        [
            "x",
            "bnVsbA==",
            "W10=",
            "WzEsMiwzLDQsNV0=",
            "\udcff",
            token_of("metric", "k", 2**63, "", "text"),
            token_of("metric", "\udcff", 0, "", "text"),
        ],
    )
    def test_a_token_that_no_page_of_keys_gave_is_refused(self, store: Backend, token: str) -> None:
        with pytest.raises(InvalidValue):
            store.views.list_keys(("0",), page_token=token)

    def test_a_page_of_keys_has_at_least_one_key(self, store: Backend) -> None:
        with pytest.raises(InvalidValue):
            store.views.list_keys(("0",), limit=0)
