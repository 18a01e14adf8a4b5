"""Pages without JavaScript: notices, the form to sign in, and the list of workspaces."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from starlette.responses import Response

from bridge.server.headers import FORM_POLICY, NOTICE_POLICY


class Notices:
    """Makes pages without JavaScript.

    Args:
        style: returns the address of the style sheet.
    """

    def __init__(self, style: Callable[[], str]) -> None:
        self._style = style

    def notice(self, title: str, sentence: str, command: str, status: int) -> Response:
        """Return a page with a sentence and a command."""
        sentence, command = html.escape(sentence), html.escape(command)
        return self._page(title, f"<p>{sentence}</p>\n<pre>{command}</pre>", status, NOTICE_POLICY)

    def sign_in(self, action: str, place: str, sentence: str, hint: str, status: int) -> Response:
        """Return the page with the form that takes a token.

        Args:
            action: the address to which the form is sent.
            place: the address of the page that is shown afterwards.
            sentence: why the page is shown.
            hint: how to get a token.
            status: the HTTP status.
        """
        action, place, sentence, hint = (html.escape(text) for text in (action, place, sentence, hint))
        form = (
            f'<p>{sentence}</p>\n<form method="post" action="{action}">\n'
            f'<input type="hidden" name="place" value="{place}">\n'
            '<label>Token <input type="password" name="token" autocomplete="current-password" required autofocus>'
            "</label>\n<button>Sign in</button>\n</form>\n"
            f"<p>{hint}</p>"
        )
        return self._page("Sign in", form, status, FORM_POLICY)

    def workspaces(self, listed: Sequence[tuple[str, str]], sign_out: str) -> Response:
        """Return the page with links to workspaces.

        Args:
            listed: the name and the address of each workspace.
            sign_out: the address to which the form that ends the session is sent.
        """
        links = [f'<li><a href="{html.escape(address)}">{html.escape(name)}</a></li>' for name, address in listed]
        content = "<ul>\n" + "\n".join(links) + "\n</ul>" if links else "<p>Your token is for no workspace here.</p>"
        content += f'\n<form method="post" action="{html.escape(sign_out)}"><button>Sign out</button></form>'
        return self._page("Workspaces", content, 200, FORM_POLICY)

    def _page(self, title: str, content: str, status: int, policy: str) -> Response:
        title = html.escape(title)
        text = (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title} · Runbridge</title>\n"
            f'<link rel="stylesheet" href="{self._style()}">\n</head>\n'
            f'<body class="plain-page">\n<h1>{title}</h1>\n{content}\n</body>\n</html>\n'
        )
        # With the policy `no-referrer`, browsers send forms with the origin `null`.
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}
        return Response(text, status, headers, media_type="text/html")
