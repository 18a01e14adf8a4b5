"""The names of the database and of the subfolders in the folder of a workspace."""

from __future__ import annotations

DATABASE, JOURNAL, ARTIFACTS = "workspace.db", "journal", "artifacts"
