"""The accessible names of the page's controls: the ten tasks and the journeys find each control by its role and name.

A name in this file is part of the page's interface for people who use a keyboard or a screen reader.
Each constant is a pair of a role and a name. A name that ends with "…" is the beginning of the control's name.
"""

from __future__ import annotations

import re
from typing import Any, Final

from playwright.sync_api import Locator, Page

Control = tuple[str, str]


def find(place: Page | Locator, control: Control) -> Locator:
    """Return a control by its role and name."""
    role: Any = control[0]
    name = control[1]
    wanted = re.compile("^" + re.escape(name.removesuffix("…"))) if name.endswith("…") else name
    return place.get_by_role(role, name=wanted, exact=True)


# Everywhere.
PALETTE: Final[Control] = ("dialog", "Go to")
PALETTE_FIELD: Final[Control] = ("combobox", "Find runs, experiments, metrics and commands")
KEYS_SHEET: Final[Control] = ("dialog", "Keys")
TOAST: Final[Control] = ("status", "Messages")
UNDO: Final[Control] = ("button", "Undo")
COPY_LINK: Final[Control] = ("button", "Copy link")

# Home.
HOME_SEARCH: Final[Control] = ("searchbox", "Find runs, experiments, metrics")
EXPERIMENTS: Final[Control] = ("table", "Experiments")
RUNNING: Final[Control] = ("list", "Running now")
RESULTS: Final[Control] = ("region", "Results")

# Experiment page. A row of the grid of runs has the run's name as its accessible name.
FILTER: Final[Control] = ("combobox", "Filter runs")
RUNS: Final[Control] = ("grid", "Runs")
CHARTS: Final[Control] = ("region", "Charts")  # each chart in it is a figure with the metric's key as its name
COLUMNS: Final[Control] = ("button", "Columns")
ONLY_DIFFERENT: Final[Control] = ("button", "Only differing")
VIEWS: Final[Control] = ("button", "Views")
EXPORT: Final[Control] = ("button", "Export")
SELECTED: Final[Control] = ("toolbar", "Selected runs")
COMPARE: Final[Control] = ("button", "Compare")
TAG: Final[Control] = ("button", "Tag")
ARCHIVE: Final[Control] = ("button", "Archive")
RESTORE: Final[Control] = ("button", "Restore")
BASELINE: Final[Control] = ("button", "Baseline")
MORE: Final[Control] = ("button", "More actions")
DELETE: Final[Control] = ("menuitem", "Delete permanently…")

# Compare page. The parts are regions, and the bar of links leads to each of them.
PARAMS: Final[Control] = ("region", "Params and metrics")
TURN: Final[Control] = ("button", "Runs as rows")
ONLY_DIFFERING: Final[Control] = ("checkbox", "Only differing")
PARALLEL: Final[Control] = ("region", "Parallel coordinates")
SCATTER: Final[Control] = ("region", "Scatter")
SOURCE_DIFFERENCE: Final[Control] = ("region", "Source")
ENVIRONMENT: Final[Control] = ("region", "Environment")

# Run page. The tabs are links in a navigation with this name.
RUN_TABS: Final[Control] = ("navigation", "Run")
TABS: Final = ("Overview", "Metrics", "Images", "Logs", "Files", "Source", "Children", "Details")
ERROR: Final[Control] = ("region", "Error")  # on the overview of a failed run, first

# Notes page.
EDIT_NOTE: Final[Control] = ("button", "Edit note")
NOTE_FIELD: Final[Control] = ("textbox", "Note")
SAVE_NOTE: Final[Control] = ("button", "Save")
