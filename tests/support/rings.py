"""Run the rings of tests, the parts of the suite that `make` runs one after the other: `make fast`, `make test`.

With `--again`, the tests that failed run again at the end, one after the other and with nothing beside them. A test
that passes then depends on what runs at the same time. It is listed, and does not make the command fail.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ALONE = "browser or pythons"
"""Markers of tests that have rings of their own, by their folders."""

LONGER = f"{ALONE} or postgres or processes or slow"
"""Markers of all tests that are not fast."""

MOST_AGAIN = 20
"""The greatest number of tests that run again. If more fail, the cause is not the load of the machine."""

OK, TESTS_FAILED = 0, 1
"""Exit codes of pytest. With any other code, pytest has not run all tests."""


class Ring(NamedTuple):
    """A part of the test suite.

    `chosen` are the arguments by which pytest chooses the tests. `spread` are those that run the tests in several
    processes. The later rings run beside a ring that is `in_background`.
    """

    name: str
    chosen: Sequence[str]
    spread: Sequence[str] = ()
    in_background: bool = False


NO_BROWSER = ("--ignore", "tests/browser")
"""All tests in this folder need a browser. To import their modules takes a third of the time of a collection."""

MARKS = re.compile(r"^pytestmark = (\[\n.*?^\]|[^\n]+)$", re.MULTILINE | re.DOTALL)
"""The markers of all tests in a file."""


def files_without_fast_tests() -> list[str]:
    """Return the files whose tests all have a marker that excludes them from the fast tests."""
    longer = re.compile(rf"mark\.({LONGER.replace(' or ', '|')})\b")
    found = [
        path
        for path in ROOT.glob("tests/**/test_*.py")
        for one in MARKS.findall(path.read_text(encoding="utf-8"))
        if longer.search(one)
    ]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if "browser" not in path.parts)


ONLY_FAST = [word for path in files_without_fast_tests() for word in ("--ignore", path)]
"""These files are a third of all. To collect their tests takes as long as hundreds of fast tests."""

SPREAD = ("--numprocesses", "4", "--dist", "worksteal")
"""The tests sometimes wait, so four test processes are needed to use two cores."""

RINGS = (
    # The tests of the stores and journals. They need no MLflow.
    Ring(
        "quick",
        ("-m", f"not ({LONGER} or torch)", "tests/architecture", "tests/journal", "tests/store", *ONLY_FAST),
        SPREAD,
    ),
    Ring("fast", ("-m", f"not ({LONGER})", *NO_BROWSER, *ONLY_FAST), SPREAD),
    # These run other suites with the lowest priority, so they use the processors while the tests of later rings wait.
    Ring("pythons", ("-m", "pythons", "tests/pythons"), in_background=True),
    # These wait longer: for processes that end, and for time limits.
    Ring("slow", ("-m", f"({LONGER}) and not ({ALONE})", *NO_BROWSER), SPREAD),
    # The tests of the pages wait for the browser most of the time, and each file has a browser of its own.
    Ring("page", ("-m", "browser", "tests/browser/portal"), ("--numprocesses", "3", "--dist", "loadfile")),
    Ring(
        "alone",
        ("-m", "browser", "--ignore", "tests/browser/portal", "tests/browser"),
        ("--numprocesses", "2", "--dist", "loadfile"),
    ),
)


@dataclass
class Outcome:
    """The outcome of the rings.

    `failed` has, by ring, the names of the tests that failed. `broken` are the rings that pytest could not complete.
    `passed_alone` are the tests that failed first and passed later.
    """

    failed: dict[str, set[str]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    passed_alone: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of tests that failed in their last run."""
        return sum(map(len, self.failed.values()))

    @property
    def is_good(self) -> bool:
        """Whether pytest has completed every ring, and every test has passed at least once."""
        return not self.broken and not self.count


