"""Files and sections that the documents name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")])
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
REPOSITORY_PATH = re.compile(r"(?:bridge|plugins|tests|docs|examples|benchmarks)/[\w/.*-]+")
PYTHON_FILE = re.compile(r"\w+\.py")
SCRIPTS_OF_USERS = {"train.py", "setup.py"}
LINK = re.compile(r"\]\(([^)#:]*)#([^)]+)\)")


def named_files(document: Path) -> list[str]:
    """Paths of this repository, and bare names of Python files, that stand in a document as code."""
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    names = CODE.findall(text)
    paths = [name for name in names if REPOSITORY_PATH.fullmatch(name)]
    return paths + [name for name in names if PYTHON_FILE.fullmatch(name) and name not in SCRIPTS_OF_USERS]


def is_in_repository(name: str) -> bool:
    if "/" in name:
        return any(ROOT.glob(name.rstrip("/")))
    return any(any((ROOT / folder).rglob(name)) for folder in ("bridge", "plugins", "tests", "examples", "benchmarks"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    assert [name for name in named_files(document) if not is_in_repository(name)] == []


def test_the_architecture_names_a_file_for_each_step() -> None:
    """The check above would pass on a page without paths."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("\n## Three calls")[2]
    steps = re.findall(r"^\d+\. .*$", text, re.MULTILINE)
    assert len(steps) > 15
    assert [step for step in steps if not re.search(r"`(bridge|plugins)/[\w/]+\.py`", step)] == []


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub forms them."""
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_to_sections_lead_to_headings() -> None:
    for document in DOCUMENTS:
        for target, anchor in LINK.findall(document.read_text(encoding="utf-8")):
            linked = document.parent / target if target else document
            assert anchor in anchors(linked), f"{document.name} links to #{anchor}"
