"""The fields of `--json` are those in `docs/command.md`, and none disappears without a line in the changelog."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from terminal import output_of

from bridge import Workspace

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PUBLISHED = json.loads((Path(__file__).parent / "published_fields.json").read_text(encoding="utf-8"))
"""The fields that scripts may use, by the command that prints them. New fields are added here."""
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", re.MULTILINE)
COMMANDS = {
    "list": ["list"],
    "list EXPERIMENT": ["list", "digits"],
    "list --workspaces": ["list", "--workspaces"],
    "show": ["show", "brave-fox"],
    "search": ["search", "digits", "--columns", "name"],
    "compare": ["compare", "brave-fox", "calm-owl"],
    "plot": ["plot", "brave-fox", "loss"],
    "export": ["export", "digits"],
    "version": ["version"],
    "init": ["init", "./new"],
    "run": ["run", "--json", "train.py"],
    "log": ["log", "quick-elk", "loss", "0.5"],
    "tag": ["tag", "brave-fox", "a=b"],
    "rename": ["rename", "brave-fox", "best"],
    "note": ["note", "brave-fox", "The best."],
    "delete": ["delete", "brave-fox", "--yes"],
    "restore": ["restore", "old-yak"],
    "download": ["download", "brave-fox", "--to", "copies"],
    "upload": ["upload", "brave-fox", "train.py"],
}
"""Commands that print records. Tests of the other commands are in their own files."""


def documented_fields() -> dict[str, set[str]]:
    """Return the documented fields for each printing command."""
    text = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    table = text[text.index("| kind | printed by | fields |") :].split("\n\n")[0]
    found: dict[str, set[str]] = {}
    for _, printers, fields in ROW.findall(table):
        names = set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^()]*\)", "", fields)))
        for printer in re.findall(r"`([^`]+)`", printers):
            found[printer] = found.get(printer, {"kind"}) | names
    return found


@pytest.mark.parametrize("printer", COMMANDS)
def test_the_printed_fields_are_documented(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, printer: str) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(workspace.path.parent))
    lines = output_of(*COMMANDS[printer], "--json").splitlines()
    assert lines
    for line in lines:
        fields = set(json.loads(line))
        assert documented_fields()[printer] <= fields
        assert fields == documented_fields()[printer] or printer == "version"


def test_no_published_field_disappears_without_a_line_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    documented = documented_fields()
    gone = [
        f"{printer}: {field}"
        for printer, fields in PUBLISHED.items()
        for field in fields
        if field not in documented.get(printer, set()) and f"JSON field `{field}` of `{printer}`" not in changelog
    ]
    assert gone == []


def test_every_documented_field_is_published() -> None:
    published = {printer: set(fields) for printer, fields in PUBLISHED.items()}
    assert {printer: sorted(fields) for printer, fields in documented_fields().items()} == {
        printer: sorted(fields) for printer, fields in published.items()
    }
