"""A page that hosts the widget of a view, as a notebook does, with the kernel's side in this process."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from typing import Any

from playwright.sync_api import Locator, Page

from bridge import Experiment, Run
from bridge_jupyter.live import LiveView
from bridge_jupyter.modules import widget_module
from bridge_jupyter.subject import Subject

PATIENCE_SECONDS = 60.0

HOST = """
async ([module, theme]) => {
  const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  const widget = (await import(address)).default;
  const handlers = [];
  const model = {
    get: (name) => (name === "view_id" ? "v1" : undefined),
    on: (name, handler) => name === "msg:custom" && handlers.push(handler),
    off: () => {},
    send: (message) => window.toKernel(message),
  };
  window.fromKernel = ([message, frames]) => {
    const bytes = frames.map((text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0)));
    // The bytes of a message are a part of a larger buffer, at any offset.
    const views = bytes.map((part) => {
      const whole = new Uint8Array(part.length + 3);
      whole.set(part, 3);
      return new DataView(whole.buffer, 3, part.length);
    });
    for (const handler of handlers) handler(message, views);
  };
  window.show = async () => {
    const el = document.body.appendChild(document.createElement("div"));
    window.hide = await widget.render({ model, el });
  };
  await window.show();
}
"""

DRAWN = """
({ plot }) => plot.lines.map(({ n, exact, x, y, low, high }) => {
  const part = (column) => column && [...column.slice(0, n)];
  return { exact, x: part(x), y: part(y), low: part(low), high: part(high) };
})
"""

THEMES = {
    "light": "background: #ffffff",
    "dark": "background: #1e1e1e",
    "vscode-light": "",
    "vscode-dark": "",
    "vscode-high-contrast": "",
    "oklch-light": "background: oklch(0.99 0 0)",
    "oklch-dark": "background: oklch(0.2 0 0)",
}
"""The styles of the page's body by its class. A host names its theme with a class, or has a ground of some colour."""


class WidgetHost:
    """A view in a page. The page behaves as VS Code's notebooks do: one document, and a body with the theme's class.

    Args:
        page: an empty page.
        target: what the view shows.
        theme: the theme of the page, a key of `THEMES`.
        width: the width of the view in pixels.
    """

    def __init__(
        self, page: Page, target: Run | Experiment | Sequence[Run], theme: str = "light", width: int = 900
    ) -> None:
        self.page = page
        self.sent: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        page.set_viewport_size({"width": width, "height": 620})
        page.set_content("<!doctype html><html><body></body></html>")
        self.set_theme(theme)
        subject = Subject(target)
        subject.refresh()
        self.live = LiveView(subject, self._send)
        page.expose_function("toKernel", self._ask)
        page.evaluate(HOST, [widget_module(), theme])

    @property
    def element(self) -> Locator:
        """The element with the shadow tree of the view."""
        return self.page.locator(".runbridge-view")

    @property
    def view(self) -> Locator:
        """The view, in the shadow tree."""
        return self.element.locator(".view")

    def chart(self, key: str) -> Locator:
        """The chart of a metric."""
        return self.view.locator(f'.card[data-key="{key}"]')

    def drawn(self, key: str) -> list[dict[str, Any]]:
        """Return the lines that a chart has drawn."""
        found: list[dict[str, Any]] = self.chart(key).locator(".lines-plot").evaluate(DRAWN)
        return found

    def has_drawn(self, key: str) -> bool:
        """Return whether a chart has drawn lines."""
        return self.chart(key).locator(".lines-plot canvas").count() > 0

    def set_theme(self, theme: str) -> None:
        """Change the theme of the page."""
        self.page.evaluate(
            "([name, style]) => { document.body.className = name; document.body.style = style }",
            [theme, THEMES[theme]],
        )

    def until(self, condition: Callable[[], object]) -> None:
        """Let the kernel's side work until a condition is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, "the condition did not become true"
            if self.live.due <= time.monotonic():
                self.live.work()
            self.page.wait_for_timeout(20)  # also lets the page's calls reach this process

    def until_shown(self, text: str) -> None:
        """Let the kernel's side work until the view contains a text."""
        self.until(lambda: text in self.view.inner_text())

    def _send(self, message: dict[str, Any], frames: list[bytes]) -> None:
        self.sent.append(message)
        self.page.evaluate(
            "one => window.fromKernel(one)", [message, [base64.b64encode(one).decode() for one in frames]]
        )

    def _ask(self, message: dict[str, Any]) -> None:
        self.asked.append(message)
        self.live.request(message)
