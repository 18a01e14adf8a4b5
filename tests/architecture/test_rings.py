"""Every test is in one ring, and tests that fail only beside other tests are reported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import chain, combinations
from pathlib import Path

import pytest
from rings import MARKS, MOST_AGAIN, RINGS, Ring, Suite, describe, files_without_fast_tests

TESTS = Path(__file__).parents[1]
MAKEFILE = TESTS.parent / "Makefile"
MARKER = re.compile(r"mark\.(browser|pythons)\b")
SPREAD = ("-p", "xdist", "--numprocesses", "2", "--dist", "worksteal")
FLAKY = """
from pathlib import Path

def test_passes_the_second_time():
    marker = Path(__file__).with_suffix(".ran")
    ran = marker.exists()
    marker.touch()
    assert ran
"""
BROKEN = "def test_that_is_broken():\n    assert 1 == 2\n"
GOOD = "def test_that_is_good():\n    pass\n"


def test_tests_with_a_browser_or_another_python_are_in_the_folders_that_their_rings_name() -> None:
    marked = {path: MARKER.findall(path.read_text(encoding="utf-8")) for path in TESTS.rglob("*.py")}
    assert sum(map(bool, marked.values())) > 20
    folders = {(marker, path.relative_to(TESTS).parts[0]) for path, markers in marked.items() for marker in markers}
    assert folders == {("browser", "browser"), ("pythons", "pythons")}


def test_every_test_in_the_folder_of_the_browser_has_its_marker() -> None:
    """The rings without a browser ignore the folder."""
    files = list((TESTS / "browser").rglob("test_*.py"))
    assert len(files) > 20
    for path in files:
        assigned = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("pytestmark")]
        assert assigned and MARKER.findall(assigned[0]) == ["browser"], path


def is_chosen(ring: Ring, markers: set[str], path: str) -> bool:
    """Return whether a ring runs a test with markers, in a file."""
    words = list(ring.chosen)
    expression = words[words.index("-m") + 1]
    ignored = [words[at + 1] for at, word in enumerate(words) if word == "--ignore"]
    folders = [word for at, word in enumerate(words) if word.startswith("tests/") and words[at - 1] != "--ignore"]
    names = {name: name in markers for name in re.findall(r"[a-z]+", expression) if name not in ("and", "or", "not")}
    return (
        bool(eval(expression, names))
        and (not folders or any(path.startswith(f"{folder}/") for folder in folders))
        and not any(path.startswith(f"{folder}/") for folder in ignored)
    )


def test_every_test_is_in_one_of_the_rings_of_make_test() -> None:
    (names,) = re.findall(r"\$\(RINGS\) --again (.*?);", MAKEFILE.read_text(encoding="utf-8"))
    rings = [ring for ring in RINGS if ring.name in names.split()]
    assert len(rings) == 5
    longer = ("postgres", "processes", "slow", "torch")
    sets = chain.from_iterable(combinations(longer, count) for count in range(len(longer) + 1))
    for markers in map(set, sets):
        assert sum(is_chosen(ring, markers, "tests/store/test_a.py") for ring in rings) == 1
        for marker, folder in (("browser", "browser/portal"), ("browser", "browser"), ("pythons", "pythons")):
            assert sum(is_chosen(ring, {*markers, marker}, f"tests/{folder}/test_a.py") for ring in rings) == 1


def test_files_that_the_fast_rings_ignore_have_no_fast_test() -> None:
    files = files_without_fast_tests()
    assert len(files) > 80
    for file in files:
        (line,) = MARKS.findall((TESTS.parent / file).read_text(encoding="utf-8"))
        assert re.search(r"mark\.(postgres|processes|slow)\b", line), file


@pytest.fixture(autouse=True)
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load only the plugins that a command names, which takes a fifth of the time."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def project(folder: Path, **files: str) -> Suite:
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    return Suite(folder, folder / "cache")


@pytest.mark.slow
@pytest.mark.parametrize("spread", [(), SPREAD])
def test_a_test_that_passes_alone_is_listed_and_one_that_fails_again_fails_the_command(
    tmp_path: Path, spread: tuple[str, ...]
) -> None:
    suite = project(tmp_path, flaky=FLAKY, broken=BROKEN, good=GOOD)
    outcome = suite.run([Ring("one", ("test_flaky.py", "test_good.py"), spread)], again=True)
    name = "test_flaky.py::test_passes_the_second_time"
    assert outcome.is_good and outcome.passed_alone == [name]
    assert describe(outcome) == (
        f"Failed beside other tests, passed alone (fix them, they do not fail this command):\n  {name}"
    )
    outcome = suite.run([Ring("one", ("test_good.py",), spread), Ring("two", ("test_broken.py",), spread)], again=True)
    assert not outcome.is_good and outcome.passed_alone == []
    assert describe(outcome) == "Failed:\n  test_broken.py::test_that_is_broken"


@pytest.mark.slow
def test_a_ring_that_runs_without_repetition_fails_at_once(tmp_path: Path) -> None:
    outcome = project(tmp_path, flaky=FLAKY).run([Ring("one", (".",))], again=False)
    assert not outcome.is_good and outcome.passed_alone == []


@pytest.mark.slow
def test_a_ring_in_the_background_runs_beside_the_later_rings_and_counts_like_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    waits = """
import time
from pathlib import Path

