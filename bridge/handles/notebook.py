"""Live views of runs and experiments in notebooks. A plugin provides them; this module finds the plugin."""

from __future__ import annotations

import logging
import sys
from typing import Any, NamedTuple

logger = logging.getLogger("bridge")

GROUP = "runbridge.notebook"
"""The entry point group that names the module with the functions `show` and `view_of`."""

HINT = "Install the live view of runs: pip install runbridge[jupyter]"


class HtmlText(NamedTuple):
    """HTML that a notebook shows as it is."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


class LiveInNotebooks:
    """A handle that notebooks show as a live view, if possible. Otherwise they show its table."""

    @property
    def _shown(self) -> object:
        """The run or the experiment in the view."""
        return self

    def _ipython_display_(self) -> None:
        if not show(self._shown):
            raise NotImplementedError  # IPython then shows the table or the text

    def _display_(self) -> object:  # for marimo
        return _view_of(self._shown) or HtmlText(self._repr_html_())

    def _repr_html_(self) -> str:
        raise NotImplementedError


def show(target: object) -> bool:
    """Show a live view of a run, an experiment or a list of runs in a cell of a Jupyter notebook.

    Return False without an error if this process is no kernel, if the plugin is not complete, or if the view fails.
    """
    if not has_kernel():
        return False
    try:
        plugin = _plugin()
        if plugin is not None:
            plugin.show(target)
        return plugin is not None
    except Exception as error:  # a view must never end the cell of a user
        logger.debug("The live view cannot be shown: %s", error, exc_info=True)
        return False


def _view_of(target: Any) -> object:
    """Return a live view; None if the plugin is not complete, or if the view fails."""
    try:
        plugin = _plugin()
        return plugin and plugin.view_of(target)
    except Exception as error:
        logger.debug("The live view cannot be shown: %s", error, exc_info=True)
        return None


def hint() -> str:
    """Return HTML that names the missing package of the live view; empty if the package exists."""
    from importlib.util import find_spec

    return "" if find_spec("anywidget") else f"<p>{HINT}</p>"


def show_lists() -> None:
    """Let Jupyter show a list of runs at the end of a cell as a live view. Other lists are shown as before."""
    if not has_kernel():
        return
    formatter = sys.modules["IPython"].get_ipython().display_formatter.ipython_display_formatter
    try:
        formatter.lookup_by_type(list)
    except KeyError:
        formatter.for_type(list, _show_list)


def has_kernel() -> bool:
    """Return whether this process is the kernel of a Jupyter notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _show_list(target: list[object]) -> None:
    from bridge.handles.run import Run

    is_of_runs = bool(target) and all(isinstance(one, Run) for one in target)
    if not (is_of_runs and show(target)):
        raise NotImplementedError  # IPython then shows the list as any other


def _plugin() -> Any:
    """Return the module of the plugin; None if the plugin or a package that it needs is not installed."""
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    if find_spec("anywidget") is None:
        return None
    return next((point.load() for point in entry_points(group=GROUP)), None)
