"""The published list of differences is the one that the tests check."""

from __future__ import annotations

import compatibility


def test_the_document_of_differences_is_generated_from_the_list() -> None:
    assert compatibility.DOCUMENT.read_text(encoding="utf-8") == compatibility.document(), "run `make compatibility`"


def test_every_difference_has_its_reason_in_a_sentence() -> None:
    reasons = [reason for lines in compatibility.LISTED.values() for reason in lines.values()]
    reasons += [rule for rules in compatibility.SINCE.values() for rule in rules]
    assert reasons and all(reason.endswith(".") and len(reason.split()) > 5 for reason in reasons)
