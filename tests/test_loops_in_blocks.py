"""No loop stands directly in a `with` or `try` whose end Python does not protect.

Python runs signal handlers where a loop jumps back. For some of these jumps, Python 3.12 and 3.13 do not note which
block handles an exception. An exception of a handler would leave the `with` there, `__exit__` would not be
called, and a lock would stay taken. Therefore a block calls a function that contains the loop.
"""

from __future__ import annotations

import ast
import dis
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import bridge
import bridge_azureml
import bridge_mlflow

ROOTS = [Path(module.__file__ or "").parent for module in (bridge, bridge_mlflow, bridge_azureml)]
LOOPS = ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp
FUNCTIONS = ast.FunctionDef, ast.Lambda, ast.GeneratorExp

EXCLUDED = {"cli", "maintenance", "server", "testing"}

UNPROTECTED = """
def unprotected(lock, left):
    with lock:
        while left:
            left.pop()

def protected(lock, left):
    with lock:
        for one in left:
            one()

def also_protected(lock, left):
    with lock:
        unprotected(None, left)
    while left:
        left.pop()
"""


def lines_of_loops(node: ast.AST, is_in_block: bool = False) -> Iterator[range]:
    """Yield the lines of each loop that stands in a `with` or `try` of its own function."""
    for field, value in ast.iter_fields(node):
        begins = field == "body" and isinstance(node, (ast.With, ast.Try))
        inside = not isinstance(node, FUNCTIONS) and (is_in_block or begins)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                if inside and isinstance(child, LOOPS):
                    yield range(child.lineno, (child.end_lineno or child.lineno) + 1)
                yield from lines_of_loops(child, inside)


def codes_of(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


def unprotected(source: str) -> list[int]:
    """Return the lines of the loops in a block with a jump that the block does not protect."""
    loops = list(lines_of_loops(ast.parse(source)))
    looped = {line for lines in loops for line in lines}
    found = []
    for code in codes_of(compile(source, "source", "exec")) if loops else ():
        if looped.isdisjoint(line for _, _, line in code.co_lines()):
            continue  # to disassemble it takes most of the time
        table: list[Any] = dis._parse_exception_table(code)  # type: ignore[attr-defined]
        for instruction in dis.get_instructions(code):
            at, line = instruction.offset, instruction.positions.lineno or 0  # type: ignore[union-attr]
            if "JUMP_BACKWARD" not in instruction.opname or any(one.start <= at < one.end for one in table):
                continue
            found += [line for lines in loops if line in lines and not code.co_name.startswith("<")]
    return found


pytestmark = [
    pytest.mark.bytecode,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no such table"),
]


def test_each_loop_in_a_block_is_protected() -> None:
    """The server is excluded: in its process, no handler of a signal raises.

    The command is excluded with what only it uses: Ctrl-C ends its process, and with it all locks and transactions.
    """
    paths = [path for root in ROOTS for path in sorted(root.rglob("*.py")) if not EXCLUDED & {*path.parts}]
    assert len(paths) > 150
    assert [f"{path}:{line}" for path in paths for line in unprotected(path.read_text(encoding="utf-8"))] == []


def test_an_unprotected_loop_is_found() -> None:
    assert unprotected(UNPROTECTED) == ([4] if sys.version_info[:2] in ((3, 12), (3, 13)) else [])
