"""No variable refers to a cursor, because a traceback would keep it, and with it an old state of the database."""

from __future__ import annotations

import ast
from pathlib import Path

import bridge

READERS = {"fetchone", "fetchall", "rowcount", "lastrowid"}


def test_no_statement_keeps_a_cursor() -> None:
    """Each query reads its rows in the expression that starts it, or closes its cursor at the end of a block."""
    kept = []
    for path in sorted((Path(bridge.__file__).parent / "store" / "sql").rglob("*.py")):
        tree = ast.parse(path.read_text())
        above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "execute"
            ):
                continue
            user = above[node]
            reads = isinstance(user, ast.Attribute) and user.attr in READERS
            closes = isinstance(user, ast.Call) and isinstance(user.func, ast.Name) and user.func.id == "closing"
            if not reads and not closes and not isinstance(user, ast.Expr):
                kept.append(f"{path.name}:{node.lineno}")
    assert not kept
