"""The files and folders of a workspace's folder."""

from __future__ import annotations

DATABASE, JOURNAL, ARTIFACTS = "workspace.db", "journal", "artifacts"
