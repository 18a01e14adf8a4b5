"""A block runs a generator around a `with`, and hides no exception of the block."""

from __future__ import annotations

import traceback
from collections.abc import Generator

import pytest

from bridge.journal.block import block


class Said(list[str]):
    @block
    def around(self, name: str) -> Generator[str, None, None]:
        self.append("before")
        try:
            yield name
            self.append("kept")
        except KeyError as error:
            raise LookupError(name) from error
        finally:
            self.append("after")


def test_a_block_returns_the_yielded_value_and_resumes_its_generator_afterwards() -> None:
    said = Said()
    with said.around("x") as given:
        said.append(given)
    assert said == ["before", "x", "kept", "after"]


def test_an_exception_of_a_block_keeps_its_own_traceback() -> None:
    said, raised = Said(), ValueError("wrong")
    with pytest.raises(ValueError, match="wrong") as found, said.around("x"):
        raise raised
    assert found.value is raised
    assert len(traceback.extract_tb(raised.__traceback__)) == 1
    assert said == ["before", "after"]


def test_a_generator_can_replace_the_exception_of_its_block() -> None:
    said, cause = Said(), KeyError("key")
    with pytest.raises(LookupError, match="x") as found, said.around("x"):
        raise cause
    assert found.value.__cause__ is cause
    assert said == ["before", "after"]


def test_a_return_within_a_block_resumes_its_generator() -> None:
    said = Said()

    def use() -> str:
        with said.around("x") as given:
            return given

    assert use() == "x"
    assert said == ["before", "kept", "after"]
