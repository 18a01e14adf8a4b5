"""Fetches the JavaScript packages of the page, and joins its modules, so that the wheel contains both."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FetchPackages(BuildHookInterface[Any]):
    """A step of the build that runs `bridge/server/vendor.py` and `bundle.py`, unless their files are there already.

    Without npm or a registry, the build continues with a warning. Without packages, the page shows the command that
    fetches them. Without a bundle, the page loads the modules one by one.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the packages, and join the modules."""
        server = Path(self.root, "bridge/server")
        vendor, bundle = runpy.run_path(str(server / "vendor.py")), runpy.run_path(str(server / "bundle.py"))
        try:
            if not vendor["is_fetched"]():
                vendor["fetch"]()
            if bundle["read"]() is None:
                bundle["make"]()
        except vendor["CannotFetch"] as error:
            self.app.display_warning(f"The page's JavaScript packages are not in this build: {error}")
        except bundle["CannotBundle"] as error:
            self.app.display_warning(f"The page's modules are not joined in this build: {error}")