def test_that_waits_for_the_other_ring():
    end = time.monotonic() + 60
    while not Path("other").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    Path("background").touch()
"""
    other = waits.replace('"other"', '"background"').replace("    end =", '    Path("other").touch()\n    end =', 1)
    suite = project(tmp_path, waits=waits, other=other, flaky=FLAKY)
    background = Ring("two", ("test_waits.py", "test_flaky.py"), in_background=True)
    outcome = suite.run([background, Ring("one", ("test_other.py",))], again=True)
    assert outcome.is_good and outcome.passed_alone == ["test_flaky.py::test_passes_the_second_time"]
    assert "test_passes_the_second_time - assert False" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("more", [0, 1])
def test_at_most_twenty_tests_run_again(tmp_path: Path, more: int) -> None:
    text = f"""
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({MOST_AGAIN + more}))
def test_flaky(number):
    marker = Path(__file__).with_name(f"ran{{number}}")
    ran = marker.exists()
    marker.touch()
    assert ran
"""
    outcome = project(tmp_path, many=text).run([Ring("one", (".",))], again=True)
    assert outcome.is_good == (not more)
    assert len(outcome.passed_alone) == (0 if more else MOST_AGAIN)
    assert ("21 tests failed. More than 20 do not run again." in describe(outcome)) == bool(more)


@pytest.mark.slow
def test_a_ring_that_pytest_cannot_complete_fails_the_command(tmp_path: Path) -> None:
    suite = project(tmp_path, flaky=FLAKY, unreadable="import no_such_module\n")
    for chosen in (("test_unreadable.py",), ("--no-option",)):
        outcome = suite.run([Ring("one", chosen)], again=True)
        assert not outcome.is_good and outcome.passed_alone == [], chosen
    ended = "import os\n\ndef test_that_ends_its_process():\n    os._exit(3)\n"
    outcome = project(tmp_path, ended=ended).run([Ring("one", ("test_ended.py",))], again=True)
    assert not outcome.is_good and "pytest did not complete these rings: one." in describe(outcome)


@pytest.mark.slow
def test_the_command_of_make_ends_with_the_code_of_its_rings(tmp_path: Path) -> None:
    script = "import rings, sys; rings.RINGS = (rings.Ring('code', (sys.argv.pop(1),)),); sys.exit(rings.main())"
    for text, code in ((GOOD, 0), (BROKEN, 1)):
        file = tmp_path / f"test_code{code}.py"
        file.write_text(text)
        done = subprocess.run(
            [sys.executable, "-c", script, str(file), "code"],
            capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(TESTS / "support")},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