class Suite:
    """Runs rings with pytest.

    Args:
        root: the folder of the project.
        cache: a folder for the names of the tests that failed, one folder for each ring.
    """

    def __init__(self, root: Path, cache: Path) -> None:
        self._root, self._cache = root, cache

    def run(self, rings: Sequence[Ring], again: bool) -> Outcome:
        """Run rings one after the other; with `again`, repeat the tests that failed."""
        outcome = Outcome()
        with ExitStack() as background:
            for ring in rings:
                shutil.rmtree(self._cache / ring.name, ignore_errors=True)
                if ring.in_background:
                    background.enter_context(self._in_background(outcome, ring))
                else:
                    self._note(outcome, ring, self._pytest(ring, *ring.spread))
        if again and 0 < outcome.count <= MOST_AGAIN:
            for ring in rings:
                if outcome.failed.get(ring.name):
                    self._repeat(outcome, ring)
        return outcome

    @contextmanager
    def _in_background(self, outcome: Outcome, ring: Ring) -> Iterator[None]:
        """Run a ring beside a block. At the end, wait for it and print its output."""
        with TemporaryFile("w+", encoding="utf-8") as output, self._start(ring, *ring.spread, output=output) as process:
            yield
            code = process.wait()
            output.seek(0)
            print(f"The ring {ring.name}, which ran in the background:")
            shutil.copyfileobj(output, sys.stdout)
            self._note(outcome, ring, code)

    def _repeat(self, outcome: Outcome, ring: Ring) -> None:
        before = outcome.failed.pop(ring.name)
        print(f"\nRunning the tests of the ring {ring.name} that failed again, with nothing beside them: {len(before)}")
        self._note(outcome, ring, self._pytest(ring, "--last-failed", "--last-failed-no-failures", "none"))
        outcome.passed_alone += sorted(before - outcome.failed.get(ring.name, set()))

    def _note(self, outcome: Outcome, ring: Ring, code: int) -> None:
        failed = self._last_failed(ring)
        if failed:
            outcome.failed[ring.name] = failed
        if code not in (OK, TESTS_FAILED) or (code == TESTS_FAILED) != bool(failed):
            outcome.broken.append(ring.name)

    def _pytest(self, ring: Ring, *arguments: str) -> int:
        return self._start(ring, *arguments).wait()

    def _start(self, ring: Ring, *arguments: str, output: IO[str] | None = None) -> subprocess.Popen[str]:
        folder = Path(sys.executable).parent
        path = os.pathsep.join((str(folder), os.environ.get("PATH", os.defpath)))
        command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={self._cache / ring.name}"]
        sys.stdout.flush()
        return subprocess.Popen(
            [*command, *arguments, *ring.chosen],
            cwd=self._root, env={**os.environ, "PATH": path}, stdout=output, stderr=output, text=True,
        )  # fmt: skip

    def _last_failed(self, ring: Ring) -> set[str]:
        """Return the names of the tests of a ring that pytest's cache lists as failed."""
        file = self._cache / ring.name / "v" / "cache" / "lastfailed"
        return set(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else set()


def describe(outcome: Outcome) -> str:
    """Return the lines that end the output: the tests that must be fixed, and why."""
    lines = []
    if outcome.passed_alone:
        lines += ["Failed beside other tests, passed alone (fix them, they do not fail this command):"]
        lines += [f"  {name}" for name in outcome.passed_alone]
    if outcome.count > MOST_AGAIN:
        lines += [f"{outcome.count} tests failed. More than {MOST_AGAIN} do not run again."]
    elif outcome.count:
        lines += ["Failed:", *(f"  {name}" for names in outcome.failed.values() for name in sorted(names))]
    if outcome.broken:
        lines += [f"pytest did not complete these rings: {', '.join(outcome.broken)}."]
    return "\n".join(lines)


def main() -> int:
    """Run the rings that the command line names, in the order of `RINGS`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rings", nargs="+", choices=[ring.name for ring in RINGS])
    parser.add_argument("--again", action="store_true", help="run the tests that failed again at the end")
    arguments = parser.parse_args()
    rings = [ring for ring in RINGS if ring.name in arguments.rings]
    outcome = Suite(ROOT, ROOT / ".venv" / "cache").run(rings, arguments.again)
    if text := describe(outcome):
        print(f"\n{text}")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
