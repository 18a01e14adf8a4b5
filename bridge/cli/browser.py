"""Opens a page in the browser without a secret in the arguments of a process, which other users can see."""

from __future__ import annotations

import html
import os
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from bridge.store.server_records import make_records_folder, records_folder

SNAPS = Path("/snap/bin")
"""The folder with the commands of installed snaps."""


def open_browser(address: str, code: str, place: str, wait: bool = False) -> None:
    """Open a page of a server in the browser, in a thread.

    The browser opens a file that only this user can read. The file sends the code to the server.
    Nothing is opened on a computer without a screen: Python would start a browser in the terminal.

    Args:
        address: the address of the home page, such as `http://127.0.0.1:5000/portal/`.
        code: a code of the server.
        place: the page, such as `runs/<id>`.
        wait: wait until the browser is started, at most ten seconds.
    """
    if not has_screen():
        return
    thread = threading.Thread(target=_open, args=(address, code, place), name="browser", daemon=True)
    thread.start()
    if wait:
        thread.join(10)


def has_screen() -> bool:
    """Return whether a browser with a window can be started."""
    wanted = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in wanted)


def opener(address: str) -> Path:
    """Return the file that the browser opens. The server removes it when the code in it is used.

    Browsers that are installed as snaps, such as Ubuntu's Firefox, cannot read hidden folders of the home folder.
    """
    name, home = f"open-{urlsplit(address).port}.html", Path.home()
    folder = records_folder()
    if folder.is_relative_to(home) and any((SNAPS / browser).exists() for browser in ("firefox", "chromium")):
        return home / f"runbridge-{name}"
    return folder / name


def write_opener(address: str, code: str, place: str) -> Path:
    """Write the file that the browser opens, and return it. Only this user can read it."""
    make_records_folder()
    file = opener(address)
    file.unlink(missing_ok=True)
    home = urlsplit(address)
    base = home.path.removesuffix("/portal/")
    texts = (f"{home.scheme}://{home.netloc}{base}/login", code, f"{home.path}{place}")
    action, code, place = (html.escape(text) for text in texts)
    text = (
        '<!doctype html>\n<meta charset="utf-8">\n<title>Runbridge</title>\n'
        f'<form method="post" action="{action}">\n'
        f'<input type="hidden" name="code" value="{code}">\n'
        f'<input type="hidden" name="place" value="{place}">\n'
        "<button>Open Runbridge</button>\n</form>\n<script>document.forms[0].submit()</script>\n"
    )
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    return file


def _open(address: str, code: str, place: str) -> None:
    with suppress(OSError, webbrowser.Error):
        file = write_opener(address, code, place)
        webbrowser.open(file.as_uri())
