"""Fetches the JavaScript packages of the page before the package is built, so that the wheel contains them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FetchPackages(BuildHookInterface[Any]):
    """A step of the build that runs `bridge/server/vendor.py`, unless the packages are there already.

    Without npm or a registry, the build continues with a warning. The page then shows the command that fetches them.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the packages."""
        vendor = runpy.run_path(str(Path(self.root, "bridge/server/vendor.py")))
        if vendor["is_fetched"]():
            return
        try:
            vendor["fetch"]()
        except vendor["CannotFetch"] as error:
            self.app.display_warning(f"The page's JavaScript packages are not in this build: {error}")
