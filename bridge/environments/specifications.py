"""Reads a Dockerfile, a requirements file, or the name of a conda environment, to create an environment from it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from bridge.errors import InvalidValue, NotFound
from bridge.journal.system import is_of_handler


def dockerfile_text(dockerfile: str | os.PathLike[str] | None) -> str | None:
    """Return the text of a Dockerfile.

    Args:
        dockerfile: the text or the path of a Dockerfile; None is returned as it is.

    Raises:
        InvalidValue: the file cannot be read, or is not text in UTF-8.
    """
    if dockerfile is None:
        return None
    given = os.fspath(dockerfile)
    if "\n" in given or given.lstrip().upper().startswith("FROM "):
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if is_of_handler(error):
            raise
        reason = error.strerror if isinstance(error, OSError) else "the file is not UTF-8"
        rule = f"must be the text of a Dockerfile or its path ({(reason or str(error)).lower()})"
        raise InvalidValue("base_dockerfile", given, rule) from error


def requirement_lines(file: Path) -> list[str]:
    """Return the lines of a requirements file without comments.

    A line that ends with a backslash is joined with the next line.

    Raises:
        NotFound: the file does not exist.
        InvalidValue: the file refers to another file, or is not text in UTF-8.
    """
    try:
        text = re.sub(r"\s*\\\n\s*", " ", file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound("file", str(file)) from None
    except UnicodeDecodeError as error:
        raise InvalidValue("requirements file", str(file), "must be text in UTF-8") from error
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    for line in lines:
        if re.match(r"(-r|--requirement|-c|--constraint|-e|--editable|\.|/)", line):
            rule = "must name only packages, because a run does not store the other files"
            raise InvalidValue("requirements file", line, rule)
    return [line for line in lines if line]


def conda_interpreter(name: str) -> str:
    """Return the interpreter of a conda environment of this computer.

    Args:
        name: the name or the folder of the conda environment.

    Raises:
        NotFound: conda is not on the PATH, or has no such environment.
    """
    import shutil
    import subprocess

    conda = os.environ.get("CONDA_EXE") or shutil.which("conda")
    if conda is None or not os.path.exists(conda):
        hint = "it is not on the PATH. Set environment.python.interpreter_path to the python of the environment instead"
        raise NotFound("program", "conda", hint)
    done = subprocess.run([conda, "env", "list", "--json"], capture_output=True, text=True, timeout=120, check=False)
    folders = json.loads(done.stdout)["envs"] if done.returncode == 0 else []
    found = next((folder for folder in folders if folder == name or os.path.basename(folder) == name), None)
    if found is None:
        raise NotFound("conda environment", name, f"conda lists {', '.join(map(os.path.basename, folders)) or 'none'}")
    return os.path.join(found, "bin", "python")
