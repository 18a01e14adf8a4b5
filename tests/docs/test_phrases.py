"""The check of phrases finds them in every kind of text, and only there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from phrases import ROOT, Phrase, files, phrases
from sentences import draw, sentences_of, split

DOCUMENT = """# Whoever reads this

Somebody writes. The rest is `nobody` in code,
and nobody here.

- one item
- somebody in an item

| who | what |
|---|---|
| somebody | in a table |

```python
nobody = somebody
```
"""

PROGRAM = '''"""Somebody in a docstring.

Args:
    name: nobody in an entry.

Example:
    >>> nobody
"""

nobody = somebody = 1
# Nobody in a comment
# of two lines.
raise ValueError(f"Somebody {nobody} in a message")
print("somebody")
'''


@pytest.mark.parametrize("phrase", phrases(), ids=lambda phrase: phrase.pattern.pattern)
def test_each_phrase_is_found_in_its_example(phrase: Phrase) -> None:
    assert phrase.is_in(phrase.example)
    assert not phrase.is_in("Return the steps of a run.")
    assert phrase.reason.endswith(".")


def found_in(tmp_path: Path, name: str, text: str) -> list[str]:
    file = tmp_path / name
    file.write_text(text)
    pattern = next(phrase for phrase in phrases() if phrase.is_in("Nobody waits."))
    return [sentence.text for sentence in sentences_of(file) if pattern.is_in(sentence.text)]


def test_text_lists_and_tables_of_markdown_are_checked_and_code_is_not(tmp_path: Path) -> None:
    assert found_in(tmp_path, "document.md", DOCUMENT) == [
        "Somebody writes.",
        "The rest is `nobody` in code, and nobody here.",
        "somebody in an item",
        "somebody | in a table",
    ]


def test_docstrings_comments_and_messages_of_python_are_checked_and_code_is_not(tmp_path: Path) -> None:
    assert sorted(found_in(tmp_path, "program.py", PROGRAM)) == [
        "Nobody in a comment of two lines.",
        "Somebody in a docstring.",
        "Somebody {…} in a message",
        "name: nobody in an entry.",
    ]


def test_make_lint_checks_the_documents_and_the_code() -> None:
    """`make check` and `make test` begin with `make lint`, so no test reads all sentences again."""
    checked = files()
    for path in ("README.md", "docs/how_it_works.md", "bridge/handles/run.py", "plugins/bridge_mlflow/runs.py"):
        assert ROOT / path in checked
    steps = subprocess.run(["make", "--dry-run", "lint"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "tests/docs/phrases.py" in steps


def test_sentences_end_before_a_capital_and_not_after_an_abbreviation() -> None:
    assert split("It is 1.5 s. Then e.g. This\nends. `x` is code.") == [
        "It is 1.5 s.",
        "Then e.g. This ends.",
        "`x` is code.",
    ]


def test_a_draw_is_the_same_for_the_same_seed() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    first = draw(documents, seed=1, count=10)
    assert len(first) == 10
    assert draw(documents[::-1], seed=1, count=10) == first
    assert draw(documents, seed=2, count=10) != first
