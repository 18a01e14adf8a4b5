"""The keys that runs use, taken from the records of runs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.records.series import SCALAR, SeriesRecord, comparable
from bridge.records.views import WORD_LENGTH, WORDS, KeyEntity, KeyRecord
from bridge.store.record_views.series import latest_of, latest_text_of

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.store.view_arguments import KeyName


@dataclass(slots=True)
class _Use:
    """The use of a key by runs."""

    runs: int = 0
    numbers: list[float] = field(default_factory=list)
    words: Counter[str] = field(default_factory=Counter)


def keys_of(runs: Iterable[tuple[RunRecord, Sequence[SeriesRecord]]]) -> list[KeyRecord]:
    """Return the keys that runs use. Each run is given with all its series."""
    uses: dict[KeyName, _Use] = {}
    for record, series in runs:
        for one in series:
            name = "metric", one.key, one.kind, one.column, one.value_type
            _add_series(uses.setdefault(name, _Use()), one)
        for entity, labels in (("param", record.params), ("tag", record.tags), ("property", record.properties)):
            for key, value in labels.items():
                _add_word(uses.setdefault((entity, key, 0, "", "text"), _Use()), value)
    return [_key_record(name, use) for name, use in uses.items()]


def _add_series(use: _Use, series: SeriesRecord) -> None:
    if series.numbers is not None:
        use.runs += 1
        value = latest_of(series).value
        if not math.isnan(value):
            use.numbers.append(comparable(value))
    else:
        _add_word(use, json.dumps(latest_text_of(series)) if series.kind == SCALAR else None)


def _add_word(use: _Use, word: str | None) -> None:
    use.runs += 1
    if word is not None and len(word) <= WORD_LENGTH:
        use.words[word] += 1


def _key_record(name: KeyName, use: _Use) -> KeyRecord:
    entity, key, kind, column, value_type = name
    known: KeyEntity = entity  # type: ignore[assignment]  # the names are made by `keys_of`
    return KeyRecord(
        known,
        key,
        column,
        kind,
        "number" if value_type == "number" else "text",
        use.runs,
        min(use.numbers, default=None),
        max(use.numbers, default=None),
        tuple(sorted(use.words.items())[:WORDS]),
    )
