"""The widget of a view, for every host of anywidget."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from bridge_jupyter.live import LiveView
from bridge_jupyter.modules import widget_module
from bridge_jupyter.picture import picture_of, text_of
from bridge_jupyter.subject import Subject
from bridge_jupyter.watcher import WATCHER

if TYPE_CHECKING:
    from typing_extensions import Self

    from bridge import Experiment, Run


class RunView(anywidget.AnyWidget):
    """A live view of a run with its children, of an experiment, or of a list of runs of one workspace.

    The view is updated at most twice a second until the run has ended, or until the view is closed.
    Its data come from the kernel. The browser needs no access to the workspace or to a server.

    Args:
        target: the run, the experiment or the list of runs.
        show_picture: updates the static picture of the view in the notebook; None if there is no such picture.

    Raises:
        InvalidValue: the target is none of these, or the runs belong to different workspaces.
        NotFound: the run does not exist, or the JavaScript packages of the page are not installed.

    Example:
        >>> RunView(run)
    """

    _esm = widget_module()
    view_id = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, target: Run | Experiment | Sequence[Run], show_picture: Callable[[], None] | None = None
    ) -> None:
        subject = Subject(target)
        subject.refresh()
        # The thread should import nothing later, because a process may fork during an import of another thread.
        subject.sample(subject.keys()[:1], 1, "step", None, None)
        assert subject.stores.artifacts is not None
        super().__init__(view_id=uuid.uuid4().hex)
        self.live = LiveView(subject, self.send, show_picture)
        self.on_msg(self._accept)

    def start(self) -> Self:
        """Start to update the view."""
        WATCHER.add(self.live)
        return self

    def close(self) -> None:
        """Stop updating the view, and remove it from all cells."""
        if hasattr(self, "live"):
            WATCHER.remove(self.live)
        super().close()

    def picture(self) -> dict[str, str]:
        """Return a static picture of the present state as HTML and text, by media type."""
        subject = self.live.subject
        return {"text/html": picture_of(subject, self.view_id), "text/plain": text_of(subject)}

    def widget_bundle(self) -> dict[str, Any]:
        """Return the reference to the widget by media type."""
        data, _ = super()._repr_mimebundle_() or ({}, {})
        return {key: value for key, value in data.items() if key != "text/plain"}

    def _accept(self, widget: object, message: object, buffers: object) -> None:
        """Let the thread answer a message of the browser. The main thread may be busy with a cell."""
        self.live.request(message)
        WATCHER.add(self.live)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        self.start()
        return {**self.widget_bundle(), **self.picture()}, {}
