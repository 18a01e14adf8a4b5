"""The check of phrases that must not come back: `make lint` runs it, and `phrases.toml` has the list."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sentences import sentences_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("phrases.toml")
INLINE_CODE = re.compile(r"`[^`]*`")


class Phrase(NamedTuple):
    """A phrase to avoid, a sentence that has it, and the reason, which says what to write instead."""

    pattern: re.Pattern[str]
    example: str
    reason: str

    def is_in(self, sentence: str) -> bool:
        """Return whether a sentence has the phrase, outside of code."""
        return self.pattern.search(without_code(sentence)) is not None


def without_code(sentence: str) -> str:
    return INLINE_CODE.sub("`…`", sentence)


def phrases() -> list[Phrase]:
    """Return the phrases of the list."""
    listed = tomllib.loads(LIST.read_text(encoding="utf-8"))["phrase"]
    return [Phrase(re.compile(one["pattern"], re.IGNORECASE), one["example"], one["reason"]) for one in listed]


def files() -> list[Path]:
    """Return the files that are checked."""
    scope = tomllib.loads(LIST.read_text(encoding="utf-8"))["files"]
    included, excluded = ({path for glob in scope[name] for path in ROOT.glob(glob)} for name in ("include", "exclude"))
    return sorted(included - excluded)


def problems(path: Path, listed: Sequence[Phrase]) -> Iterator[str]:
    """Yield a line for each sentence of a file that has a phrase of the list."""
    for sentence in sentences_of(path):
        text = without_code(sentence.text)
        for phrase in listed:
            if phrase.pattern.search(text):
                yield f"{path.relative_to(ROOT)}:{sentence.line}: {sentence.text}\n    {phrase.reason}"


def main() -> int:
    listed = phrases()
    found = [problem for path in files() for problem in problems(path, listed)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
