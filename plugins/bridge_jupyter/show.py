"""Shows views in the cells of a notebook. `bridge.handles.notebook` calls these functions."""

from __future__ import annotations

import uuid
from typing import Any

import IPython

from bridge_jupyter.widget import RunView

WIDGET = "application/vnd.jupyter.widget-view+json"


def show(target: Any) -> None:
    """Publish the view of a run, an experiment or a list of runs as two outputs of the cell: a picture and a widget.

    The live widget hides the picture. Viewers without a kernel show the picture, which the kernel keeps up to date.
    They are separate outputs, because JupyterLab shows an error instead of a widget whose kernel has ended, and never
    another form of the same output.
    """
    display_id = uuid.uuid4().hex
    publisher = IPython.get_ipython().display_pub

    def update_picture() -> None:
        publisher.publish(view.picture(), transient={"display_id": display_id}, update=True)

    view = RunView(target, show_picture=update_picture)
    publisher.publish(view.picture(), transient={"display_id": display_id})
    # The text is for viewers without widgets. The picture has said everything.
    publisher.publish({**view.widget_bundle(), "text/plain": ""})
    view.start()


def view_of(target: Any) -> RunView:
    """Return a live view as a widget."""
    return RunView(target).start()
