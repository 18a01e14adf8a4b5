"""Reads facts about the source of a run from git: remote, commit, branch, and the changes that are not committed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bridge.journal.system import is_of_handler
from bridge.source.ignore import is_never_source

logger = logging.getLogger("bridge")

TIMEOUT_SECONDS = 5.0
MOST_OUTPUT_BYTES = 16 << 20
MOST_DIFF_BYTES = 4 << 20

DIFF_PATH = "source/uncommitted.diff"
"""The artifact path of the changes that are not committed."""

PROPERTIES = {
    "repository_uri": ("azureml.git.repository_uri", "mlflow.source.git.repoURL"),
    "branch": ("azureml.git.branch", "mlflow.source.git.branch"),
    "commit": ("azureml.git.commit", "mlflow.source.git.commit"),
    "dirty": ("azureml.git.dirty",),
    "build_id": ("azureml.git.build_id",),
    "build_uri": ("azureml.git.build_uri",),
}
"""The properties of a run in which each fact is stored. The environment variable `AZUREML_GIT_<FACT>` overrides it.

Source: Azure ML, "Git integration" (October 2024).
"""

SETTINGS = ("core.fsmonitor=false", "diff.noprefix=false", "diff.mnemonicPrefix=false", "color.ui=false")
"""Settings that override the git configuration of the user and of the repository.

With these settings git does not start the program of `core.fsmonitor`, and the format of a diff is always the same.
"""

OF_A_REPOSITORY = frozenset(
    """
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_DIR GIT_GRAFT_FILE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
    GIT_SHALLOW_FILE GIT_WORK_TREE
    """.split()
)
"""Environment variables that name the files of a repository. Git sets some of them for its hooks.

Source: `git rev-parse --local-env-vars`.
"""


class GitFacts(NamedTuple):
    """Facts about the source of a run.

    Attributes:
        properties: the properties for the run.
        diff: the changes that are not committed: the names of untracked files, and then a patch.
    """

    properties: dict[str, str]
    diff: bytes = b""


def git_facts(folder: str | os.PathLike[str]) -> GitFacts:
    """Return the facts from git about a folder.

    If the folder is not in a repository, or git is not installed or fails, return only facts from `AZUREML_GIT_*`.
    Git is not started if the folder is not in a repository. Credentials in the address of a remote are removed.

    Args:
        folder: a folder in the work tree of the repository.
    """
    facts: dict[str, str] = {}
    diff = b""
    top = _work_tree(Path(os.path.realpath(folder)))
    if top is not None:
        try:
            facts, diff = _read(top)
        except (OSError, _GitFailed) as error:
            if is_of_handler(error):
                raise
            logger.debug("Git reports nothing about %s: %s", top, error)
    for fact in PROPERTIES:
        if value := os.environ.get("AZUREML_GIT_" + fact.upper()):
            facts[fact] = without_credentials(value)
    return GitFacts({name: facts[fact] for fact in facts for name in PROPERTIES[fact]}, diff)


def without_credentials(url: str) -> str:
    """Return the address of a remote without user, password and query. In an ssh address, the user is kept."""
    from urllib.parse import urlsplit, urlunsplit

    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:  # the text is not a valid address, but it may contain a password
        return ""
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme.endswith("ssh") and user:
        host = f"{user.partition(':')[0]}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _work_tree(folder: Path) -> Path | None:
    return next((place for place in (folder, *folder.parents) if os.path.exists(place / ".git")), None)


class _GitFailed(Exception):
    """Git ended with an error, or took too long."""


def _read(top: Path) -> tuple[dict[str, str], bytes]:
    facts: dict[str, str] = {}
    if remote := _remote(top):
        facts["repository_uri"] = without_credentials(remote)
    try:
        entries = _git(top, "status", "--porcelain=v2", "--branch", "-z").decode(errors="replace").split("\0")
    except _Timeout:  # `git status` is slow in a very large repository, but `git rev-parse` is not
        commit, branch = _git(top, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").decode(errors="replace").split("\n")[:2]
        return facts | {"commit": commit} | ({"branch": branch} if branch != "HEAD" else {}), b""
    heads = dict(entry[2:].partition(" ")[::2] for entry in entries if entry.startswith("# "))
    for fact, head in (("commit", "branch.oid"), ("branch", "branch.head")):
        # Git writes "(initial)" if no commit exists, and "(detached)" if no branch is checked out.
        if not heads.get(head, "(").startswith("("):
            facts[fact] = heads[head]
    changed = any(entry[:2] in ("1 ", "2 ", "u ") for entry in entries)
    untracked = list(_untracked(top, entries))
    facts["dirty"] = str(changed or bool(untracked))
    return facts, _diff(top, changed and "commit" in facts, untracked)


def _untracked(top: Path, entries: Sequence[str]) -> Iterator[str]:
    """Yield the untracked files and folders, except caches, outputs and workspaces, which are never source."""
    for entry in entries:
        if entry.startswith("? "):
            path = entry[2:]
            folder = path.endswith("/")
            if not is_never_source(path.rstrip("/"), folder) and not (top / path / "workspace.db").exists():
                yield path


def _diff(top: Path, changed: bool, untracked: Sequence[str]) -> bytes:
    head = "".join(f"# not tracked by git: {path}\n" for path in untracked).encode()
    if not changed:
        return head[:MOST_DIFF_BYTES]
    diff = head + _git(top, "diff", "--no-ext-diff", "--no-textconv", "HEAD", most_bytes=MOST_DIFF_BYTES)
    if len(diff) <= MOST_DIFF_BYTES:
        return diff
    return diff[:MOST_DIFF_BYTES] + f"\n# cut off here after {MOST_DIFF_BYTES:,} bytes\n".encode()


def _remote(top: Path) -> str:
    try:
        lines = _git(top, "config", "--get-regexp", r"^remote\..*\.url$").decode(errors="replace").splitlines()
    except _GitFailed:  # the repository has no remote
        return ""
    remotes = dict(line.partition(" ")[::2] for line in lines)
    return remotes.get("remote.origin.url") or next(iter(remotes.values()), "")


class _Timeout(_GitFailed):
    pass


def _git(folder: Path, *words: str, most_bytes: int = MOST_OUTPUT_BYTES) -> bytes:
    """Return the output of a git command. If it is longer than `most_bytes`, return only `most_bytes + 1` bytes.

    Raises:
        _GitFailed: git ended with an error.
        _Timeout: git took too long.
        OSError: git is not installed.
    """
    import subprocess
    import threading

    command = ["git", "-C", str(folder), *(word for setting in SETTINGS for word in ("-c", setting)), *words]
    environment = {name: value for name, value in os.environ.items() if name not in OF_A_REPOSITORY}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        command, stdin=nothing, stdout=pipe, stderr=nothing, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None
        timer = threading.Timer(TIMEOUT_SECONDS, _end, (process.pid,))
        try:
            timer.start()
            output = process.stdout.read(most_bytes + 1)
            in_time = timer.is_alive()
        finally:
            timer.cancel()
        if len(output) > most_bytes:
            process.kill()
    if not in_time:
        raise _Timeout(f"git {words[0]} took more than {TIMEOUT_SECONDS:g} s")
    if process.returncode != 0 and len(output) <= most_bytes:
        raise _GitFailed(f"git {words[0]} ended with {process.returncode}")
    return output


def _end(session: int) -> None:
    """Kill git and its child processes. As long as a child has the pipe open, a read of the pipe does not end."""
    import signal

    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)
