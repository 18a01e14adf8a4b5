"""Live views of runs and experiments in Jupyter, VS Code, Colab and marimo notebooks."""

from __future__ import annotations

from typing import Any

__all__ = ["RunView"]


def __getattr__(name: str) -> Any:
    """Load the class `RunView`, and with it anywidget, when it is first used."""
    if name == "RunView":
        from bridge_jupyter.widget import RunView

        return RunView
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
