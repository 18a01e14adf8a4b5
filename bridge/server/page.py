"""The page: one HTML document for all its addresses, the files that it needs, and the list of workspaces."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from string import Template

from starlette.responses import RedirectResponse, Response

from bridge.errors import NotFound
from bridge.server import vendor
from bridge.server.dispatch import Identity, error_response, not_found
from bridge.server.headers import page_policy
from bridge.server.notices import Notices
from bridge.server.routes import Call, Route
from bridge.server.static_files import STYLES, StaticFiles
from bridge.server.workspaces import ServedWorkspace, Workspaces

FOREVER = "private, max-age=31536000, immutable"

PAGES = {"": "home", "experiments": "experiment", "runs": "run", "compare": "compare", "notes": "notes"}
"""The first or last part of a page's address, and the module that shows it."""


class Page:
    """The page of each workspace.

    If a file is changed, the next time that the page is opened it has the new files.

    Attributes:
        notices: makes pages without JavaScript.

    Args:
        base_path: what all addresses of the server begin with.
        shows_folders: whether the page shows the folder of its workspace; otherwise it shows the address on the server.
    """

    def __init__(self, base_path: str = "", shows_folders: bool = True) -> None:
        self._base_path, self._shows_folders = base_path, shows_folders
        self._sets: dict[str, StaticFiles] = {}
        self._current: StaticFiles | None = None
        self.notices = Notices(lambda: f"{self._static(self._files())}/{STYLES}")

    def routes(self) -> list[Route]:
        """Return the routes of each workspace."""
        return [
            Route("GET", "/portal", _to_home, "reader", "read", is_page=True, is_for_experiments=True),
            Route("GET", "/portal/{path:path}", self.show, "reader", "read", is_page=True, is_for_experiments=True),
        ]

    def server_routes(self, workspaces: Workspaces, identity: Identity) -> list[Route]:
        """Return the routes of the server itself."""

        async def show_list(call: Call) -> Response:
            if workspaces.only is not None:
                return _redirect(f"{self._base_path}/portal/")
            readable = identity.readable(call.caller, list(workspaces))
            listed = [(name, f"{self._base_path}/w/{name}/portal/") for name in readable]
            return self.notices.workspaces(listed, f"{self._base_path}/logout")

        async def show_workspace(call: Call) -> Response:
            name = call.parameters["name"]
            if name not in identity.readable(call.caller, list(workspaces)):
                return not_found()
            return _redirect(f"{self._base_path}/w/{name}/portal/")

        return [
            Route("GET", "/", show_list, "reader", "read", is_page=True),
            Route("GET", "/w/{name}", show_workspace, "reader", "read", is_page=True),
            # The files are the same for everybody, and part of the package.
            Route("GET", "/static/{version}/{path:path}", self.file, None, "read"),
        ]

    async def show(self, call: Call) -> Response:
        """Return the HTML document."""
        if call.parameters["path"].partition("/")[0] == "api":
            return error_response(NotFound("address", call.url.path))
        if not vendor.is_fetched():
            sentence = "The JavaScript packages of the page are missing. Fetch them with this command, then reload:"
            return self.notices.notice("Packages are missing", sentence, vendor.COMMAND, 503)
        files = self._files()
        static = self._static(files)
        imports = json.dumps({"imports": {name: f"{static}/{file}" for name, file in files.imports.items()}})
        values = {
            "base": f"{call.scope['root_path']}/portal",
            "static": static,
            "role": call.caller.role,
            "workspace": call.workspace.stores.name,
            "address": self._address(call, call.workspace),
            # The command `runbridge ui` signs the browser in.
            "sign_out": "" if self._shows_folders or call.caller.session is None else f"{self._base_path}/logout",
        }
        scripts = files.scripts(_page_of(call.parameters["path"]))
        text = Template((vendor.STATIC / "index.html").read_text(encoding="utf-8")).substitute(
            {name: html.escape(value) for name, value in values.items()},
            imports=imports,
            styles=f'<link rel="stylesheet" href="{static}/{STYLES}">',
            preloads=_preloads(static, scripts),
            start=f"{static}/{scripts[0]}" if scripts else "",
        )
        headers = {"Content-Security-Policy": page_policy(imports), "Cache-Control": "private, no-cache"}
        return Response(text, headers=headers, media_type="text/html")

    async def file(self, call: Call) -> Response:
        """Return one of the files. The address contains the version, so the browser keeps it forever."""
        files = self._sets.get(call.parameters["version"])
        file = files.files.get(call.parameters["path"]) if files else None
        if file is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if "gzip" in call.headers.get("accept-encoding", ""):
            return Response(
                file.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type
            )
        return Response(file.content, headers=headers, media_type=file.media_type)

    def _address(self, call: Call, workspace: ServedWorkspace) -> str:
        if self._shows_folders:
            return workspace.stores.address
        return f"{call.scope['state']['origin'].decode('latin-1')}{call.scope['root_path']}"

    def _static(self, files: StaticFiles) -> str:
        return f"{self._base_path}/static/{files.version}"

    def _files(self) -> StaticFiles:
        if self._current is None or self._current.changed:
            self._current = StaticFiles()
            self._sets[self._current.version] = self._current
            while len(self._sets) > 4:  # an open page may load modules of its version later
                del self._sets[next(iter(self._sets))]
        return self._current


def _preloads(static: str, scripts: Sequence[str]) -> str:
    return "\n".join(f'<link rel="modulepreload" href="{static}/{path}">' for path in scripts)


def _page_of(path: str) -> str:
    """Return the name of the page at an address below the base."""
    parts = path.strip("/").split("/")
    name = parts[2] if len(parts) > 2 and parts[0] == "experiments" and parts[2] in PAGES else parts[0]
    return PAGES.get(name, "home")


async def _to_home(call: Call) -> Response:
    return _redirect(f"{call.scope['root_path']}/portal/")


def _redirect(target: str) -> Response:
    return RedirectResponse(target, 303)
