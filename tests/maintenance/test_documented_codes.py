"""Every code of a finding is documented with its severity and meaning, and has a fix if it can be repaired."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.maintenance.findings import RULES, found
from bridge.maintenance.repair import FIXES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "maintenance.md"
ROW = re.compile(r"^\| `(\w+\.\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", re.MULTILINE)


def test_every_code_is_documented() -> None:
    rows = {code: rest for code, *rest in ROW.findall(DOCUMENT.read_text(encoding="utf-8"))}
    expected = {
        code: [
            rule.severity,
            rule.meaning,
            rule.remedy.removeprefix("`runbridge doctor --repair` ") if rule.repairable else "–",
        ]
        for code, rule in RULES.items()
    }
    assert rows == expected


def test_every_repairable_code_has_a_fix() -> None:
    assert set(FIXES) == {code for code, rule in RULES.items() if rule.repairable}


def test_the_texts_are_sentences() -> None:
    texts = [text for rule in RULES.values() for text in (rule.meaning, rule.remedy)]
    assert [text for text in texts if not re.fullmatch(r"[`A-Z].*\.", text)] == []


def test_a_finding_with_another_remedy_is_not_repairable() -> None:
    finding = found("journal.torn", "a", "b.", otherwise="Wait.")
    assert (finding.repairable, finding.remedy) == (False, "Wait.")
    assert found("journal.torn", "a", "b.").repairable
