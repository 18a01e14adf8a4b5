"""The application of one workspace for its owner: the page, its files, its data, and the session around them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from string import Template
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, Router

from bridge.server import vendor
from bridge.server.guard import API, BASE, SIGN_IN, Guard
from bridge.server.headers import NOTICE_POLICY, page_policy
from bridge.server.portal import portal
from bridge.server.roles import Role
from bridge.server.session import Session
from bridge.server.static_files import STYLES, StaticFiles
from bridge.store.workspace_stores import WorkspaceStores

FOREVER = "private, max-age=31536000, immutable"
PAGES = {"": "home", "experiments": "experiment", "runs": "run", "compare": "compare", "notes": "notes"}
"""The first or last part of a page's address, and the module that shows it."""

PLACE = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*|")


def application(stores: WorkspaceStores, session: Session, port: int, role: Role) -> Guard:
    """Return the application.

    Args:
        stores: the workspace.
        session: the secrets of this start.
        port: the port, which the requests must name.
        role: "reader" for a page that cannot change anything, else "admin".
    """
    page = Page(stores, role)

    def signed_out(sentence: str) -> Response:
        # It does not name the workspace: every user of this computer can read this page.
        sentence += " Run this command again with the same workspace, and open the address that it prints:"
        return page.notice("Not signed in", sentence, "runbridge ui", 401)

    async def sign_in(request: Request) -> Response:
        if request.method != "POST":
            return signed_out("Your browser is not signed in.")
        form = parse_qs((await request.body()).decode("latin-1"))
        place = form.get("place", [""])[-1]
        if not session.redeem(form.get("code", [""])[-1]):
            return signed_out("The code was used already, or is older than five minutes.")
        return guard.signed_in(f"{BASE}/{place}" if PLACE.fullmatch(place) else f"{BASE}/")

    def new_code(request: Request) -> Response:
        return JSONResponse({"code": session.new_code()})

    data = portal(stores)
    routes: list[Route | Mount] = [
        Route(SIGN_IN, sign_in, methods=["GET", "POST"]),
        Route(f"{API}/session/code", _for_programs(new_code, session), methods=["POST"]),
        Mount(API, data),
        Route(f"{BASE}/static/{{version}}/{{path:path}}", page.file),
        Route(f"{BASE}/{{path:path}}", page.show),
        Route(BASE, _to_home),
        Route("/", _to_home),
    ]

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        async with data.router.lifespan_context(data):  # nothing else starts and ends a mounted application
            yield

    router = Router(routes, redirect_slashes=False, lifespan=lifespan)
    guard = Guard(router, session, port, role, signed_out)
    return guard


class Page:
    """The page: one HTML document for all addresses, and the files that it needs.

    If a file is changed, the next time that the page is opened it has the new files.
    """

    def __init__(self, stores: WorkspaceStores, role: Role) -> None:
        self._stores, self._role = stores, role
        self._sets: dict[str, StaticFiles] = {}
        self._current: StaticFiles | None = None

    def show(self, request: Request) -> Response:
        """Return the HTML document."""
        if not vendor.is_fetched():
            sentence = "The JavaScript packages of the page are missing. Fetch them with this command, then reload:"
            return self.notice("Packages are missing", sentence, vendor.COMMAND, 503)
        files = self._files()
        static = f"{BASE}/static/{files.version}"
        imports = json.dumps({"imports": {name: f"{static}/{file}" for name, file in files.imports.items()}})
        values = {
            "base": BASE,
            "static": static,
            "role": self._role,
            "workspace": self._stores.name,
            "address": self._stores.address,
        }
        scripts = files.scripts(_page_of(request.path_params["path"]))
        text = Template((vendor.STATIC / "index.html").read_text(encoding="utf-8")).substitute(
            {name: html.escape(value) for name, value in values.items()},
            imports=imports,
            styles=f'<link rel="stylesheet" href="{static}/{STYLES}">',
            preloads="\n".join(f'<link rel="modulepreload" href="{static}/{path}">' for path in scripts),
            start=f"{static}/{scripts[0]}" if scripts else "",
        )
        headers = {"Content-Security-Policy": page_policy(imports), "Cache-Control": "private, no-cache"}
        return Response(text, headers=headers, media_type="text/html")

    def notice(self, title: str, sentence: str, command: str, status: int) -> Response:
        """Return a page without JavaScript: a sentence, and a command."""
        title, sentence, command = (html.escape(text) for text in (title, sentence, command))
        text = (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title} · Runbridge</title>\n"
            f'<link rel="stylesheet" href="{BASE}/static/{self._files().version}/{STYLES}">\n</head>\n'
            f'<body class="plain-page">\n<h1>{title}</h1>\n<p>{sentence}</p>\n<pre>{command}</pre>\n</body>\n</html>\n'
        )
        headers = {"Content-Security-Policy": NOTICE_POLICY}
        return Response(text, status, headers, media_type="text/html")

    def file(self, request: Request) -> Response:
        """Return one of the files. The address contains the version, so the browser keeps it forever."""
        files = self._sets.get(request.path_params["version"])
        file = files.files.get(request.path_params["path"]) if files else None
        if file is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                file.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type
            )
        return Response(file.content, headers=headers, media_type=file.media_type)

    def _files(self) -> StaticFiles:
        if self._current is None or self._current.changed:
            self._current = StaticFiles()
            self._sets[self._current.version] = self._current
            while len(self._sets) > 4:  # an open page may load modules of its version later
                del self._sets[next(iter(self._sets))]
        return self._current


def _page_of(path: str) -> str:
    """Return the name of the page at an address below the base."""
    parts = path.strip("/").split("/")
    name = parts[2] if len(parts) > 2 and parts[0] == "experiments" and parts[2] in PAGES else parts[0]
    return PAGES.get(name, "home")


def _to_home(request: Request) -> Response:
    return RedirectResponse(f"{BASE}/", 303)


def _for_programs(handler: Callable[[Request], Response], session: Session) -> Callable[[Request], Response]:
    """Return a handler that only a program with the token may call."""

    def checked(request: Request) -> Response:
        if not session.has_token(request.scope["headers"]):
            return Response("This needs the token.\n", 403, media_type="text/plain")
        return handler(request)

    return checked
