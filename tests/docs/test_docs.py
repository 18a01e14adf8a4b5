"""The README and the documents are correct: their code runs, and they name everything that is public."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import click
import pytest
from forked import Fork, Say

import bridge
from bridge import errors
from bridge.cli.command import runbridge

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a document; `line` is the line number of its first line of code."""

    document: Path
    line: int
    language: str
    code: str


def blocks(language: str) -> list[Block]:
    """Return all fenced blocks in a language, in the order of documents and lines."""
    return [block for document in DOCUMENTS for block in _blocks(document) if block.language == language]


def _blocks(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        yield Block(document, text.count("\n", 0, found.start(2)) + 1, found[1], found[2])


def test_every_block_says_its_language() -> None:
    assert [block for block in blocks("")] == []
    known = {"python", "bash", "text"}
    assert {block.language for document in DOCUMENTS for block in _blocks(document)} <= known


SHOWN = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.filterwarnings("default")
def test_every_python_block_runs_and_prints_what_it_says(tmp_path: Path, fork: Fork) -> None:
    """One child runs all documents. The blocks of a document share names and a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pytorch_lightning  # noqa: F401  # here, because other tests of this process need it too

    given = blocks("python")

    def run(say: Say) -> None:
        os.environ |= {"BRIDGE_HOME": str(tmp_path), "MLFLOW_DISABLE_TELEMETRY": "true"}
        names: dict[Path, dict[str, object]] = {}
        for document, line, _, code in given:
            folder = tmp_path / document.name
            folder.mkdir(exist_ok=True)
            os.chdir(folder)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                program = compile("\n" * (line - 1) + code, document, "exec")
                exec(program, names.setdefault(document, {"__name__": "__main__"}))
            wanted = SHOWN.findall(code)
            got = [text for text in printed.getvalue().splitlines() if text]
            assert not wanted or got == wanted, f"{document}:{line} prints {got}, but the document shows {wanted}"
            say(f"{document}:{line}")

    child = fork(run)
    assert child.rest() == [f"{block.document}:{block.line}" for block in given]
    assert child.wait() == 0


def commands() -> list[list[str]]:
    """Return the words of every command in the bash blocks, without variables before it and comments after it."""
    found = []
    for block in blocks("bash"):
        for line in block.code.replace("\\\n", " ").splitlines():
            line = re.sub(r'^eval "\$\((.*)\)"$', r"\1", line)  # the command whose output the shell evaluates
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                del words[0]
            if words:
                found.append(words)
    return found


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_exists(words: list[str]) -> None:
    program, *arguments = words
    if program == "make":
        targets = [argument for argument in arguments if "=" not in argument]
        assert set(targets) <= make_targets()
    elif program == "pip":
        assert arguments[0] == "install"
        for extra in re.findall(r"runbridge\[(\w+)\]", " ".join(arguments)):
            assert extra in project()["optional-dependencies"]
    elif program == "python" and arguments[0] == "-m":
        shown = subprocess.run([sys.executable, *arguments[:2], "--help"], capture_output=True, text=True)
        assert f"usage: python -m {arguments[1]}" in shown.stdout
    elif program == "python":
        assert (ROOT / arguments[0]).is_file()
        shown = subprocess.run([sys.executable, ROOT / arguments[0], "--help"], capture_output=True, text=True)
        assert all(option in shown.stdout for option in arguments if option.startswith("--"))
    elif program == "mlflow":
        assert_mlflow_takes(arguments)
    elif program == "runbridge":
        assert_runbridge_takes(arguments)
    else:
        assert program in {"git", "cd", "sudo", "strace"}, f"this test cannot check whether {program} exists"


def assert_mlflow_takes(arguments: list[str]) -> None:
    """Check that MLflow's command line has the command and the options."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of MLflow while it is imported
        from mlflow.cli import cli

    command: click.Command | None = cli
    for word in arguments:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= known


def assert_runbridge_takes(arguments: list[str]) -> None:
    """Check that the command has the subcommand and the options."""
    subcommand = runbridge_subcommands()[arguments[0]]
    if isinstance(subcommand, click.Group):
        subcommand = subcommand.commands[arguments[1]]
    known = {option for parameter in subcommand.params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= known


def runbridge_subcommands() -> dict[str, Any]:
    context = click.Context(runbridge)
    return {name: runbridge.get_command(context, name) for name in runbridge.list_commands(context)}


def test_every_subcommand_and_option_is_documented() -> None:
    document = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    for name, subcommand in runbridge_subcommands().items():
        assert f"`runbridge {name}" in document
        for parameter in subcommand.params:
            assert [option for option in parameter.opts if option.startswith("--") and option not in document] == []


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def test_public_names_are_listed_sorted_and_documented() -> None:
    listed = list(bridge.__all__)
    assert listed == sorted(listed)
    public = {
        name
        for name, value in vars(bridge).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and name not in ("annotations", "TYPE_CHECKING")
    }
    # Names that are loaded on first access are in the list, but not yet in the module.
    assert public <= set(listed)
    assert all(hasattr(bridge, name) for name in listed)
    assert [name for name in listed if f"`{name}" not in REFERENCE] == []


def public_members() -> list[str]:
    """Return `Class.member` for each public member of the handles."""
    handles = [getattr(bridge, name) for name in bridge.__all__ if name in ("Workspace", "Experiment", "Run")]
    return [
        f"{handle.__name__}.{name}"
        for handle in handles
        for name in dir(handle)
        if not name.startswith("_") and hasattr(handle, name)
    ]


@pytest.mark.parametrize("member", public_members())
def test_every_member_of_a_handle_is_documented(member: str) -> None:
    assert f"`{member}" in REFERENCE
    handle, name = member.split(".")
    assert inspect.getdoc(getattr(getattr(bridge, handle), name))


def test_the_reference_names_nothing_that_is_not_there() -> None:
    for handle, name in re.findall(r"`(Workspace|Experiment|Run)\.(\w+)", REFERENCE):
        assert hasattr(getattr(bridge, handle), name), f"{handle}.{name}"


def test_documented_parameters_are_the_real_ones() -> None:
    documented = re.findall(r"`(Workspace|Experiment|Run)\.(\w+)\(([^)]*)\)`", REFERENCE)
    assert len(documented) > 20
    for handle, name, shown in documented:
        real = inspect.signature(getattr(getattr(bridge, handle), name)).parameters.values()
        wanted = [str(parameter.replace(annotation=parameter.empty)) for parameter in real if parameter.name != "self"]
        assert shown == ", ".join(wanted), f"{handle}.{name}"


def test_every_error_is_documented_with_its_builtin() -> None:
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.BridgeError)]
    assert len(kinds) > 5
    for kind in kinds:
        assert f"`{kind.__name__}`" in REFERENCE
        assert kind.__doc__


def test_every_environment_variable_is_documented() -> None:
    sources = [*ROOT.glob("bridge/**/*.py"), *ROOT.glob("plugins/**/*.py")]
    named = {name for file in sources for name in re.findall(r"\"(BRIDGE_[A-Z_]+)\"", file.read_text(encoding="utf-8"))}
    assert [name for name in sorted(named) if f"`{name}`" not in REFERENCE] == []


def test_the_documented_statuses_are_those_of_the_translation() -> None:
    translate = (ROOT / "plugins" / "bridge_mlflow" / "translate" / "statuses.py").read_text(encoding="utf-8")
    real = set(re.findall(r'"(\w+)": "([A-Z]+)"', translate))
    text = (ROOT / "docs" / "mlflow.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w, ]+) \| (SCHEDULED|RUNNING|FINISHED|FAILED|KILLED) \|$", text, re.MULTILINE)
    assert {(native, shown) for natives, shown in rows for native in natives.split(", ")} == real


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_readme_is_short_and_begins_with_code() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 120
    first = next(block for block in blocks("python") if block.document.name == "README.md")
    assert first.line + 10 <= 30


def test_the_changelog_names_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{project()['version']}]" in changelog
